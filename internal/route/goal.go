package route

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"hopguard/internal/appliance"
)

// Selection says which routes of which tables are managed.
type Selection struct {
	// TagName and TagValue select tables. Azure compares tag names without case
	// and values with it.
	TagName, TagValue string
	// Names selects routes by name; empty selects all.
	Names []string
	// Prefixes selects routes whose prefix lies inside one of them; empty selects
	// all. Routes to service tags lie inside none.
	Prefixes []netip.Prefix
	// Critical are names or ids of tables that are written first.
	Critical []string
}

// Table reports whether a table with these tags is managed.
func (s Selection) Table(tags map[string]string) bool {
	for name, value := range tags {
		if strings.EqualFold(name, s.TagName) && value == s.TagValue {
			return true
		}
	}
	return false
}

// Route reports whether a route of a managed table is managed.
func (s Selection) Route(r Route) bool {
	if len(s.Names) > 0 && !slices.ContainsFunc(s.Names, func(n string) bool { return strings.EqualFold(n, r.Name) }) {
		return false
	}
	if len(s.Prefixes) == 0 {
		return true
	}
	p, err := netip.ParsePrefix(r.Prefix)
	return err == nil && slices.ContainsFunc(s.Prefixes, func(outer netip.Prefix) bool {
		return outer.Bits() <= p.Bits() && outer.Contains(p.Addr())
	})
}

// CriticalTable reports whether the table is one of those that are written first.
func (s Selection) CriticalTable(id appliance.ResourceID) bool {
	return s.priority(id) < len(s.Critical)
}

func (s Selection) priority(id appliance.ResourceID) int {
	for i, c := range s.Critical {
		if strings.EqualFold(c, id.Name()) || appliance.ResourceID(c).Equal(id) {
			return i
		}
	}
	return len(s.Critical)
}

// Goal is what the managed routes should be: all at one member.
type Goal struct {
	Group  appliance.GroupName
	Active appliance.MemberName
	// Members are the addresses of all members of the group.
	Members   []MemberHops
	Selection Selection
}

// MemberHops are the next hops by which routes name a member.
type MemberHops struct {
	Member appliance.MemberName
	Hops   []appliance.Hop
	// Former were the member's once; routes leave them but never come to them.
	Former []appliance.Hop
	// Subnets are the member's own; a table on one of them is refused.
	Subnets []appliance.ResourceID
}

// Owner returns whose address a next hop is, and in which role.
func (g Goal) Owner(hop netip.Addr) (appliance.MemberName, string, bool) {
	for _, m := range g.Members {
		for _, h := range m.Hops {
			if h.Addr == hop {
				return m.Member, h.Role, true
			}
		}
	}
	for _, m := range g.Members {
		for _, h := range m.Former {
			if h.Addr == hop {
				return m.Member, h.Role, true
			}
		}
	}
	return "", "", false
}

// targets returns the addresses of a member that could take over from a hop of
// owner: those of the same family in the same role. Only a single one is an
// answer: to choose among several would be to trust the order of interfaces.
func (g Goal) targets(to, owner appliance.MemberName, hop netip.Addr) []netip.Addr {
	roles := slices.Concat(g.member(owner).Hops, g.member(owner).Former)
	var out []netip.Addr
	for _, h := range g.member(to).Hops {
		if h.Addr == hop {
			return []netip.Addr{hop} // it is there already
		}
		same := h.Addr.Is4() == hop.Is4() && slices.Contains(roles, appliance.Hop{Role: h.Role, Addr: hop})
		if same && !slices.Contains(out, h.Addr) {
			out = append(out, h.Addr)
		}
	}
	return out
}

// stranded says why a route could not move to a member, or "".
func (g Goal) stranded(r Route, owner appliance.MemberName, role string, to appliance.MemberName) string {
	switch n := len(g.targets(to, owner, r.Hop)); n {
	case 1:
		return ""
	case 0:
		return fmt.Sprintf("route %s points at %s, role %q of %s, for which %s has no address", r.Name, r.Hop, role, owner, to)
	default:
		return fmt.Sprintf("route %s points at %s, role %q of %s, for which %s has %d addresses", r.Name, r.Hop, role, owner, to, n)
	}
}

func (g Goal) member(name appliance.MemberName) MemberHops {
	for _, m := range g.Members {
		if m.Member == name {
			return m
		}
	}
	return MemberHops{Member: name}
}

// Diff compares a table with the goal. The order of the members' addresses has
// no effect. A table that must not be written has no changes and a refusing
// Problem; one with another Problem is written all the same.
func (g Goal) Diff(t Table) TablePlan {
	p := TablePlan{Table: t.ID, ETag: t.ETag, Raw: t.Raw, State: t.State}
	if !g.Selection.Table(t.Tags) {
		p.Problem = &Problem{Refused: true, Text: fmt.Sprintf("does not have the tag %s=%s", g.Selection.TagName, g.Selection.TagValue)}
		return p
	}
	for _, m := range g.Members {
		for _, s := range t.Subnets {
			if slices.ContainsFunc(m.Subnets, s.Equal) {
				p.Problem = &Problem{Refused: true, Text: fmt.Sprintf("is used by subnet %s of member %s: its own traffic would loop", s, m.Member)}
				return p
			}
		}
	}
	for _, r := range t.Routes {
		if !strings.EqualFold(r.HopType, TypeVirtualAppliance) || !g.Selection.Route(r) {
			continue
		}
		owner, role, ok := g.Owner(r.Hop)
		if !ok {
			continue
		}
		p.Managed = append(p.Managed, Managed{Route: r.Name, Prefix: r.Prefix, Member: owner})
		if why := g.stranded(r, owner, role, g.Active); why != "" {
			p.Problem = &Problem{Refused: true, Text: why}
			continue
		}
		// That a route cannot follow to another member is to be known before the
		// failover that needs it. It is no reason to leave it where it is now: the
		// other one may be the dead one, deployed anew with an interface fewer.
		for _, m := range g.Members {
			if why := g.stranded(r, owner, role, m.Member); why != "" && p.Problem == nil {
				p.Problem = &Problem{Text: why}
			}
		}
		for _, to := range g.targets(g.Active, owner, r.Hop) { // one, because nothing is stranded
			if to != r.Hop {
				p.Changes = append(p.Changes, Change{Route: r.Name, Prefix: r.Prefix, From: r.Hop, To: to, FromMember: owner, ToMember: g.Active})
			}
		}
	}
	switch {
	case p.Problem != nil && p.Problem.Refused:
		p.Changes = nil
	case p.Problem != nil:
	case len(p.Managed) == 0:
		p.Problem = &Problem{Text: fmt.Sprintf("has the tag %s=%s, but no managed route in it points at a member (%s)", g.Selection.TagName, g.Selection.TagValue, g.addresses())}
	case p.Rewrite() && len(p.Changes) == 0:
		p.Problem = &Problem{Text: fmt.Sprintf("has the provisioning state %s: Azure may not use the routes that it shows, so it is written again as it is", p.State)}
	}
	return p
}

func (g Goal) addresses() string {
	var all []string
	for _, m := range g.Members {
		for _, h := range m.Hops {
			all = append(all, fmt.Sprintf("%s %s", m.Member, h.Addr))
		}
	}
	return strings.Join(all, ", ")
}

// Plan compares all tables with the goal, critical ones first, the rest by id.
func (g Goal) Plan(tables []Table) Plan {
	plan := Plan{Group: g.Group, Active: g.Active, Tables: slices.Grow([]TablePlan(nil), len(tables))}
	var before []Managed // most tables of a group have the same
	for _, t := range tables {
		p := g.Diff(t)
		if slices.Equal(p.Managed, before) {
			p.Managed = before
		}
		before = p.Managed
		plan.Tables = append(plan.Tables, p)
	}
	slices.SortStableFunc(plan.Tables, func(a, b TablePlan) int {
		if d := g.Selection.priority(a.Table) - g.Selection.priority(b.Table); d != 0 {
			return d
		}
		return strings.Compare(a.Table.Key(), b.Table.Key())
	})
	return plan
}
