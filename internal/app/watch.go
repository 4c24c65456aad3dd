package app

import (
	"context"
	"sync"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/lease"
)

// retryFirst is how soon a tick that failed is made again; the wait doubles with
// each failure in a row, up to the group's time between two comparisons. While traffic
// waits for it (see pressing) it does not grow.
const (
	retryFirst = time.Second
	// moving is how long after a transition its routes may still be on their way.
	moving = time.Minute
)

// watch ticks one group from start on, until ctx ends or somebody closes leave; then
// the tick under way is finished. The first tick observes by
// itself, because it alone knows what the record says of the members' health; then
// the checks go on at their own times, and a tick is made when a verdict changes,
// when somebody nudges, when a decision said that it holds until now, soon after a
// failure, and every reconcile.
func (a *App) watch(ctx context.Context, g *group, term lease.Term, start time.Time, leave <-chan struct{}) {
	p := pace{start: start, every: g.reconcile}
	at := start
	var r *controller.Report
	for r == nil || len(r.Health.Counters) == 0 { // without a record's answer nothing was observed
		if !a.wait(ctx, at, leave, nil, nil) {
			return
		}
		if r = a.once(ctx, g, term, controller.Request{}); r == nil {
			return
		}
		at = p.next(r, a.now())
	}
	v := newView(g.controller.Rules(), r, a.now, g.controller.Saw)
	watching, stop := context.WithCancel(ctx)
	var probing sync.WaitGroup
	probing.Go(func() { g.schedule.Run(watching, v.unsettled, v.saw) })
	defer probing.Wait()
	defer stop()
	for a.wait(ctx, at, leave, v.news, g.nudged) {
		if r = a.once(ctx, g, term, controller.Request{Seen: v.seen()}); r == nil {
			return
		}
		at = p.next(r, a.now())
		if blind(r) { // a check that could not be made is made again now, not at its next time
			g.schedule.Hurry()
			at = sooner(at, a.now().Add(retryFirst))
		}
	}
}

// once makes one tick and tells of it; nil if it was cut short before it had begun
// to write, and so says nothing.
func (a *App) once(ctx context.Context, g *group, term lease.Term, req controller.Request) *controller.Report {
	r := a.tick(ctx, g, term, req)
	if ctx.Err() != nil && len(r.Outcomes) == 0 {
		return nil
	}
	if since := g.leads.Load(); since != nil {
		r.Leader = controller.Leader{Name: term.Holder(), Since: *since, Term: term.Number()}
	}
	g.keep(r)
	a.tell(ctx, g, r)
	g.fit.saw(r)
	a.journal.Tick(ctx, r)
	a.metrics.Tick(r)
	if a.reported != nil {
		a.reported(r)
	}
	if took := r.Ended.Sub(r.Started); took >= g.reconcile {
		a.log.WarnContext(ctx, "tick took longer than reconcile", "group", r.Group, "took", took, "reconcile", g.reconcile)
	}
	return r
}

// wait sleeps until t, or until there is news or a nudge; false if ctx ended, or if
// leave was closed.
func (a *App) wait(ctx context.Context, t time.Time, leave, news, nudged <-chan struct{}) bool {
	timer := time.NewTimer(t.Sub(a.now()))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-leave:
	case <-timer.C:
	case <-news:
	case <-nudged:
	}
	select { // of several that are ready, the first select takes any
	case <-leave:
		return false
	default:
		return ctx.Err() == nil
	}
}

// pace says when the next tick is due if nothing happens before.
type pace struct {
	start    time.Time
	every    time.Duration
	failures int
}

// next is a whole number of Every after the start, so that the comparisons of all
// groups fall together and do not drift; or sooner, if the tick failed, or if what
// it waits for ends sooner.
func (p *pace) next(r *controller.Report, now time.Time) time.Time {
	due := p.start.Add(now.Sub(p.start).Truncate(p.every) + p.every)
	if r.State() != controller.Failed {
		p.failures = 0
	} else {
		if pressing(r, now) {
			p.failures = 0
		}
		if retry := now.Add(retryFirst << min(p.failures, 30)); retry.Before(due) {
			due = retry
		}
		p.failures++
	}
	if until := r.Decision.Until; until.After(now) && until.Before(due) {
		due = until
	}
	return due
}

// pressing reports whether traffic waits for a tick that failed: the active member is
// down, or has become active just now.
func pressing(r *controller.Report, now time.Time) bool {
	record := r.Standing()
	last, ok := record.Last()
	return r.Health.Of(record.Active).Verdict == appliance.Down || ok && last.From != "" && now.Sub(last.At) < moving
}

// blind reports whether traffic waits because too little is known of the standby.
func blind(r *controller.Report) bool {
	return r.Decision.Reason == decide.ReasonStandbyUnknown && r.Health.Of(r.Standing().Active).Verdict == appliance.Down
}

func sooner(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Nudge makes every check of every group start now, and a tick of each group with
// it: something is said to have happened. It decides nothing. It returns at once,
// and is safe for concurrent use.
func (a *App) Nudge() {
	for _, g := range a.groups {
		g.schedule.Hurry()
		select {
		case g.nudged <- struct{}{}:
		default: // one is on its way
		}
	}
}
