package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"hopguard/internal/api"
	"hopguard/internal/lease"
)

// Run watches every group until ctx ends, and serves the API if the configuration
// says where. Each check is made at its own interval, also while a tick writes. A
// tick is made when a verdict changes, when an event nudges, and every reconcile. The
// tick under way when ctx ends is cancelled and waited for; then the error is nil. It
// fails if the API cannot be served.
//
// The regular ticks of a group are whole reconciles apart: they do not drift, and
// ticks never overlap. All groups begin together, after a random part of a tenth of
// the smallest interval: together, so that they share lists; random, so that
// processes that were started together do not ask together.
//
// If several processes share the store, each group is watched by the one that leads
// it; the others wait. In the end it closes the App.
func (a *App) Run(ctx context.Context) error {
	all, ctx := errgroup.WithContext(ctx)
	if listen := a.config.API.Listen; listen != "" {
		ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
		if err != nil {
			return fmt.Errorf("serve the API (api.listen): %w", err)
		}
		a.log.InfoContext(ctx, "api listening", "address", ln.Addr().String())
		server := api.Server{Groups: a.status, Now: a.now, Log: a.log, Metrics: a.metrics.Handler(a.log), Events: a.listener.handlerOf()}
		all.Go(func() error { return server.Serve(ctx, ln) })
	}
	if a.listener != nil {
		all.Go(func() error { return a.listener.keep(ctx, a.log) })
	}
	if a.replicas != nil {
		all.Go(func() error { return a.replicas.run(ctx) })
	}
	start := a.now().Add(a.jitter())
	for _, g := range a.groups {
		all.Go(func() error {
			if a.replicas != nil {
				a.share(ctx, g, start)
				return nil
			}
			return a.term.Lead(ctx, func(ctx context.Context, term lease.Term) error {
				a.lead(ctx, g, term, start, nil)
				return nil
			})
		})
	}
	err := all.Wait()
	a.Close(ctx)
	return err
}

// jitter is a random part of a tenth of the smallest interval of a check.
func (a *App) jitter() time.Duration {
	most := int64(shortest(a.config.Groups)/10) + 1
	if a.rand != nil {
		return time.Duration(a.rand.Int64N(most))
	}
	return time.Duration(rand.Int64N(most))
}

// status is what the API shows.
func (a *App) status() []api.Group {
	var list []api.Group
	for _, g := range a.groups {
		list = append(list, a.shown(g))
	}
	return list
}

// shown is what the API shows of a group.
func (a *App) shown(g *group) api.Group {
	s := api.Group{Name: g.controller.Group.Name, Interval: g.reconcile, Report: g.last()}
	if g.spokes != nil {
		s.Spokes = g.spokes.latest.Load()
	}
	if a.replicas != nil && g.leads.Load() == nil {
		s.Elsewhere = a.replicas.elsewhere(s.Name, a.now())
	}
	return s
}
