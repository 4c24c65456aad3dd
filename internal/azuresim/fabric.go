package azuresim

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"time"
)

// fabric is what Azure's data plane does, which is not what the control plane says: contents and associations of tables arrive here
// some time after their writes have succeeded.
type fabric struct {
	tables     map[string][]udr           // routes in effect, by table key
	wanted     map[string]string          // subnet key to table key, as the control plane has it
	associated map[string]string          // the same, in effect
	addresses  map[netip.Addr][]*resource // NICs that have an address; networks may overlap
	behind     map[netip.Addr][]*resource // appliances that lead to an address outside
}

func newFabric() fabric {
	return fabric{tables: map[string][]udr{}, wanted: map[string]string{}, associated: map[string]string{}, addresses: map[netip.Addr][]*resource{}, behind: map[netip.Addr][]*resource{}}
}

// udr is a user-defined route in effect. Routes that cannot be read (a service tag, a malformed prefix) do nothing.
type udr struct {
	name   string
	prefix netip.Prefix
	hop    string
	addr   netip.Addr
}

// effectiveUDRs reads a table's present routes.
func effectiveUDRs(r *resource) []udr {
	list := make([]udr, 0, len(r.table.routes))
	for _, e := range r.table.routes {
		p, err := netip.ParsePrefix(e.properties.str("addressPrefix"))
		if err != nil {
			continue
		}
		u := udr{name: e.name, prefix: p.Masked(), hop: e.properties.str("nextHopType")}
		if a, err := netip.ParseAddr(e.properties.str("nextHopIpAddress")); err == nil {
			u.addr = a
		}
		list = append(list, u)
	}
	return list
}

// programTable sends a table's content of that time to the fabric.
func (s *Sim) programTable(r *resource, at time.Time) {
	routes := effectiveUDRs(r)
	s.timeline.plan(at.Add(s.profile.FabricDelay), func(time.Time) {
		if !r.gone {
			s.fabric.tables[r.key] = routes
		}
	})
}

// EffectiveRoute is one route that the fabric applies to a NIC now.
type EffectiveRoute struct {
	Name        string       `json:"name,omitempty"`
	Source      string       `json:"source"` // Default, User or VirtualNetworkGateway
	State       string       `json:"state"`  // Active, or Invalid: replaced by a user route, or its next hop cannot be reached directly
	Prefix      netip.Prefix `json:"addressPrefix"`
	NextHopType string       `json:"nextHopType"`
	NextHop     netip.Addr   `json:"nextHopIpAddress,omitzero"`
	// Unreachable marks an Invalid user route that still attracts its packets, and drops them.
	Unreachable bool `json:"unreachable,omitempty"`
}

// The source words of effective routes.
const (
	sourceDefault = "Default"
	sourceUser    = "User"
	sourceGateway = "VirtualNetworkGateway"
)

// peers are the networks that a network reaches directly: both halves Connected, in effect, and access allowed.
func (s *Sim) peers(vnet *resource, now time.Time) []*resource {
	var list []*resource
	for _, half := range vnet.vnet.of(typePeering) {
		h := half.peering
		remote := s.lookup(h.remote)
		if remote == nil || h.state != peeringConnected || now.Before(h.since.Add(s.profile.FabricDelay)) || !half.doc.obj("properties").flag("allowVirtualNetworkAccess") {
			continue
		}
		list = append(list, half)
	}
	return list
}

// systemPrefixes are those that Azure routes to nowhere or to the Internet unless something says otherwise.
func systemRoutes() []EffectiveRoute {
	route := func(prefix, hop string) EffectiveRoute {
		return EffectiveRoute{Source: sourceDefault, State: "Active", Prefix: netip.MustParsePrefix(prefix), NextHopType: hop}
	}
	return []EffectiveRoute{
		route("0.0.0.0/0", "Internet"), route("10.0.0.0/8", "None"), route("100.64.0.0/10", "None"), route("172.16.0.0/12", "None"), route("192.168.0.0/16", "None"), route("::/0", "Internet"),
	}
}

// effective composes the routes of a subnet: system, gateway, user. Of routes with one prefix the user's is active, then the
// gateway's; but system routes of the network and its peers win over the gateway's.
func (s *Sim) effective(subnet *resource, now time.Time) []EffectiveRoute {
	vnet := subnet.parent
	table := s.fabric.associated[subnet.key]
	var users []EffectiveRoute
	for _, u := range s.fabric.tables[table] {
		e := EffectiveRoute{Name: u.name, Source: sourceUser, State: "Active", Prefix: u.prefix, NextHopType: u.hop, NextHop: u.addr}
		if u.hop == "VirtualAppliance" && !s.direct(vnet, u.addr, now) {
			e.State, e.Unreachable = "Invalid", true
		}
		users = append(users, e)
	}
	taken := map[netip.Prefix]bool{}
	for _, e := range users {
		taken[e.Prefix] = true
	}
	var list []EffectiveRoute
	add := func(e EffectiveRoute) {
		if taken[e.Prefix] {
			e.State = "Invalid"
		}
		taken[e.Prefix] = true
		list = append(list, e)
	}
	for _, p := range vnet.vnet.prefixes {
		add(EffectiveRoute{Source: sourceDefault, State: "Active", Prefix: p, NextHopType: "VnetLocal"})
	}
	for _, half := range s.peers(vnet, now) {
		hop := "VNetPeering"
		if remote := s.lookup(half.peering.remote); remote.location != vnet.location {
			hop = "VNetGlobalPeering"
		}
		for _, p := range half.peering.seen {
			add(EffectiveRoute{Source: sourceDefault, State: "Active", Prefix: p, NextHopType: hop})
		}
	}
	if t := s.lookup(table); t == nil || !t.doc.obj("properties").flag("disableBgpRoutePropagation") {
		for _, p := range vnet.vnet.learned {
			add(EffectiveRoute{Source: sourceGateway, State: "Active", Prefix: p, NextHopType: "VirtualNetworkGateway"})
		}
	}
	for _, e := range systemRoutes() {
		add(e)
	}
	return append(list, users...)
}

// direct reports whether an address can be a next hop for a network: inside it, or inside a peer of it.
func (s *Sim) direct(vnet *resource, addr netip.Addr, now time.Time) bool {
	in := func(prefixes []netip.Prefix) bool {
		return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
	}
	if in(vnet.vnet.prefixes) {
		return true
	}
	return slices.ContainsFunc(s.peers(vnet, now), func(half *resource) bool { return in(half.peering.seen) })
}

// nicOf finds a NIC by id.
func (s *Sim) nicOf(id string) (*resource, error) {
	r := s.lookup(id)
	if r == nil || r.nic == nil || len(r.nic.configs) == 0 {
		return nil, fmt.Errorf("azuresim: no network interface %q", id)
	}
	return r, nil
}

// Effective gives the routes that the fabric applies to a NIC now, those of its first subnet, in the order system, gateway, user.
func (s *Sim) Effective(nicID string) ([]EffectiveRoute, error) {
	now := s.enter()
	defer s.mu.Unlock()
	r, err := s.nicOf(nicID)
	if err != nil {
		return nil, err
	}
	return s.effective(s.resources[r.nic.configs[0].subnet], now), nil
}

// effectiveRouteTable is the POST that tells the routes of a NIC, after a while. It needs a running machine; the code is [U].
func (s *Sim) effectiveRouteTable(rq *request, r *resource) *reply {
	vm := s.lookup(r.nic.vm)
	if vm == nil || vm.vm.power != powerRunning {
		return rq.networkError(http.StatusBadRequest, "NetworkInterfaceNotAttachedToRunningVirtualMachine", "Network interface "+r.id+" must be attached to a running virtual machine.")
	}
	if rep := s.anotherWrite(rq, r); rep != nil {
		return rep
	}
	var op *operation
	op = s.begin(rq, r, "GetEffectiveRouteTableOperation", s.profile.NICEffectiveTime, func(at time.Time) {
		op.result = effectiveBody(s.effective(s.resources[r.nic.configs[0].subnet], at))
	}, func(time.Time) {})
	rep := rq.ok(http.StatusAccepted, nil)
	op.announce(s, rq, rep, true)
	return rep
}

func effectiveBody(routes []EffectiveRoute) []byte {
	list := []any{}
	for _, e := range routes {
		o := object{}
		if e.Name != "" {
			o = append(o, member{"name", e.Name})
		}
		hops := []any{}
		if e.NextHop.IsValid() {
			hops = append(hops, e.NextHop.String())
		}
		list = append(list, append(o, member{"disableBgpRoutePropagation", false}, member{"source", e.Source}, member{"state", e.State},
			member{"addressPrefix", []any{e.Prefix.String()}}, member{"nextHopType", e.NextHopType}, member{"nextHopIpAddress", hops}))
	}
	return encode(object{{"value", list}})
}
