package branch

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/peering"
)

// Plan is the exact list of writes that give the group's subnets their routes.
type Plan struct {
	// Tables are those that subnets are to use, and all others of the group's own, by id.
	Tables []TablePlan `json:"tables,omitempty"`
	// Subnets are those that are selected, by id.
	Subnets []SubnetPlan `json:"subnets,omitempty"`
	// Prefixes are the destinations, and Refused those that are offered and not used.
	Prefixes []Prefix  `json:"prefixes,omitempty"`
	Refused  []Refusal `json:"refused,omitempty"`
}

// SubnetPlan is what one subnet needs.
type SubnetPlan struct {
	Subnet appliance.ResourceID `json:"subnet"`
	// Table is the one to use.
	Table appliance.ResourceID `json:"table"`
	// Associate reports that the subnet has no table yet.
	Associate bool `json:"associate,omitzero"`
	// Has is the table that it keeps because it has it, if that is another one.
	Has     appliance.ResourceID `json:"has,omitempty"`
	Problem *peering.Problem     `json:"problem,omitempty"`
}

// Network is the network of the subnet.
func (p SubnetPlan) Network() appliance.ResourceID { return p.Subnet.Parent() }

// Plan compares networks, those to be routed without those of members, and tables with
// what is wanted. The order of the input has no effect.
func (w Want) Plan(networks []peering.Network, tables []Table) Plan {
	known := map[string]*Table{}
	for i := range tables {
		known[tables[i].ID.Key()] = &tables[i]
	}
	plan := Plan{Prefixes: w.Prefixes, Refused: w.Refused}
	plans := map[string]TablePlan{}
	locations := map[string]string{}
	for _, n := range slices.SortedFunc(slices.Values(networks), func(a, b peering.Network) int { return cmp.Compare(a.ID.Key(), b.ID.Key()) }) {
		id := w.TableID(n)
		for _, s := range n.Subnets {
			if !w.Selects(s) {
				continue
			}
			p := SubnetPlan{Subnet: s.ID, Table: id}
			switch {
			case s.Table == "":
				p.Associate = true
			case !s.Table.Equal(id):
				p.Has = s.Table
			}
			if p.Has == "" {
				if _, ok := plans[id.Key()]; !ok {
					plans[id.Key()], locations[id.Key()] = w.Table(id, n.Location, known[id.Key()]), n.Location
				}
				p.Problem = w.fits(plans[id.Key()], locations[id.Key()], n)
				p.Associate = p.Associate && p.Problem == nil
			}
			plan.Subnets = append(plan.Subnets, p)
		}
	}
	for _, t := range tables {
		if _, ok := plans[t.ID.Key()]; !ok && w.Owned(t) {
			plans[t.ID.Key()] = w.Table(t.ID, t.Location, &t)
		}
	}
	for _, p := range plans {
		plan.Tables = append(plan.Tables, p)
	}
	slices.SortFunc(plan.Tables, func(a, b TablePlan) int { return cmp.Compare(a.Table.Key(), b.Table.Key()) })
	slices.SortFunc(plan.Subnets, func(a, b SubnetPlan) int { return cmp.Compare(a.Subnet.Key(), b.Subnet.Key()) })
	return plan
}

// fits says why a subnet cannot use its table. That a table cannot be extended is no
// reason: what it has is more than nothing.
func (w Want) fits(t TablePlan, location string, n peering.Network) *peering.Problem {
	switch p := t.Problem; {
	case !strings.EqualFold(location, n.Location):
		return refuse(CodeTableTaken, "table %s is in %s, and the network in %s: spokes.routeTable.name must have {region} or {network} in it", t.Table.Name(), location, n.Location)
	case p == nil || p.Code == peering.CodeLimit && t.table.ID != "" || p.Code == CodeNoHop && t.table.ID != "":
		return nil
	default:
		return refuse(p.Code, "table %s: %s", t.Table.Name(), p.Text)
	}
}

// Only returns the plan without the subnets of networks that ready refuses, and without
// the tables that nobody is left for; tables that exist stay.
func (p Plan) Only(ready func(network appliance.ResourceID) bool) Plan {
	var out Plan
	used := map[string]bool{}
	for _, s := range p.Subnets {
		if ready(s.Network()) {
			out.Subnets = append(out.Subnets, s)
			used[s.Table.Key()] = true
		}
	}
	for _, t := range p.Tables {
		if !t.Create || used[t.Table.Key()] {
			out.Tables = append(out.Tables, t)
		}
	}
	return out
}

// Steps counts the writes.
func (p Plan) Steps() int {
	n := 0
	for _, t := range p.Tables {
		if t.Write() {
			n++
		}
	}
	for _, s := range p.Subnets {
		if s.Associate {
			n++
		}
	}
	return n
}

// Outcome is what became of the write of one table or one subnet.
type Outcome struct {
	// Resource is the table's or the subnet's id.
	Resource appliance.ResourceID
	// Started is when the first attempt began. ReadBack is when it was read as wanted;
	// zero if it was not.
	Started, ReadBack time.Time
	// Writes counts the requests that change something, also the refused ones.
	Writes int
	// Gone says why there is nothing left to do: the subnet was deleted, or has got a
	// table meanwhile.
	Gone string
	// Err is why it is not known to be as wanted; nil only after ReadBack, or if Gone
	// says something.
	Err error
}

// Done reports whether a read-back showed it as wanted.
func (o Outcome) Done() bool { return o.Err == nil && !o.ReadBack.IsZero() }

// PlanText prints what of a plan needs something, for a person.
func PlanText(p Plan) string {
	var b strings.Builder
	for _, t := range p.Tables {
		if !t.Write() && t.Problem == nil && len(t.Unwanted) == 0 {
			continue
		}
		fmt.Fprintf(&b, "table %s\n", t.Table)
		if t.Create {
			fmt.Fprintf(&b, "  + table in %s\n", t.Location)
		}
		for _, r := range t.Add {
			fmt.Fprintf(&b, "  + %s  %s  %s  (%s)\n", r.Name, r.Prefix, r.Hop, r.Source)
		}
		for _, r := range t.Remove {
			fmt.Fprintf(&b, "  - %s  %s\n", r.Name, r.Prefix)
		}
		for _, r := range t.Unwanted {
			fmt.Fprintf(&b, "  = %s  %s  nobody wants it since %s; it stays until %s at least\n", r.Name, r.Prefix, stamp(t.Since), stamp(t.Until))
		}
		if t.Problem != nil {
			fmt.Fprintf(&b, "  ! %s: %s\n", t.Problem.Code, t.Problem.Text)
		}
	}
	for _, r := range p.Refused {
		fmt.Fprintf(&b, "branches\n  ! %s: %s\n", r.Code, r)
	}
	for _, s := range p.Subnets {
		switch {
		case s.Problem != nil:
			fmt.Fprintf(&b, "subnet %s\n  ! %s: %s\n", s.Subnet, s.Problem.Code, s.Problem.Text)
		case s.Associate:
			fmt.Fprintf(&b, "subnet %s\n  + table %s\n", s.Subnet, s.Table.Name())
		case s.Has != "":
			fmt.Fprintf(&b, "subnet %s\n  keeps its table %s\n", s.Subnet, s.Has)
		}
	}
	return b.String()
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
