package decide_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

// manual is the policy that most tests use.
func manual() decide.Policy {
	return decide.Policy{
		Group: pair(), Failback: decide.FailbackManual, FailbackDelay: 5 * time.Minute,
		HoldDown: time.Minute, MaxTransitions: 4, Per: time.Hour,
	}
}

func auto() decide.Policy {
	p := manual()
	p.Failback = decide.FailbackAuto
	return p
}

// health is the verdicts on a and b as letters, standing since the given time.
func health(ab string, since time.Time) decide.Health {
	var h decide.Health
	for i, m := range pair().Members {
		v := map[byte]appliance.Verdict{'u': appliance.Up, 'd': appliance.Down, '?': appliance.Undecided}[ab[i]]
		h.Members = append(h.Members, decide.MemberHealth{Member: m.Name, Verdict: v, Since: since})
	}
	return h
}

// running is a record that has been in use: adopted at the epoch, all up since.
func running(active appliance.MemberName, mode decide.Mode) decide.Record {
	return decide.Record{
		Group: "emea", Epoch: 1, Active: active, Mode: mode, Health: health("uu", epoch),
		History: []decide.Transition{{Epoch: 1, To: active, Reason: decide.ReasonAdopted, At: epoch}},
	}
}

func frozen(active appliance.MemberName, until time.Time) decide.Record {
	r := running(active, decide.Frozen)
	r.FrozenUntil = until
	return r
}

func forced(active appliance.MemberName, mode decide.Mode) decide.Record {
	r := running(active, mode)
	r.Forced = true
	return r
}

// moved is a record whose automatic transitions happened at the given times, the
// active member changing with each and ending at active.
func moved(active appliance.MemberName, times ...time.Duration) decide.Record {
	r := running(active, decide.Auto)
	for _, d := range times {
		r.Epoch++
		r.History = append(r.History, decide.Transition{Epoch: r.Epoch, To: active, Reason: decide.ReasonActiveDown, At: at(d)})
	}
	return r
}

// One rule per row: who is active afterwards, why, and whether Azure is written.
func TestStepDecidesByItself(t *testing.T) {
	const hour = time.Hour
	tests := []struct {
		name   string
		policy decide.Policy
		record decide.Record
		health string
		since  time.Duration // since when the verdicts stand
		now    time.Duration
		want   decide.Decision
	}{
		{"active-up-stays", manual(), running("a", decide.Auto), "uu", 0, hour, decide.Decision{Reason: decide.ReasonActiveUp, Active: "a", Write: true}},
		{"standby-down-changes-nothing", manual(), running("a", decide.Auto), "ud", 0, hour, decide.Decision{Reason: decide.ReasonActiveUp, Active: "a", Write: true}},
		{"standby-unknown-changes-nothing", manual(), running("a", decide.Auto), "u?", 0, hour, decide.Decision{Reason: decide.ReasonActiveUp, Active: "a", Write: true}},
		{"active-down-and-other-up-moves", manual(), running("a", decide.Auto), "du", 0, hour, decide.Decision{Reason: decide.ReasonActiveDown, Active: "b", From: "a", Write: true}},
		{"active-down-moves-from-the-second-member-too", manual(), running("b", decide.Auto), "ud", 0, hour, decide.Decision{Reason: decide.ReasonActiveDown, Active: "a", From: "b", Write: true}},
		{"P5-both-down-holds", manual(), running("a", decide.Auto), "dd", 0, hour, decide.Decision{Reason: decide.ReasonBothDown, Active: "a"}},
		{"P4-active-down-and-standby-unknown-holds", manual(), running("a", decide.Auto), "d?", 0, hour, decide.Decision{Reason: decide.ReasonStandbyUnknown, Active: "a"}},
		{"P5-active-unknown-holds-although-the-other-is-up", manual(), running("a", decide.Auto), "?u", 0, hour, decide.Decision{Reason: decide.ReasonActiveUnknown, Active: "a"}},
		{"P5-nothing-known-holds", manual(), running("a", decide.Auto), "??", 0, hour, decide.Decision{Reason: decide.ReasonActiveUnknown, Active: "a"}},
		{"P5-active-unknown-and-other-down-holds", manual(), running("a", decide.Auto), "?d", 0, hour, decide.Decision{Reason: decide.ReasonActiveUnknown, Active: "a"}},
		{"a-recorded-active-member-that-left-the-group-holds", manual(), running("gone", decide.Auto), "uu", 0, hour, decide.Decision{Reason: decide.ReasonActiveUnknown, Active: "gone"}},

		{"failback-manual-never-returns", manual(), running("b", decide.Auto), "uu", 0, 100 * hour, decide.Decision{Reason: decide.ReasonActiveUp, Active: "b", Write: true}},
		{"failback-auto-waits-for-the-delay", auto(), running("b", decide.Auto), "uu", hour, hour + 5*time.Minute - 1, decide.Decision{Reason: decide.ReasonFailbackWaiting, Active: "b", Write: true, Until: at(hour + 5*time.Minute)}},
		{"failback-auto-returns-after-the-delay", auto(), running("b", decide.Auto), "uu", hour, hour + 5*time.Minute, decide.Decision{Reason: decide.ReasonFailback, Active: "a", From: "b", Write: true}},
		{"failback-auto-not-to-a-preferred-member-that-is-down", auto(), running("b", decide.Auto), "du", 0, hour, decide.Decision{Reason: decide.ReasonActiveUp, Active: "b", Write: true}},
		{"P4-failback-auto-not-to-an-unknown-preferred-member", auto(), running("b", decide.Auto), "?u", 0, hour, decide.Decision{Reason: decide.ReasonActiveUp, Active: "b", Write: true}},
		{"failback-auto-at-home-stays", auto(), running("a", decide.Auto), "uu", 0, hour, decide.Decision{Reason: decide.ReasonActiveUp, Active: "a", Write: true}},
		{"failback-auto-also-waits-for-the-hold-down", holding(auto(), time.Hour), moved("b", 0), "uu", 0, 30 * time.Minute, decide.Decision{Reason: decide.ReasonFailbackWaiting, Active: "b", Write: true, Until: at(hour)}},
		{"failback-auto-also-waits-for-the-budget", auto(), moved("b", 0, 1, 2, 3), "uu", 0, 30 * time.Minute, decide.Decision{Reason: decide.ReasonFailbackWaiting, Active: "b", Write: true, Until: at(hour)}},

		{"hold-down-holds", manual(), moved("a", 0), "du", 0, time.Minute - 1, decide.Decision{Reason: decide.ReasonHoldDown, Active: "a", Until: at(time.Minute)}},
		{"hold-down-ends", manual(), moved("a", 0), "du", 0, time.Minute, decide.Decision{Reason: decide.ReasonActiveDown, Active: "b", From: "a", Write: true}},
		{"hold-down-doubles", manual(), moved("a", 0, time.Minute), "du", 0, 3*time.Minute - 1, decide.Decision{Reason: decide.ReasonHoldDown, Active: "a", Until: at(3 * time.Minute)}},
		{"hold-down-doubles-again", manual(), moved("a", 0, time.Minute, 3*time.Minute), "du", 0, 7*time.Minute - 1, decide.Decision{Reason: decide.ReasonHoldDown, Active: "a", Until: at(7 * time.Minute)}},
		{"flap-budget-is-spent", manual(), moved("a", 0, time.Minute, 3*time.Minute, 7*time.Minute), "du", 0, hour - 1, decide.Decision{Reason: decide.ReasonFlapBudget, Active: "a", Until: at(hour)}},
		{"flap-budget-is-back", manual(), moved("a", 0, time.Minute, 3*time.Minute, 7*time.Minute), "du", 0, hour, decide.Decision{Reason: decide.ReasonActiveDown, Active: "b", From: "a", Write: true}},
		{"flap-budget-counts-only-the-newest", limited(manual(), 2), moved("a", 0, time.Minute, 3*time.Minute), "du", 0, 10 * time.Minute, decide.Decision{Reason: decide.ReasonFlapBudget, Active: "a", Until: at(hour + time.Minute)}},
		{"no-budget-means-no-limit", limited(manual(), 0), moved("a", 0, 1, 2, 3, 4, 5), "du", 0, hour - 1, decide.Decision{Reason: decide.ReasonActiveDown, Active: "b", From: "a", Write: true}},
		{"P5-both-down-is-said-before-the-hold-down", manual(), moved("a", 0), "dd", 0, time.Second, decide.Decision{Reason: decide.ReasonBothDown, Active: "a"}},
		{"a-clock-that-jumped-back-does-not-forget-the-transition", manual(), moved("a", time.Hour), "du", 0, 0, decide.Decision{Reason: decide.ReasonHoldDown, Active: "a", Until: at(hour + time.Minute)}},

		{"pinned-active-up-is-kept-true", manual(), running("a", decide.Pinned), "uu", 0, hour, decide.Decision{Reason: decide.ReasonPinned, Active: "a", Write: true}},
		{"P4-pinned-active-down-stays-and-writes-nothing", manual(), running("a", decide.Pinned), "du", 0, hour, decide.Decision{Reason: decide.ReasonPinned, Active: "a"}},
		{"P5-pinned-active-unknown-writes-nothing", manual(), running("a", decide.Pinned), "?u", 0, hour, decide.Decision{Reason: decide.ReasonPinned, Active: "a"}},
		{"pinned-does-not-fail-back", auto(), running("b", decide.Pinned), "uu", 0, 100 * hour, decide.Decision{Reason: decide.ReasonPinned, Active: "b", Write: true}},
		{"frozen-writes-nothing", manual(), frozen("a", at(hour)), "uu", 0, hour - 1, decide.Decision{Reason: decide.ReasonFrozen, Active: "a", Until: at(hour)}},
		{"frozen-does-not-fail-over", manual(), frozen("a", at(hour)), "du", 0, hour - 1, decide.Decision{Reason: decide.ReasonFrozen, Active: "a", Until: at(hour)}},
		{"freeze-expires-by-itself", manual(), frozen("a", at(hour)), "du", 0, hour, decide.Decision{Reason: decide.ReasonActiveDown, Active: "b", From: "a", Write: true}},
		{"forced-keeps-traffic-on-a-member-that-is-down", manual(), forced("b", decide.Auto), "ud", 0, hour, decide.Decision{Reason: decide.ReasonForced, Active: "b", Write: true}},
		{"forced-ends-when-the-member-was-up", manual(), forced("b", decide.Auto), "uu", 0, hour, decide.Decision{Reason: decide.ReasonActiveUp, Active: "b", Write: true}},
		{"forced-and-pinned", manual(), forced("b", decide.Pinned), "ud", 0, hour, decide.Decision{Reason: decide.ReasonForced, Active: "b", Write: true}},
		{"forced-and-frozen-writes-nothing", manual(), freezeOver(forced("b", decide.Frozen), at(2*hour)), "ud", 0, hour, decide.Decision{Reason: decide.ReasonFrozen, Active: "b", Until: at(2 * hour)}},
		{"a-group-of-one-has-nobody-to-move-to", alone(), running("a", decide.Auto), "du", 0, hour, decide.Decision{Reason: decide.ReasonBothDown, Active: "a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			after, got := decide.Step(tt.policy, tt.record, decide.Input{Now: at(tt.now), Health: health(tt.health, at(tt.since))})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Step() decision differs (-want +got):\n%s", diff)
			}
			if got.Moved() != (tt.want.From != "") {
				t.Errorf("Moved() = %v with From = %q", got.Moved(), got.From)
			}
			checkRecord(t, tt.record, after, got, at(tt.now))
		})
	}
}

// checkRecord asserts what holds after every step that no human ordered: the
// record agrees with the decision, and its epoch counts its transitions.
func checkRecord(t *testing.T, before, after decide.Record, d decide.Decision, now time.Time) {
	t.Helper()
	if after.Active != d.Active {
		t.Errorf("record says %q is active, decision says %q", after.Active, d.Active)
	}
	grown := after.Epoch - before.Epoch
	if d.Moved() {
		last, ok := after.Last()
		want := decide.Transition{Epoch: before.Epoch + 1, From: before.Active, To: d.Active, Reason: d.Reason, At: now}
		if diff := cmp.Diff(want, last); !ok || grown != 1 || diff != "" {
			t.Errorf("epoch grew by %d and the last transition differs (-want +got):\n%s", grown, diff)
		}
		return
	}
	if grown != 0 || len(after.History) != len(before.History) {
		t.Errorf("epoch grew by %d and history from %d to %d without a move", grown, len(before.History), len(after.History))
	}
}

func holding(p decide.Policy, d time.Duration) decide.Policy {
	p.HoldDown = d
	return p
}

func limited(p decide.Policy, n int) decide.Policy {
	p.MaxTransitions = n
	return p
}

func alone() decide.Policy {
	p := manual()
	p.Group.Members = p.Group.Members[:1]
	return p
}

func freezeOver(r decide.Record, until time.Time) decide.Record {
	r.FrozenUntil = until
	return r
}

// Without a record the routes say who is active; that is no transition of ours.
func TestStepAdoptsWhatTheRoutesSay(t *testing.T) {
	tests := []struct {
		name   string
		shares []decide.Share
		health string
		want   decide.Decision
	}{
		{"majority-is-the-preferred-one", []decide.Share{{Member: "a", Routes: 3}, {Member: "b", Routes: 1}}, "uu", decide.Decision{Reason: decide.ReasonAdopted, Active: "a", Write: true}},
		{"majority-is-the-other-one", []decide.Share{{Member: "a", Routes: 1}, {Member: "b", Routes: 3}}, "uu", decide.Decision{Reason: decide.ReasonAdopted, Active: "b", Write: true}},
		{"tie-goes-to-the-preferred-one", []decide.Share{{Member: "b", Routes: 2}, {Member: "a", Routes: 2}}, "uu", decide.Decision{Reason: decide.ReasonAdopted, Active: "a", Write: true}},
		{"no-routes-means-the-preferred-one", []decide.Share{{Member: "b"}, {Member: "a"}}, "uu", decide.Decision{Reason: decide.ReasonAdopted, Active: "a", Write: true}},
		{"no-shares-means-the-preferred-one", nil, "uu", decide.Decision{Reason: decide.ReasonAdopted, Active: "a", Write: true}},
		{"in-mid-outage-traffic-moves-at-once", []decide.Share{{Member: "a", Routes: 3}}, "du", decide.Decision{Reason: decide.ReasonActiveDown, Active: "b", From: "a", Write: true}},
		{"after-a-failover-that-was-forgotten-nothing-moves", []decide.Share{{Member: "b", Routes: 3}}, "du", decide.Decision{Reason: decide.ReasonAdopted, Active: "b", Write: true}},
		{"P5-both-down-holds", []decide.Share{{Member: "b", Routes: 3}}, "dd", decide.Decision{Reason: decide.ReasonBothDown, Active: "b"}},
		{"P5-unknown-holds", []decide.Share{{Member: "b", Routes: 3}}, "u?", decide.Decision{Reason: decide.ReasonActiveUnknown, Active: "b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, d := decide.Step(manual(), decide.Record{}, decide.Input{Now: at(time.Minute), Health: health(tt.health, epoch), Shares: tt.shares})
			if diff := cmp.Diff(tt.want, d); diff != "" {
				t.Errorf("Step() decision differs (-want +got):\n%s", diff)
			}
			adopted := d.Active
			if d.Moved() {
				adopted = d.From
			}
			want := decide.Transition{Epoch: 1, To: adopted, Reason: decide.ReasonAdopted, At: at(time.Minute)}
			if diff := cmp.Diff(want, r.History[0]); diff != "" {
				t.Errorf("first transition differs (-want +got):\n%s", diff)
			}
			if r.Group != "emea" || r.Mode != decide.Auto || r.Epoch != uint64(len(r.History)) {
				t.Errorf("record = %+v, want group emea, mode auto and an epoch for each transition", r)
			}
		})
	}
}

// The verdicts go into the record, so that the next process begins with them.
func TestStepRecordsTheVerdicts(t *testing.T) {
	h := health("d?", at(time.Second))
	r, _ := decide.Step(manual(), running("a", decide.Auto), decide.Input{Now: at(time.Minute), Health: h})
	if diff := cmp.Diff(h, r.Health); diff != "" {
		t.Errorf("recorded health differs (-want +got):\n%s", diff)
	}
}

// A forced member that was up once is like any other: the next failure moves.
func TestStepForgetsForcedOnceTheMemberWasUp(t *testing.T) {
	for _, r := range []decide.Record{forced("b", decide.Auto), frozen("b", at(time.Hour))} {
		r.Forced = true
		r, _ = decide.Step(manual(), r, decide.Input{Now: at(time.Minute), Health: health("uu", epoch)})
		if r.Forced {
			t.Errorf("Forced in mode %s = true after the member was up, want false", r.Mode)
		}
	}
}

func TestStepRefusesImpossibleVerdicts(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Step() returned, want a panic: a verdict without a meaning is a broken invariant")
		}
	}()
	h := health("du", epoch)
	h.Members[1].Verdict = 9
	decide.Step(manual(), running("a", decide.Auto), decide.Input{Now: epoch, Health: h})
}
