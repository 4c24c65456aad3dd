package events_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/events"
)

// secret is what every source of a world is set up with.
const secret = "correct horse/battery+staple&x=1"

// morning is when every world begins.
func morning() time.Time { return time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC) }

// at writes a time of a fixture: so long after the morning.
func at(after time.Duration) string { return morning().Add(after).Format(time.RFC3339Nano) }

// world is a handler of all sources, its clock and what it nudged.
type world struct {
	h *events.Handler

	mu     sync.Mutex
	now    time.Time
	secret events.Secret
	nudged []events.Event
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{now: morning(), secret: secret}
	current := func() events.Secret {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.secret
	}
	h, err := events.New(events.Options{
		Meraki: current, AzureMonitor: current, EventGrid: current,
		Nudge: func(e events.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.nudged = append(w.nudged, e)
		},
		Now: func() time.Time {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.now
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	w.h = h
	return w
}

// pass lets time pass.
func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// rotate changes the secret of all sources.
func (w *world) rotate(s events.Secret) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.secret = s
}

// nudges returns what was nudged since the last call.
func (w *world) nudges() []events.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.nudged
	w.nudged = nil
	return out
}

// request is a request as its source sends it, with the secret where it belongs.
func request(tb testing.TB, s events.Source, body string) *http.Request {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, s.Path(), strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	if s != events.Meraki {
		r.Header.Set("Authorization", "Bearer "+secret)
	}
	return r
}

// send sends a request, and fails when the answer is not in the form that every
// answer has.
func (w *world) send(tb testing.TB, r *http.Request) *httptest.ResponseRecorder {
	tb.Helper()
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	var head bytes.Buffer
	if err := rec.Header().Write(&head); err != nil {
		tb.Fatal(err)
	}
	for _, s := range []string{secret, "correct horse", "battery"} {
		if strings.Contains(rec.Body.String()+head.String(), s) {
			tb.Errorf("the answer holds %q of the secret:\n%s\n%s", s, head.String(), rec.Body)
		}
	}
	if rec.Code >= 400 {
		var p struct {
			Title, Detail string
			Status        int
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil || p.Title == "" || p.Detail == "" || p.Status != rec.Code {
			tb.Errorf("answer %d has the body %q, want a problem with title, status and detail", rec.Code, rec.Body)
		}
		if got := rec.Header().Get("Content-Type"); got != "application/problem+json" {
			tb.Errorf("answer %d has the content type %q", rec.Code, got)
		}
	}
	if rec.Header().Get("Cache-Control") != "no-store" {
		tb.Errorf("answer %d may be kept by a cache", rec.Code)
	}
	return rec
}

// want sends a request and compares the status, the number of nudges, and what was
// counted for it.
func (w *world) want(tb testing.TB, r *http.Request, status int, counted ...events.Outcome) *httptest.ResponseRecorder {
	tb.Helper()
	before := w.counts()
	w.nudges()
	rec := w.send(tb, r)
	if rec.Code != status {
		tb.Errorf("answer %d, want %d: %s", rec.Code, status, rec.Body)
	}
	want := map[string]uint64{}
	nudges := 0
	for _, o := range counted {
		want[strings.TrimPrefix(r.URL.Path, "/v1/events/")+" "+string(o)]++
		if o == events.Nudged || o == events.UnknownKind {
			nudges++
		}
	}
	got := w.counts()
	for k, n := range before {
		if got[k] -= n; got[k] == 0 {
			delete(got, k)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		tb.Errorf("counted (-want +got):\n%s", diff)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.nudged) != nudges {
		tb.Errorf("%d nudges, want %d: %v", len(w.nudged), nudges, w.nudged)
	}
	return rec
}

// counts returns all counts, by source and outcome.
func (w *world) counts() map[string]uint64 {
	out := map[string]uint64{}
	for _, c := range w.h.Counts() {
		out[fmt.Sprintf("%s %s", c.Source, c.Outcome)] = c.N
	}
	return out
}

// fixture is a body that each source's events have, with an id.
func fixture(s events.Source, id string) string {
	switch s {
	case events.Meraki:
		return merakiAlert(map[string]any{"alertId": id})
	case events.AzureMonitor:
		return commonAlert(map[string]any{"alertId": id})
	case events.EventGrid:
		return "[" + gridEvent(map[string]any{"id": id}) + "]"
	default:
		panic(s)
	}
}

// object writes a JSON object of fields and of those that change it; a change to nil
// takes a field away.
func object(fields, changes map[string]any) string {
	for k, v := range changes {
		fields[k] = v
		if v == nil {
			delete(fields, k)
		}
	}
	text, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// brokenBody is a body whose sender goes away.
type brokenBody struct{ io.Reader }

func (b brokenBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
