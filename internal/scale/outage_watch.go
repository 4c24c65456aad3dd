package main

import (
	"fmt"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/route"
)

// outageWatch sits between hopguard and the simulated Azure, and beside hopguard: what
// it says of tables is what Azure has answered, and what it says of detection and of
// trouble is what hopguard has told.
type outageWatch struct {
	to    http.RoundTripper
	write time.Duration // how long a write takes

	mu     sync.Mutex
	began  time.Time // the failure; nothing before it counts
	wrote  map[string]time.Time
	refuse map[string]int
	calls  map[string]int
	first  time.Time // the first write
	again  int       // writes of tables that were written before
	down   map[appliance.GroupName]time.Time
	retry  int
	failed int
	ticks  int
}

func newOutageWatch(to http.RoundTripper, write time.Duration) *outageWatch {
	return &outageWatch{
		to: to, write: write, wrote: map[string]time.Time{}, refuse: map[string]int{}, calls: map[string]int{}, down: map[appliance.GroupName]time.Time{},
	}
}

// RoundTrip carries a request, and notes what became of it.
func (w *outageWatch) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := w.to.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	kind := kindOf(req)
	w.calls[kind]++
	switch {
	case resp.StatusCode >= 400:
		w.refuse[kind+" "+http.StatusText(resp.StatusCode)]++
	case kind == "table write":
		id := strings.ToLower(req.URL.Path)
		now := time.Now()
		if _, known := w.wrote[id]; known {
			w.again++
		}
		if w.first.IsZero() {
			w.first = now
		}
		w.wrote[id] = now.Add(w.write)
	}
	return resp, nil
}

// kindOf names a request.
func kindOf(req *http.Request) string {
	kind := map[string]string{"routetables": "table", "virtualmachines": "machine", "networkinterfaces": "interface"}
	last, before := path.Base(req.URL.Path), path.Base(path.Dir(req.URL.Path))
	switch {
	case kind[strings.ToLower(last)] != "":
		return kind[strings.ToLower(last)] + " list"
	case req.Method == http.MethodPut:
		return kind[strings.ToLower(before)] + " write"
	case kind[strings.ToLower(before)] != "":
		return kind[strings.ToLower(before)] + " read"
	case strings.Contains(req.URL.Path, "oauth2"):
		return "token"
	default:
		return "other"
	}
}

// saw takes what hopguard tells while it works.
func (w *outageWatch) saw(e controller.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.began.IsZero() {
		return
	}
	switch {
	case e.Kind == controller.EventJudged && e.Health.Verdict == appliance.Down && w.down[e.Group].IsZero():
		w.down[e.Group] = time.Now()
	case e.Kind == controller.EventProgress && e.Progress.Stage == route.StageRetry:
		w.retry++
	}
}

// reported takes a tick's report.
func (w *outageWatch) reported(r *controller.Report) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.began.IsZero() {
		return
	}
	w.ticks++
	if r.State() == controller.Failed {
		w.failed++
	}
}

// begin forgets what was before the failure.
func (w *outageWatch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.began = time.Now()
	clear(w.calls)
	clear(w.refuse)
}

func (w *outageWatch) written() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.wrote)
}

// String is for a person who waits.
func (w *outageWatch) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprintf("%d tables written, calls %v, refused %v, %d retries, %d of %d ticks failed", len(w.wrote), w.calls, w.refuse, w.retry, w.failed, w.ticks)
}
