// Package api serves what the daemon knows over HTTP: whether it lives, whether it
// is ready, the newest report of each group, and the metrics that it is given.
//
// It guarantees that /readyz is 200 only while every group's newest tick is young
// and did not fail, that its answers are views of the same reports as the log, and
// that it changes nothing: there is no call that does. It knows no user and does
// no authorization, so what it shows has no secrets. app imports it.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/spoke"
)

// Group is a group as the API shows it.
type Group struct {
	Name appliance.GroupName
	// Interval is the time between two starts of its ticks.
	Interval time.Duration
	// Report is the newest; nil before the first tick has ended.
	Report *controller.Report
	// Spokes is the newest scan of the group's workload networks; nil if it has none, or
	// before the first scan has ended. Readiness does not depend on it: a restart would
	// not help.
	Spokes *spoke.Report
	// Elsewhere is set while another process may look after the group.
	Elsewhere *Elsewhere
}

// Elsewhere is what is known of a group that several processes share and another one
// than this looks after.
type Elsewhere struct {
	// Leader is empty while nobody looks after the group.
	Leader controller.Leader
	// Seen is when the leader was last asked for, and Err why that failed since then.
	Seen time.Time
	Err  error
	// Fresh is how old Seen may be.
	Fresh time.Duration
}

// Server serves the API. All fields but Events are required.
type Server struct {
	// Groups returns the present state. It is called by several goroutines at once.
	Groups func() []Group
	Now    func() time.Time
	Log    *slog.Logger
	// Metrics answers /metrics.
	Metrics http.Handler
	// Events takes the requests below EventsPath; nil if none are taken. It gets them
	// as they are, and answers them as it sees fit.
	Events http.Handler
}

// EventsPath is where the paths of Server.Events begin.
const EventsPath = "/v1/events/"

const (
	// readyIntervals is how many intervals old the newest tick of a group may be.
	readyIntervals = 3
	// The time-outs of the server. The answers are small and made of memory.
	headerTimeout, readTimeout, writeTimeout, idleTimeout = 5 * time.Second, 10 * time.Second, 20 * time.Second, time.Minute
	// shutdownTimeout is how long open requests may take when the server ends.
	shutdownTimeout = 3 * time.Second
	maxHeader       = 16 << 10
)

// Serve answers on ln until ctx ends, then lets open requests finish for a while.
// It returns nil after that. It closes ln in any case.
func (s Server) Serve(ctx context.Context, ln net.Listener) error {
	server := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn),
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		s.end(context.WithoutCancel(ctx), server)
	})
	err := server.Serve(ln)
	if stop() {
		return fmt.Errorf("serve the API: %w", err)
	}
	<-ended
	return nil
}

// end shuts the server down, and cuts off who does not finish in time.
func (s Server) end(ctx context.Context, server *http.Server) {
	limited, cancel := context.WithTimeout(ctx, shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(limited); err != nil {
		s.Log.WarnContext(ctx, "api connections cut off", "err", errors.Join(err, server.Close()))
	}
}

// Handler returns the handler of all paths.
func (s Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for path, get := range map[string]http.HandlerFunc{
		"/livez":     s.live,
		"/readyz":    s.ready,
		"/metrics":   s.metrics,
		"/v1/status": s.status,
	} {
		mux.HandleFunc("GET "+path, get)
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", "GET, HEAD")
			problem{Title: "method not allowed", Status: http.StatusMethodNotAllowed, Detail: r.Method + " is not possible here: nothing can be changed"}.write(w)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		problem{Title: "not found", Status: http.StatusNotFound, Detail: "there is /livez, /readyz, /metrics and /v1/status, but no " + r.URL.Path}.write(w)
	})
	if s.Events == nil {
		return mux
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, EventsPath) {
			s.Events.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// live says that the process answers, which is all that it says.
func (s Server) live(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, "application/json", map[string]string{"status": "alive"})
}

// metrics gives the word to Metrics.
func (s Server) metrics(w http.ResponseWriter, r *http.Request) {
	uncached(w.Header())
	s.Metrics.ServeHTTP(w, r)
}
