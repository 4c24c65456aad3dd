package azuresim

import (
	"bytes"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// vnetState is what a virtual network has beside its document.
type vnetState struct {
	prefixes []netip.Prefix
	children []*resource // subnets and peerings, in the order of their making
	learned  []netip.Prefix
}

// of gives the living children of one type.
func (v *vnetState) of(typ string) []*resource {
	var list []*resource
	for _, c := range v.children {
		if c.kind.name == typ {
			list = append(list, c)
		}
	}
	return list
}

func finishNetwork(r *resource) object {
	o := head(r)
	if tags, ok := tagsOf(r.doc); ok {
		o = append(o, member{"tags", tags})
	}
	o = append(o, r.doc.without("tags", "properties")...)
	in := r.doc.obj("properties")
	p := object{{"provisioningState", r.state}, {"resourceGuid", r.guid}, {"addressSpace", in.obj("addressSpace")}}
	p = append(p, in.without("addressSpace", "enableDdosProtection")...)
	bodies := func(typ string) []any {
		list := []any{}
		for _, c := range r.vnet.of(typ) {
			list = append(list, raw(c.body))
		}
		return list
	}
	p = append(p, member{"subnets", bodies(typeSubnet)}, member{"virtualNetworkPeerings", bodies(typePeering)}, member{"enableDdosProtection", in.flag("enableDdosProtection")})
	return append(o, member{"properties", p})
}

// parsePrefixes reads a list of CIDR prefixes; bad gets the first that is none.
func parsePrefixes(list []string) (prefixes []netip.Prefix, bad string) {
	for _, t := range list {
		p, err := netip.ParsePrefix(t)
		if err != nil || p != p.Masked() {
			return nil, t
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, ""
}

func (rq *request) badPrefix(prefix string) *reply {
	return rq.networkError(http.StatusBadRequest, "InvalidAddressPrefixFormat", "Address prefix "+prefix+" of resource "+rq.target.id+" is not formatted correctly. It should follow CIDR notation, for example 10.0.0.0/24.")
}

// putNetwork replaces a whole network: subnets and peerings that the body leaves out are dropped. Users report that, no document
// says it [U].
func (s *Sim) putNetwork(rq *request, r *resource) *reply {
	body := rq.object
	if rep := s.checkLocation(rq, r, body); rep != nil {
		return rep
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
	prefixes, bad := parsePrefixes(texts(props.obj("addressSpace").list("addressPrefixes")))
	if bad != "" || len(prefixes) == 0 {
		return rq.badPrefix(bad)
	}
	if r != nil {
		if rep := s.checkDropped(rq, r, props.list("subnets")); rep != nil {
			return rep
		}
	}
	doc := networkDocument(body, props)
	before := []byte(nil)
	if r == nil {
		t := rq.target
		r = s.insert(t.kind, t.canonicalID(), s.subscription(t.sub).ID, s.groupOf(t.sub, t.group).name, t.name, body.str("location"), rq.now)
		r.vnet = &vnetState{}
	} else if r.state == stateSucceeded {
		before = r.body
	}
	if rep := s.checkSubnets(rq, r, props.list("subnets"), prefixes); rep != nil {
		return rep
	}
	changedSpace := before != nil && !slices.Equal(prefixes, r.vnet.prefixes)
	r.doc, r.vnet.prefixes = doc, prefixes
	s.replaceChildren(rq, r, props)
	if before != nil && bytes.Equal(encode(finishNetwork(r)), before) {
		rep := rq.ok(http.StatusCreated, s.show(rq, r)) // 201 again, with Succeeded
		s.finished(rq, r, "PutVirtualNetworkOperation").announce(s, rq, rep, false)
		return rep
	}
	if changedSpace {
		s.spaceChanged(r, rq.now)
	}
	op := s.update(rq, r, "PutVirtualNetworkOperation", s.profile.WriteTime, func(time.Time) {})
	// An update of an existing network was not recorded; like the unchanged one it is a 201 [U].
	rep := rq.ok(http.StatusCreated, s.show(rq, r))
	op.announce(s, rq, rep, false)
	return rep
}

func networkDocument(body, props object) object {
	var doc object
	if tags, ok := tagsOf(body); ok {
		doc = append(doc, member{"tags", tags})
	}
	doc = append(doc, body.without(append(readOnly(), "tags", "properties")...)...)
	p := props.without(append(readOnly(), "subnets", "virtualNetworkPeerings")...)
	p.setDefault("privateEndpointVNetPolicies", "Disabled")
	return append(doc, member{"properties", p})
}

// update is how a Network resource other than a route table changes: Updating with an interim etag, then Succeeded with another.
// The parent is Updating, and busy, with it.
func (s *Sim) update(rq *request, r *resource, name string, length time.Duration, done func(at time.Time)) *operation {
	settle := func(state string, at time.Time) {
		r.state = state
		s.renew(r)
		if r.parent != nil {
			r.parent.state = stateSucceeded
			s.renew(r.parent)
		}
		s.commit(r, at)
	}
	settle(stateUpdating, rq.now)
	op := s.begin(rq, r, name, length, func(at time.Time) {
		s.release(r)
		done(at)
		settle(stateSucceeded, at)
	}, func(at time.Time) {
		s.release(r)
		settle(stateFailed, at)
	})
	if r.parent != nil && r.kind.name == typeSubnet {
		r.parent.op, r.parent.state = op, stateUpdating
		s.commit(r.parent, rq.now)
	}
	return op
}

// release frees the parent of a resource whose operation has ended.
func (s *Sim) release(r *resource) {
	if p := r.parent; p != nil && p.op != nil && p.op.target == r {
		p.op = nil
	}
}

// replaceChildren makes the network's subnets and peerings those of the body.
func (s *Sim) replaceChildren(rq *request, r *resource, props object) {
	keep := map[string]bool{}
	for _, v := range props.list("subnets") {
		in, _ := v.(object)
		c := s.child(rq, r, typeSubnet, in.str("name"))
		s.setSubnet(c, in.obj("properties"), rq.now)
		keep[c.key] = true
	}
	for _, v := range props.list("virtualNetworkPeerings") {
		in, _ := v.(object)
		if c := s.lookup(r.id + "/virtualNetworkPeerings/" + in.str("name")); c != nil {
			keep[c.key] = true // a peering is made and changed by its own PUT
		}
	}
	for _, c := range slices.Clone(r.vnet.children) {
		if !keep[c.key] {
			s.dropChild(c, rq.now)
		}
	}
}

// child finds or makes a child of a network.
func (s *Sim) child(rq *request, parent *resource, typ, name string) *resource {
	k := s.kinds[lower(typ)]
	_, segment, _ := strings.Cut(typ, "virtualNetworks/")
	id := parent.id + "/" + segment + "/" + name
	if c := s.lookup(id); c != nil {
		return c
	}
	c := s.insert(k, id, parent.sub, parent.group, name, "", rq.now)
	c.parent, c.state, c.etag = parent, stateSucceeded, s.newEtag()
	c.location = parent.location
	if typ == typeSubnet {
		c.subnet = &subnetState{}
	}
	parent.vnet.children = append(parent.vnet.children, c)
	return c
}

// dropChild takes a subnet or peering away.
func (s *Sim) dropChild(c *resource, at time.Time) {
	c.parent.vnet.children = slices.DeleteFunc(c.parent.vnet.children, func(o *resource) bool { return o == c })
	switch c.kind.name {
	case typeSubnet:
		s.associate(c, nil, at)
	case typePeering:
		s.disconnect(c, at)
	}
	s.remove(c, at)
}

// deleteNetwork refuses while a subnet is in use.
func (s *Sim) deleteNetwork(rq *request, r *resource) *reply {
	if r == nil {
		return rq.nothingToDelete()
	}
	if rep := s.anotherWrite(rq, r); rep != nil {
		return rep
	}
	if rep := s.precondition(rq, r); rep != nil {
		return rep
	}
	if rep := s.checkDropped(rq, r, nil); rep != nil {
		return rep
	}
	return s.deletion(rq, r, "DeleteVirtualNetworkOperation", s.profile.WriteTime, func(at time.Time) {
		for _, c := range slices.Clone(r.vnet.children) {
			s.dropChild(c, at)
		}
	})
}
