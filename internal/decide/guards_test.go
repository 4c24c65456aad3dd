package decide_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

// Each of these holds a guard that could be removed with all other tests passing;
// make mutants found them.

// A round without the witness makes an observer that was well not suspect: only what
// the witness answers does.
func TestP5RoundWithoutTheWitnessMakesNobodySuspect(t *testing.T) {
	rules := decide.Rules{
		Group: pair(), Vote: decide.Vote{Down: 1}, Witness: true,
		Checks: []decide.Check{{Name: "tcp", Fall: 2, Rise: 1, DataPath: true}},
	}
	see := func(m appliance.MemberName, check string, o appliance.Outcome) appliance.Observation {
		return appliance.Observation{Member: m, Check: check, Outcome: o, At: epoch}
	}
	h := decide.Judge(rules, decide.Health{}, []appliance.Observation{
		see("a", "tcp", appliance.Pass), see(decide.Witness, decide.WitnessCheck, appliance.Pass),
	}, epoch)
	for i, want := range []appliance.Verdict{appliance.Up, appliance.Down} {
		h = decide.Judge(rules, h, []appliance.Observation{see("a", "tcp", appliance.Fail)}, at(time.Second))
		if got := h.Of("a").Verdict; got != want || h.Suspect {
			t.Errorf("verdict after %d failures in rounds without the witness = %v, suspect = %v, want %v, false", i+1, got, h.Suspect, want)
		}
	}
}

// A record may come from anywhere; what its counters say must have a meaning.
func TestJudgeRefusesImpossibleCounters(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Judge() returned, want a panic: a verdict without a meaning is a broken invariant")
		}
	}()
	before := decide.Health{Counters: []decide.Counter{{Member: "a", Check: "tcp", Settled: 9, Last: appliance.Pass, At: epoch}}}
	decide.Judge(decide.Rules{Group: pair(), Checks: []decide.Check{{Name: "tcp", Fall: 2, Rise: 2}}}, before, nil, epoch)
}

// Only a freeze needs neither the members nor Azure: a thaw writes what waited.
func TestOrdersOnTheRecordOnly(t *testing.T) {
	for kind, want := range map[decide.OrderKind]bool{
		decide.OrderFreeze: true, decide.OrderThaw: false, decide.OrderPin: false, decide.OrderSwitch: false,
	} {
		if got := (decide.Order{Kind: kind}).OnRecordOnly(); got != want {
			t.Errorf("OnRecordOnly() of %s = %v, want %v", kind, got, want)
		}
	}
}

// An order that finds everything as it wants it changes nothing, also when it is
// forced, and also when the member is down.
func TestOrdersThatChangeNothing(t *testing.T) {
	tests := []struct {
		name   string
		mode   decide.Mode
		health string
		order  decide.Order
		write  bool
	}{
		{"pin-of-a-pinned-member-that-is-down", decide.Pinned, "du", decide.Order{Kind: decide.OrderPin, To: "a"}, false},
		{"pin-of-a-pinned-member-that-is-unknown", decide.Pinned, "?u", decide.Order{Kind: decide.OrderPin}, false},
		{"switch-forced-to-the-active-member-that-is-up", decide.Auto, "uu", decide.Order{Kind: decide.OrderSwitch, To: "a", Force: true}, true},
		{"pin-forced-of-a-pinned-member-that-is-up", decide.Pinned, "uu", decide.Order{Kind: decide.OrderPin, To: "a", Force: true}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := running("a", tt.mode)
			before.Note = "as it was"
			after, got := decide.Step(manual(), before, decide.Input{Now: at(time.Hour), Health: health(tt.health, epoch), Order: &tt.order})
			want := decide.Decision{Reason: decide.ReasonOrderNothing, Active: "a", Write: tt.write}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Step() differs (-want +got):\n%s", diff)
			}
			before.Health = after.Health
			if !after.Equal(before) {
				t.Errorf("record = %+v, want %+v as before", after, before)
			}
		})
	}
}

// The addresses are those of the member that was asked for.
func TestAddressesOfEachMember(t *testing.T) {
	places := []appliance.Place{
		{Member: "a", Hops: []appliance.Hop{hop("lan", "10.1.0.4")}}, {Member: "b", Hops: []appliance.Hop{hop("lan", "10.2.0.4")}},
	}
	r := decide.Record{}.Remember(pair(), places, epoch)
	for _, p := range places {
		if d := diff(decide.Addresses{Member: p.Member, Hops: p.Hops, Seen: epoch}, r.AddressesOf(p.Member)); d != "" {
			t.Errorf("AddressesOf(%s) differs (-want +got):\n%s", p.Member, d)
		}
	}
}

// Behind as many orders as the history keeps are as many automatic transitions, to
// the last one: the budget counts up to that number.
func TestP6HistoryKeepsItsLastAutomaticTransition(t *testing.T) {
	const most = 32
	var times []time.Duration
	for i := range 2 * most {
		times = append(times, time.Duration(i)*time.Second)
	}
	r := moved("a", times...)
	oldest := r.History[len(r.History)-most]
	for i := range 2 * most {
		to := []appliance.MemberName{"b", "a"}[i%2]
		r, _ = decide.Step(manual(), r, decide.Input{
			Now: at(time.Hour), Health: health("uu", epoch), Order: &decide.Order{Kind: decide.OrderSwitch, To: to, By: "ops"},
		})
	}
	if len(r.History) != 2*most || r.History[0] != oldest {
		t.Errorf("history has %d transitions and begins with %+v, want %d and %+v", len(r.History), r.History[0], 2*most, oldest)
	}
}

// A return of traffic that nobody ordered uses up the budget like a failover.
func TestP6FailbackCounts(t *testing.T) {
	r := running("a", decide.Auto)
	for i := range 4 {
		r.Epoch++
		r.History = append(r.History, decide.Transition{Epoch: r.Epoch, To: "a", Reason: decide.ReasonFailback, At: at(time.Duration(i) * time.Minute)})
	}
	for _, tt := range []struct {
		now   time.Duration
		most  int
		want  decide.Reason
		until time.Duration
	}{
		{3*time.Minute + 1, 0, decide.ReasonHoldDown, 11 * time.Minute}, // doubled three times
		{30 * time.Minute, 4, decide.ReasonFlapBudget, time.Hour},
	} {
		_, got := decide.Step(limited(manual(), tt.most), r, decide.Input{Now: at(tt.now), Health: health("du", epoch)})
		want := decide.Decision{Reason: tt.want, Active: "a", Until: at(tt.until)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Step() %v after the first of four failbacks differs (-want +got):\n%s", tt.now, diff)
		}
	}
}
