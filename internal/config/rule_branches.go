package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// routeTable finds what is wrong in the tables of new networks, and in the branches that they lead to.
func (r *rules) routeTable(at string, g Group) {
	t, b := g.Spokes.RouteTable, g.Branches
	table, branches := at+".spokes.routeTable", at+".branches"
	if len(t.Subnets) == 0 {
		without := "none, because no subnet gets a table: set " + table + ".subnets"
		needs := []string{table, table + ".subnets"}
		for path, value := range map[string]string{table + ".name": t.Name, table + ".resourceGroup": t.ResourceGroup, branches + ".role": b.Role} {
			if value != "" {
				r.add(path, value, without, needs...)
			}
		}
		if len(b.Prefixes) > 0 {
			r.add(branches+".prefixes", "[…]", without, needs...)
		}
		if b.RemoveAfter != 0 {
			r.add(branches+".removeAfter", short(b.RemoveAfter), without, needs...)
		}
		return
	}
	if !g.Spokes.Selects() {
		r.add(table+".subnets", "[…]", "none, because no network is selected: set "+at+".spokes.tag.name or "+at+".spokes.within", at+".spokes.tag", at+".spokes.tag.name", at+".spokes.within")
	}
	subnets := make(map[string]string)
	for i, glob := range t.Subnets {
		path := fmt.Sprintf("%s.subnets[%d]", table, i)
		if !globPattern.MatchString(glob) {
			r.add(path, glob, "the name of a subnet, in which * and ? may stand for others")
			continue
		}
		r.unique(path, glob, strings.ToLower(glob), subnets)
	}
	if t.ResourceGroup != "" && !resourceGroupPattern.MatchString(t.ResourceGroup) {
		r.add(table+".resourceGroup", t.ResourceGroup, "the name of a resource group")
	}
	if !tablePattern.MatchString(t.Name) || len(t.Name) > maxTable {
		r.add(table+".name", t.Name, fmt.Sprintf("the name of a route table, at most %d characters, in which {group}, {region} and {network} may stand for names", maxTable))
	}
	if len(b.Prefixes) == 0 && !b.Meraki.Asks() {
		r.add(branches+".prefixes", "", "at least one prefix, or networks in "+branches+".meraki, because "+table+".subnets is set", table+".subnets", branches+".meraki", branches+".meraki.networks")
	}
	r.prefixes(branches+".prefixes", b.Prefixes)
	r.role(at, g)
	r.duration(branches+".removeAfter", b.RemoveAfter, time.Minute)
}

// role refuses a role that no explicit mapping has.
func (r *rules) role(at string, g Group) {
	role := g.Branches.Role
	if role == "" {
		return
	}
	if !wordPattern.MatchString(role) {
		r.add(at+".branches.role", role, wantName)
		return
	}
	for i, m := range g.Members {
		if roles := rolesOf(m.Hops); len(roles) > 0 && !slices.Contains(roles, strings.ToLower(role)) {
			r.add(at+".branches.role", role, "a role of the members: "+oneOf(role, roles), fmt.Sprintf("%s.members[%d].hops", at, i))
			return
		}
	}
}

// prefixes refuses what is no prefix, or was seen before.
func (r *rules) prefixes(at string, list []netip.Prefix) {
	seen := make(map[string]string)
	for i, p := range list {
		path := fmt.Sprintf("%s[%d]", at, i)
		switch {
		case !p.IsValid():
			r.add(path, "", "a prefix like 10.0.0.0/8")
		case p.Addr().Is4In6():
			r.add(path, p.String(), "a prefix like 10.0.0.0/8, not in the form of IPv6")
		case p.Masked() != p:
			r.add(path, p.String(), "a prefix without host bits: "+p.Masked().String())
		default:
			r.unique(path, p.String(), p.String(), seen)
		}
	}
}
