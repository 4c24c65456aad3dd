package app

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"hopguard/internal/appliance"
	"hopguard/internal/azure"
	"hopguard/internal/branch"
	"hopguard/internal/config"
	"hopguard/internal/decide"
	"hopguard/internal/lease"
	"hopguard/internal/peering"
	"hopguard/internal/spoke"
)

// prefixSource knows destinations behind the members of a group. It is told what is
// around: what is wanted already, and what a destination must not overlap.
type prefixSource interface {
	Prefixes(ctx context.Context, around branch.Filter) branch.Choice
}

// configured are the destinations that the configuration names.
type configured struct{ prefixes []netip.Prefix }

// Prefixes returns them.
func (c configured) Prefixes(context.Context, branch.Filter) branch.Choice {
	var out branch.Choice
	for _, p := range c.prefixes {
		out.Prefixes = append(out.Prefixes, branch.Prefix{Prefix: p, Source: "configuration"})
	}
	return out
}

// prefixSources are those of a group, in the order in which they are asked.
func (a *App) prefixSources(c config.Group) []prefixSource {
	sources := []prefixSource{configured{c.Branches.Prefixes}}
	if c.Branches.Meraki.Asks() {
		sources = append(sources, newCloudBranches(c, a.devices))
	}
	return sources
}

// router plans and makes the route tables of one scan.
type router struct {
	app   *App
	group *group
	// want is as of the beginning of the scan, but for the next hops.
	want branch.Want
	role string
}

// newRouter returns nil if no subnet is to have a table. What could not be found out is
// among what is refused; what is known is used all the same.
func (a *App) newRouter(ctx context.Context, g *group, record decide.Record, req SpokesRequest, around branch.Filter) *router {
	var c config.Group
	for _, one := range a.config.Groups {
		if one.Name == string(g.controller.Group.Name) {
			c = one
		}
	}
	if len(c.Spokes.RouteTable.Subnets) == 0 {
		return nil
	}
	table := c.Spokes.RouteTable
	w := &router{app: a, group: g, role: c.Branches.Role, want: branch.Want{
		Group: g.controller.Group.Name, TagName: g.controller.Selection.TagName, TagValue: g.controller.Selection.TagValue,
		Subnets: table.Subnets, ResourceGroup: table.ResourceGroup, Name: table.Name,
		Remove: req.Remove, RemoveAfter: c.Branches.RemoveAfter, Now: a.now(),
	}}
	if aimed := w.aimed(record); aimed.NoHops == "" {
		around.NoV4, around.NoV6 = !aimed.Hops.V4.IsValid(), !aimed.Hops.V6.IsValid()
	}
	for _, source := range a.prefixSources(c) {
		around.Wanted = w.want.Prefixes
		choice := source.Prefixes(ctx, around)
		w.want.Prefixes = append(w.want.Prefixes, choice.Prefixes...)
		w.want.Refused = append(w.want.Refused, choice.Refused...)
		w.want.Partial = w.want.Partial || choice.Doubtful
	}
	for _, m := range g.controller.Group.Members {
		w.want.Own = append(w.want.Own, record.AddressesOf(m.Name).Subnets...)
	}
	w.want = w.aimed(record)
	return w
}

// aimed is what is wanted while the record is so: routes go to the active member, at the
// address from which a failover can move them to the other one.
func (w *router) aimed(record decide.Record) branch.Want {
	want := w.want
	want.Hops, want.NoHops = branch.Hops{}, ""
	if record.Epoch == 0 {
		want.NoHops = "who is active is not recorded yet"
		return want
	}
	if record.Health.Of(record.Active).Verdict == appliance.Down {
		want.NoHops = fmt.Sprintf("the active member %s is down", record.Active)
		return want
	}
	hops, err := branch.HopsOf(record.Active, record.AddressesOf(record.Active).Hops, w.role)
	for _, m := range w.group.controller.Group.Members {
		other, otherErr := branch.HopsOf(m.Name, record.AddressesOf(m.Name).Hops, w.role)
		err = errors.Join(err, otherErr)
		// A route that could not follow to the other member is worse than none.
		if !other.V4.IsValid() {
			hops.V4 = other.V4
		}
		if !other.V6.IsValid() {
			hops.V6 = other.V6
		}
	}
	if err != nil {
		want.NoHops = err.Error()
		return want
	}
	want.Hops = hops
	return want
}

// plan reads the tables and compares them with what is wanted.
func (w *router) plan(ctx context.Context, view peering.View, peerings peering.Plan) (branch.Plan, error) {
	var networks []peering.Network
	for _, p := range peerings.Networks {
		if n, ok := view.Network(p.Network); ok && p.Wanted && p.Skipped == "" {
			networks = append(networks, n)
		}
	}
	tables, err := w.group.spokes.cloud.BranchTables(ctx, w.want, networks)
	if err != nil { // one that was not read would look as if it were not there
		return branch.Plan{}, fmt.Errorf("read route tables: %w", err)
	}
	return w.want.Plan(networks, tables), nil
}

// apply makes the plan for the networks whose peerings work.
func (w *router) apply(ctx context.Context, term lease.Term, r *spoke.Report) []branch.Outcome {
	plan := r.Branches.Only(r.Ready)
	if plan.Steps() == 0 {
		return nil
	}
	made := w.group.spokes.cloud.ApplyBranches(ctx, azure.Branches{
		Term: term, Plan: plan,
		Want: func(ctx context.Context) (branch.Want, error) {
			record, err := w.app.recordOf(ctx, w.group)
			return w.aimed(record), err
		},
		Selects: func(n peering.Network) bool { return w.group.spokes.selection.Selects(n.ID, n.Tags) },
	})
	for _, o := range made {
		if o.Done() && o.Writes > 0 {
			facts := []any{"group", r.Group, "resource", o.Resource, "writes", o.Writes, "took", o.ReadBack.Sub(o.Started)}
			w.app.log.InfoContext(ctx, "routed", append(facts, changes(plan, o.Resource)...)...)
		}
	}
	return made
}
