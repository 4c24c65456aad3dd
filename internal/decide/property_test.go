package decide_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

// world is a group that lives through a random history. It keeps its own account
// of what happened, so that the promises are judged by it and not by the record.
type world struct {
	policy decide.Policy
	checks []decide.Check
	vote   decide.Vote
	now    time.Time
	health decide.Health
	record decide.Record
	ticks  int

	witness bool

	automatic []time.Time // the automatic transitions
	force     bool        // a human forced the active member, and it was not up since
}

func newWorld(t *rapid.T) *world {
	w := &world{now: epoch}
	seconds := func(name string, most int) time.Duration {
		return time.Duration(rapid.IntRange(0, most).Draw(t, name)) * time.Second
	}
	w.policy = decide.Policy{
		Group:    pair(),
		Failback: rapid.SampledFrom([]decide.Failback{decide.FailbackManual, decide.FailbackAuto}).Draw(t, "failback"), FailbackDelay: seconds("failbackDelay", 60),
		HoldDown: seconds("holdDown", 60), MaxTransitions: rapid.IntRange(0, 5).Draw(t, "maxTransitions"), Per: seconds("per", 600),
	}
	for _, name := range []string{"tcp", "http"}[:rapid.IntRange(1, 2).Draw(t, "checks")] {
		w.checks = append(w.checks, decide.Check{Name: name, Fall: rapid.IntRange(1, 3).Draw(t, "fall"), Rise: rapid.IntRange(1, 3).Draw(t, "rise")})
	}
	w.vote.Down = rapid.IntRange(0, 3).Draw(t, "vote")
	w.witness = rapid.Bool().Draw(t, "witness")
	w.checks[0].DataPath = rapid.Bool().Draw(t, "data path")
	return w
}

func (w *world) rules() decide.Rules {
	return decide.Rules{Group: w.policy.Group, Checks: w.checks, Vote: w.vote, Witness: w.witness}
}

// observe draws one round: for each member and check nothing, one or two looks.
func (w *world) observe(t *rapid.T) []appliance.Observation {
	var round []appliance.Observation
	for range rapid.IntRange(0, 2).Draw(t, "looks at the witness") {
		o := rapid.SampledFrom([]appliance.Outcome{appliance.Pass, appliance.Pass, appliance.Fail, appliance.Unknown}).Draw(t, "witness outcome")
		round = append(round, appliance.Observation{Member: decide.Witness, Check: decide.WitnessCheck, Outcome: o, At: w.now.Add(time.Duration(rapid.IntRange(0, 1).Draw(t, "at")))})
	}
	for _, m := range w.policy.Group.Members {
		// Members are mostly all well or all ill: random noise never settles.
		mood := rapid.SampledFrom([]appliance.Outcome{appliance.Pass, appliance.Fail, appliance.Unknown}).Draw(t, "mood of "+string(m.Name))
		for _, c := range w.checks {
			for range rapid.IntRange(0, 2).Draw(t, "looks") {
				o := mood
				if rapid.IntRange(0, 9).Draw(t, "noise") == 0 {
					o = appliance.Fail
				}
				round = append(round, appliance.Observation{Member: m.Name, Check: c.Name, Outcome: o, At: w.now.Add(time.Duration(rapid.IntRange(0, 1).Draw(t, "at")))})
			}
		}
	}
	return round
}

func (w *world) order(t *rapid.T) *decide.Order {
	if rapid.IntRange(0, 7).Draw(t, "no order") != 0 {
		return nil
	}
	return &decide.Order{
		Kind:  rapid.SampledFrom([]decide.OrderKind{decide.OrderSwitch, decide.OrderPin, decide.OrderFreeze, decide.OrderThaw}).Draw(t, "order"),
		To:    rapid.SampledFrom([]appliance.MemberName{"a", "b", "", "c"}).Draw(t, "to"),
		For:   time.Duration(rapid.IntRange(-1, 60).Draw(t, "for")) * time.Second,
		Force: rapid.IntRange(0, 3).Draw(t, "force") == 0,
		By:    "ops",
	}
}

// tick lives through one pass and checks every promise that a step can break.
func (w *world) tick(t *rapid.T) {
	w.ticks++
	w.now = w.now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second)
	round := w.observe(t)
	w.health = decide.Judge(w.rules(), w.health, round, w.now)
	in := decide.Input{
		Now: w.now, Health: w.health, Order: w.order(t),
		Shares: []decide.Share{{Member: "a", Routes: rapid.IntRange(0, 2).Draw(t, "routes a")}, {Member: "b", Routes: rapid.IntRange(0, 2).Draw(t, "routes b")}},
	}
	before := w.record
	stored, health := encode(t, before), slices.Clone(in.Health.Members)
	after, d := decide.Step(w.policy, before, in)
	if encode(t, before) != stored || !slices.Equal(health, in.Health.Members) {
		t.Fatalf("Step() changed what it was given to %+v, %+v", before, in)
	}
	w.checkFunction(t, stored, in, after, d)
	w.checkWrites(t, in, after, d)
	w.checkTransitions(t, before, in, after, d)
	w.record = after
}

// restart is a new process: it knows what was stored and nothing else.
func (w *world) restart(t *rapid.T) {
	r, err := decode(encode(t, w.record))
	if err != nil {
		t.Fatal(err)
	}
	w.record, w.health = r, r.Health
}

// checkFunction: the same input gives the same output, also when the record comes
// from the store: a restart changes no decision.
func (w *world) checkFunction(t *rapid.T, stored string, in decide.Input, after decide.Record, d decide.Decision) {
	before, err := decode(stored)
	if err != nil {
		t.Fatal(err)
	}
	again, d2 := decide.Step(w.policy, before, in)
	if !again.Equal(after) || d2 != d {
		t.Fatalf("Step() with the stored record = %+v, %+v, want %+v, %+v", again, d2, after, d)
	}
}

// checkWrites: promises 4 and 5.
func (w *world) checkWrites(t *rapid.T, in decide.Input, after decide.Record, d decide.Decision) {
	active := in.Health.Of(d.Active).Verdict
	switch {
	case d.Reason == decide.ReasonOrdered || d.Reason == decide.ReasonOrderPin:
		w.force = in.Order.Force && active != appliance.Up
	case d.Moved() || active == appliance.Up:
		w.force = false
	}
	if after.Forced != w.force {
		t.Fatalf("Forced = %v after %+v on %+v, want %v", after.Forced, d, in.Order, w.force)
	}
	if d.Write && !w.force && active != appliance.Up {
		t.Fatalf("%+v writes towards a member that is %v", d, active)
	}
	if d.Write && after.Mode == decide.Frozen {
		t.Fatalf("%+v writes while the group is frozen", d)
	}
	doubt := active == appliance.Undecided || !slices.ContainsFunc(in.Health.Members, func(m decide.MemberHealth) bool { return m.Verdict == appliance.Up })
	if doubt && !w.force && (d.Write || d.Moved()) {
		t.Fatalf("%+v with health %+v, want no write and no move", d, in.Health.Members)
	}
}

// checkTransitions: promise 6, and that epochs count.
func (w *world) checkTransitions(t *rapid.T, before decide.Record, in decide.Input, after decide.Record, d decide.Decision) {
	want := before.Epoch
	if before.Epoch == 0 {
		want++ // what the routes say is adopted
	}
	if d.Moved() {
		want++
	}
	if after.Epoch != want {
		t.Fatalf("Epoch = %d after %+v, want %d", after.Epoch, d, want)
	}
	if _, ok := w.policy.Group.Member(after.Active); !ok || after.Active != d.Active {
		t.Fatalf("record says %q is active, decision %+v", after.Active, d)
	}
	if !d.Moved() {
		return
	}
	if last, _ := after.Last(); last.Epoch != after.Epoch || last.To != d.Active || last.From != d.From || last.Reason != d.Reason || !last.At.Equal(w.now) {
		t.Fatalf("Last() = %+v after %+v", last, d)
	}
	if in.Order != nil {
		return
	}
	if d.Reason != decide.ReasonActiveDown && d.Reason != decide.ReasonFailback {
		t.Fatalf("%+v moved by itself, want active-down or failback", d)
	}
	if before.Mode == decide.Pinned || in.Health.Of(d.Active).Verdict != appliance.Up {
		t.Fatalf("%+v moved by itself in mode %s with health %+v", d, before.Mode, in.Health.Members)
	}
	w.spend(t, d)
}

// spend checks an automatic transition against the budget and the hold-down.
func (w *world) spend(t *rapid.T, d decide.Decision) {
	n := 0
	for _, at := range w.automatic {
		if w.now.Sub(at) < w.policy.Per {
			n++
		}
	}
	if w.policy.MaxTransitions > 0 && n >= w.policy.MaxTransitions {
		t.Fatalf("%+v is automatic transition %d within %v, want at most %d", d, n+1, w.policy.Per, w.policy.MaxTransitions)
	}
	if len(w.automatic) > 0 {
		hold := w.policy.HoldDown
		for range n - 1 {
			hold *= 2
		}
		if since := w.now.Sub(w.automatic[len(w.automatic)-1]); since < hold {
			t.Fatalf("%+v comes %v after the one before, want at least %v: %d in the window", d, since, hold, n)
		}
	}
	w.automatic = append(w.automatic, w.now)
}

// TestP4P5P6AnyHistory: whatever is seen and ordered, and whenever the process is
// restarted, no step writes towards a member that is not up, none moves in doubt,
// and the automatic ones stay within the budget.
func TestP4P5P6AnyHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"tick":    w.tick,
			"again":   w.tick, // ticks are more frequent than restarts
			"restart": w.restart,
		})
	})
}

// TestP6BudgetOfAFlappingPair is the same promise where it hurts most: the active
// member is down whenever the other is up, for a day.
func TestP6BudgetOfAFlappingPair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.record = running("a", decide.Auto)
		for range 200 {
			w.now = w.now.Add(time.Duration(rapid.IntRange(1, 600).Draw(t, "seconds")) * time.Second)
			in := decide.Input{Now: w.now, Health: health(map[appliance.MemberName]string{"a": "du", "b": "ud"}[w.record.Active], w.now)}
			before := w.record
			var d decide.Decision
			w.record, d = decide.Step(w.policy, before, in)
			w.checkTransitions(t, before, in, w.record, d)
			if !d.Moved() && !d.Until.After(w.now) {
				t.Fatalf("%+v holds until a time that has passed: %v", d, w.now)
			}
		}
	})
}

// The order in which checks answer never decides.
func TestVerdictsDoNotDependOnTheOrderOfObservations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		round := w.observe(t)
		shuffled := rapid.Permutation(round).Draw(t, "order")
		a := decide.Judge(w.rules(), decide.Health{}, round, w.now)
		b := decide.Judge(w.rules(), decide.Health{}, shuffled, w.now)
		if d := diff(a, b); d != "" {
			t.Fatalf("Judge() of the shuffled round differs (-ordered +shuffled):\n%s", d)
		}
	})
}

// A judge that is asked twice says the same, and leaves what it was given alone.
func TestJudgeIsAFunction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.tick(t)
		before := decide.Health{Members: slices.Clone(w.health.Members), Counters: slices.Clone(w.health.Counters), Suspect: w.health.Suspect}
		round := w.observe(t)
		given := slices.Clone(round)
		a := decide.Judge(w.rules(), w.health, round, w.now)
		b := decide.Judge(w.rules(), w.health, round, w.now)
		if d := diff(a, b) + diff(before, w.health) + diff(given, round); d != "" {
			t.Fatalf("Judge() differs the second time, or changed what it was given:\n%s", d)
		}
	})
}
