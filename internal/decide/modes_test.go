package decide_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/decide"
)

// A pin lasts until a human says otherwise; that a freeze passes over it says
// nothing about it.
func TestPinOutlastsAFreeze(t *testing.T) {
	r := running("b", decide.Pinned)
	for range 2 { // freezing a second time must not forget it either
		r, _ = decide.Step(auto(), r, decide.Input{
			Now: at(time.Hour), Health: health("uu", epoch), Order: &decide.Order{Kind: decide.OrderFreeze, For: time.Hour},
		})
	}
	expired, d := decide.Step(auto(), r, decide.Input{Now: at(2 * time.Hour), Health: health("uu", epoch)})
	want := decide.Decision{Reason: decide.ReasonPinned, Active: "b", Write: true}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("Step() after the freeze differs (-want +got):\n%s", diff)
	}
	if want := running("b", decide.Pinned); !expired.Equal(want) {
		t.Errorf("record after the freeze = %+v, want %+v", expired, want)
	}
	// A thaw gives the group back to automatic control, pin and all.
	thawed, d := decide.Step(auto(), r, decide.Input{
		Now: at(90 * time.Minute), Health: health("uu", epoch), Order: &decide.Order{Kind: decide.OrderThaw},
	})
	if d.Reason != decide.ReasonOrderThaw || !thawed.Equal(running("b", decide.Auto)) {
		t.Errorf("Step(thaw) = %+v, %+v, want an automatic record", thawed, d)
	}
}

// A freeze over an automatic group leaves nothing behind, also not a pin that
// was thawed before.
func TestFreezeOverAnAutomaticGroupEndsAutomatic(t *testing.T) {
	r := running("b", decide.Pinned)
	for i, o := range []decide.Order{
		{Kind: decide.OrderFreeze, For: time.Hour}, {Kind: decide.OrderThaw}, {Kind: decide.OrderFreeze, For: time.Minute},
	} {
		r, _ = decide.Step(manual(), r, decide.Input{Now: at(time.Duration(i) * time.Second), Health: health("uu", epoch), Order: &o})
	}
	r, _ = decide.Step(manual(), r, decide.Input{Now: at(time.Hour), Health: health("uu", epoch)})
	if want := running("b", decide.Auto); !r.Equal(want) {
		t.Errorf("record after the freeze = %+v, want %+v", r, want)
	}
}

// Traffic that a human moved away from the preferred member stays there for the
// failback delay: an order that the next tick undoes was not obeyed.
func TestFailbackDelayCountsFromTheLastTransitionToo(t *testing.T) {
	r, _ := decide.Step(auto(), running("a", decide.Auto), decide.Input{
		Now: at(time.Hour), Health: health("uu", epoch), Order: &decide.Order{Kind: decide.OrderSwitch, To: "b", By: "ops"},
	})
	r, got := decide.Step(auto(), r, decide.Input{Now: at(time.Hour + 10*time.Second), Health: health("uu", epoch)})
	want := decide.Decision{Reason: decide.ReasonFailbackWaiting, Active: "b", Write: true, Until: at(65 * time.Minute)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Step() ten seconds after the order differs (-want +got):\n%s", diff)
	}
	_, got = decide.Step(auto(), r, decide.Input{Now: at(65 * time.Minute), Health: health("uu", epoch)})
	want = decide.Decision{Reason: decide.ReasonFailback, Active: "a", From: "b", Write: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Step() after the delay differs (-want +got):\n%s", diff)
	}
}
