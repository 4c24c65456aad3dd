package events_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/events"
)

func TestReplayed(t *testing.T) {
	for _, s := range events.Sources() {
		t.Run(string(s), func(t *testing.T) {
			w := newWorld(t)
			w.want(t, request(t, s, fixture(s, "1")), http.StatusOK, events.Nudged)
			for range 3 {
				w.want(t, request(t, s, fixture(s, "1")), http.StatusOK, events.Replayed)
			}
			w.want(t, request(t, s, fixture(s, "2")), http.StatusOK, events.Nudged)
			w.pass(23*time.Hour + 59*time.Minute)
			w.want(t, request(t, s, fixture(s, "1")), http.StatusOK, events.Replayed)
			w.pass(time.Minute)
			// A day later it is forgotten, but old.
			w.want(t, request(t, s, fixture(s, "1")), http.StatusOK, events.Stale)
		})
	}
}

// TestAnIDMayComeBackAfterADay lets a sender number its events from the beginning again.
func TestAnIDMayComeBackAfterADay(t *testing.T) {
	w := newWorld(t)
	at := func(after time.Duration) *http.Request {
		return notification(t, gridEvent(map[string]any{"eventTime": at(after)}))
	}
	w.want(t, at(0), http.StatusOK, events.Nudged)
	w.pass(24*time.Hour - time.Nanosecond)
	w.want(t, at(24*time.Hour), http.StatusOK, events.Replayed)
	w.pass(time.Nanosecond)
	w.want(t, at(24*time.Hour), http.StatusOK, events.Nudged)
	w.want(t, at(24*time.Hour), http.StatusOK, events.Replayed)
}

func TestSourcesRememberForThemselves(t *testing.T) {
	w := newWorld(t)
	for _, s := range events.Sources() {
		w.want(t, request(t, s, fixture(s, "1")), http.StatusOK, events.Nudged)
	}
}

func TestAge(t *testing.T) {
	for _, tt := range []struct {
		sent time.Duration
		want events.Outcome
	}{
		{-15 * time.Minute, events.Nudged},
		{-15*time.Minute - time.Nanosecond, events.Stale},
		{-24 * 365 * time.Hour, events.Stale},
		{0, events.Nudged},
		{5 * time.Minute, events.Nudged},
		{5*time.Minute + time.Nanosecond, events.Early},
		{24 * 365 * time.Hour, events.Early},
	} {
		for s, body := range map[events.Source]string{
			events.Meraki:       merakiAlert(map[string]any{"sentAt": at(tt.sent)}),
			events.AzureMonitor: commonAlert(map[string]any{"firedDateTime": at(tt.sent)}),
			events.EventGrid:    gridEvent(map[string]any{"eventTime": at(tt.sent)}),
		} {
			t.Run(fmt.Sprint(s, tt.sent), func(t *testing.T) {
				newWorld(t).want(t, request(t, s, body), http.StatusOK, tt.want)
			})
		}
	}
}

// TestWhatIsRefusedForItsTimeIsNotRemembered lets an early event come again in time.
func TestWhatIsRefusedForItsTimeIsNotRemembered(t *testing.T) {
	w := newWorld(t)
	body := gridEvent(map[string]any{"eventTime": at(10 * time.Minute)})
	w.want(t, notification(t, body), http.StatusOK, events.Early)
	w.pass(5 * time.Minute)
	w.want(t, notification(t, body), http.StatusOK, events.Nudged)
}

// batchOf is a batch of events with fresh times and the ids first, first+1, ...
func batchOf(first, n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`{"id":"%d","eventType":"Microsoft.Resources.ResourceActionSuccess","eventTime":%q}`, first+i, at(0))
	}
	return "[" + strings.Join(list, ",") + "]"
}

func TestStormIsLimited(t *testing.T) {
	w := newWorld(t)
	w.send(t, notification(t, batchOf(0, 1000)))
	if got := w.counts(); got["event-grid nudged"] != 32 || got["event-grid limited"] != 968 || len(w.nudges()) != 32 {
		t.Fatalf("counts %v, want 32 nudged and 968 limited", got)
	}
	// What was limited is known, so that its repetitions are not the next storm.
	w.want(t, notification(t, batchOf(999, 1)), http.StatusOK, events.Replayed)
	w.want(t, notification(t, batchOf(1000, 1)), http.StatusOK, events.Limited)
	// Others are not held up.
	w.want(t, request(t, events.Meraki, fixture(events.Meraki, "1")), http.StatusOK, events.Nudged)

	w.pass(500 * time.Millisecond)
	w.want(t, notification(t, batchOf(1001, 2)), http.StatusOK, events.Nudged, events.Limited)
	w.nudges()
	w.pass(10 * time.Second)
	w.send(t, notification(t, batchOf(2000, 100)))
	if got := len(w.nudges()); got != 20 {
		t.Errorf("%d nudges after ten seconds, want 20", got)
	}
	// Events that nudge nothing anyway do not use the budget up.
	w.pass(time.Second)
	w.want(t, notification(t, batchOf(2000, 1)), http.StatusOK, events.Replayed)
	w.want(t, notification(t, gridEvent(map[string]any{"eventTime": at(-time.Hour)})), http.StatusOK, events.Stale)
	w.want(t, notification(t, batchOf(3000, 3)), http.StatusOK, events.Nudged, events.Nudged, events.Limited)
}

// TestMemoryIsBounded fills it: what was seen last stays.
func TestMemoryIsBounded(t *testing.T) {
	const remembered = 8192
	fill := func(w *world, first, n int) {
		for n > 0 {
			m := min(n, 5000)
			if rec := w.send(t, notification(t, batchOf(first, m))); rec.Code != http.StatusOK {
				t.Fatalf("answer %d", rec.Code)
			}
			first, n = first+m, n-m
		}
		w.nudges()
		w.pass(time.Second)
	}
	w := newWorld(t)
	w.want(t, notification(t, gridEvent(nil)), http.StatusOK, events.Nudged)
	fill(w, 0, remembered-1)
	w.want(t, notification(t, gridEvent(nil)), http.StatusOK, events.Replayed) // the oldest, and now the newest
	fill(w, remembered, remembered-1)
	w.want(t, notification(t, gridEvent(nil)), http.StatusOK, events.Replayed)
	fill(w, 2*remembered, remembered)
	w.want(t, notification(t, gridEvent(nil)), http.StatusOK, events.Nudged)
}

// TestManyAtOnce sends copies of one event and events of their own, to all sources at
// once. Each event nudges once.
func TestManyAtOnce(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	const senders, each = 8, 20
	for i := range senders {
		for _, s := range events.Sources() {
			wg.Go(func() {
				for j := range each {
					w.send(t, request(t, s, fixture(s, "same")))
					w.send(t, request(t, s, fixture(s, fmt.Sprint(i, "-", j%2))))
					w.send(t, request(t, s, "{"))
					w.h.Counts()
				}
			})
		}
	}
	wg.Wait()
	want := map[string]uint64{}
	for _, s := range events.Sources() {
		for _, o := range events.Outcomes() {
			want[string(s)+" "+string(o)] = 0
		}
		want[string(s)+" nudged"] = 1 + 2*senders
		want[string(s)+" replayed"] = 2*senders*each - 1 - 2*senders
		want[string(s)+" malformed"] = senders * each
	}
	if diff := cmp.Diff(want, w.counts()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	seen := map[string]int{}
	for _, e := range w.nudges() {
		seen[string(e.Source)+" "+e.ID]++
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s nudged %d times", id, n)
		}
	}
}

// TestNudgeHoldsNoLock lets a nudge ask for the counts: no lock is held.
func TestNudgeHoldsNoLock(t *testing.T) {
	var h *events.Handler
	called := 0
	h, err := events.New(events.Options{
		EventGrid: func() events.Secret { return secret },
		Nudge:     func(events.Event) { called += len(h.Counts()) }, Now: morning,
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{h: h}
	w.send(t, notification(t, gridEvent(nil)))
	if called != len(events.Outcomes()) {
		t.Errorf("the nudge saw %d counts", called)
	}
}
