package azuresim

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Peering states and sync levels as the service writes them.
const (
	peeringInitiated    = "Initiated"
	peeringConnected    = "Connected"
	peeringDisconnected = "Disconnected"

	fullyInSync   = "FullyInSync"
	remoteNotSync = "RemoteNotInSync"
	localNotSync  = "LocalNotInSync"
	bothNotSync   = "LocalAndRemoteNotInSync"
)

// peeringState is one half of a peering.
type peeringState struct {
	remote      string // key of the remote network
	remoteID    string
	state, sync string
	seen        []netip.Prefix // the remote's space when this half last took it over
	since       time.Time      // when the half became Connected
}

func finishPeering(r *resource) object {
	h := r.peering
	in := r.doc.obj("properties")
	p := object{
		{"provisioningState", r.state}, {"resourceGuid", r.guid}, {"peeringState", h.state}, {"peeringSyncLevel", h.sync},
		{"remoteVirtualNetwork", object{{"id", h.remoteID}}},
	}
	for _, flag := range []string{"allowVirtualNetworkAccess", "allowForwardedTraffic", "allowGatewayTransit", "useRemoteGateways", "doNotVerifyRemoteGateways"} {
		p = append(p, member{flag, in.flag(flag)})
	}
	complete := true
	if v, ok := in.get("peerCompleteVnets"); ok {
		complete, _ = v.(bool)
	}
	p = append(p, member{"peerCompleteVnets", complete})
	p = append(p, in.without("allowVirtualNetworkAccess", "allowForwardedTraffic", "allowGatewayTransit", "useRemoteGateways", "doNotVerifyRemoteGateways",
		"peerCompleteVnets", "remoteAddressSpace", "remoteVirtualNetworkAddressSpace", "routeServiceVips")...)
	p = append(p, member{"remoteAddressSpace", space(h.seen)}, member{"remoteVirtualNetworkAddressSpace", in.obj("remoteVirtualNetworkAddressSpace")}, member{"routeServiceVips", object{}})
	return object{{"name", r.name}, {"id", r.id}, {"etag", r.etag}, {"properties", p}, {"type", typePeering}}
}

func space(prefixes []netip.Prefix) object {
	list := []any{}
	for _, p := range prefixes {
		list = append(list, p.String())
	}
	return object{{"addressPrefixes", list}}
}

// otherHalf finds the half in the remote network that points back.
func (s *Sim) otherHalf(r *resource) *resource {
	remote := s.lookup(r.peering.remote)
	if remote == nil {
		return nil
	}
	for _, c := range remote.vnet.of(typePeering) {
		if c.peering.remote == r.parent.key {
			return c
		}
	}
	return nil
}

// putPeering writes one half. The second half makes both Connected.
func (s *Sim) putPeering(rq *request, r *resource) *reply {
	body := rq.object
	local := s.lookup(rq.target.parentID())
	if local == nil {
		return rq.gateway(http.StatusNotFound, "ParentResourceNotFound", "Failed to perform 'write' on resource(s) of type 'virtualNetworks/virtualNetworkPeerings', because the parent resource '"+rq.target.parentID()+"' could not be found.")
	}
	if r != nil {
		if rep := s.anotherWrite(rq, r); rep != nil {
			return rep
		}
	}
	if rep := s.precondition(rq, r); rep != nil {
		return rep
	}
	props := body.obj("properties")
	remote, rep := s.checkPeering(rq, local, r, props)
	if rep != nil {
		return rep
	}
	status := http.StatusOK
	if r == nil {
		status = http.StatusCreated
		r = s.child(rq, local, typePeering, rq.target.name)
		r.peering = &peeringState{remote: remote.key, remoteID: remote.id}
	}
	other := s.otherHalf(r)
	if other != nil {
		r.guid = other.guid // both halves have one
	}
	resync := status == http.StatusCreated || strings.EqualFold(rq.query.Get("syncRemoteAddressSpace"), "true")
	s.setPeering(r, remote, other, props, resync, rq.now)
	running := s.peeringRunning(local, remote)
	if running != nil && rq.doomed == nil {
		// Writes on peerings of one network at the same time are accepted and fail in the poll.
		rq.doomed = &Fault{Kind: FaultFailedPoll, Params: map[string]string{"message": s.anotherOperation(rq, running.id, running.location)}}
	}
	op := s.update(rq, r, "PutVirtualNetworkPeeringOperation", s.profile.PeeringTime, func(at time.Time) { s.settlePeering(r, other, at) })
	rep = rq.ok(status, s.show(rq, r))
	op.announce(s, rq, rep, false)
	return rep
}

// peeringRunning finds an operation on a peering of either network.
func (s *Sim) peeringRunning(networks ...*resource) *operation {
	for _, n := range networks {
		for _, c := range n.vnet.of(typePeering) {
			if c.op != nil {
				return c.op
			}
		}
	}
	return nil
}

// checkPeering checks what a half refers to, the caller's right to peer there, and the address spaces.
func (s *Sim) checkPeering(rq *request, local, r *resource, props object) (remote *resource, rep *reply) {
	id := props.obj("remoteVirtualNetwork").str("id")
	remote = s.lookup(id)
	if remote == nil || remote.vnet == nil || remote == local {
		return nil, rq.networkError(http.StatusBadRequest, "InvalidResourceReference", "Resource "+id+" referenced by resource "+rq.target.id+
			" was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.")
	}
	if rep := s.linked(rq, "Microsoft.Network/virtualNetworks/peer/action", remote.id); rep != nil {
		return nil, rep
	}
	for _, n := range []*resource{local, remote} {
		if n.busy() {
			return nil, referencedNotReady(rq, http.StatusBadRequest, n, rq.target.canonicalID())
		}
	}
	if r != nil && r.peering.remote != remote.key {
		return nil, rq.networkError(http.StatusBadRequest, "CannotChangeRemoteVirtualNetwork", "The remote virtual network of peering "+r.id+" cannot be changed.") // code [U]
	}
	for _, half := range s.halves(local, remote, r) {
		if half.peering.state == peeringDisconnected {
			return nil, rq.networkError(http.StatusBadRequest, "RemotePeeringIsDisconnected", "Cannot create or update peering "+rq.target.canonicalID()+" because remote peering "+half.id+
				" referencing parent virtual network "+local.id+" is in Disconnected state. Update or re-create the remote peering to get it back to Initiated state. Peering gets Disconnected when remote vnet or remote peering is deleted and re-created.")
		}
	}
	if r == nil {
		if n := len(local.vnet.of(typePeering)); n >= peeringLimit {
			return nil, rq.networkError(http.StatusBadRequest, "VirtualNetworkPeeringCountLimitReached", fmt.Sprintf("Cannot create peering %s because virtual network %s has %d peerings already. The limit is %d.",
				rq.target.canonicalID(), local.id, n, peeringLimit)) // code and text [U], the number is documented
		}
		for _, c := range local.vnet.of(typePeering) {
			if c.peering.remote == remote.key {
				return nil, rq.networkError(http.StatusBadRequest, "AnotherPeeringAlreadyReferencesRemoteVnet", "Peering "+c.id+" already references remote virtual network "+remote.id+".") // code [U]
			}
		}
	}
	if props.flag("useRemoteGateways") {
		return nil, rq.networkError(http.StatusBadRequest, "RemoteVnetHasNoGateways", "Cannot update or enable UseRemoteGateways flag for peering "+rq.target.canonicalID()+" because virtual network "+remote.id+" does not have any gateways.") // no gateway is modelled
	}
	for _, p := range local.vnet.prefixes {
		if i := slices.IndexFunc(remote.vnet.prefixes, p.Overlaps); i >= 0 {
			return nil, rq.networkError(http.StatusBadRequest, "VnetAddressSpacesOverlap", "Cannot create or update peering "+rq.target.canonicalID()+". Virtual networks "+local.id+" and "+remote.id+
				" cannot be peered because their address spaces overlap. Overlapping address prefixes: "+p.String()+", "+remote.vnet.prefixes[i].String()+".")
		}
	}
	return remote, s.overlapsPeer(rq, local, remote)
}

// peeringLimit is how many peerings a network may have.
const peeringLimit = 500

// overlapsPeer refuses to peer a network with one that is peered already with a third whose space overlaps the first's. A half counts
// also when it is disconnected and its network long gone: users meet just that.
func (s *Sim) overlapsPeer(rq *request, local, remote *resource) *reply {
	for _, c := range remote.vnet.of(typePeering) {
		if c.peering.remote == local.key {
			continue
		}
		for _, p := range local.vnet.prefixes {
			if slices.ContainsFunc(c.peering.seen, p.Overlaps) {
				return rq.networkError(http.StatusBadRequest, "VnetAddressSpaceOverlapsWithAlreadyPeeredVnet", "Cannot create or update peering "+rq.target.canonicalID()+". Virtual networks "+local.id+" and "+remote.id+
					" cannot be peered because address space of the first virtual network overlaps with address space of virtual network "+c.peering.remoteID+" already peered with the second virtual network. Overlapping address prefixes: "+p.String()+".")
			}
		}
	}
	return nil
}

// halves are the half being written, if it exists, and the half that points back.
func (s *Sim) halves(local, remote, r *resource) []*resource {
	var list []*resource
	if r != nil {
		list = append(list, r)
	}
	for _, c := range remote.vnet.of(typePeering) {
		if c.peering.remote == local.key {
			list = append(list, c)
		}
	}
	return list
}

// setPeering fills a half as the answer of its PUT shows it: Connected at once when the other half is there.
func (s *Sim) setPeering(r, remote, other *resource, props object, resync bool, at time.Time) {
	p := props.without(append(readOnly(), "peeringState", "peeringSyncLevel", "remoteVirtualNetwork")...)
	p.set("remoteVirtualNetworkAddressSpace", space(remote.vnet.prefixes))
	r.doc = object{{"properties", p}}
	h := r.peering
	if resync {
		h.seen = remote.vnet.prefixes
	}
	if other == nil {
		h.state, h.sync = peeringInitiated, remoteNotSync
		return
	}
	if h.state != peeringConnected {
		h.state, h.since = peeringConnected, at
	}
	h.sync = s.syncLevel(r, other)
}

// syncLevel compares what both halves have taken over with what is.
func (s *Sim) syncLevel(r, other *resource) string {
	mine := slices.Equal(r.peering.seen, other.parent.vnet.prefixes)
	theirs := slices.Equal(other.peering.seen, r.parent.vnet.prefixes)
	switch {
	case mine && theirs:
		return fullyInSync
	case mine:
		return remoteNotSync
	case theirs:
		return localNotSync
	default:
		return bothNotSync
	}
}

// settlePeering ends the write of a half: the other half, if any, is Connected with it.
func (s *Sim) settlePeering(r, other *resource, at time.Time) {
	if other == nil || other.gone {
		return
	}
	h := other.peering
	if h.state == peeringInitiated {
		h.state, h.since = peeringConnected, at
	}
	if r.peering.since.Before(at) && h.since.Equal(at) {
		r.peering.since = at // the pair works from the end of the second half's operation
	}
	h.sync, r.peering.sync = s.syncLevel(other, r), s.syncLevel(r, other)
	s.renew(other)
	s.renew(other.parent)
	s.commit(other, at)
}

// disconnect is what the other half becomes when this one is gone.
func (s *Sim) disconnect(r *resource, at time.Time) {
	if other := s.otherHalf(r); other != nil {
		other.peering.state = peeringDisconnected
		s.renew(other)
		s.renew(other.parent)
		s.commit(other, at)
	}
}

// spaceChanged marks the peerings of a network whose address space was changed as out of sync, on both sides.
func (s *Sim) spaceChanged(vnet *resource, at time.Time) {
	for _, c := range vnet.vnet.of(typePeering) {
		other := s.otherHalf(c)
		if other == nil {
			continue
		}
		p := other.doc.obj("properties").clone()
		p.set("remoteVirtualNetworkAddressSpace", space(vnet.vnet.prefixes))
		other.doc = object{{"properties", p}}
		for _, half := range [][2]*resource{{c, other}, {other, c}} {
			half[0].peering.sync = s.syncLevel(half[0], half[1])
			s.renew(half[0])
			s.commit(half[0], at)
		}
	}
}

// deletePeering removes one half only.
func (s *Sim) deletePeering(rq *request, r *resource) *reply {
	if r == nil {
		return rq.nothingToDelete()
	}
	if rep := s.anotherWrite(rq, r); rep != nil {
		return rep
	}
	if rep := s.precondition(rq, r); rep != nil {
		return rep
	}
	return s.deletion(rq, r, "DeleteVirtualNetworkPeeringOperation", s.profile.PeeringTime, func(at time.Time) { s.dropChild(r, at) })
}
