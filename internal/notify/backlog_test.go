package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/notify"
)

// While the notes are slow, of what waits only the newest state is told, and everything
// that happens once.
func TestASlowNotebookLosesNothingThatHappensOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a, n := &target{}, &slowNotebook{notebook: newNotebook(), wait: 3 * time.Second}
		d := desk(t, n, a)
		after := moved(2 * time.Second)
		after.Moved, after.Steps, after.Tables = false, nil, nil
		lost := after
		lost.At, lost.RecordLost = start().Add(3*time.Second), "emea.json is no JSON"
		last := after
		last.At = start().Add(4 * time.Second)
		for _, s := range []notify.Situation{healthy(0), moved(time.Second), after, lost, last} {
			d.Tell(t.Context(), s)
		}
		finish(t, d)
		got := a.messages()
		if a.subjects() != "traffic moved from vmx-a to vmx-b; the record was lost" || len(got[0].Tables) != 2 || len(got[0].Steps) == 0 {
			t.Errorf("it got %q, the first with %d tables", a.subjects(), len(got[0].Tables))
		}
	})
}

// A group that is given back and taken on again while a message is under way does not
// get it twice.
func TestAMessageUnderWayIsNotQueuedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a := &target{does: func(context.Context, int, notify.Message) error { time.Sleep(10 * time.Second); return nil }}
		d := desk(t, newNotebook(), a)
		d.Tell(t.Context(), in(notify.BothDown, 0))
		until(time.Second)
		d.GiveBack(t.Context(), "emea")
		until(2 * time.Second)
		d.Tell(t.Context(), in(notify.BothDown, 2*time.Second))
		until(time.Minute)
		finish(t, d)
		if got := a.subjects(); got != "both members look down" {
			t.Errorf("it got %q", got)
		}
	})
}

// What waits for a dead target does not grow in the store without end, and what matters
// stays.
func TestOutboxIsBounded(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		n := newNotebook()
		d := desk(t, n, &target{does: func(context.Context, int, notify.Message) error { return later(0) }})
		for i := range 60 {
			s := in(notify.Degraded, time.Duration(i)*time.Second)
			if i%2 == 1 {
				s = healthy(time.Duration(i) * time.Second)
			}
			if i == 10 {
				s.Condition = notify.BothDown
			}
			d.Tell(t.Context(), s)
			synctest.Wait()
		}
		var m notify.Memory
		if err := json.Unmarshal([]byte(n.text()), &m); err != nil {
			t.Fatal(err)
		}
		critical := 0
		for _, e := range m.Outbox {
			if e.Message.Severity == notify.Critical {
				critical++
			}
		}
		if len(m.Outbox) != 32 || critical != 1 {
			t.Errorf("the outbox has %d messages, %d of them critical, want 32 and 1", len(m.Outbox), critical)
		}
		if err := d.Close(t.Context()); err == nil {
			t.Error("Close() = nil, want that some are left")
		}
	})
}

// cut is a process's way to a notebook, which may be interrupted.
type cut struct {
	*notebook
	down atomic.Bool
}

var errCut = errors.New("no answer within 5s")

func (c *cut) Load(ctx context.Context, g appliance.GroupName) ([]byte, string, error) {
	if c.down.Load() {
		return nil, "", errCut
	}
	return c.notebook.Load(ctx, g)
}

func (c *cut) Swap(ctx context.Context, g appliance.GroupName, raw []byte, version string) (string, error) {
	if c.down.Load() {
		return "", errCut
	}
	return c.notebook.Swap(ctx, g, raw, version)
}

// After a time without the store, what was told last is true, whoever told it, and the
// messages of both are kept.
func TestNotesAreMerged(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		fails := func(context.Context, int, notify.Message) error { return later(0) }
		n, a, b := newNotebook(), &target{does: fails}, &target{does: fails}
		way := &cut{notebook: n}
		one, two := deskOf(t, "one", way, a), deskOf(t, "two", n, b)
		tell := func(d *notify.Desk, s notify.Situation) {
			d.Tell(t.Context(), s)
			synctest.Wait()
		}
		tell(one, healthy(0))
		way.down.Store(true)
		tell(one, in(notify.Degraded, 10*time.Second))
		tell(two, in(notify.BothDown, 20*time.Second))
		way.down.Store(false)
		tell(one, in(notify.BothDown, 30*time.Second))
		var m notify.Memory
		if err := json.Unmarshal([]byte(n.text()), &m); err != nil {
			t.Fatal(err)
		}
		var left []string
		for _, e := range m.Outbox {
			left = append(left, e.Holder+" "+string(e.Message.Condition))
		}
		if len(left) != 2 || left[0] != "two both-down" || left[1] != "one degraded" {
			t.Errorf("the outbox has %v, want what both have left, and nothing twice", left)
		}
		if one.Counts()[0].Queued != 1 || two.Counts()[0].Queued != 1 {
			t.Errorf("%d and %d messages wait", one.Counts()[0].Queued, two.Counts()[0].Queued)
		}
		for _, d := range []*notify.Desk{one, two} {
			if err := d.Close(t.Context()); err == nil {
				t.Error("Close() = nil, want that one is left")
			}
		}
	})
}
