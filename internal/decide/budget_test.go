package decide_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

// The hold-down is the least time between two automatic transitions, also where
// it is longer than the window that the budget counts in.
func TestP6HoldDownLongerThanTheBudgetWindow(t *testing.T) {
	for _, per := range []time.Duration{0, time.Minute, time.Hour} {
		p := holding(manual(), 2*time.Hour)
		p.Per = per
		in := decide.Input{Now: at(90 * time.Minute), Health: health("du", epoch)}
		want := decide.Decision{Reason: decide.ReasonHoldDown, Active: "a", Until: at(2 * time.Hour)}
		if _, got := decide.Step(p, moved("a", 0), in); !cmp.Equal(want, got) {
			t.Errorf("Step() with a window of %v = %+v, want %+v", per, got, want)
		}
		in.Now = at(2 * time.Hour)
		if _, got := decide.Step(p, moved("a", 0), in); got.Reason != decide.ReasonActiveDown {
			t.Errorf("Step() with a window of %v after the hold-down = %+v, want active-down", per, got)
		}
	}
}

// Orders do not use up the budget, and they do not hide what has used it up,
// however many there are: the history is bounded.
func TestP6OrdersDoNotRefillTheBudget(t *testing.T) {
	p := limited(manual(), 2)
	r := moved("a", 0, time.Minute)
	for i := range 100 {
		to := []appliance.MemberName{"b", "a"}[i%2]
		var d decide.Decision
		r, d = decide.Step(p, r, decide.Input{
			Now: at(2*time.Minute + time.Duration(i)*time.Second), Health: health("uu", epoch),
			Order: &decide.Order{Kind: decide.OrderSwitch, To: to, By: "ops"},
		})
		if !d.Moved() {
			t.Fatalf("order %d: Step() = %+v, want a move to %s", i, d, to)
		}
	}
	_, got := decide.Step(p, r, decide.Input{Now: at(10 * time.Minute), Health: health("du", epoch)})
	want := decide.Decision{Reason: decide.ReasonFlapBudget, Active: "a", Until: at(time.Hour)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Step() after 100 orders differs (-want +got):\n%s", diff)
	}
	if n := len(r.History); n > 64 {
		t.Errorf("history has %d transitions, want at most 64", n)
	}
	if last, _ := r.Last(); last.Epoch != r.Epoch || last.By != "ops" {
		t.Errorf("Last() = %+v, want the newest order, epoch %d", last, r.Epoch)
	}
}

// A budget that is greater than the history can remember is not unlimited.
func TestP6BudgetGreaterThanTheHistory(t *testing.T) {
	p := limited(holding(manual(), 0), 1000)
	r, moves := running("a", decide.Auto), 0
	for i := range 200 {
		verdicts := map[appliance.MemberName]string{"a": "du", "b": "ud"}[r.Active]
		var d decide.Decision
		if r, d = decide.Step(p, r, decide.Input{Now: at(time.Duration(i) * time.Second), Health: health(verdicts, epoch)}); d.Moved() {
			moves++
		} else if d.Reason != decide.ReasonFlapBudget {
			t.Fatalf("step %d: %+v, want a move or flap-budget", i, d)
		}
	}
	if moves != 32 {
		t.Errorf("200 flaps gave %d transitions, want 32: as many as the history can count", moves)
	}
}

// The hold-down grows to a thousandfold and no further: a shift that overflows
// would be none at all.
func TestP6HoldDownStopsGrowing(t *testing.T) {
	p := limited(manual(), 0)
	p.Per = 1000 * time.Hour
	var times []time.Duration
	for i := range 32 {
		times = append(times, time.Duration(i)*time.Second)
	}
	free := 31*time.Second + 1024*time.Minute
	for _, tt := range []struct {
		now  time.Duration
		want decide.Reason
	}{{free - 1, decide.ReasonHoldDown}, {free, decide.ReasonActiveDown}} {
		_, got := decide.Step(p, moved("a", times...), decide.Input{Now: at(tt.now), Health: health("du", epoch)})
		if got.Reason != tt.want {
			t.Errorf("Step() after %v = %+v, want %s", tt.now, got, tt.want)
		}
	}
}
