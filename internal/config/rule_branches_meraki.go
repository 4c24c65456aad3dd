package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// merakiBranches finds what is wrong in the branches that the Meraki cloud is asked for.
func (r *rules) merakiBranches(at string, g Group, m Meraki) {
	b := g.Branches.Meraki
	path, networks := at+".branches.meraki", at+".branches.meraki.networks"
	if !b.Asks() {
		without := "none, because no network is named: set " + networks
		if b.Organization != "" {
			r.add(path+".organization", b.Organization, without, networks)
		}
		if len(b.Exclude) > 0 {
			r.add(path+".exclude", "[…]", without, networks)
		}
		if len(b.Within) > 0 {
			r.add(path+".within", "[…]", without, networks)
		}
		return
	}
	if table := at + ".spokes.routeTable"; len(g.Spokes.RouteTable.Subnets) == 0 {
		r.add(networks, "[…]", "none, because no subnet gets a table: set "+table+".subnets", table, table+".subnets")
	}
	if m.Organization == "" {
		r.add("meraki.organization", "", "the id of the organization, because "+networks+" is set", networks)
	}
	if b.Organization != "" && !organizationPattern.MatchString(b.Organization) {
		r.add(path+".organization", b.Organization, "the id of an organization, like 1234567")
	}
	const wantNetwork = "the name of a Meraki network, in which * and ? may stand for others, or its id"
	asksDevices := false
	for _, k := range g.Checks {
		asksDevices = asksDevices || k.Kind == KindMeraki
	}
	seen := make(map[string]string)
	for i, name := range b.Networks {
		entry := fmt.Sprintf("%s[%d]", networks, i)
		switch {
		case !networkPattern.MatchString(name):
			r.add(entry, name, wantNetwork)
		case strings.ContainsAny(name, "*?") && !asksDevices:
			r.add(entry, name, "a name without * and ?, or a check of kind meraki: only that says which networks are those of the members", at+".checks")
		default:
			r.unique(entry, name, strings.ToLower(name), seen)
		}
	}
	seen = make(map[string]string)
	for i, e := range b.Exclude {
		entry := fmt.Sprintf("%s.exclude[%d]", path, i)
		switch p, err := netip.ParsePrefix(e); {
		case !strings.Contains(e, "/") && !networkPattern.MatchString(e):
			r.add(entry, e, wantNetwork+", or a prefix like 10.0.0.0/8")
		case !strings.Contains(e, "/"):
			r.unique(entry, e, strings.ToLower(e), seen)
		case err != nil || p.Addr().Is4In6():
			r.add(entry, e, "a prefix like 10.0.0.0/8, because it has a slash; a network with one in its name is named by its id")
		case p.Masked() != p:
			r.add(entry, e, "a prefix without host bits: "+p.Masked().String())
		case p.Bits() == 0:
			r.add(entry, e, "a prefix that leaves something: every subnet overlaps this one")
		default:
			r.unique(entry, e, p.String(), seen)
		}
	}
	r.prefixes(path+".within", b.Within)
	for i, p := range b.Within {
		if p.IsValid() && p.Bits() == 0 {
			r.add(fmt.Sprintf("%s.within[%d]", path, i), p.String(), "a prefix that leaves something out: with this one a branch could draw all traffic")
		}
	}
}
