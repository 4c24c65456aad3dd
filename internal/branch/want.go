// Package branch holds the route tables that hopguard makes for workload subnets: which
// table a subnet is to use, which routes to branches are in it, and what one lacks:
// Want.Plan, Want.Table, Create, Patch, Associate.
//
// Everything here is pure: no clock, context, log or I/O. It guarantees that a table is
// only ever extended if hopguard has made it (OwnerTag); that no route in it is changed,
// and none removed but one of hopguard's own that nobody wants, when that is asked for
// and after a delay; that a subnet which has a table keeps it; and that subnets of
// members and those that Azure reserves are left alone. Next hops that exist are the
// business of package route. azure, spoke and app import it.
package branch

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/peering"
)

// OwnerTag marks a table that hopguard has made. Its value is the group's name.
const OwnerTag = "hopguard-owner"

// UnwantedTag says since when a table has routes that nobody wants any more, and which.
const UnwantedTag = "hopguard-unwanted"

// Limits of Azure.
const (
	maxRoutes = 400
	maxName   = 80
)

// Prefix is a destination behind the members.
type Prefix struct {
	Prefix netip.Prefix `json:"prefix"`
	// Source says who wants it, for a person: "configuration", or "network oslo".
	Source string `json:"source"`
}

// Hops are the next hops of one member, by family; invalid where it has none.
type Hops struct{ V4, V6 netip.Addr }

// To returns the next hop towards a prefix.
func (h Hops) To(p netip.Prefix) (netip.Addr, bool) {
	a := h.V6
	if p.Addr().Is4() {
		a = h.V4
	}
	return a, a.IsValid()
}

// HopsOf returns a member's addresses in a role; without one, the member must have a
// single role in each family: to choose among several would be to guess.
func HopsOf(member appliance.MemberName, hops []appliance.Hop, role string) (Hops, error) {
	var out Hops
	var roles []string
	for _, h := range hops {
		name := strings.TrimSuffix(h.Role, appliance.IPv6Suffix)
		if role != "" && !strings.EqualFold(name, role) {
			continue
		}
		at := &out.V4
		if h.Addr.Is6() {
			at = &out.V6
		}
		if at.IsValid() && *at != h.Addr {
			return Hops{}, fmt.Errorf("member %s has several roles (%s, %s): branches.role must name one", member, strings.Join(roles, ", "), name)
		}
		*at, roles = h.Addr, append(roles, name)
	}
	if !out.V4.IsValid() && !out.V6.IsValid() {
		return Hops{}, fmt.Errorf("member %s has no address in the role %q (branches.role)", member, role)
	}
	return out, nil
}

// Want is what the tables of a group's workload subnets should be.
type Want struct {
	Group appliance.GroupName
	// TagName and TagValue are the tag of the group's route tables.
	TagName, TagValue string
	// Subnets are globs over the names of subnets; none selects none.
	Subnets []string
	// ResourceGroup is where tables are made; "" is that of the network.
	ResourceGroup string
	// Name is the name of a table, with {group}, {region} and {network} in it.
	Name string
	// Prefixes are the destinations. Partial says that there may be more, because a
	// source could not be asked: then nothing is taken for unwanted.
	Prefixes []Prefix
	Partial  bool
	// Refused are destinations that somebody offers and that are not used.
	Refused []Refusal
	// Hops are those of the active member. While they are zero no route is made, and
	// NoHops says why.
	Hops   Hops
	NoHops string
	// Own are the members' subnets.
	Own []appliance.ResourceID
	// Remove asks for removing routes that nobody has wanted for RemoveAfter.
	Remove      bool
	RemoveAfter time.Duration
	Now         time.Time
}

// Names returns the name of the table of a network.
func (w Want) name(n peering.Network) string {
	return strings.NewReplacer("{group}", string(w.Group), "{region}", n.Location, "{network}", n.ID.Name()).Replace(w.Name)
}

// TableID returns the id of the table for a network's subnets.
func (w Want) TableID(n peering.Network) appliance.ResourceID {
	group := w.ResourceGroup
	if group == "" {
		group = n.ID.ResourceGroup()
	}
	return appliance.ResourceID("/subscriptions/" + n.ID.Subscription() + "/resourceGroups/" + group + "/providers/Microsoft.Network/routeTables/" + w.name(n))
}

// reserved reports whether Azure keeps a subnet of that name for something that must
// not have such routes.
func reserved(name string) bool {
	for _, r := range []string{"GatewaySubnet", "AzureFirewallSubnet", "AzureFirewallManagementSubnet", "AzureBastionSubnet", "RouteServerSubnet"} {
		if strings.EqualFold(r, name) {
			return true
		}
	}
	return false
}

// Selects reports whether a subnet is to have a table.
func (w Want) Selects(s peering.Subnet) bool {
	if reserved(s.ID.Name()) || slices.ContainsFunc(w.Own, s.ID.Equal) {
		return false
	}
	return slices.ContainsFunc(w.Subnets, func(glob string) bool {
		ok, err := path.Match(strings.ToLower(glob), strings.ToLower(s.ID.Name()))
		return err == nil && ok
	})
}
