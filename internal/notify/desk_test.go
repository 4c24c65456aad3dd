package notify_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/notify"
)

// inBubble runs a story that begins at start.
func inBubble(t *testing.T, story func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(start()))
		story(t)
	})
}

func finish(t *testing.T, d *notify.Desk) {
	t.Helper()
	if err := d.Close(t.Context()); err != nil {
		t.Errorf("Close() = %v", err)
	}
}

func TestEveryTargetGetsTheNews(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a, b := &target{}, &target{}
		d := desk(t, newNotebook(), a, b)
		defer finish(t, d)
		d.Tell(t.Context(), healthy(0))
		d.Tell(t.Context(), moved(time.Minute))
		if err := d.Flush(t.Context()); err != nil {
			t.Errorf("Flush() = %v", err)
		}
		const want = "traffic moved from vmx-a to vmx-b"
		if a.subjects() != want || b.subjects() != want {
			t.Errorf("a got %q, b got %q, want %q", a.subjects(), b.subjects(), want)
		}
	})
}

// A target that hangs or fails touches neither the one who tells nor the other targets.
func TestD3ATargetThatHangsDelaysNobody(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		hanging, failing, good := &target{does: hang}, &target{does: func(context.Context, int, notify.Message) error { return later(0) }}, &target{}
		d := desk(t, newNotebook(), hanging, failing, good)
		began := time.Now()
		for i, s := range []notify.Situation{healthy(0), moved(time.Second), in(notify.BothDown, 2*time.Second)} {
			s.Epoch = uint64(min(i+1, 2))
			d.Tell(t.Context(), s)
			synctest.Wait()
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("three situations took %s, want nothing", took)
		}
		if got := good.subjects(); got != "traffic moved from vmx-a to vmx-b; both members look down" {
			t.Errorf("the good target got %q", got)
		}
		if err := d.Close(t.Context()); err == nil || err.Error() != "4 messages not delivered yet" {
			t.Errorf("Close() = %v, want that four are left", err)
		}
	})
}

func TestRetries(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a := &target{does: func(_ context.Context, try int, _ notify.Message) error {
			switch try {
			case 1, 2, 3:
				return later(0)
			case 4:
				return later(3 * time.Minute)
			default:
				return nil
			}
		}}
		d := desk(t, nil, a)
		defer finish(t, d)
		d.Tell(t.Context(), in(notify.BothDown, 0))
		synctest.Wait()
		if err := d.Flush(t.Context()); err == nil { // it waits for no retry
			t.Error("Flush() = nil, want that one is left")
		}
		until(10 * time.Minute)
		// 2 s, 4 s and 8 s, each spread by a fifth, and then what was asked for.
		if at := a.at[0]; at < 14*time.Second+3*time.Minute || at > 17*time.Second+3*time.Minute {
			t.Errorf("delivered after %s", at)
		}
		if n := d.Counts()[0]; n.Outcomes[notify.Sent] != 1 || n.Outcomes[notify.Retried] != 4 || n.Queued != 0 || n.Sent.IsZero() {
			t.Errorf("Counts() = %+v", n)
		}
	})
}

func TestWhatIsRefusedOrTooOldIsGivenUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		refuses := &target{does: func(context.Context, int, notify.Message) error { return errors.New("401 Unauthorized") }}
		fails := &target{does: func(context.Context, int, notify.Message) error { return later(0) }}
		n := newNotebook()
		d := desk(t, n, refuses, fails)
		defer finish(t, d)
		d.Tell(t.Context(), in(notify.Degraded, 0))
		until(30 * time.Minute)
		if !strings.Contains(n.text(), `"left": [`+"\n        \"b\"\n") {
			t.Errorf("the notes do not say that b is left:\n%s", n.text())
		}
		until(62 * time.Minute)
		counts := d.Counts()
		if counts[0].Outcomes[notify.Refused] != 1 || refuses.try != 1 {
			t.Errorf("the refused one was tried %d times: %+v", refuses.try, counts[0])
		}
		if counts[1].Outcomes[notify.TooOld] != 1 || fails.try < 50 || fails.try > 70 {
			t.Errorf("the old one was tried %d times: %+v", fails.try, counts[1])
		}
		if strings.Contains(n.text(), "outbox") {
			t.Errorf("the notes still have it:\n%s", n.text())
		}
	})
}

// A state that flaps ends in one message that says how many it stands for; another
// group's message is not held up.
func TestFlappingIsFolded(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a := &target{}
		d := desk(t, newNotebook(), a)
		defer finish(t, d)
		for i := range 20 {
			s := in(notify.Degraded, time.Duration(i)*10*time.Second)
			if i%2 == 1 {
				s = healthy(time.Duration(i) * 10 * time.Second)
			}
			until(time.Duration(i) * 10 * time.Second)
			d.Tell(t.Context(), s)
		}
		other := in(notify.BothDown, 200*time.Second)
		other.Group = "apac"
		until(200 * time.Second)
		d.Tell(t.Context(), other)
		synctest.Wait()
		got := a.messages()
		if n := len(got); n != 7 || got[6].Group != "apac" {
			t.Fatalf("%d messages until the other group's: %s", n, a.subjects())
		}
		until(10 * time.Minute)
		got = a.messages()
		if len(got) != 8 || got[5].Folded != 13 || !strings.Contains(got[5].Text(), "13 earlier messages about this group") || got[7].Condition != notify.Healthy {
			t.Errorf("%d messages, the sixth stands for %d: %s", len(got), got[5].Folded, a.subjects())
		}
	})
}

// A queue has a bound: what matters least goes first, and the next message says so.
func TestQueueDropsTheOldestInfoFirst(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		release := make(chan struct{})
		a := &target{does: func(ctx context.Context, try int, _ notify.Message) error {
			if try == 1 {
				<-release
			}
			return nil
		}}
		d := desk(t, nil, a)
		defer finish(t, d)
		for i := range 120 {
			s := in(notify.Degraded, 0)
			s.Group = appliance.GroupName(fmt.Sprintf("group-%d", i))
			if i == 50 {
				s = in(notify.BothDown, 0)
			}
			d.Tell(t.Context(), s)
			synctest.Wait()
		}
		if n := d.Counts()[0]; n.Queued != 100 || n.Outcomes[notify.Dropped] != 20 {
			t.Errorf("Counts() = %+v", n)
		}
		close(release)
		if err := d.Flush(t.Context()); err != nil {
			t.Errorf("Flush() = %v", err)
		}
		critical, said := 0, 0
		for _, m := range a.messages() {
			said += m.Dropped
			if m.Severity == notify.Critical {
				critical++
			}
		}
		if critical != 1 || said != 20 {
			t.Errorf("%d critical messages arrived, and %d were said to be dropped, want 1 and 20", critical, said)
		}
	})
}

func TestTest(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a, b := &target{}, &target{does: hang}
		d := desk(t, newNotebook(), a, b)
		defer finish(t, d)
		m := notify.TestMessage("emea", time.Now())
		results, err := d.Test(t.Context(), m, "")
		if err != nil || len(results) != 2 || results[0].Err != nil || results[1].Err == nil || results[1].Took != 20*time.Second {
			t.Errorf("Test() = %+v, %v", results, err)
		}
		if _, err := d.Test(t.Context(), m, "x"); fmt.Sprint(err) != `no target is called "x": want one of [a b]` {
			t.Errorf("Test() = %v", err)
		}
		if a.subjects() != "a test" {
			t.Errorf("it got %q", a.subjects())
		}
	})
}
