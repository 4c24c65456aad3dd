package azuresim

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// subnetPrefixes reads addressPrefix or addressPrefixes.
func subnetPrefixes(props object) []string {
	if list := texts(props.list("addressPrefixes")); len(list) > 0 {
		return list
	}
	if p := props.str("addressPrefix"); p != "" {
		return []string{p}
	}
	return nil
}

func finishSubnet(r *resource) object {
	in := r.doc.obj("properties")
	p := append(object{{"provisioningState", r.state}}, in.without("delegations", "privateEndpointNetworkPolicies", "privateLinkServiceNetworkPolicies")...)
	if len(r.subnet.uses) > 0 {
		p = append(p, member{"ipConfigurations", idList(r.subnet.uses)})
	}
	delegations := in.list("delegations")
	if delegations == nil {
		delegations = []any{}
	}
	p = append(p, member{"delegations", delegations})
	for _, d := range []member{{"privateEndpointNetworkPolicies", "Disabled"}, {"privateLinkServiceNetworkPolicies", "Enabled"}} {
		if v := in.str(d.name); v != "" {
			d.value = v
		}
		p = append(p, d)
	}
	return object{{"name", r.name}, {"id", r.id}, {"etag", r.etag}, {"properties", p}, {"type", typeSubnet}}
}

// subnetState is what a subnet has beside its document.
type subnetState struct {
	uses []string // ids of the ip configurations in it
}

// setSubnet takes a subnet's properties from a body and tells the fabric which table it uses.
func (s *Sim) setSubnet(r *resource, props object, at time.Time) {
	p := props.without(append(readOnly(), "ipConfigurations")...)
	table := s.lookup(p.obj("routeTable").str("id"))
	if table != nil {
		p.set("routeTable", object{{"id", table.id}})
	}
	r.doc = object{{"properties", p}}
	s.associate(r, table, at)
	s.commitOne(r, at)
}

// associate changes which table a subnet uses. The tables' documents name their subnets; whether their etags change with it is [U],
// here they do.
func (s *Sim) associate(subnet, table *resource, at time.Time) {
	before := s.fabric.wanted[subnet.key]
	var after string
	if table != nil {
		after = table.key
	}
	if before == after {
		return
	}
	if old := s.resources[before]; old != nil && !old.gone {
		old.table.subnets = slices.DeleteFunc(slices.Clone(old.table.subnets), func(id string) bool { return id == subnet.id })
		s.renew(old)
		s.commit(old, at)
	}
	if table != nil {
		table.table.subnets = append(slices.Clone(table.table.subnets), subnet.id)
		s.renew(table)
		s.commit(table, at)
	}
	s.fabric.wanted[subnet.key] = after
	s.timeline.plan(at.Add(s.profile.FabricDelay), func(time.Time) { s.fabric.associated[subnet.key] = after })
}

// checkSubnets checks the subnets of a network's body.
func (s *Sim) checkSubnets(rq *request, vnet *resource, list []any, space []netip.Prefix) *reply {
	var taken []netip.Prefix
	for _, v := range list {
		in, _ := v.(object)
		if rep := s.checkSubnet(rq, vnet, in.str("name"), in.obj("properties"), space, taken); rep != nil {
			return rep
		}
		prefixes, _ := parsePrefixes(subnetPrefixes(in.obj("properties")))
		taken = append(taken, prefixes...)
	}
	return nil
}

// checkSubnet checks one subnet: prefixes inside the space, no overlap, a table of the same region and subscription, the right to
// join it.
func (s *Sim) checkSubnet(rq *request, vnet *resource, name string, props object, space, taken []netip.Prefix) *reply {
	prefixes, bad := parsePrefixes(subnetPrefixes(props))
	if bad != "" || len(prefixes) == 0 || name == "" {
		return rq.badPrefix(bad)
	}
	for _, p := range prefixes {
		if !slices.ContainsFunc(space, func(q netip.Prefix) bool { return q.Overlaps(p) && q.Bits() <= p.Bits() }) {
			return rq.networkError(http.StatusBadRequest, "NetcfgInvalidSubnet", "Subnet '"+name+"' is not valid in virtual network '"+vnet.name+"'.")
		}
		if slices.ContainsFunc(taken, p.Overlaps) {
			return rq.networkError(http.StatusBadRequest, "NetcfgSubnetRangesOverlap", "Subnet '"+name+"' is not valid because its IP address range overlaps with that of an existing subnet in virtual network '"+vnet.name+"'.")
		}
	}
	id := props.obj("routeTable").str("id")
	if id == "" {
		return nil
	}
	table := s.lookup(id)
	if table == nil || table.table == nil || table.location != vnet.location || !strings.EqualFold(table.sub, vnet.sub) {
		return rq.networkError(http.StatusBadRequest, "InvalidResourceReference", "Resource "+id+" referenced by resource "+vnet.id+"/subnets/"+name+
			" was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.")
	}
	if s.fabric.wanted[lower(vnet.id+"/subnets/"+name)] == table.key {
		return nil
	}
	if rep := s.linked(rq, "Microsoft.Network/routeTables/join/action", table.id); rep != nil {
		return rep
	}
	if table.busy() {
		return referencedNotReady(rq, http.StatusTooManyRequests, table, vnet.id+"/subnets/"+name)
	}
	return nil
}

// referencedNotReady refuses a request that refers to a resource which is being written: 429 or 400, both were seen.
func referencedNotReady(rq *request, status int, used *resource, by string) *reply {
	message := "Cannot proceed with operation because resource " + used.id + " used by resource " + by +
		" is not in Succeeded state. Resource is in Updating state and the last operation that updated/is updating the resource is " + used.op.name + "."
	if status == http.StatusTooManyRequests {
		rep := rq.provider(status, "RetryableError", "A retryable error occurred.", detail{code: "ReferencedResourceNotProvisioned", message: message})
		rep.retryAfter(max(used.op.end.Sub(rq.now), time.Second))
		return rep
	}
	return rq.networkError(status, "ReferencedResourceNotProvisioned", message)
}

// checkDropped refuses to drop a subnet that is in use.
func (s *Sim) checkDropped(rq *request, vnet *resource, kept []any) *reply {
	for _, c := range vnet.vnet.of(typeSubnet) {
		stays := slices.ContainsFunc(kept, func(v any) bool { in, _ := v.(object); return strings.EqualFold(in.str("name"), c.name) })
		if !stays && len(c.subnet.uses) > 0 {
			return subnetInUse(rq, c)
		}
	}
	return nil
}

func subnetInUse(rq *request, c *resource) *reply {
	return rq.networkError(http.StatusBadRequest, "InUseSubnetCannotBeDeleted", "Subnet "+c.name+" is in use by "+c.subnet.uses[0]+
		" and cannot be deleted. In order to delete the subnet, delete all the resources within the subnet. See aka.ms/deletesubnet.")
}

// putSubnet writes one subnet; its network is Updating with it.
func (s *Sim) putSubnet(rq *request, r *resource) *reply {
	body := rq.object
	vnet := s.lookup(rq.target.parentID())
	if vnet == nil {
		return rq.gateway(http.StatusNotFound, "ParentResourceNotFound", "Failed to perform 'write' on resource(s) of type 'virtualNetworks/subnets', because the parent resource '"+rq.target.parentID()+"' could not be found.")
	}
	if rep := s.anotherWrite(rq, vnet); rep != nil {
		return rep
	}
	if rep := s.precondition(rq, r); rep != nil {
		return rep
	}
	var taken []netip.Prefix
	for _, c := range vnet.vnet.of(typeSubnet) {
		if c != r {
			prefixes, _ := parsePrefixes(subnetPrefixes(c.doc.obj("properties")))
			taken = append(taken, prefixes...)
		}
	}
	props := body.obj("properties")
	if rep := s.checkSubnet(rq, vnet, rq.target.name, props, vnet.vnet.prefixes, taken); rep != nil {
		return rep
	}
	status, before := http.StatusOK, []byte(nil)
	if r == nil {
		status = http.StatusCreated
		r = s.child(rq, vnet, typeSubnet, rq.target.name)
	} else if r.state == stateSucceeded {
		before = r.body
	}
	s.setSubnet(r, props, rq.now)
	var op *operation
	if before != nil && string(before) == string(r.body) {
		s.commit(r, rq.now)
		op = s.finished(rq, r, "PutSubnetOperation")
	} else {
		op = s.update(rq, r, "PutSubnetOperation", s.profile.WriteTime, func(time.Time) {})
	}
	rep := rq.ok(status, s.show(rq, r))
	op.announce(s, rq, rep, false)
	return rep
}

func (s *Sim) deleteSubnet(rq *request, r *resource) *reply {
	if r == nil {
		return rq.nothingToDelete()
	}
	if rep := s.anotherWrite(rq, r.parent); rep != nil {
		return rep
	}
	if rep := s.precondition(rq, r); rep != nil {
		return rep
	}
	if len(r.subnet.uses) > 0 {
		return subnetInUse(rq, r)
	}
	if site := s.siteIn(r); site != nil {
		return rq.networkError(http.StatusBadRequest, "InUseSubnetCannotBeDeleted", "Subnet "+r.name+" is in use by "+r.id+"/serviceAssociationLinks/legionservicelink and cannot be deleted. In order to delete the subnet, delete all the resources within the subnet. See aka.ms/deletesubnet.")
	}
	return s.deletion(rq, r, "DeleteSubnetOperation", s.profile.WriteTime, func(at time.Time) { s.dropChild(r, at) })
}
