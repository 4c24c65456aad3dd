package controller_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/lease"
	"hopguard/internal/route"
)

// TestP3LostRaceDecidesAgain: somebody else changed the record first. What this
// tick had decided is dropped, and the new record is obeyed.
func TestP3LostRaceDecidesAgain(t *testing.T) {
	bubble(t, "against-a-controller-that-saw-the-same", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		other := w.controller()
		other.Cloud = nobody{w} // it commits, and dies before it writes a route
		raced := false
		w.beforeSwap = func() {
			if !raced {
				raced = true
				other.Tick(t.Context(), term(t), controller.Request{})
			}
		}
		r := w.tick(t, controller.Request{})
		expect(t, r, controller.Degraded, decide.ReasonActiveUp)
		if r.Record.Epoch != 2 || r.Record.Active != "vmx-b" {
			t.Errorf("record = epoch %d, active %s, want the one transition of the other controller", r.Record.Epoch, r.Record.Active)
		}
		if got := w.hops("spoke-1") + ", " + w.hops("spoke-2"); got != b1+" 10.9.0.1, "+b1 {
			t.Errorf("routes = %s, want what the other one ordered to be done", got)
		}
	})
	bubble(t, "against-a-freeze", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		w.beforeSwap = func() {
			frozen := w.record()
			if frozen.Mode != decide.Frozen {
				frozen.Mode, frozen.FrozenUntil = decide.Frozen, time.Now().Add(time.Hour)
				w.store(frozen)
			}
		}
		r := w.tick(t, controller.Request{})
		if r.Decision.Reason != decide.ReasonFrozen {
			t.Errorf("decision = %+v, want frozen", r.Decision)
		}
		if got := only(w.calls(), "put"); len(got) > 0 {
			t.Errorf("writes = %q, want none", got)
		}
	})
	bubble(t, "the-members-are-asked-once", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		races := 2
		w.beforeSwap = func() {
			if races--; races >= 0 {
				w.store(w.record())
			}
		}
		r := w.tick(t, controller.Request{})
		expect(t, r, controller.Degraded, decide.ReasonActiveDown)
		want := []string{
			"load", "probe tcp", "probe tcp", "probe tcp", "tables", "places vmx-a", "places vmx-b", "swap lost",
			"load", "swap lost", "load", "swap epoch 2 active vmx-b", "put spoke-1 to vmx-b", "put spoke-2 to vmx-b",
		}
		if diff := cmp.Diff(want, w.calls()); diff != "" {
			t.Errorf("calls differ (-want +got):\n%s", diff)
		}
	})
	bubble(t, "a-warning-is-given-once", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		w.placeErrs["vmx-a"] = errors.New("404 ResourceNotFound")
		races := 2
		w.beforeSwap = func() {
			if races--; races >= 0 {
				w.store(w.record())
			}
		}
		r := w.tick(t, controller.Request{})
		want := []string{"find members: 404 ResourceNotFound; the recorded addresses are used"}
		if diff := cmp.Diff(want, r.Warnings); diff != "" {
			t.Errorf("warnings differ (-want +got):\n%s", diff)
		}
	})
	bubble(t, "for-ever", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		w.beforeSwap = func() { w.store(w.record()) }
		r := w.tick(t, controller.Request{})
		if r.State() != controller.Failed || !errors.Is(r.Err(), decide.ErrLostRace) {
			t.Errorf("tick is %s with %v, want failed with a lost race", r.State(), r.Err())
		}
		wantError(t, r, "store record: record was changed by somebody else, 5 times in one tick")
		calls := w.calls()
		if n := len(only(calls, "swap lost")); n != 5 || len(only(calls, "put")) > 0 {
			t.Errorf("calls = %q, want five lost swaps and no write", calls)
		}
	})
	bubble(t, "an-order-is-given-again", func(t *testing.T) {
		w := settled(t)
		raced := false
		w.beforeSwap = func() {
			if !raced {
				raced = true
				pinned := w.record()
				pinned.Mode = decide.Pinned
				w.store(pinned)
			}
		}
		r := w.tick(t, controller.Request{Order: &decide.Order{Kind: decide.OrderSwitch, To: "vmx-b"}})
		expect(t, r, controller.Failed, decide.ReasonOrderRefused)
		wantError(t, r, `order refused: the group is pinned to "vmx-a": thaw it first`)
	})
}

// nobody is a cloud that can be read and dies at the first write.
type nobody struct{ *world }

func (nobody) Apply(context.Context, lease.Term, route.Goal, route.Plan, func(route.Progress)) []route.Outcome {
	return nil
}

// TestP3AnOverruledOrderIsNotWrittenAgain: the table has been changed under a tick by
// somebody who had a newer record, or a freeze came meanwhile. The etag refuses the tick's
// write, and it does not try again.
func TestP3AnOverruledOrderIsNotWrittenAgain(t *testing.T) {
	tests := []struct {
		name string
		// order is what the other one stores before it edits spoke-1; nil stores nothing.
		order     *decide.Order
		loadErr   error
		puts      []string
		overruled bool
	}{
		{"by-a-switch", &decide.Order{Kind: decide.OrderSwitch, To: "vmx-a", Force: true}, nil, []string{"put spoke-1 to vmx-b"}, true},
		{"by-a-freeze", &decide.Order{Kind: decide.OrderFreeze, For: time.Hour}, nil, []string{"put spoke-1 to vmx-b"}, true},
		{"not-by-a-pin", &decide.Order{Kind: decide.OrderPin, To: "vmx-b"}, nil, []string{"put spoke-1 to vmx-b", "put spoke-1 to vmx-b", "put spoke-2 to vmx-b"}, false},
		{"not-by-an-edit", nil, nil, []string{"put spoke-1 to vmx-b", "put spoke-1 to vmx-b", "put spoke-2 to vmx-b"}, false},
		{"not-by-a-store-that-is-down", nil, errors.New("503"), []string{"put spoke-1 to vmx-b", "put spoke-1 to vmx-b", "put spoke-2 to vmx-b"}, false},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			w := settled(t)
			w.down("vmx-a")
			other := w.controller()
			other.Cloud = nobody{w}
			once := true
			w.beforePut = func(appliance.ResourceID) {
				if !once {
					return
				}
				once = false
				if tt.order != nil {
					other.Tick(t.Context(), term(t), controller.Request{Order: tt.order})
				}
				w.loadErr = tt.loadErr
				w.put("spoke-1", "emea", a1)
			}
			r := w.tick(t, controller.Request{})
			if diff := cmp.Diff(tt.puts, only(w.calls(), "put")); diff != "" {
				t.Errorf("writes differ (-want +got):\n%s", diff)
			}
			if got := errors.Is(r.Err(), decide.ErrLostRace); got != tt.overruled {
				t.Errorf("Err() = %v; a lost race: %t, want %t", r.Err(), got, tt.overruled)
			}
		})
	}
}

// TestP3AnOverruledRepairIsNotBegun: an older tick sees what a newer record has ordered,
// takes it for somebody's edit, has nothing to store, and asks before it writes.
func TestP3AnOverruledRepairIsNotBegun(t *testing.T) {
	bubble(t, "by-a-switch", func(t *testing.T) {
		w := settled(t)
		w.beforeTables = func() {
			w.beforeTables = nil
			w.down("vmx-a")
			w.tick(t, controller.Request{})
			w.placeErrs["vmx-a"] = errors.New("404 ResourceNotFound") // its address stays as old as it is
		}
		stale := w.controller()
		r := w.tickBy(t, stale, term(t), controller.Request{Seen: &controller.Seen{Health: w.record().Health}})
		expect(t, r, controller.Failed, decide.ReasonActiveUp)
		wantError(t, r, "write routes: record was changed by somebody else meanwhile: it says vmx-b, epoch 2, auto; this was vmx-a, epoch 1, auto")
		if got := w.hops("spoke-1") + ", " + w.hops("spoke-2"); got != b1+" 10.9.0.1, "+b1 {
			t.Errorf("routes = %s, want what the newer record ordered", got)
		}
	})
}

// A record that cannot be read has been put aside. Azure's routes say who is
// active, and a person is told.
func TestCorruptRecord(t *testing.T) {
	corrupt := fmt.Errorf("state/emea.json was kept as state/emea.json.corrupt: %w", decide.ErrCorrupt)
	bubble(t, "restarts-from-the-routes", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		w.tick(t, controller.Request{})
		w.down()
		w.loadErr = corrupt
		r := w.tick(t, controller.Request{})
		expect(t, r, controller.Degraded, decide.ReasonAdopted)
		want := []string{"state/emea.json was kept as state/emea.json.corrupt: record is corrupt; Azure's routes say who is active"}
		if diff := cmp.Diff(want, r.Warnings); diff != "" {
			t.Errorf("warnings differ (-want +got):\n%s", diff)
		}
		if got := w.record(); got.Active != "vmx-b" || got.Epoch != 1 {
			t.Errorf("record = %+v, want vmx-b adopted", got)
		}
		expect(t, w.tick(t, controller.Request{}), controller.Agreed, decide.ReasonActiveUp)
	})
	bubble(t, "P3-and-still-commits-before-it-writes", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		w.loadErr = corrupt
		w.calls()
		r := w.tick(t, controller.Request{})
		expect(t, r, controller.Degraded, decide.ReasonActiveDown)
		want := []string{"swap epoch 2 active vmx-b", "put spoke-1 to vmx-b", "put spoke-2 to vmx-b"}
		if diff := cmp.Diff(want, only(w.calls(), "swap", "put")); diff != "" {
			t.Errorf("calls differ (-want +got):\n%s", diff)
		}
	})
	bubble(t, "and-the-store-is-down-too", func(t *testing.T) {
		w := settled(t)
		w.loadErr, w.swapErr = corrupt, errors.New("read-only file system")
		w.put("spoke-2", "emea", b1)
		expect(t, w.tick(t, controller.Request{}), controller.Failed, decide.ReasonAdopted)
		if got := w.hops("spoke-2"); got != b1 {
			t.Errorf("spoke-2 at %s, want it untouched", got)
		}
	})
}

// TestP3NoWriteWithoutATerm: whoever does not lead writes nothing, and says so.
func TestP3NoWriteWithoutATerm(t *testing.T) {
	bubble(t, "never-taken", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		r := w.tickBy(t, w.controller(), lease.Term{}, controller.Request{})
		expect(t, r, controller.Failed, decide.ReasonActiveDown)
		if got := r.Err(); !errors.Is(got, lease.ErrLost) || got.Error() != "store record: leadership lost: no term was taken" || r.Outcomes != nil {
			t.Errorf("Err() = %v with %d outcomes, want leadership lost before any write", got, len(r.Outcomes))
		}
		if got := only(w.calls(), "swap", "put"); len(got) > 0 {
			t.Errorf("writes = %q, want none", got)
		}
	})
	bubble(t, "lost-after-the-record-was-stored", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		leading, lose := context.WithCancelCause(t.Context())
		mine, err := lease.Local{Holder: "here"}.Acquire(leading)
		if err != nil {
			t.Fatal(err)
		}
		w.beforeSwap = func() { lose(errors.New("the lease was broken")) }
		r := w.tickBy(t, w.controller(), mine, controller.Request{})
		expect(t, r, controller.Failed, decide.ReasonActiveDown)
		wantError(t, r, "write routes: leadership lost: the lease was broken")
		if got := only(w.calls(), "put"); len(got) > 0 {
			t.Errorf("writes = %q, want none", got)
		}
	})
	bubble(t, "lost-between-two-tables", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		leading, lose := context.WithCancelCause(t.Context())
		mine, err := lease.Local{Holder: "here"}.Acquire(leading)
		if err != nil {
			t.Fatal(err)
		}
		w.beforePut = func(id appliance.ResourceID) { lose(errors.New("the lease was broken")) }
		r := w.tickBy(t, w.controller(), mine, controller.Request{})
		expect(t, r, controller.Failed, decide.ReasonActiveDown)
		wantError(t, r, "route table "+string(tableID("spoke-2"))+": leadership lost: the lease was broken")
		if got := only(w.calls(), "put"); len(got) != 1 {
			t.Errorf("writes = %q, want the one that had begun", got)
		}
	})
	bubble(t, "not-needed-when-nothing-is-written", func(t *testing.T) {
		w := settled(t)
		expect(t, w.tickBy(t, w.controller(), lease.Term{}, controller.Request{}), controller.Agreed, decide.ReasonActiveUp)
	})
}

// Two controllers that both believe they lead push Azure towards one record.
func TestTwoControllers(t *testing.T) {
	bubble(t, "tick-at-the-same-time", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		reports := make(chan *controller.Report, 2)
		for range 2 {
			go func() { reports <- w.controller().Tick(t.Context(), term(t), controller.Request{}) }()
		}
		for range 2 {
			if r := <-reports; r.State() == controller.Agreed {
				t.Errorf("tick is %s, want it to see that vmx-a is down", r.State())
			}
		}
		for _, b := range w.broken {
			t.Errorf("a write broke a promise: %s", b)
		}
		if got := w.record(); got.Epoch != 2 || got.Active != "vmx-b" {
			t.Errorf("record = epoch %d active %s, want one transition to vmx-b", got.Epoch, got.Active)
		}
		if got := w.hops("spoke-1") + ", " + w.hops("spoke-2"); got != b1+" 10.9.0.1, "+b1 {
			t.Errorf("routes = %s, want all managed ones at vmx-b", got)
		}
		expect(t, w.tick(t, controller.Request{}), controller.Degraded, decide.ReasonActiveUp)
	})
}
