package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"hopguard/internal/api"
	"hopguard/internal/controller"
)

// Run ticks every group on its own interval until ctx ends, and serves the API if
// the configuration says where. The tick under way when ctx ends is cancelled and
// waited for; then the error is nil. It fails if the API cannot be served.
//
// The starts of a group's ticks are whole intervals apart: they do not drift, and
// a tick that takes longer than its interval leaves out starts, so that ticks
// never overlap. All groups begin together, after a random part of a tenth of the
// smallest interval: together, so that they share lists; random, so that
// processes that were started together do not ask together.
func (a *App) Run(ctx context.Context) error {
	all, ctx := errgroup.WithContext(ctx)
	if listen := a.config.API.Listen; listen != "" {
		ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
		if err != nil {
			return fmt.Errorf("serve the API (api.listen): %w", err)
		}
		a.log.InfoContext(ctx, "api listening", "address", ln.Addr().String())
		server := api.Server{Groups: a.status, Now: a.now, Log: a.log}
		all.Go(func() error { return server.Serve(ctx, ln) })
	}
	start := a.now().Add(a.jitter())
	for _, g := range a.groups {
		all.Go(func() error {
			a.watch(ctx, g, start)
			return nil
		})
	}
	return all.Wait()
}

func (a *App) jitter() time.Duration {
	least := a.groups[0].interval
	for _, g := range a.groups {
		least = min(least, g.interval)
	}
	if a.rand != nil {
		return time.Duration(a.rand.Int64N(int64(least/10) + 1))
	}
	return rand.N(least/10 + 1)
}

// watch ticks one group from start on, until ctx ends.
func (a *App) watch(ctx context.Context, g *group, start time.Time) {
	for next := start; a.wait(ctx, next); {
		r := a.tick(ctx, g, controller.Request{}, true)
		if ctx.Err() != nil && len(r.Outcomes) == 0 {
			return // cut short before it had begun to write: it says nothing
		}
		g.keep(r)
		a.journal.Tick(ctx, r)
		if a.reported != nil {
			a.reported(r)
		}
		late := max(a.now().Sub(next), 0)
		if late >= g.interval {
			a.log.WarnContext(ctx, "tick took longer than its interval", "group", r.Group, "took", r.Ended.Sub(r.Started), "interval", g.interval)
		}
		next = next.Add(late.Truncate(g.interval) + g.interval)
	}
}

// wait sleeps until t; false if ctx ended.
func (a *App) wait(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(t.Sub(a.now()))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

// status is what the API shows.
func (a *App) status() []api.Group {
	var list []api.Group
	for _, g := range a.groups {
		list = append(list, api.Group{Name: g.controller.Group.Name, Interval: g.interval, Report: g.last()})
	}
	return list
}
