package app

import (
	"context"
	"slices"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/azure"
	"hopguard/internal/config"
	"hopguard/internal/probe"
)

// prober makes the checks of one group. A group ticks at the smallest of its
// checks' intervals; a check with a longer one is asked when its own has passed,
// and until then its newest observation stands. It is used by one tick at a time.
type prober struct {
	set     probe.Set
	every   map[string]time.Duration
	slack   time.Duration
	now     func() time.Time
	known   *addresses
	cloud   *azure.Client
	lacking []string // checks that need a next-hop address

	first bool // this is the first round of a tick
	paced bool
	seen  map[string]newest
}

// newest is what a check saw last, of all members.
type newest struct {
	began        time.Time
	observations []appliance.Observation
}

func newProber(c config.Group, members []appliance.Member, known *addresses, cloud *azure.Client, o Options) *prober {
	p := &prober{
		set:   probe.Set{Members: members, Checks: asked(c.Checks, known, cloud, o.Dial)},
		every: map[string]time.Duration{},
		// A tick may begin a little early or late: half of one is the nearest.
		slack: interval(c.Checks) / 2,
		now:   o.Now,
		known: known,
		cloud: cloud,
		seen:  map[string]newest{},
	}
	for _, check := range c.Checks {
		p.every[check.Name] = check.Interval
		if check.Kind != config.KindVMStatus && len(check.Targets) == 0 {
			p.lacking = append(p.lacking, check.Name)
		}
	}
	return p
}

// begin starts a tick: its first round may leave out checks that are not due, if
// paced; the further rounds confirm and leave out none.
func (p *prober) begin(paced bool) { p.first, p.paced = true, paced }

// Probe makes the named checks of all members at once.
func (p *prober) Probe(ctx context.Context, names []string) []appliance.Observation {
	now := p.now()
	due := names
	if p.first && p.paced {
		due = slices.DeleteFunc(slices.Clone(names), func(name string) bool {
			last, ok := p.seen[name]
			return ok && now.Sub(last.began) < p.every[name]-p.slack
		})
	}
	if p.first && slices.ContainsFunc(due, func(name string) bool { return slices.Contains(p.lacking, name) }) {
		p.known.complete(ctx, p.cloud, p.set.Members)
	}
	p.first = false
	for _, name := range due {
		p.seen[name] = newest{began: now}
	}
	var rest []appliance.Observation // of the witness, which belongs to no check
	for _, o := range p.set.Probe(ctx, due) {
		if !slices.Contains(due, o.Check) {
			rest = append(rest, o)
			continue
		}
		n := p.seen[o.Check]
		n.observations = append(n.observations, o)
		p.seen[o.Check] = n
	}
	var out []appliance.Observation
	for _, m := range p.set.Members {
		for _, name := range names {
			for _, o := range p.seen[name].observations {
				if o.Member == m.Name {
					out = append(out, o)
				}
			}
		}
	}
	return append(out, rest...)
}
