package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/config"
	"hopguard/internal/controller"
	"hopguard/internal/functions"
	"hopguard/internal/lease"
)

// FunctionsLimit bounds an invocation on Azure Functions. It is shorter than the
// functionTimeout of the package's host.json, at which the host kills the process.
const FunctionsLimit = 4*time.Minute + 30*time.Second

// Functions is hopguard as the custom handler of an Azure Functions app. It is ready
// before it is configured: what is wrong with the configuration is told by every
// invocation, because a process that ends is started again at most three times. It
// must not be copied.
type Functions struct {
	// Open makes the App, logging to the given logger. It is called by the first
	// invocation, and again by later ones while it fails. Required.
	Open func(*slog.Logger) (*App, error)
	// Stdout and Stderr are the process's streams, where the host reads its log. Required.
	Stdout, Stderr io.Writer
	// Level is that of the least important line of the log; nil is info.
	Level slog.Leveler

	mu       sync.Mutex
	app      *App
	renewed  time.Time                    // when the secrets of events were last read
	watching map[appliance.GroupName]bool // the groups that an invocation watches
}

// Serve answers the host on ln until ctx ends, which is no error.
func (f *Functions) Serve(ctx context.Context, ln net.Listener) error {
	h := f.Handler()
	h.Log.InfoContext(ctx, "ready", "address", ln.Addr().String())
	err := h.Serve(ctx, ln)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.app != nil {
		f.app.Close(ctx)
	}
	return err
}

// Handler answers the host. All handlers of one Functions are the same process.
func (f *Functions) Handler() *functions.Handler {
	level := f.Level
	if level == nil {
		level = slog.LevelInfo
	}
	log := slog.New(functions.NewLog(functions.LogOptions{Stdout: f.Stdout, Stderr: f.Stderr, Level: level}))
	call := func(serve func(context.Context, *App, *functions.Invocation) (functions.Answer, error)) func(context.Context, *functions.Invocation) (functions.Answer, error) {
		return func(ctx context.Context, in *functions.Invocation) (functions.Answer, error) {
			a, err := f.open(log)
			if err != nil {
				return functions.Answer{}, err
			}
			return serve(ctx, a, in)
		}
	}
	ask := func(serve func(*App, http.ResponseWriter, *http.Request) map[string]any) func(http.ResponseWriter, *http.Request) map[string]any {
		return func(w http.ResponseWriter, r *http.Request) map[string]any {
			a, err := f.open(log)
			if err != nil {
				log.ErrorContext(r.Context(), "not configured", "err", err)
				refuse(w, http.StatusServiceUnavailable, errors.New("hopguard is not configured: its log says why"))
				return nil
			}
			return serve(a, w, r)
		}
	}
	return &functions.Handler{Log: log, Limit: FunctionsLimit, Functions: []functions.Function{
		{Name: "Tick", Call: call(f.tick)},
		{Name: "Group", Call: call(f.tickGroup)},
		{Name: "Poison", Call: func(ctx context.Context, in *functions.Invocation) (functions.Answer, error) {
			return poison(ctx, log, in)
		}},
		{Name: "Spokes", Call: call(f.spokes)},
		{Name: "Status", Route: "status", HTTP: ask(f.status)},
		{Name: "Plan", Route: "plan", HTTP: ask(f.plan)},
		{Name: "Failover", Route: "failover", HTTP: ask(f.failover)},
		{Name: "Failback", Route: "failback", HTTP: ask(f.failback)},
		{Name: "Pin", Route: "pin", HTTP: ask(f.pin)},
		{Name: "Freeze", Route: "freeze", HTTP: ask(f.freeze)},
		{Name: "Thaw", Route: "thaw", HTTP: ask(f.thaw)},
		{Name: "Events", Route: "events/{source}", HTTP: ask(f.events)},
	}}
}

// open returns the App, and makes it first if it is not there.
func (f *Functions) open(log *slog.Logger) (*App, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.app != nil {
		return f.app, nil
	}
	a, err := f.Open(log)
	if err != nil {
		return nil, err
	}
	log.Info("configured", "groups", a.Groups(), "watch", a.config.Functions.Watch, "fan-out", a.config.Functions.FanOut)
	if kind := a.config.Store.Kind; kind != config.StoreBlob {
		log.Warn("store not shared: another instance of the app, and perhaps this one after a restart, does not see the records; set store.kind: blob", "kind", string(kind))
	}
	f.app, f.watching = a, map[appliance.GroupName]bool{}
	return a, nil
}

// tick is the timer: it looks after all groups, or has them looked after.
func (f *Functions) tick(ctx context.Context, a *App, in *functions.Invocation) (functions.Answer, error) {
	timer, err := in.Timer("timer")
	if err != nil {
		return functions.Answer{}, err
	}
	if timer.IsPastDue {
		a.log.WarnContext(ctx, "timer past due")
	}
	if a.config.Functions.FanOut {
		return a.enqueue("timer"), nil
	}
	reports := make([]*controller.Report, len(a.groups))
	var all sync.WaitGroup
	for i, g := range a.groups {
		all.Go(func() { reports[i] = f.lookAfter(ctx, a, g, a.config.Functions.Watch) })
	}
	all.Wait()
	a.flush(ctx)
	return outcome(reports)
}

// lookAfter makes a pass over a group, and then watches it with the loop of Run until
// d is over, but for a group that another invocation of this process is watching. A
// pass that is under way then is finished. It returns the newest report.
func (f *Functions) lookAfter(ctx context.Context, a *App, g *group, d time.Duration) *controller.Report {
	name := g.controller.Group.Name
	var newest *controller.Report
	err := a.term.Lead(ctx, func(ctx context.Context, term lease.Term) error {
		if d > 0 && f.claim(name) {
			defer f.release(name)
			newest = a.watchFor(ctx, g, term, d)
		}
		if newest == nil {
			newest = a.once(ctx, g, term, controller.Request{})
		}
		return context.Cause(ctx)
	})
	if newest == nil {
		return a.failed(name, controller.Request{}, err)
	}
	return newest
}

// watchFor watches a group until d is over. It returns the newest report, or nil if no
// pass was made.
func (a *App) watchFor(ctx context.Context, g *group, term lease.Term, d time.Duration) *controller.Report {
	leave := make(chan struct{})
	timer := time.AfterFunc(d, func() { close(leave) })
	defer timer.Stop()
	g.keep(nil)
	a.watch(ctx, g, term, a.now(), leave)
	return g.last()
}

// claim makes the caller the one who watches a group.
func (f *Functions) claim(name appliance.GroupName) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watching[name] {
		return false
	}
	f.watching[name] = true
	return true
}

func (f *Functions) release(name appliance.GroupName) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.watching, name)
}

// outcome is the answer of an invocation that has looked after groups. A failed tick
// fails it: the platform counts those, and hands a queue's message out again.
func outcome(reports []*controller.Report) (functions.Answer, error) {
	var words, failed []string
	for _, r := range reports {
		words = append(words, fmt.Sprintf("%s %s", r.Group, r.State()))
		if err := r.Err(); err != nil {
			failed = append(failed, fmt.Sprintf("group %s: %v", r.Group, err))
		}
	}
	if len(failed) > 0 {
		return functions.Answer{}, errors.New(strings.Join(failed, "; "))
	}
	return functions.Answer{Value: strings.Join(words, ", ")}, nil
}
