package azuresim

import (
	"net/netip"
	"slices"
	"time"
)

// Hop is what a packet meets now.
type Hop struct {
	// Delivered says that the packet reaches a working machine (the appliance on its way, or the destination), or the Internet.
	Delivered bool `json:"delivered"`
	// VM is the id of that machine, or of the one at which the packet was lost.
	VM string `json:"vm,omitempty"`
	// NextHop is the appliance's address, when the route names one.
	NextHop netip.Addr `json:"nextHop,omitzero"`
	// Reason says why the packet was dropped; empty when it was delivered.
	Reason string `json:"reason,omitempty"`
	// Route is the route that was used; zero when there was none.
	Route EffectiveRoute `json:"route,omitzero"`
}

// Forward follows a packet from a NIC to an address by the fabric's present routes, up to the first machine that must work for it:
// the appliance of a user route, else the destination itself. What a Link loses or delays is not part of it.
func (s *Sim) Forward(nicID string, dst netip.Addr) (Hop, error) {
	now := s.enter()
	defer s.mu.Unlock()
	r, err := s.nicOf(nicID)
	if err != nil {
		return Hop{}, err
	}
	return s.forward(r, dst.Unmap(), now, s.alive), nil
}

// forward is Forward; takes says whether a machine that has the destination's address takes the packet.
func (s *Sim) forward(r *resource, dst netip.Addr, now time.Time, takes func(*resource, time.Time) (bool, string)) Hop {
	subnet := s.resources[r.nic.configs[0].subnet]
	if vm := s.lookup(r.nic.vm); vm != nil {
		if ok, why := s.alive(vm, now); !ok {
			return Hop{VM: vm.id, Reason: "source is down (" + why + ")"}
		}
	}
	if !slices.ContainsFunc(r.nic.configs, func(c nicAddress) bool { return c.addr.Is4() == dst.Is4() }) {
		return Hop{Reason: "source has no address of that family"}
	}
	route, ok := longest(s.effective(subnet, now), dst)
	if !ok {
		return Hop{Reason: "no route"}
	}
	h := Hop{Route: route}
	switch route.NextHopType {
	case "VirtualAppliance":
		return s.toAppliance(h, subnet, route, dst, now)
	case "VnetLocal", "VNetPeering", "VNetGlobalPeering":
		return s.toAddress(h, subnet.parent, dst, now, takes)
	case "None":
		h.Reason = "route to None"
	default: // Internet, VirtualNetworkGateway: out of this world
		h.Delivered = true
	}
	return h
}

// longest picks the active (or unreachable) route with the longest prefix; a route of equal length that is not active never wins.
func longest(routes []EffectiveRoute, dst netip.Addr) (best EffectiveRoute, ok bool) {
	for _, e := range routes {
		if (e.State == "Active" || e.Unreachable) && e.Prefix.Contains(dst) && (!ok || e.Prefix.Bits() > best.Prefix.Bits()) {
			best, ok = e, true
		}
	}
	return best, ok
}

// toAppliance checks all that must be right for an appliance to take a packet.
func (s *Sim) toAppliance(h Hop, subnet *resource, route EffectiveRoute, dst netip.Addr, now time.Time) Hop {
	h.NextHop = route.NextHop
	nic := s.nicAt(subnet.parent, route.NextHop, now)
	if nic != nil {
		h.VM = nic.nic.vm
	}
	vm := s.lookup(h.VM)
	switch {
	case route.Unreachable:
		h.Reason = "next hop is not reachable by peering"
	case !route.NextHop.IsValid() || route.NextHop.Is4() != dst.Is4():
		h.Reason = "next hop is of another address family"
	case nic == nil:
		h.Reason = "nobody has the next hop's address"
	case vm == nil:
		h.Reason = "next hop is not attached to a machine"
	case !nic.nic.forwarding:
		h.Reason = "IP forwarding is off"
	}
	if h.Reason != "" {
		return h
	}
	if ok, why := s.forwards(vm, dst, now); !ok {
		h.Reason = why
		return h
	}
	if home := s.resources[nic.nic.configs[0].subnet].parent; home != subnet.parent && !s.takesForwarded(subnet.parent, home) {
		h.Reason = "the peering takes no forwarded traffic, so replies are lost"
		return h
	}
	h.Delivered = true
	return h
}

// takesForwarded reports whether a network accepts from a peer what the peer did not send itself.
func (s *Sim) takesForwarded(vnet, peer *resource) bool {
	return slices.ContainsFunc(vnet.vnet.of(typePeering), func(half *resource) bool {
		return half.peering.remote == peer.key && half.doc.obj("properties").flag("allowForwardedTraffic")
	})
}

// toAddress delivers inside a network or to a peer.
func (s *Sim) toAddress(h Hop, vnet *resource, dst netip.Addr, now time.Time, takes func(*resource, time.Time) (bool, string)) Hop {
	nic := s.nicAt(vnet, dst, now)
	if nic == nil {
		h.Reason = "nobody has the address"
		return h
	}
	h.VM = nic.nic.vm
	vm := s.lookup(h.VM)
	if vm == nil {
		h.Reason = "the address is not attached to a machine"
		return h
	}
	if ok, why := takes(vm, now); !ok {
		h.Reason = why
		return h
	}
	h.Delivered = true
	return h
}

// nicAt finds the NIC with an address in a network or its peers.
func (s *Sim) nicAt(vnet *resource, addr netip.Addr, now time.Time) *resource {
	reach := []string{vnet.key}
	for _, half := range s.peers(vnet, now) {
		reach = append(reach, half.peering.remote)
	}
	for _, nic := range s.fabric.addresses[addr] {
		for _, c := range nic.nic.configs {
			if c.addr == addr && slices.Contains(reach, s.resources[c.subnet].parent.key) {
				return nic
			}
		}
	}
	return nil
}
