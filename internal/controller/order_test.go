package controller_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
)

func switchTo(m appliance.MemberName, force bool) controller.Request {
	return controller.Request{Order: &decide.Order{Kind: decide.OrderSwitch, To: m, Force: force, By: "ops"}}
}

// Orders go through the same record, plan and apply as a decision.
func TestOrders(t *testing.T) {
	bubble(t, "switch", func(t *testing.T) {
		w := settled(t)
		r := w.tick(t, switchTo("vmx-b", false))
		expect(t, r, controller.Agreed, decide.ReasonOrdered)
		want := []string{"load", "probe tcp", "tables", "places vmx-b", "swap epoch 2 active vmx-b", "put spoke-1 to vmx-b", "put spoke-2 to vmx-b"}
		if diff := cmp.Diff(want, w.calls()); diff != "" {
			t.Errorf("calls differ (-want +got):\n%s", diff)
		}
	})
	bubble(t, "switch-and-back", func(t *testing.T) {
		w := settled(t)
		w.tick(t, switchTo("vmx-b", false))
		expect(t, w.tick(t, switchTo("vmx-a", false)), controller.Agreed, decide.ReasonOrdered)
		if got := w.hops("spoke-1") + ", " + w.hops("spoke-2"); got != a1+" 10.9.0.1, "+a1 {
			t.Errorf("routes = %s, want all managed ones back at vmx-a", got)
		}
	})
	bubble(t, "P4-switch-to-a-member-that-is-down-is-refused", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-b")
		r := w.tick(t, switchTo("vmx-b", false))
		expect(t, r, controller.Failed, decide.ReasonOrderRefused)
		refused, ok := errors.AsType[*controller.RefusedError](r.Err())
		if want := `"vmx-b" is down, not up; --force moves traffic there all the same`; !ok || refused.Why != want {
			t.Errorf("Err() = %v, want a refusal: %s", r.Err(), want)
		}
		if got := only(w.calls(), "put"); len(got) > 0 {
			t.Errorf("writes = %q, want none", got)
		}
	})
	bubble(t, "P4-forced-switch-to-a-member-that-is-down", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-b")
		r := w.tick(t, switchTo("vmx-b", true))
		expect(t, r, controller.Degraded, decide.ReasonOrdered)
		if got := w.hops("spoke-2"); got != b1 || !w.record().Forced {
			t.Errorf("spoke-2 at %s, forced %v, want %s and true", got, w.record().Forced, b1)
		}
		// It stays there, and what is changed by hand is repaired towards it.
		w.put("spoke-2", "emea", a1)
		expect(t, w.tick(t, controller.Request{}), controller.Degraded, decide.ReasonForced)
		if got := w.hops("spoke-2"); got != b1 {
			t.Errorf("spoke-2 at %s, want %s", got, b1)
		}
	})
	bubble(t, "frozen-group-writes-nothing-and-says-what-is-pending", func(t *testing.T) {
		w := settled(t)
		w.tick(t, controller.Request{Order: &decide.Order{Kind: decide.OrderFreeze, For: time.Hour, By: "ops"}})
		w.put("spoke-2", "emea", b1)
		r := w.tick(t, controller.Request{})
		expect(t, r, controller.Degraded, decide.ReasonFrozen)
		if got := w.hops("spoke-2"); got != b1 || r.Plan.Routes() != 1 {
			t.Errorf("spoke-2 at %s with %d routes planned, want it untouched and one planned", got, r.Plan.Routes())
		}
		wait(time.Hour)
		expect(t, w.tick(t, controller.Request{}), controller.Agreed, decide.ReasonActiveUp)
	})
}

// TestP5DoubtWritesNothing: with both members down, or the active one unknown,
// nothing is written, also not to repair what somebody changed.
func TestP5DoubtWritesNothing(t *testing.T) {
	tests := []struct {
		name   string
		a, b   appliance.Outcome
		reason decide.Reason
	}{
		{"both-down", appliance.Fail, appliance.Fail, decide.ReasonBothDown},
		{"both-unknown", appliance.Unknown, appliance.Unknown, decide.ReasonActiveUnknown},
		{"D8-active-unknown", appliance.Unknown, appliance.Pass, decide.ReasonActiveUnknown},
		{"active-down-and-standby-unknown", appliance.Fail, appliance.Unknown, decide.ReasonStandbyUnknown},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			w := settled(t)
			w.put("spoke-2", "emea", b1)
			w.see = func(m appliance.MemberName, _ string) appliance.Outcome {
				return map[appliance.MemberName]appliance.Outcome{"vmx-a": tt.a, "vmx-b": tt.b}[m]
			}
			for range 3 {
				wait(10 * time.Second)
				w.calls()
				r := w.tick(t, controller.Request{})
				expect(t, r, controller.Degraded, tt.reason)
				if got := only(w.calls(), "put"); len(got) > 0 || w.record().Epoch != 1 {
					t.Errorf("writes = %q, epoch %d, want none and 1", got, w.record().Epoch)
				}
			}
			// Nothing is to be written, so nobody's address must be right.
			w.tick(t, controller.Request{})
			if got := only(w.calls(), "places", "swap"); len(got) > 0 {
				t.Errorf("calls = %q, want none", got)
			}
		})
	}
}

// TestP5CutOffObserverWritesNothing: when the witness does not answer either, it is
// the observer that is cut off. A tick does not settle what it cannot see.
func TestP5CutOffObserverWritesNothing(t *testing.T) {
	bubble(t, "active-member-and-witness-fail", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		c := w.controller()
		c.Checks[0].DataPath, c.Witness, c.Prober = true, true, beside{w}
		r := w.tickBy(t, c, term(t), controller.Request{})
		expect(t, r, controller.Degraded, decide.ReasonObserverSuspect)
		if got := only(w.calls(), "put"); len(got) > 0 || w.record().Epoch != 1 {
			t.Errorf("writes = %q, epoch %d, want none and 1", got, w.record().Epoch)
		}
		if got := r.Decided.Sub(r.Started); got != 0 {
			t.Errorf("decided after %v, want at once", got)
		}
	})
}

// beside is a prober that asks a witness too, which does not answer.
type beside struct{ *world }

func (b beside) Probe(ctx context.Context, checks []string) []appliance.Observation {
	return append(b.world.Probe(ctx, checks), appliance.Observation{
		Member: decide.Witness, Check: decide.WitnessCheck, Outcome: appliance.Fail, At: time.Now(),
	})
}

// A dry run shows what a tick would do, by the same code, and does nothing.
func TestDryRun(t *testing.T) {
	bubble(t, "of-a-failover", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		before := w.record()
		r := w.tick(t, controller.Request{DryRun: true})
		expect(t, r, controller.Degraded, decide.ReasonActiveDown)
		if r.Record.Active != "vmx-b" || len(r.Plan.Writes()) != 2 || !r.DryRun {
			t.Errorf("report = active %s, %d tables to write, want what would be done", r.Record.Active, len(r.Plan.Writes()))
		}
		if got := only(w.calls(), "put", "swap"); len(got) > 0 || !w.record().Equal(before) {
			t.Errorf("calls = %q, want nothing stored or written", got)
		}
	})
	bubble(t, "of-an-order", func(t *testing.T) {
		w := settled(t)
		req := switchTo("vmx-b", false)
		req.DryRun = true
		r := w.tick(t, req)
		expect(t, r, controller.Agreed, decide.ReasonOrdered)
		if got := only(w.calls(), "put", "swap"); len(got) > 0 || r.Plan.Routes() != 2 {
			t.Errorf("calls = %q, %d routes planned, want none and 2", got, r.Plan.Routes())
		}
	})
	bubble(t, "on-an-empty-store", func(t *testing.T) {
		w := newWorld()
		w.tick(t, controller.Request{DryRun: true})
		if w.stored != nil {
			t.Errorf("stored = %s, want nothing", w.stored)
		}
	})
}

// TestP9AFrozenGroupWithAFailedTableIsNotAgreed: the table shows what was wanted, the
// fabric does what was before, and nobody may write it again.
func TestP9AFrozenGroupWithAFailedTableIsNotAgreed(t *testing.T) {
	bubble(t, "frozen", func(t *testing.T) {
		w := settled(t)
		w.tick(t, controller.Request{Order: &decide.Order{Kind: decide.OrderFreeze, For: time.Hour}})
		expect(t, w.tick(t, controller.Request{}), controller.Agreed, decide.ReasonFrozen)
		id := tableID("spoke-1")
		w.tables[id] = bytes.Replace(w.tables[id], []byte(`"Succeeded"`), []byte(`"Failed"`), 1)
		expect(t, w.tick(t, controller.Request{}), controller.Degraded, decide.ReasonFrozen)
	})
}
