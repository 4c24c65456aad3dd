package peering

import (
	"cmp"
	"slices"
	"strings"

	"hopguard/internal/appliance"
)

// DefaultLimit is how many peerings Azure allows a network
// (learn.microsoft.com, virtual network limits).
const DefaultLimit = 500

// Selection says which networks are peered. One rule that matches is enough, unless
// Exclude names the network. The zero value selects nothing.
type Selection struct {
	// TagName and TagValue select by tag. Azure compares tag names without case and
	// values with it. An empty TagName selects nothing.
	TagName, TagValue string
	// Scopes select everything in a subscription or a resource group.
	Scopes []Scope
	// Exclude are ids of networks that are never selected.
	Exclude []appliance.ResourceID
}

// Scope is a subscription or, with ResourceGroup, one resource group in it.
type Scope struct {
	Subscription string
	// ResourceGroup is compared without case; empty means the whole subscription.
	ResourceGroup string
}

// covers reports whether the network is in the scope.
func (s Scope) covers(id appliance.ResourceID) bool {
	return strings.EqualFold(s.Subscription, id.Subscription()) &&
		(s.ResourceGroup == "" || strings.EqualFold(s.ResourceGroup, id.ResourceGroup()))
}

// Selects reports whether a network with this id and these tags is to be peered.
func (s Selection) Selects(id appliance.ResourceID, tags map[string]string) bool {
	if slices.ContainsFunc(s.Exclude, id.Equal) {
		return false
	}
	for name, value := range tags {
		if s.TagName != "" && strings.EqualFold(name, s.TagName) && value == s.TagValue {
			return true
		}
	}
	return slices.ContainsFunc(s.Scopes, func(scope Scope) bool { return scope.covers(id) })
}

// Hub is the network of one or more members.
type Hub struct {
	Network appliance.ResourceID
	Members []appliance.MemberName
}

// Hubs returns the networks of the members, from where Azure says they are, and the
// members whose network is not known.
func Hubs(members []appliance.Member, places []appliance.Place) (hubs []Hub, unplaced []appliance.MemberName) {
	for _, m := range members {
		i := slices.IndexFunc(places, func(p appliance.Place) bool { return p.Member == m.Name })
		if i < 0 || len(places[i].Subnets) == 0 {
			unplaced = append(unplaced, m.Name)
			continue
		}
		for _, s := range places[i].Subnets {
			hubs = addHub(hubs, s.Parent(), m.Name)
		}
	}
	slices.SortFunc(hubs, func(a, b Hub) int { return cmp.Compare(a.Network.Key(), b.Network.Key()) })
	return hubs, unplaced
}

func addHub(hubs []Hub, network appliance.ResourceID, member appliance.MemberName) []Hub {
	i := slices.IndexFunc(hubs, func(h Hub) bool { return h.Network.Equal(network) })
	if i < 0 {
		return append(hubs, Hub{Network: network, Members: []appliance.MemberName{member}})
	}
	if !slices.Contains(hubs[i].Members, member) {
		hubs[i].Members = append(hubs[i].Members, member)
	}
	return hubs
}

// Want is what the peerings of a group should be: each selected network with each
// network of a member, both ways.
type Want struct {
	Group     appliance.GroupName
	Selection Selection
	Hubs      []Hub
	// Unplaced are members whose network is not known. While there is one, nothing
	// is removed: its peerings would look as if nobody wanted them.
	Unplaced []appliance.MemberName
	// Limit is how many peerings a network may have; 0 means DefaultLimit.
	Limit int
	// Remove asks for deleting the group's halves of pairs that are not wanted.
	Remove bool
}

func (w Want) limit() int { return cmp.Or(w.Limit, DefaultLimit) }

// hub returns the hub of that network.
func (w Want) hub(id appliance.ResourceID) (Hub, bool) {
	i := slices.IndexFunc(w.Hubs, func(h Hub) bool { return h.Network.Equal(id) })
	if i < 0 {
		return Hub{}, false
	}
	return w.Hubs[i], true
}

// View is what was read.
type View struct {
	// Networks are all that were seen, in any order, those of members included.
	Networks []Network
	// Unread are networks that are known by name only, and why.
	Unread []Unread
	// Complete are the subscriptions whose list came whole.
	Complete []string
	// Tenants maps subscriptions, in lower case, to their tenant; what is missing is
	// not known.
	Tenants map[string]string
}

// Unread is a network that could not be read, or not understood.
type Unread struct {
	Network appliance.ResourceID
	// Tags are what is known of its tags.
	Tags map[string]string
	Why  string
}

// complete reports whether the list of the network's subscription came whole: then a
// network that is not in it is not there.
func (v View) complete(id appliance.ResourceID) bool {
	return slices.ContainsFunc(v.Complete, func(s string) bool { return strings.EqualFold(s, id.Subscription()) })
}

func (v View) tenant(id appliance.ResourceID) string {
	return v.Tenants[strings.ToLower(id.Subscription())]
}

// Network returns the network with that id.
func (v View) Network(id appliance.ResourceID) (Network, bool) {
	i := slices.IndexFunc(v.Networks, func(n Network) bool { return n.ID.Equal(id) })
	if i < 0 {
		return Network{}, false
	}
	return v.Networks[i], true
}

// why says why a network was not read.
func (v View) why(id appliance.ResourceID) string {
	for _, u := range v.Unread {
		if u.Network.Equal(id) {
			return u.Why
		}
	}
	if v.complete(id) {
		return "it does not exist"
	}
	return "its subscription was not read whole"
}

func byName(a, b Half) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) }
