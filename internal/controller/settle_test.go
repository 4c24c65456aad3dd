package controller_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
)

// script makes vmx-a see one letter after the other for a check, and the last one
// for ever; vmx-b is always well.
func (w *world) script(scripts map[string]string) {
	at := map[string]int{}
	w.see = func(m appliance.MemberName, check string) appliance.Outcome {
		s, ok := scripts[check]
		if m != "vmx-a" || !ok {
			return appliance.Pass
		}
		i := min(at[check], len(s)-1)
		at[check]++
		return map[byte]appliance.Outcome{'p': appliance.Pass, 'f': appliance.Fail, '?': appliance.Unknown}[s[i]]
	}
}

// One tick settles its own verdicts: how often the check is tried, how long it
// takes in virtual time, and what is decided. Three failures, two seconds apart,
// two passes to come back.
func TestSettling(t *testing.T) {
	tests := []struct {
		name   string
		script string
		took   time.Duration // how long one round takes
		rounds int
		want   time.Duration // from the start to the decision
		reason decide.Reason
	}{
		{"a-pass-is-enough", "p", 0, 1, 0, decide.ReasonActiveUp},
		{"three-failures-take-four-seconds", "fff", 0, 3, 4 * time.Second, decide.ReasonActiveDown},
		{"a-slow-check-is-not-waited-for-twice", "fff", 1500 * time.Millisecond, 3, 5500 * time.Millisecond, decide.ReasonActiveDown},
		{"a-check-slower-than-its-interval-follows-at-once", "fff", 3 * time.Second, 3, 9 * time.Second, decide.ReasonActiveDown},
		{"D16-one-failure-never-moves", "fp", 0, 2, 2 * time.Second, decide.ReasonActiveUp},
		{"D16-two-failures-never-move", "ffp", 0, 3, 4 * time.Second, decide.ReasonActiveUp},
		{"D8-errors-of-the-interface-are-no-failure", "?", 0, 1, 0, decide.ReasonActiveUnknown},
		{"unknown-outcomes-in-between-do-not-count", "f?f?f", 0, 5, 8 * time.Second, decide.ReasonActiveDown},
		{"unknown-outcomes-for-ever-end-after-five-rounds", "f?", 0, 5, 8 * time.Second, decide.ReasonActiveUnknown},
		{"failures-too-seldom-end-after-five-rounds-and-are-not-up", "f???f", 0, 5, 8 * time.Second, decide.ReasonActiveUnknown},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			w := settled(t)
			w.took = tt.took
			w.script(map[string]string{"tcp": tt.script})
			r := w.tick(t, controller.Request{})
			if r.Decision.Reason != tt.reason {
				t.Errorf("decision = %+v, want %s", r.Decision, tt.reason)
			}
			if got := r.Decided.Sub(r.Started); got != tt.want {
				t.Errorf("decided after %v, want %v", got, tt.want)
			}
			if got := len(only(w.calls(), "probe")); got != tt.rounds {
				t.Errorf("%d rounds, want %d", got, tt.rounds)
			}
		})
	}
}

// The standby is tried as often as the active member: what is known of it is as
// young when the decision is taken.
func TestSettlingTriesTheStandbyToo(t *testing.T) {
	bubble(t, "and-does-not-move-to-one-that-has-just-failed", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		calls := 0
		see := w.see
		w.see = func(m appliance.MemberName, c string) appliance.Outcome {
			if m == "vmx-b" {
				if calls++; calls > 1 {
					return appliance.Fail
				}
			}
			return see(m, c)
		}
		r := w.tick(t, controller.Request{})
		expect(t, r, controller.Degraded, decide.ReasonBothDown)
		if got := r.Decided.Sub(r.Started); got != 6*time.Second {
			t.Errorf("decided after %v, want 6s: the third failure of vmx-b", got)
		}
		if got := only(w.calls(), "put"); len(got) > 0 {
			t.Errorf("writes = %q, want none", got)
		}
	})
}

// Checks have rhythms of their own. Each is tried until it has counted to its
// end, whatever the others do in between.
func TestSettlingOfSeveralChecks(t *testing.T) {
	check := func(name string, confirm time.Duration, fall, rise int) controller.Check {
		return controller.Check{Check: decide.Check{Name: name, Fall: fall, Rise: rise}, Confirm: confirm}
	}
	tests := []struct {
		name    string
		checks  []controller.Check
		vote    int
		scripts map[string]string
		want    time.Duration
		reason  decide.Reason
		probes  []string
	}{
		{
			"two-rhythms", []controller.Check{check("fast", time.Second, 3, 2), check("slow", 5*time.Second, 2, 2)}, 2,
			map[string]string{"fast": "f", "slow": "f"}, 5 * time.Second, decide.ReasonActiveDown,
			[]string{"probe fast,slow", "probe fast", "probe fast", "probe fast,slow"},
		},
		{
			"two-rhythms-the-slow-one-first", []controller.Check{check("slow", 5*time.Second, 2, 2), check("fast", time.Second, 3, 2)}, 2,
			map[string]string{"fast": "f", "slow": "f"}, 5 * time.Second, decide.ReasonActiveDown,
			[]string{"probe slow,fast", "probe fast", "probe fast", "probe slow,fast"},
		},
		{
			"the-slow-one-outlives-the-rounds-of-the-fast-one", []controller.Check{check("fast", time.Second, 3, 1), check("slow", 10*time.Second, 3, 1)}, 2,
			map[string]string{"fast": "f", "slow": "f"}, 20 * time.Second, decide.ReasonActiveDown,
			[]string{"probe fast,slow", "probe fast", "probe fast", "probe fast,slow", "probe fast,slow"},
		},
		{
			"three-rhythms", []controller.Check{check("1s", time.Second, 3, 2), check("3s", 3*time.Second, 3, 2), check("7s", 7*time.Second, 3, 2)}, 3,
			map[string]string{"1s": "f", "3s": "f", "7s": "f"}, 14 * time.Second, decide.ReasonActiveDown,
			[]string{"probe 1s,3s,7s", "probe 1s", "probe 1s", "probe 1s,3s", "probe 1s,3s", "probe 1s,7s", "probe 1s,3s,7s"},
		},
		{
			"a-check-that-has-become-unknown-does-not-use-up-the-tries-of-another",
			[]controller.Check{check("fast", time.Second, 3, 2), check("slow", 10*time.Second, 3, 2)}, 1,
			map[string]string{"fast": "f?", "slow": "f"}, 20 * time.Second, decide.ReasonActiveDown,
			[]string{"probe fast,slow", "probe fast", "probe fast", "probe fast", "probe fast", "probe fast,slow", "probe fast,slow"},
		},
		{
			"a-check-that-was-well-for-a-while-has-all-its-tries",
			[]controller.Check{check("tcp", 2*time.Second, 3, 2), check("http", 2*time.Second, 3, 2)}, 2,
			map[string]string{"tcp": "f?f?f", "http": "pppf"}, 10 * time.Second, decide.ReasonActiveDown,
			[]string{"probe tcp,http", "probe tcp,http", "probe tcp,http", "probe tcp,http", "probe tcp,http", "probe tcp,http"},
		},
		{
			"one-that-is-well-is-tried-along-with-one-that-is-not", []controller.Check{check("tcp", 2*time.Second, 3, 2), check("http", 2*time.Second, 3, 2)}, 1,
			map[string]string{"tcp": "f"}, 4 * time.Second, decide.ReasonActiveDown,
			[]string{"probe tcp,http", "probe tcp,http", "probe tcp,http"},
		},
		{
			"a-verdict-that-is-certain-does-not-wait-for-another-check", []controller.Check{check("tcp", 2*time.Second, 3, 2), check("vm-status", 2*time.Second, 3, 2)}, 1,
			map[string]string{"tcp": "f", "vm-status": "ppf"}, 4 * time.Second, decide.ReasonActiveDown,
			[]string{"probe tcp,vm-status", "probe tcp,vm-status", "probe tcp,vm-status"},
		},
		{
			"a-verdict-that-needs-both-waits-for-both", []controller.Check{check("tcp", 2*time.Second, 3, 2), check("vm-status", 2*time.Second, 3, 2)}, 2,
			map[string]string{"tcp": "f", "vm-status": "ppf"}, 8 * time.Second, decide.ReasonActiveDown,
			[]string{"probe tcp,vm-status", "probe tcp,vm-status", "probe tcp,vm-status", "probe tcp,vm-status", "probe tcp,vm-status"},
		},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			w := settled(t)
			w.script(tt.scripts)
			c := w.controller()
			c.Checks, c.Vote.Down = tt.checks, tt.vote
			r := w.tickBy(t, c, term(t), controller.Request{})
			if r.Decision.Reason != tt.reason || r.Decided.Sub(r.Started) != tt.want {
				t.Errorf("decision = %s after %v, want %s after %v", r.Decision.Reason, r.Decided.Sub(r.Started), tt.reason, tt.want)
			}
			if diff := cmp.Diff(tt.probes, only(w.calls(), "probe")); diff != "" {
				t.Errorf("rounds differ (-want +got):\n%s", diff)
			}
		})
	}
}

// A store may keep the counting of the tick before, in memory: it does not shorten
// the tries of this one.
func TestSettlingAfterAnUnsettledTick(t *testing.T) {
	bubble(t, "has-all-its-tries", func(t *testing.T) {
		w := settled(t)
		w.script(map[string]string{"tcp": "?"})
		c := w.controller()
		c.Records = vivid{w}
		r := w.tickBy(t, c, term(t), controller.Request{})
		if got := len(only(w.calls(), "probe")); got != 5 || r.Decision.Reason != decide.ReasonActiveUnknown {
			t.Errorf("%d rounds and %s, want five and active-unknown", got, r.Decision.Reason)
		}
	})
}

// vivid is a store that remembers that vmx-a had begun to fall.
type vivid struct{ *world }

func (v vivid) Load(ctx context.Context, group appliance.GroupName) (decide.Record, string, error) {
	r, version, err := v.world.Load(ctx, group)
	for i := range r.Health.Counters {
		if r.Health.Counters[i].Member == "vmx-a" {
			r.Health.Counters[i].Fails = 1
		}
	}
	return r, version, err
}

// A member comes back: rise passes are counted in one tick, and a failure in
// between leaves it down.
func TestSettlingOfARecovery(t *testing.T) {
	tests := []struct {
		name   string
		script string
		want   time.Duration
		up     bool
	}{
		{"D9-two-passes", "pp", 2 * time.Second, true},
		{"D9-a-pass-and-a-failure", "pf", 2 * time.Second, false},
		{"still-down", "f", 0, false},
		{"D9-one-pass-and-nothing-more", "p?", 8 * time.Second, false},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			w := settled(t)
			w.down("vmx-a")
			w.tick(t, controller.Request{})
			w.script(map[string]string{"tcp": tt.script})
			r := w.tick(t, controller.Request{})
			if up := r.Health.Of("vmx-a").Verdict == appliance.Up; up != tt.up || r.Decided.Sub(r.Started) != tt.want {
				t.Errorf("vmx-a is %v after %v, want up = %v after %v", r.Health.Of("vmx-a").Verdict, r.Decided.Sub(r.Started), tt.up, tt.want)
			}
			if r.Record.Active != "vmx-b" {
				t.Errorf("active = %s, want vmx-b: failback is manual", r.Record.Active)
			}
		})
	}
}

// TestD9OneGoodSampleNeverFailsBack: also with automatic failback traffic returns
// only after the delay, counted from the last of rise passes.
func TestD9OneGoodSampleNeverFailsBack(t *testing.T) {
	bubble(t, "failback-auto", func(t *testing.T) {
		w := settled(t)
		c := w.controller()
		c.Policy.Failback = decide.FailbackAuto
		w.down("vmx-a")
		w.tickBy(t, c, term(t), controller.Request{})
		w.script(map[string]string{"tcp": "pfffffpp"}) // one good sample, then down, then well
		w.calls()
		r := w.tickBy(t, c, term(t), controller.Request{})
		if r.Record.Active != "vmx-b" || r.Health.Of("vmx-a").Verdict != appliance.Down {
			t.Fatalf("after one good sample: active %s, vmx-a %v, want vmx-b and down", r.Record.Active, r.Health.Of("vmx-a").Verdict)
		}
		var up, back time.Time
		for range 60 { // ten minutes
			r := w.tickBy(t, c, term(t), controller.Request{})
			if h := r.Health.Of("vmx-a"); up.IsZero() && h.Verdict == appliance.Up {
				up = h.Since
			}
			if r.Decision.Moved() && back.IsZero() {
				back = r.Decided
			}
			wait(10 * time.Second)
		}
		if got := back.Sub(up); up.IsZero() || back.IsZero() || got < 5*time.Minute || got > 5*time.Minute+10*time.Second {
			t.Errorf("traffic returned %v after vmx-a was up, want the delay of 5m and at most a tick more", got)
		}
	})
}

// A tick that is told to end does so at once and writes nothing.
func TestCancelledTick(t *testing.T) {
	bubble(t, "while-it-waits-to-try-again", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 3*time.Second, errors.New("the host shuts down"))
		defer cancel()
		began := time.Now()
		r := w.controller().Tick(ctx, term(t), controller.Request{})
		if got := time.Since(began); got != 3*time.Second {
			t.Errorf("tick ended after %v, want 3s", got)
		}
		if r.State() != controller.Failed {
			t.Errorf("State() = %s, want failed", r.State())
		}
		if got := only(w.calls(), "put", "swap"); len(got) > 0 {
			t.Errorf("calls = %q, want nothing written or stored", got)
		}
	})
	bubble(t, "before-it-began", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if r := w.controller().Tick(ctx, term(t), controller.Request{}); r.State() != controller.Failed || !errors.Is(r.Err(), context.Canceled) {
			t.Errorf("tick is %s with %v, want failed and cancelled", r.State(), r.Err())
		}
		if got := strings.Join(w.calls(), ", "); got != "load" {
			t.Errorf("calls = %s, want load only", got)
		}
	})
	bubble(t, "P9-between-two-tables", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		r := w.controller().Tick(ctx, term(t), controller.Request{})
		expect(t, r, controller.Failed, decide.ReasonActiveDown)
		if !errors.Is(r.Err(), context.DeadlineExceeded) {
			t.Errorf("Err() = %v, want the deadline", r.Err())
		}
		// The next process finishes what the record orders.
		expect(t, w.tick(t, controller.Request{}), controller.Degraded, decide.ReasonActiveUp)
		if got := w.hops("spoke-1") + ", " + w.hops("spoke-2"); got != b1+" 10.9.0.1, "+b1 {
			t.Errorf("routes = %s, want all managed ones at vmx-b", got)
		}
	})
}
