package app

import (
	"context"
	"slices"

	"hopguard/internal/appliance"
	"hopguard/internal/azure"
	"hopguard/internal/probe"
)

// prober makes the checks of one group when a tick observes by itself.
type prober struct {
	set     probe.Set
	known   *addresses
	cloud   *azure.Client
	lacking []string // checks that need a next-hop address
}

// Probe makes the named checks of all members at once.
func (p prober) Probe(ctx context.Context, names []string) []appliance.Observation {
	if slices.ContainsFunc(names, func(name string) bool { return slices.Contains(p.lacking, name) }) {
		p.known.complete(ctx, p.cloud, p.set.Members)
	}
	return p.set.Probe(ctx, names)
}
