package controller_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/lease"
	"hopguard/internal/route"
)

func TestFirstTick(t *testing.T) {
	bubble(t, "adopts-what-the-routes-say-and-writes-nothing", func(t *testing.T) {
		w := newWorld()
		r := w.tick(t, controller.Request{})
		expect(t, r, controller.Agreed, decide.ReasonAdopted)
		want := []string{"load", "probe tcp", "tables", "places vmx-a,vmx-b", "swap epoch 1 active vmx-a"}
		if diff := cmp.Diff(want, w.calls()); diff != "" {
			t.Errorf("calls differ (-want +got):\n%s", diff)
		}
	})
	bubble(t, "adopts-the-other-member-where-most-routes-are", func(t *testing.T) {
		w := newWorld()
		w.put("spoke-1", "emea", b1, b1)
		r := w.tick(t, controller.Request{})
		expect(t, r, controller.Agreed, decide.ReasonAdopted)
		if got := w.hops("spoke-2"); r.Record.Active != "vmx-b" || got != b1 {
			t.Errorf("active %s, spoke-2 at %s, want vmx-b, and the stray route moved there", r.Record.Active, got)
		}
	})
	bubble(t, "in-mid-outage-moves-at-once", func(t *testing.T) {
		w := newWorld()
		w.down("vmx-a")
		r := w.tick(t, controller.Request{})
		expect(t, r, controller.Degraded, decide.ReasonActiveDown)
		if got := w.hops("spoke-1") + ", " + w.hops("spoke-2"); got != b1+" 10.9.0.1, "+b1 {
			t.Errorf("routes = %s, want all managed ones at vmx-b", got)
		}
	})
}

// TestP3CommitBeforeWrite: the fakes' own log shows the order, and each write is
// checked against the record that is stored at that instant (world.judge).
func TestP3CommitBeforeWrite(t *testing.T) {
	bubble(t, "failover", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		r := w.tick(t, controller.Request{})
		expect(t, r, controller.Degraded, decide.ReasonActiveDown)
		want := []string{
			"load", "probe tcp", "probe tcp", "probe tcp", "tables", "places vmx-a", "places vmx-b",
			"swap epoch 2 active vmx-b", "put spoke-1 to vmx-b", "put spoke-2 to vmx-b",
		}
		if diff := cmp.Diff(want, w.calls()); diff != "" {
			t.Errorf("calls differ (-want +got):\n%s", diff)
		}
		if got := w.hops("spoke-1") + ", " + w.hops("spoke-2"); got != b1+" 10.9.0.1, "+b1 {
			t.Errorf("routes = %s, want all managed ones at vmx-b", got)
		}
		if r.Committed.Before(r.Decided) || !r.Committed.Before(r.Applied) || r.Applied.After(r.Ended) {
			t.Errorf("steps at %v, %v, %v, %v, want decided, committed, applied, ended", r.Decided, r.Committed, r.Applied, r.Ended)
		}
	})
	bubble(t, "store-cannot-be-written", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		w.swapErr = errors.New("disk full")
		r := w.tick(t, controller.Request{})
		expect(t, r, controller.Failed, decide.ReasonActiveDown)
		wantError(t, r, "store record: disk full")
		if got := only(w.calls(), "put"); len(got) > 0 {
			t.Errorf("writes = %q, want none: the record does not order them", got)
		}
	})
	bubble(t, "store-cannot-be-read", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		w.loadErr = errors.New("no such host")
		r := w.tick(t, controller.Request{})
		if r.State() != controller.Failed {
			t.Errorf("State() = %s, want failed", r.State())
		}
		wantError(t, r, "load record: no such host")
		if diff := cmp.Diff([]string{"load"}, w.calls()); diff != "" {
			t.Errorf("calls differ (-want +got):\n%s", diff)
		}
	})
}

func wantError(t *testing.T, r *controller.Report, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := r.Err(); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("Err() = %v, want it to say %q", err, text)
		}
	}
}

// TestD2SecondTickWritesNothing: a tick that finds Azure as it should be writes
// neither to Azure nor to the store, however long the outage lasts.
func TestD2SecondTickWritesNothing(t *testing.T) {
	bubble(t, "after-a-failover", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		w.tick(t, controller.Request{})
		w.calls()
		for range 5 {
			wait(10 * time.Second)
			r := w.tick(t, controller.Request{})
			expect(t, r, controller.Degraded, decide.ReasonActiveUp)
			if diff := cmp.Diff([]string{"load", "probe tcp", "tables"}, w.calls()); diff != "" {
				t.Errorf("calls of a quiet tick differ (-want +got):\n%s", diff)
			}
			if !r.Committed.IsZero() || !r.Applied.IsZero() || r.Outcomes != nil {
				t.Errorf("report of a quiet tick = committed %v, applied %v, outcomes %v, want none", r.Committed, r.Applied, r.Outcomes)
			}
		}
	})
	bubble(t, "addresses-are-asked-for-again-after-ten-minutes", func(t *testing.T) {
		w := settled(t)
		wait(10 * time.Minute)
		w.tick(t, controller.Request{})
		if got := only(w.calls(), "places", "swap"); len(got) > 0 {
			t.Errorf("calls after ten minutes = %q, want none", got)
		}
		wait(time.Second)
		w.tick(t, controller.Request{})
		want := []string{"places vmx-a,vmx-b", "swap epoch 1 active vmx-a"}
		if diff := cmp.Diff(want, only(w.calls(), "places", "swap", "put")); diff != "" {
			t.Errorf("calls after more than ten minutes differ (-want +got):\n%s", diff)
		}
	})
}

// TestP7HandEditsHeal: what somebody changed by hand is repaired by the next tick.
func TestP7HandEditsHeal(t *testing.T) {
	bubble(t, "a-route-at-the-other-member", func(t *testing.T) {
		w := settled(t)
		w.put("spoke-2", "emea", b1)
		wait(10 * time.Second)
		r := w.tick(t, controller.Request{})
		expect(t, r, controller.Agreed, decide.ReasonActiveUp)
		want := []string{"places vmx-a", "swap epoch 1 active vmx-a", "put spoke-2 to vmx-a"} // no transition
		if diff := cmp.Diff(want, only(w.calls(), "places", "swap", "put")); diff != "" {
			t.Errorf("calls differ (-want +got):\n%s", diff)
		}
		if got := w.hops("spoke-2"); got != a1 {
			t.Errorf("spoke-2 at %s, want %s", got, a1)
		}
	})
	bubble(t, "a-new-table", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		w.tick(t, controller.Request{})
		w.put("spoke-3", "emea", a1)
		w.tick(t, controller.Request{})
		if got := w.hops("spoke-3"); got != b1 {
			t.Errorf("spoke-3 at %s, want %s", got, b1)
		}
	})
}

// TestP7HalfDoneSwitchIsFinished: one table could not be written, the tick says
// so, and the next one finishes what the record orders.
func TestP7HalfDoneSwitchIsFinished(t *testing.T) {
	bubble(t, "by-the-next-tick", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		w.refuse[tableID("spoke-2")] = errors.New("409 AnotherOperationInProgress")
		r := w.tick(t, controller.Request{})
		expect(t, r, controller.Failed, decide.ReasonActiveDown)
		wantError(t, r, "route table "+string(tableID("spoke-2"))+": 409 AnotherOperationInProgress")
		if got := w.hops("spoke-1"); got != b1+" 10.9.0.1" {
			t.Errorf("spoke-1 at %s, want it moved although spoke-2 was refused", got)
		}
		delete(w.refuse, tableID("spoke-2"))
		w.calls()
		r = w.tick(t, controller.Request{})
		expect(t, r, controller.Degraded, decide.ReasonActiveUp)
		want := []string{"places vmx-b", "swap epoch 2 active vmx-b", "put spoke-2 to vmx-b"} // the address was read again, and when is recorded
		if diff := cmp.Diff(want, only(w.calls(), "places", "swap", "put")); diff != "" {
			t.Errorf("calls differ (-want +got):\n%s", diff)
		}
		if got := w.hops("spoke-2"); got != b1 {
			t.Errorf("spoke-2 at %s, want %s", got, b1)
		}
	})
}

// D17: a write whose etag is stale is not reported as done, and what somebody else
// changed in the table meanwhile is not lost.
func TestD17StaleETag(t *testing.T) {
	bubble(t, "table-is-read-again", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		once := true
		w.beforePut = func(id appliance.ResourceID) {
			if once && id == tableID("spoke-2") {
				once = false
				w.mu.Lock()
				w.put("spoke-2", "emea", a1, "10.7.7.7")
				w.mu.Unlock()
			}
		}
		r := w.tick(t, controller.Request{})
		expect(t, r, controller.Degraded, decide.ReasonActiveDown)
		if got := w.hops("spoke-2"); got != b1+" 10.7.7.7" {
			t.Errorf("spoke-2 at %s, want the new route kept and the first one moved", got)
		}
	})
	bubble(t, "P9-table-that-never-stands-still-is-failed", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		w.beforePut = func(id appliance.ResourceID) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.put(id.Name(), "emea", a1)
		}
		r := w.tick(t, controller.Request{})
		expect(t, r, controller.Failed, decide.ReasonActiveDown)
		wantError(t, r, "412 PreconditionFailed")
	})
}

// TestP9NothingIsDoneUnlessReadBack: whatever happens to a write, the report says
// failed until the table was read back as wanted.
func TestP9NothingIsDoneUnlessReadBack(t *testing.T) {
	bubble(t, "D12-accepted-and-never-read-back", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		w.mute[tableID("spoke-2")] = true
		r := w.tick(t, controller.Request{})
		expect(t, r, controller.Failed, decide.ReasonActiveDown)
		wantError(t, r, "route table "+string(tableID("spoke-2"))+": was not read back")
		failed, ok := errors.AsType[*controller.TableError](r.Err())
		if !ok || failed.Table != tableID("spoke-2") {
			t.Errorf("Err() = %v, want a *TableError of spoke-2", r.Err())
		}
	})
	bubble(t, "a-table-without-an-outcome", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		c := w.controller()
		c.Cloud = forgetful{w}
		r := w.tickBy(t, c, term(t), controller.Request{})
		expect(t, r, controller.Failed, decide.ReasonActiveDown)
		wantError(t, r, "route table "+string(tableID("spoke-2"))+": was not read back")
	})
	for _, cause := range []error{errors.New("403 AuthorizationFailed"), errors.New("429 TooManyRequests"), errors.New("500 InternalServerError")} {
		bubble(t, "refused-with-"+strings.ReplaceAll(cause.Error(), " ", "-"), func(t *testing.T) {
			w := settled(t)
			w.down("vmx-a")
			w.refuse[tableID("spoke-1")], w.refuse[tableID("spoke-2")] = cause, cause
			r := w.tick(t, controller.Request{})
			expect(t, r, controller.Failed, decide.ReasonActiveDown)
			if !errors.Is(r.Err(), cause) {
				t.Errorf("Err() = %v, want %v", r.Err(), cause)
			}
			wantError(t, r, "spoke-1: "+cause.Error(), "spoke-2: "+cause.Error())
		})
	}
}

// forgetful is a cloud that loses the outcome of the last table.
type forgetful struct{ *world }

func (f forgetful) Apply(ctx context.Context, term lease.Term, goal route.Goal, plan route.Plan, saw func(route.Progress)) []route.Outcome {
	out := f.world.Apply(ctx, term, goal, plan, saw)
	return out[:len(out)-1]
}

// TestP8OnlyTheGroupsTables: tables of other groups are neither read into the plan
// nor written, whatever their routes say.
func TestP8OnlyTheGroupsTables(t *testing.T) {
	bubble(t, "failover", func(t *testing.T) {
		w := newWorld()
		w.put("other", "apac", a1)
		w.put("similar", "emea2", a1)
		w.put("casing", "EMEA", a1)
		w.down("vmx-a")
		r := w.tick(t, controller.Request{})
		if n := len(r.Plan.Tables); n != 2 {
			t.Errorf("plan has %d tables, want the two of the group", n)
		}
		for _, name := range []string{"other", "similar", "casing"} {
			if got := w.hops(name); got != a1 {
				t.Errorf("%s at %s, want %s", name, got, a1)
			}
		}
	})
	bubble(t, "D10-no-table-at-all-is-a-failure", func(t *testing.T) {
		w := settled(t)
		clear(w.tables)
		w.put("similar", "emea2", a1)
		r := w.tick(t, controller.Request{})
		if r.State() != controller.Failed {
			t.Errorf("State() = %s, want failed: nothing would be moved", r.State())
		}
		wantError(t, r, "no route table has the tag nva_ha_udr=emea: nothing would be moved when vmx-a fails")
		if got := only(w.calls(), "put", "swap"); len(got) > 0 {
			t.Errorf("calls = %q, want nothing written or stored", got)
		}
	})
	bubble(t, "D10-no-table-because-of-an-error-says-the-error-only", func(t *testing.T) {
		w := settled(t)
		clear(w.tables)
		w.tablesErr = errors.New("403 AuthorizationFailed")
		r := w.tick(t, controller.Request{})
		wantError(t, r, "read route tables: 403 AuthorizationFailed")
		if strings.Contains(r.Err().Error(), "no route table") {
			t.Errorf("Err() = %v, want nothing said of tables that could not be read", r.Err())
		}
	})
}

// One malformed table must not stop the others from moving away from a dead member.
func TestOneMalformedTable(t *testing.T) {
	bubble(t, "the-others-move-and-the-tick-fails", func(t *testing.T) {
		w := settled(t)
		w.put("spoke-2", "emea", "vmx-a")
		w.down("vmx-a")
		r := w.tick(t, controller.Request{})
		expect(t, r, controller.Failed, decide.ReasonActiveDown)
		malformed, ok := errors.AsType[*route.MalformedError](r.Err())
		if !ok || malformed.Table != tableID("spoke-2") {
			t.Errorf("Err() = %v, want a *MalformedError of spoke-2", r.Err())
		}
		if got := w.hops("spoke-1"); got != b1+" 10.9.0.1" {
			t.Errorf("spoke-1 at %s, want it moved", got)
		}
	})
	bubble(t, "a-table-of-a-members-own-subnet-is-refused", func(t *testing.T) {
		w := settled(t)
		raw := string(w.raw(tableID("spoke-2")))
		w.tables[tableID("spoke-2")] = []byte(strings.Replace(raw, `"routes"`, fmt.Sprintf(`"subnets":[{"id":%q}],"routes"`, w.places["vmx-b"].Subnets[0]), 1))
		w.down("vmx-a")
		r := w.tick(t, controller.Request{})
		expect(t, r, controller.Failed, decide.ReasonActiveDown)
		wantError(t, r, "spoke-2: is used by subnet ")
		if got := w.hops("spoke-2"); got != a1 {
			t.Errorf("spoke-2 at %s, want it left alone", got)
		}
	})
	bubble(t, "a-table-in-which-no-route-points-at-a-member-degrades", func(t *testing.T) {
		w := settled(t)
		w.put("spoke-2", "emea", "10.9.0.9")
		expect(t, w.tick(t, controller.Request{}), controller.Degraded, decide.ReasonActiveUp)
	})
}
