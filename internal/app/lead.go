package app

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/lease"
)

const (
	// troubleFor is how long a leader that can do nothing leads on while another one
	// could take over.
	troubleFor = 30 * time.Second
	// restFirst is how long it stands back then; it doubles with each time, up to
	// restMost, so that trouble that is everybody's does not go round for ever.
	restFirst, restMost = time.Minute, time.Hour
)

// share leads a group whenever this replica should, until ctx ends.
func (a *App) share(ctx context.Context, g *group, start time.Time) {
	r, key := a.replicas, keyOf(g.controller.Group.Name)
	log := a.log.With("group", g.controller.Group.Name, "replica", r.self)
	e := &lease.Elector{
		Locks: r.locks, Key: key, Holder: r.self, TTL: r.ttl,
		Warn: func(err error) { log.WarnContext(ctx, "lease not renewed", "err", err) },
	}
	for said := ""; ctx.Err() == nil; {
		l, more := r.newest()
		if r.move(l, key, time.Time{}) == lease.Take && g.fit.mayLead(l.free[key]) {
			led := false
			err := e.Lead(ctx, func(ctx context.Context, term lease.Term) error {
				led = true
				log.InfoContext(ctx, "leads", "term", term.Number())
				a.stint(ctx, g, term, start)
				return nil
			})
			g.keep(nil)
			switch {
			case ctx.Err() != nil:
				return
			case led:
				said = ""
				a.tellNoMore(ctx, g)
				log.WarnContext(ctx, "leads no longer", "err", err)
			case errors.Is(err, lease.ErrHeld):
			case err.Error() != said:
				said = err.Error()
				log.WarnContext(ctx, "lease not taken", "err", err)
			}
			if !led && g.actAlone && a.alone() {
				a.leadAlone(ctx, g, start, log)
			}
		}
		select {
		case <-ctx.Done():
		case <-more:
		case <-time.After(lease.Pause):
		}
	}
}

// leadAlone leads without a lease until the store is back: the policy of the group
// wants that, and no other process is known that could lead.
func (a *App) leadAlone(ctx context.Context, g *group, start time.Time, log *slog.Logger) {
	log.WarnContext(ctx, "leads without a lease: the store is down, and no other replica is known (policy.storeOutage: act)")
	leave := make(chan struct{})
	waiting, stop := context.WithCancel(ctx)
	var waiter sync.WaitGroup
	waiter.Go(func() {
		for l, more := a.replicas.newest(); ; l, more = a.replicas.newest() {
			if l.err == nil {
				close(leave)
				return
			}
			select {
			case <-waiting.Done():
				return
			case <-more:
			}
		}
	})
	g.leads.Store(new(a.now()))
	// It ends when ctx does, or when leave is closed; the error is ctx's, which is known.
	_ = a.term.Lead(ctx, func(ctx context.Context, term lease.Term) error {
		a.lead(ctx, g, term, start, leave)
		return nil
	})
	g.leads.Store(nil)
	g.keep(nil)
	stop()
	waiter.Wait()
}

// alone reports whether no other process is known that uses the store: with one that
// cannot be shared, or while a shared one is down and nobody else was seen before.
func (a *App) alone() bool {
	if a.replicas == nil {
		return true
	}
	l, _ := a.replicas.newest()
	return l.alone(a.replicas.self)
}

// stint leads until the term ends, or until somebody else should.
func (a *App) stint(ctx context.Context, g *group, term lease.Term, start time.Time) {
	began := time.Now()
	g.fit.begin()
	g.leads.Store(new(a.now()))
	defer g.leads.Store(nil)
	leave := make(chan struct{})
	deciding, stop := context.WithCancel(ctx)
	var decider sync.WaitGroup
	decider.Go(func() {
		if a.shouldLeave(deciding, g, began) {
			close(leave)
		}
	})
	a.lead(ctx, g, term, start, leave)
	stop()
	decider.Wait()
}

// shouldLeave waits until another replica should lead the group; false if ctx ended.
func (a *App) shouldLeave(ctx context.Context, g *group, began time.Time) bool {
	r, key := a.replicas, keyOf(g.controller.Group.Name)
	for {
		l, more := r.newest()
		if r.move(l, key, began) == lease.Leave {
			return true
		}
		if l.others(r.self, key) && g.fit.unable() {
			a.log.WarnContext(ctx, "stands back: another replica may see more", "group", g.controller.Group.Name, "replica", r.self)
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-more:
		}
	}
}

// fitness is whether this replica is able to look after one group: whether it reaches
// Azure, and the members or at least its witness. It is safe for concurrent use.
type fitness struct {
	mu sync.Mutex
	// trouble is since when no tick was of any use; zero if the newest one was.
	trouble time.Time
	rest    time.Duration
	until   time.Time
}

// begin forgets the trouble of an earlier stint.
func (f *fitness) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trouble = time.Time{}
}

// saw takes the report of a tick.
func (f *fitness) saw(r *controller.Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch useless := r.State() == controller.Failed || r.Decision.Reason == decide.ReasonObserverSuspect; {
	case !useless:
		f.trouble, f.rest = time.Time{}, 0
	case f.trouble.IsZero():
		f.trouble = time.Now()
	}
}

// unable reports whether the trouble has lasted long enough to let another one try,
// and begins the rest that follows.
func (f *fitness) unable() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.trouble.IsZero() || time.Since(f.trouble) < troubleFor {
		return false
	}
	f.rest = min(max(2*f.rest, restFirst), restMost)
	f.until = time.Now().Add(f.rest)
	return true
}

// mayLead reports whether the rest is over, or nobody else has stepped in since the
// group was seen free.
func (f *fitness) mayLead(free time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Now().After(f.until) || !free.IsZero() && time.Since(free) > 3*patience
}
