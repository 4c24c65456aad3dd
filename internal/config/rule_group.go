package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	wantGroupName = "lower-case letters, digits and dashes, at most 63, not a dash first"
	wantName      = "letters, digits, dot, dash and underscore, at most 64, a letter or digit first"

	membersPerGroup = 2
	maxTransitions  = 100
	maxTagName      = 512 // Azure's limits, in characters
	maxTagValue     = 256
)

// group finds what is wrong in one group.
func (r *rules) group(at string, g Group) {
	if !groupNamePattern.MatchString(g.Name) {
		r.add(at+".name", g.Name, wantGroupName)
	}
	r.members(at, g)
	r.hops(at, g)
	r.routes(at+".routes", g)
	checks := make(map[string]string)
	for i, k := range g.Checks {
		path := fmt.Sprintf("%s.checks[%d]", at, i)
		r.checkOf(path, at, k, g)
		r.unique(path+".name", k.Name, strings.ToLower(k.Name), checks)
	}
	r.vote(at, g)
	r.witness(at, g)
	r.between(at+".reconcile", g.Reconcile, time.Second, time.Hour)
	r.policy(at+".policy", g.Policy)
	nics := make(map[string]string)
	for i, id := range g.Verify.NICs {
		r.id(fmt.Sprintf("%s.verify.nics[%d]", at, i), id, typeNIC, "a network interface", nics)
	}
	r.duration(at+".verify.timeout", g.Verify.Timeout, 0)
}

// id refuses what is not the full id of a resource of the type, or was seen before.
func (r *rules) id(path string, id ResourceID, resourceType, what string, seen map[string]string) {
	if !validID(string(id), resourceType) {
		r.add(path, string(id), "the full id of "+what+": "+idForm(resourceType))
		return
	}
	r.unique(path, string(id), strings.ToLower(string(id)), seen)
}

// members finds what is wrong with the appliances themselves.
func (r *rules) members(at string, g Group) {
	if len(g.Members) != membersPerGroup {
		value := ""
		if n := len(g.Members); n > 0 {
			value = strconv.Itoa(n) + " given"
		}
		r.add(at+".members", value, "exactly two members")
	}
	names, vms := make(map[string]string), make(map[string]string)
	var known, paths []string
	for i, m := range g.Members {
		path := fmt.Sprintf("%s.members[%d]", at, i)
		paths = append(paths, path+".name")
		if m.Name != "" {
			known = append(known, m.Name)
		}
		if !wordPattern.MatchString(m.Name) {
			r.add(path+".name", m.Name, wantName)
		} else {
			r.unique(path+".name", m.Name, strings.ToLower(m.Name), names)
		}
		r.id(path+".vm", m.VM, typeVM, "a virtual machine", vms)
	}
	if len(known) > 0 && !slices.Contains(known, g.Preferred) {
		r.add(at+".preferred", g.Preferred, "the name of a member: "+oneOf(g.Preferred, known), paths...)
	}
}

// hops finds what is wrong in the explicit mapping of next-hop addresses.
func (r *rules) hops(at string, g Group) {
	places := make(map[string]string) // of every address and interface of the group
	for i, m := range g.Members {
		roles, subnets, nics := make(map[string]string), make(map[string]string), make(map[string]string)
		for j, h := range m.Hops {
			path := fmt.Sprintf("%s.members[%d].hops[%d]", at, i, j)
			r.hop(path, h)
			r.unique(path+".role", h.Role, strings.ToLower(h.Role), roles)
			r.unique(path+".subnet", string(h.Subnet), strings.ToLower(string(h.Subnet)), subnets)
			seen := nics
			if strings.HasPrefix(string(h.NIC), "/") {
				seen = places // a name may stand for another interface in each resource group, an id may not
			}
			r.unique(path+".nic", string(h.NIC), strings.ToLower(string(h.NIC)), seen)
			if h.Address.IsValid() {
				r.unique(path+".address", h.Address.String(), h.Address.String(), places)
			}
		}
	}
	if len(g.Members) != membersPerGroup {
		return
	}
	a, b := g.Members[0].Hops, g.Members[1].Hops
	first, second := at+".members[0].hops", at+".members[1].hops"
	if want, got := rolesOf(a), rolesOf(b); !slices.Equal(want, got) {
		var needs []string
		for i := range a {
			needs = append(needs, fmt.Sprintf("%s[%d].role", first, i))
		}
		for i := range b {
			needs = append(needs, fmt.Sprintf("%s[%d].role", second, i))
		}
		want, got := strings.Join(want, ", "), strings.Join(got, ", ")
		if want == "" {
			r.add(first, "", "the same roles as the other member has: "+got, append(needs, second)...)
		} else {
			r.add(second, got, "the same roles as the other member has: "+want, append(needs, first)...)
		}
		return
	}
	for i, x := range a {
		for j, y := range b {
			if strings.EqualFold(x.Role, y.Role) && x.Address.IsValid() && y.Address.IsValid() && x.Address.Is4() != y.Address.Is4() {
				r.add(fmt.Sprintf("%s[%d].address", second, j), y.Address.String(),
					fmt.Sprintf("an address of the same family as %s[%d].address, which has the same role", first, i), fmt.Sprintf("%s[%d]", first, i))
			}
		}
	}
}

// rolesOf lists the roles in lower case and in order.
func rolesOf(hops []Hop) []string {
	var roles []string
	for _, h := range hops {
		roles = append(roles, strings.ToLower(h.Role))
	}
	slices.Sort(roles)
	return roles
}

// hop finds what is wrong in one mapping.
func (r *rules) hop(path string, h Hop) {
	if !wordPattern.MatchString(h.Role) {
		r.add(path+".role", h.Role, wantName)
	}
	var given []string
	if h.Subnet != "" {
		given = append(given, "subnet")
		r.ref(path+".subnet", h.Subnet, typeSubnet, "a subnet")
	}
	if h.NIC != "" {
		given = append(given, "nic")
		r.ref(path+".nic", h.NIC, typeNIC, "a network interface")
	}
	if h.Address.IsValid() {
		given = append(given, "address")
		if !usable(h.Address) {
			r.add(path+".address", h.Address.String(), "the address of an appliance: unicast, not of this machine or link, no zone")
		}
	}
	if len(given) != 1 {
		r.add(path, strings.Join(given, ", "), "exactly one of subnet, nic or address", path+".subnet", path+".nic", path+".address")
	}
}

// usable reports whether routes may use the address as next hop.
func usable(a netip.Addr) bool {
	return a.Zone() == "" && !a.Is4In6() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() && !a.IsLinkLocalUnicast() &&
		a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// ref refuses what is neither the name nor the full id of a resource of the type.
func (r *rules) ref(path string, ref Ref, resourceType, what string) {
	if !validRef(ref, resourceType) {
		r.add(path, string(ref), "the name or the full id of "+what+": "+idForm(resourceType))
	}
}

// tag finds what is wrong in a tag. Its value follows from the group's name, whose lack is reported there.
func (r *rules) tag(at string, tag Tag, group string) {
	if tag.Name == "" || len([]rune(tag.Name)) > maxTagName || strings.ContainsAny(tag.Name, `<>%&\?/`) || strings.TrimSpace(tag.Name) != tag.Name {
		r.add(at+".name", tag.Name, fmt.Sprintf(`at most %d characters, none of <>%%&\?/, no space around`, maxTagName))
	}
	if tag.Value == "" && group != "" || len([]rune(tag.Value)) > maxTagValue {
		r.add(at+".value", tag.Value, fmt.Sprintf("a text of at most %d characters", maxTagValue))
	}
}

// routes finds what is wrong in the selection of tables and routes.
func (r *rules) routes(at string, g Group) {
	r.tag(at+".tag", g.Routes.Tag, g.Name)
	names := make(map[string]string)
	for i, name := range g.Routes.Names {
		path := fmt.Sprintf("%s.names[%d]", at, i)
		if !resourceNamePattern.MatchString(name) {
			r.add(path, name, "the name of a route")
			continue
		}
		r.unique(path, name, strings.ToLower(name), names)
	}
	r.prefixes(at+".prefixes", g.Routes.Prefixes)
	tables := make(map[string]string)
	for i, table := range g.Routes.Critical {
		path := fmt.Sprintf("%s.critical[%d]", at, i)
		r.ref(path, table, typeTable, "a route table")
		r.unique(path, string(table), strings.ToLower(string(table)), tables)
	}
}

// vote finds what is wrong in the vote.
func (r *rules) vote(at string, g Group) {
	r.word(at+".vote", g.Vote)
	switch {
	case g.Vote == VoteQuorum && (g.Quorum < 1 || g.Quorum > len(g.Checks)):
		value := ""
		if g.Quorum != 0 {
			value = strconv.Itoa(g.Quorum)
		}
		r.add(at+".quorum", value, fmt.Sprintf("a whole number from 1 to the number of checks (%d), because vote is quorum", len(g.Checks)), at+".vote", at+".checks")
	case (g.Vote == VoteAny || g.Vote == VoteAll) && g.Quorum != 0:
		r.add(at+".quorum", strconv.Itoa(g.Quorum), fmt.Sprintf("none, because vote is %s; or set vote: quorum", g.Vote), at+".vote")
	default:
	}
}

// policy finds what is wrong in the policy.
func (r *rules) policy(at string, p Policy) {
	r.word(at+".failback", p.Failback)
	r.duration(at+".failbackDelay", p.FailbackDelay, 0)
	holdDown := r.duration(at+".holdDown", p.HoldDown, 0)
	r.number(at+".maxTransitions", p.MaxTransitions, 1, maxTransitions)
	if r.duration(at+".per", p.Per, 0) && holdDown && p.Per < p.HoldDown {
		r.add(at+".per", short(p.Per), "at least holdDown ("+short(p.HoldDown)+")", at+".holdDown")
	}
	r.duration(at+".unknownAlert", p.UnknownAlert, 0)
	r.word(at+".storeOutage", p.StoreOutage)
	r.windows(at, p)
}
