package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/notify"
)

// After a takeover the same is not announced again.
func TestAnotherProcessDoesNotRepeatIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a, n := &target{}, newNotebook()
		one, two := deskOf(t, "one", n, a), deskOf(t, "two", n, a)
		one.Tell(t.Context(), healthy(0))
		one.Tell(t.Context(), moved(time.Second))
		finish(t, one)
		after := moved(time.Minute)
		after.Moved = false
		two.Tell(t.Context(), after)
		two.Tell(t.Context(), in(notify.BothDown, 2*time.Minute))
		finish(t, two)
		if got := a.subjects(); got != "traffic moved from vmx-a to vmx-b; both members look down" {
			t.Errorf("it got %q", got)
		}
	})
}

// Two processes that look at one group at once announce once: the notes are compared
// and swapped.
func TestTwoProcessesAnnounceOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a, n := &target{}, newNotebook()
		desks := []*notify.Desk{deskOf(t, "one", n, a), deskOf(t, "two", n, a), deskOf(t, "three", n, a)}
		for at := range 20 {
			for _, d := range desks {
				s := healthy(time.Duration(at) * time.Second)
				switch {
				case at > 10:
					s = moved(time.Duration(at) * time.Second)
					s.Last.At, s.Moved = start(), false
				case at > 5:
					s = in(notify.BothDown, time.Duration(at)*time.Second)
				}
				d.Tell(t.Context(), s)
			}
			synctest.Wait()
		}
		for _, d := range desks {
			finish(t, d)
		}
		if got := a.subjects(); got != "both members look down; traffic moved from vmx-a to vmx-b" {
			t.Errorf("it got %q", got)
		}
	})
}

// What a process that was killed has left is delivered by the next one, when it is sure
// that nobody does; what one has given back, at once.
func TestWhatADeadProcessLeftIsDelivered(t *testing.T) {
	for _, killed := range []bool{true, false} {
		inBubble(t, func(t *testing.T) {
			n := newNotebook()
			stuck, good := &target{does: hang}, &target{}
			one := deskOf(t, "one", n, stuck)
			one.Tell(t.Context(), in(notify.BothDown, 0))
			synctest.Wait()
			kept := append([]byte(nil), n.raw["emea"]...)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := one.Close(ctx); err == nil {
				t.Error("Close() = nil, want that one is left")
			}
			if c := one.Counts()[0]; c.Outcomes[notify.Retried] != 0 {
				t.Errorf("a try that the end of the process cut short counts: %v", c.Outcomes)
			}
			if killed {
				n.raw["emea"] = kept
			}
			two := deskOf(t, "two", n, good)
			two.Tell(t.Context(), in(notify.BothDown, time.Minute))
			synctest.Wait()
			if got := good.subjects(); (got == "") != killed {
				t.Errorf("killed %t: after a minute it has %q", killed, got)
			}
			two.Tell(t.Context(), in(notify.BothDown, 3*time.Minute))
			finish(t, two)
			if got := good.subjects(); got != "both members look down" {
				t.Errorf("killed %t: after three minutes it has %q", killed, got)
			}
			if strings.Contains(string(n.raw["emea"]), "outbox") {
				t.Errorf("the outbox is not empty:\n%s", n.raw["emea"])
			}
		})
	}
}

// A process that looks after a group no more leaves its messages to the one that does,
// also the one that is under way.
func TestWhatIsGivenBackIsDeliveredByAnother(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		n := newNotebook()
		var bad atomic.Bool
		bad.Store(true)
		recovers := &target{does: func(context.Context, int, notify.Message) error {
			if bad.Load() {
				time.Sleep(3 * time.Second)
				return later(0)
			}
			return nil
		}}
		good := &target{}
		one, two := deskOf(t, "one", n, recovers), deskOf(t, "two", n, good)
		one.Tell(t.Context(), in(notify.Degraded, 0))
		synctest.Wait()
		one.Tell(t.Context(), in(notify.BothDown, time.Second))
		until(2 * time.Second)
		one.GiveBack(t.Context(), "emea")
		synctest.Wait()
		two.Tell(t.Context(), in(notify.BothDown, 10*time.Second))
		synctest.Wait()
		if got := good.subjects(); got != "something needs a person; both members look down" {
			t.Errorf("the other process has delivered %q", got)
		}
		until(time.Minute)
		bad.Store(false)
		until(10 * time.Minute)
		if got := recovers.subjects(); got != "" || one.Counts()[0].Queued != 0 {
			t.Errorf("the first one has delivered %q too", got)
		}
		bad.Store(true)
		one.Tell(t.Context(), healthy(11*time.Minute)) // it looks after the group again
		until(11 * time.Minute)
		bad.Store(false)
		until(12 * time.Minute)
		finish(t, one)
		finish(t, two)
		if got := recovers.subjects(); got != "all is well" {
			t.Errorf("in the end it has delivered %q", got)
		}
	})
}

// What was told when the process ended, and not even read, is left for the next one.
func TestWhatWasNotReadIsLeft(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		n, a := &slowNotebook{notebook: newNotebook(), wait: time.Minute}, &target{}
		one := deskOf(t, "one", n, a)
		one.Tell(t.Context(), healthy(0))
		synctest.Wait()
		one.Tell(t.Context(), in(notify.BothDown, time.Second))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		n.set(0)
		_ = one.Close(ctx) // what is left is what is looked at
		two := deskOf(t, "two", n, a)
		two.Tell(t.Context(), in(notify.BothDown, 10*time.Second))
		finish(t, two)
		if got := a.subjects(); got != "both members look down" {
			t.Errorf("it got %q", got)
		}
	})
}

// slowNotebook answers late, and ends with the caller.
type slowNotebook struct {
	*notebook
	mu   sync.Mutex
	wait time.Duration
}

func (n *slowNotebook) set(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.wait = d
}

func (n *slowNotebook) Load(ctx context.Context, g appliance.GroupName) ([]byte, string, error) {
	n.mu.Lock()
	wait := n.wait
	n.mu.Unlock()
	select {
	case <-time.After(wait):
		return n.notebook.Load(ctx, g)
	case <-ctx.Done():
		return nil, "", context.Cause(ctx)
	}
}

// A process that goes on trying keeps what it has taken on.
func TestALivingProcessKeepsItsMessages(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		n := newNotebook()
		fails := &target{does: func(context.Context, int, notify.Message) error { return later(0) }}
		good := &target{}
		one, two := deskOf(t, "one", n, fails), deskOf(t, "two", n, good)
		for at := time.Duration(0); at < 10*time.Minute; at += 10 * time.Second {
			until(at)
			one.Tell(t.Context(), in(notify.BothDown, at))
			synctest.Wait()
			two.Tell(t.Context(), in(notify.BothDown, at))
			synctest.Wait()
		}
		if got := good.subjects(); got != "" {
			t.Errorf("the other process has delivered %q", got)
		}
		if err := one.Close(t.Context()); err == nil {
			t.Error("Close() = nil, want that one is left")
		}
		finish(t, two)
	})
}

// While the store is down it is announced all the same, and once; when it is back, what
// was announced meanwhile is remembered.
func TestAnnouncesThatTheStoreIsLost(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a, n := &target{}, newNotebook()
		d := desk(t, n, a)
		d.Tell(t.Context(), healthy(0))
		synctest.Wait()
		n.set(errors.New("no answer within 5s"))
		for at := time.Minute; at < 5*time.Minute; at += 10 * time.Second {
			s := in(notify.StoreLost, at)
			s.Certain, s.Epoch, s.Last = false, 0, nil
			d.Tell(t.Context(), s)
			synctest.Wait()
		}
		if got := a.subjects(); got != "the store of the records cannot be reached" {
			t.Errorf("it got %q", got)
		}
		n.set(nil)
		d.Tell(t.Context(), healthy(6*time.Minute))
		finish(t, d)
		if got := a.subjects(); got != "the store of the records cannot be reached; all is well" {
			t.Errorf("it got %q", got)
		}
		var m notify.Memory
		if err := json.Unmarshal(n.raw["emea"], &m); err != nil || m.Told != notify.Healthy || len(m.Outbox) != 0 {
			t.Errorf("it remembers %+v, %v", m, err)
		}
	})
}

// Notes that another program has written are not overwritten, and stop no message.
func TestNotesOfALaterProgramAreLeftAlone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a, n := &target{}, newNotebook()
		n.raw["emea"] = []byte(`{"format": 2}`)
		d := desk(t, n, a)
		d.Tell(t.Context(), in(notify.BothDown, 0))
		d.Tell(t.Context(), in(notify.BothDown, time.Minute))
		finish(t, d)
		if got := a.subjects(); got != "both members look down" || string(n.raw["emea"]) != `{"format": 2}` {
			t.Errorf("it got %q, the notes are %s", got, n.raw["emea"])
		}
	})
}

// Where nothing changes, nothing is written.
func TestNothingNewIsNotWritten(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		n := newNotebook()
		d := desk(t, n, &target{})
		for at := range 100 {
			d.Tell(t.Context(), healthy(time.Duration(at)*time.Second))
			synctest.Wait()
		}
		finish(t, d)
		if n.writes != 1 {
			t.Errorf("%d writes for a hundred ticks of a healthy group, want 1", n.writes)
		}
	})
}
