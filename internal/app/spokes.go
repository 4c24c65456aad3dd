package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/azure"
	"hopguard/internal/config"
	"hopguard/internal/decide"
	"hopguard/internal/lease"
	"hopguard/internal/peering"
	"hopguard/internal/spoke"
)

const (
	// pairsPerScan is how many peerings one scan of Run makes before it reads again, so
	// that hundreds of new networks do not keep it for an hour from seeing what else has
	// changed. The members' networks, which take one write after the other, idle for
	// half a minute in between.
	pairsPerScan = 100
	// frozenEvery is how often writers ask whether the group was frozen meanwhile.
	frozenEvery = 10 * time.Second
)

// spokes are the workload networks of one group, between scans.
type spokes struct {
	selection peering.Selection
	every     time.Duration
	cloud     *azure.Client
	// turn is held by the scan that is under way.
	turn chan struct{}
	// latest is the newest report of Run; nil before the first, and while somebody else
	// looks after the group.
	latest atomic.Pointer[spoke.Report]
}

// newSpokes returns the spokes of a group, or nil if it has none.
func newSpokes(c config.Spokes, cloud *azure.Client) *spokes {
	if !c.Selects() {
		return nil
	}
	s := peering.Selection{TagName: c.Tag.Name, TagValue: c.Tag.Value, Exclude: resources(c.Exclude)}
	for _, scope := range c.Within {
		subscription, resourceGroup, ok := scope.Split()
		if !ok {
			panic("app: scope " + string(scope)) // config has checked it
		}
		s.Scopes = append(s.Scopes, peering.Scope{Subscription: subscription, ResourceGroup: resourceGroup})
	}
	return &spokes{selection: s, every: c.Interval, cloud: cloud, turn: make(chan struct{}, 1)}
}

// lead looks after a group from start on, until ctx ends or somebody closes leave: it
// watches the members and, if the group has spokes, keeps them beside that. Ticks and
// scans share nothing but Azure's budget, of which scans take what would be lost.
func (a *App) lead(ctx context.Context, g *group, term lease.Term, start time.Time, leave <-chan struct{}) {
	if g.spokes != nil {
		scanning, stop := context.WithCancel(ctx)
		var scanner sync.WaitGroup
		scanner.Go(func() { a.keepSpokes(scanning, g, term, start) })
		defer g.spokes.latest.Store(nil)
		defer scanner.Wait()
		defer stop()
	}
	a.watch(ctx, g, term, start, leave)
}

// keepSpokes scans from the first tick on, until ctx ends; what is under way then is left to
// the next who leads.
func (a *App) keepSpokes(ctx context.Context, g *group, term lease.Term, start time.Time) {
	said := ""
	for g.last() == nil { // the first tick finds out where the members are, and who is active
		if !a.wait(ctx, a.now().Add(time.Second), nil, nil, nil) {
			return
		}
	}
	most := pairsPerScan
	for at := start; a.wait(ctx, at, nil, nil, nil); {
		r := a.scan(ctx, g, term, SpokesRequest{most: most})
		if ctx.Err() != nil {
			return
		}
		g.spokes.latest.Store(r)
		a.metrics.Spokes(r)
		if text := spoke.Text(r); r.Wrote() || text != said {
			said = text
			a.logSpokes(ctx, r)
		}
		now := a.now()
		at = start.Add(now.Sub(start).Truncate(g.spokes.every) + g.spokes.every)
		switch {
		case r.Failures() != nil: // those that fail again must not keep the rest from being made
			most = 0
		case most > 0 && len(r.Made) == most: // there may be more
			at = now
		default:
			most = pairsPerScan
		}
	}
}

// logSpokes writes one line about a scan.
func (a *App) logSpokes(ctx context.Context, r *spoke.Report) {
	c := r.Counts()
	facts := []any{
		"group", r.Group, "state", r.State(), "networks", c.Networks, "peerings", c.Peerings, "agreed", c.Agreed,
		"routed", c.Routed, "writes", c.Writes, "took", r.Ended.Sub(r.Started),
	}
	if r.Held != "" {
		facts = append(facts, "held", r.Held)
	}
	var unwanted []string
	for _, u := range r.UnwantedRoutes() {
		unwanted = append(unwanted, u.String())
	}
	if len(unwanted) > 0 {
		facts = append(facts, "unwanted", unwanted)
	}
	var lacks []string
	for _, l := range r.Lacks() {
		if !l.Pending {
			lacks = append(lacks, l.String())
		}
	}
	if len(lacks) > 0 {
		facts = append(facts, "lacks", lacks)
	}
	if err := r.Failures(); err != nil {
		facts = append(facts, "err", err)
	}
	level := slog.LevelInfo
	switch s := r.State(); s {
	case spoke.Agreed:
	case spoke.Degraded:
		if len(lacks) > 0 || r.Held != "" {
			level = slog.LevelWarn
		}
	case spoke.Failed:
		level = slog.LevelError
	default:
		panic("app: spokes " + string(s))
	}
	a.log.Log(ctx, level, "spokes", facts...)
}

// SpokesRequest is what a scan is to do.
type SpokesRequest struct {
	// DryRun reads and plans, and writes nothing.
	DryRun bool
	// Remove asks for deleting what hopguard has made and nothing selects any more.
	Remove bool
	// Saw is told of each stage of each write, from several goroutines at once; nil if
	// nobody listens.
	Saw func(peering.Progress)

	most int // pairs that are written; 0 is no limit
}

// HasSpokes reports whether a group is to keep peerings of workload networks.
func (a *App) HasSpokes(name appliance.GroupName) bool {
	g := a.group(name)
	return g != nil && g.spokes != nil
}

// ScanSpokes reads the workload networks of a group once, compares them with what the
// configuration wants, and makes the difference, unless it is a dry run. It can take an
// hour for hundreds of networks. Whatever goes wrong is in the report.
func (a *App) ScanSpokes(ctx context.Context, name appliance.GroupName, req SpokesRequest) *spoke.Report {
	g, now := a.group(name), a.now()
	failed := func(err error) *spoke.Report {
		return &spoke.Report{Group: name, DryRun: req.DryRun, Started: now, Ended: now, Errors: []error{err}}
	}
	if g == nil || g.spokes == nil {
		return failed(fmt.Errorf("no group with spokes is called %q", name))
	}
	term, err := a.term.Acquire(ctx)
	if err != nil {
		return failed(err)
	}
	return a.scan(ctx, g, term, req)
}

// scan is one scan with a term. It waits for one that is under way.
func (a *App) scan(ctx context.Context, g *group, term lease.Term, req SpokesRequest) *spoke.Report {
	r := &spoke.Report{Group: g.controller.Group.Name, DryRun: req.DryRun, Started: a.now()}
	defer func() { r.Ended = a.now() }()
	select {
	case g.spokes.turn <- struct{}{}:
	case <-ctx.Done():
		r.Errors = []error{context.Cause(ctx)}
		return r
	}
	defer func() { <-g.spokes.turn }()
	record, err := a.recordOf(ctx, g)
	if err != nil {
		r.Errors, r.Held = append(r.Errors, err), "whether the group is frozen is not known"
	}
	want, err := a.wantSpokes(ctx, g, record, req.Remove)
	if err != nil {
		r.Errors = append(r.Errors, err)
	}
	view, err := g.spokes.cloud.Networks(ctx, want)
	if err != nil {
		r.Errors = append(r.Errors, err)
	}
	r.Peerings = want.Plan(view)
	routes := a.newRouter(ctx, g, record, req, around(want, view, err))
	if routes != nil {
		if r.Branches, err = routes.plan(ctx, view, r.Peerings); err != nil {
			r.Errors = append(r.Errors, err)
		}
	}
	if why := a.frozen(record); why != "" {
		r.Held = why
	}
	if req.DryRun || r.Held != "" {
		return r
	}
	plan := r.Peerings
	if req.most > 0 {
		plan = plan.First(req.most)
	}
	if plan.Steps()+r.Branches.Steps() > 0 {
		a.unlessFrozen(ctx, g, func(ctx context.Context) {
			r.Made = g.spokes.cloud.ApplyPeerings(ctx, term, want, view, plan, a.sawPeering(r.Group, req.Saw))
			if routes != nil { // a route before its peering would lead nowhere
				r.Routed = routes.apply(ctx, term, r)
			}
		})
	}
	return r
}

// recordOf loads the record of a group; an empty one if there is none.
func (a *App) recordOf(ctx context.Context, g *group) (decide.Record, error) {
	record, _, err := g.controller.Records.Load(ctx, g.controller.Group.Name)
	if err != nil && !errors.Is(err, decide.ErrOffline) {
		return decide.Record{}, fmt.Errorf("read the record: %w", err)
	}
	return record, nil
}

// frozen says why nothing may be written, or "".
func (a *App) frozen(r decide.Record) string {
	if r.Mode != decide.Frozen || !a.now().Before(r.FrozenUntil) {
		return ""
	}
	return "the group is frozen until " + r.FrozenUntil.UTC().Format(time.RFC3339)
}

// unlessFrozen calls write, whose context ends when somebody freezes the group.
func (a *App) unlessFrozen(ctx context.Context, g *group, write func(context.Context)) {
	writing, stop := context.WithCancelCause(ctx)
	var asker sync.WaitGroup
	asker.Go(func() {
		for {
			if pause(writing, frozenEvery); writing.Err() != nil {
				return
			}
			record, err := a.recordOf(writing, g)
			if why := a.frozen(record); err == nil && why != "" {
				stop(errors.New(why))
			}
		}
	})
	write(writing)
	stop(nil)
	asker.Wait()
}

// wantSpokes is what the peerings of a group should be. Where its members are is in
// the record; Azure is asked for those that are not.
func (a *App) wantSpokes(ctx context.Context, g *group, record decide.Record, remove bool) (peering.Want, error) {
	group := g.controller.Group
	var places []appliance.Place
	var missing []appliance.Member
	for _, m := range group.Members {
		if known := record.AddressesOf(m.Name); len(known.Subnets) > 0 {
			places = append(places, appliance.Place{Member: m.Name, Hops: known.Hops, Subnets: known.Subnets})
		} else {
			missing = append(missing, m)
		}
	}
	var err error
	if len(missing) > 0 {
		var found []appliance.Place
		found, err = g.spokes.cloud.Places(ctx, missing)
		places = append(places, found...)
	}
	want := peering.Want{Group: group.Name, Selection: g.spokes.selection, Remove: remove}
	want.Hubs, want.Unplaced = peering.Hubs(group.Members, places)
	return want, err
}

// sawPeering logs what happens to peerings, and passes it on.
func (a *App) sawPeering(group appliance.GroupName, next func(peering.Progress)) func(peering.Progress) {
	return func(p peering.Progress) {
		facts := []any{"group", group, "spoke", p.Spoke, "hub", p.Hub, "stage", string(p.Stage)}
		if p.Op != "" {
			facts = append(facts, "side", string(p.Side), "op", string(p.Op))
		}
		if p.Note != "" {
			facts = append(facts, "note", strings.ReplaceAll(p.Note, "\n", "; "))
		}
		if p.Stage == peering.StageSettled {
			a.log.Info("peering", facts...)
		} else {
			a.log.Debug("peering", facts...)
		}
		if next != nil {
			next(p)
		}
	}
}
