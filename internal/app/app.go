// Package app makes a running hopguard of a configuration: it is the only place
// that knows all concrete types.
//
// It guarantees that whatever the configuration can say reaches the package that
// acts on it, that one group is ticked by one goroutine at a time, and that no
// secret of the configuration leaves it but for Azure's sign-in. It decides
// nothing and writes nothing by itself: every tick is the controller's. Only cli
// and the stand-ins that drive it import it.
package app

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/azure"
	"hopguard/internal/config"
	"hopguard/internal/controller"
	"hopguard/internal/journal"
	"hopguard/internal/lease"
	"hopguard/internal/metrics"
	"hopguard/internal/notify"
	"hopguard/internal/probe"
)

// Options are what New needs. Only Config is required, complete as config.Load
// returns it.
type Options struct {
	Config config.Config
	// Logger gets what Run reports; nil discards it.
	Logger *slog.Logger
	// Version is this program's, for Azure's logs.
	Version string
	// Getenv reads the variable that holds a secret; nil is os.Getenv.
	Getenv func(string) string
	// Transport carries the requests to Azure; nil is the network.
	Transport http.RoundTripper
	// Dial opens the connections of checks, and Ping sends their echo requests; nil is
	// the network.
	Dial probe.DialFunc
	Ping probe.PingFunc
	// Meraki carries the requests to the Meraki cloud; nil is the network.
	Meraki http.RoundTripper
	// Notify carries the requests to the targets of messages; nil is the network.
	Notify http.RoundTripper
	// Records keeps the records; nil is the store that the configuration names.
	Records controller.Records
	// Saw is told what happens during ticks, from several goroutines at once; it
	// must not block. Nil if nobody listens.
	Saw func(controller.Event)
	// Reported gets the report of each tick of Run, from several goroutines at once;
	// it must not block. Nil if nobody listens.
	Reported func(*controller.Report)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Rand spreads the starts of processes that begin together, and of checks; nil is
	// the runtime's own source.
	Rand *rand.Rand
	// Backoff spreads the waits before a request to Azure or to the Meraki cloud, or the
	// delivery of a message, is repeated; nil is the runtime's own source.
	Backoff *rand.Rand
}

// App ticks the groups of one configuration. It is safe for concurrent use.
type App struct {
	config   config.Config
	log      *slog.Logger
	journal  *journal.Log
	metrics  *metrics.Metrics
	reported func(*controller.Report)
	now      func() time.Time
	rand     *rand.Rand
	term     lease.Local
	replicas *replicas // nil if nobody shares the store
	groups   []*group
	byName   map[appliance.GroupName]*group
	devices  *devices     // nil without the Meraki cloud
	listener *listener    // nil if no sender of events is believed
	desk     *notify.Desk // nil if nobody is told what happens
}

// world is what all groups share.
type world struct {
	cloud   *azure.Client
	devices *devices // nil without the Meraki cloud
	records controller.Records
	limit   chan struct{}
}

// mostRounds is how many rounds of checks are under way at most, in all groups. Each
// holds a few goroutines and sockets for as long as its timeout.
const mostRounds = 1024

// New wires everything. It asks nothing of Azure; it reads the secret and the
// files that the configuration names.
func New(o Options) (*App, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	settings, err := azureSettings(o)
	if err != nil {
		return nil, err
	}
	cloud, err := azure.New(settings)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unnamed"
	}
	a := &App{
		config: o.Config, log: o.Logger, journal: &journal.Log{To: o.Logger}, now: o.Now, rand: o.Rand,
		reported: o.Reported, byName: make(map[appliance.GroupName]*group, len(o.Config.Groups)),
		term: lease.Local{Holder: fmt.Sprintf("%s/%d", host, os.Getpid())},
	}
	o.Saw = a.saw(o.Saw)
	devices, err := newDevices(o, cloud.VaultSecret)
	if err != nil {
		return nil, fmt.Errorf("meraki: %w", err)
	}
	a.devices = devices
	records, locks, err := newRecords(o)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	shared := world{cloud: cloud, devices: devices, records: records, limit: make(chan struct{}, mostRounds)}
	for _, c := range o.Config.Groups {
		g, err := a.newGroup(c, o, shared)
		if err != nil {
			return nil, fmt.Errorf("group %s: %w", c.Name, err)
		}
		a.groups = append(a.groups, g)
		a.byName[g.controller.Group.Name] = g
	}
	if a.listener, err = a.newListener(o, cloud.VaultSecret); err != nil {
		return nil, err
	}
	if locks != nil {
		a.replicas = a.newReplicas(locks, o.Config.Replicas)
	}
	if a.desk, err = newDesk(o, a.term.Holder, cloud.VaultSecret); err != nil {
		return nil, fmt.Errorf("notify: %w", err)
	}
	a.metrics = a.newMetrics(o.Version)
	return a, nil
}

// Groups returns the names of the groups in the order of the configuration.
func (a *App) Groups() []appliance.GroupName {
	var names []appliance.GroupName
	for _, g := range a.groups {
		names = append(names, g.controller.Group.Name)
	}
	return names
}

// Controller returns the controller of a group. It must not be changed, and its
// Tick must not be called beside the App's.
func (a *App) Controller(name appliance.GroupName) (*controller.Controller, bool) {
	g := a.group(name)
	if g == nil {
		return nil, false
	}
	return g.controller, true
}

// group returns a group, or nil. It is asked for each observation.
func (a *App) group(name appliance.GroupName) *group { return a.byName[name] }

// Tick makes one pass over a group: it waits for a pass that is under way, takes
// the term, and asks every check. Whatever goes wrong is in the report.
func (a *App) Tick(ctx context.Context, name appliance.GroupName, req controller.Request) *controller.Report {
	g := a.group(name)
	if g == nil {
		return a.failed(name, req, fmt.Errorf("no group is called %q", name))
	}
	return a.tickLocal(ctx, g, req)
}

// TickAll makes one pass over every group, all at once, and returns the reports
// in the order of the configuration. A group that fails does not touch the others.
func (a *App) TickAll(ctx context.Context, req controller.Request) []*controller.Report {
	reports := make([]*controller.Report, len(a.groups))
	var wg sync.WaitGroup
	for i, g := range a.groups {
		wg.Go(func() { reports[i] = a.tickLocal(ctx, g, req) })
	}
	wg.Wait()
	return reports
}

// tickLocal is one pass with a term that nobody else knows of: whoever asks for one
// pass wants it now, also while a replica leads the group. The record's
// compare-and-swap and the tables' etags keep both right.
func (a *App) tickLocal(ctx context.Context, g *group, req controller.Request) *controller.Report {
	term, err := a.term.Acquire(ctx)
	if err != nil {
		return a.failed(g.controller.Group.Name, req, err)
	}
	r := a.tick(ctx, g, term, req)
	a.tell(ctx, g, r)
	if a.replicas != nil && req.DryRun {
		if r.Leader, err = a.replicas.leader(ctx, r.Group); err != nil {
			r.Warnings = append(r.Warnings, fmt.Sprintf("who leads the group is not known: %v", err))
		}
	}
	return r
}

// tick is one pass with a term.
func (a *App) tick(ctx context.Context, g *group, term lease.Term, req controller.Request) *controller.Report {
	select {
	case g.turn <- struct{}{}:
	case <-ctx.Done():
		return a.failed(g.controller.Group.Name, req, context.Cause(ctx))
	}
	defer func() { <-g.turn }()
	r := g.controller.Tick(ctx, term, req)
	g.alert(r, a.now())
	return r
}

// failed is the report of a tick that could not begin.
func (a *App) failed(name appliance.GroupName, req controller.Request, err error) *controller.Report {
	now := a.now()
	return &controller.Report{
		Group: name, DryRun: req.DryRun, Started: now, Ended: now,
		Errors: []error{err},
	}
}
