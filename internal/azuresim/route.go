package azuresim

import (
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// serviceTag is the form of an address prefix that names a service instead of a network.
var serviceTag = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*(\.[A-Za-z0-9]+)*$`)

// nextHopTypes are those that a route may have.
func nextHopTypes() []string {
	return []string{"VirtualNetworkGateway", "VnetLocal", "Internet", "VirtualAppliance", "None"}
}

// routeInput checks one route of a body as the service does. Any address is good as next hop, also one that nobody has; that only
// the status 400 is known and the codes are [U] is true for all of these.
func (rq *request) routeInput(row any, i int) (routeEntry, *reply) {
	in, ok := row.(object)
	name := in.str("name")
	if !ok || name == "" {
		return routeEntry{}, rq.networkError(http.StatusBadRequest, "InvalidRequestFormat", fmt.Sprintf("Cannot parse the request: properties.routes[%d] has no name.", i))
	}
	e := routeEntry{name: name, extra: in.without("name", "id", "etag", "type", "properties")}
	in = in.obj("properties")
	prefix, hop, address := in.str("addressPrefix"), in.str("nextHopType"), in.str("nextHopIpAddress")
	bad := func(code, format string, args ...any) (routeEntry, *reply) {
		return routeEntry{}, rq.networkError(http.StatusBadRequest, code, fmt.Sprintf(format, args...))
	}
	p, err := netip.ParsePrefix(prefix)
	switch {
	case prefix == "":
		return bad("InvalidAddressPrefixFormat", "Address prefix is required for route %s.", name)
	case err != nil && !serviceTag.MatchString(prefix):
		return bad("InvalidAddressPrefixFormat", "Address prefix %s of route %s is not formatted correctly. It should follow CIDR notation, for example 10.0.0.0/24.", prefix, name)
	case err == nil && p != p.Masked():
		return bad("InvalidCIDRNotation", "The address prefix %s in route %s has an invalid CIDR notation. For the given prefix length, the address prefix should be %s.", prefix, name, p.Masked())
	}
	types := nextHopTypes()
	t := slices.IndexFunc(types, func(t string) bool { return strings.EqualFold(t, hop) })
	if t < 0 {
		return bad("InvalidRequestFormat", "Cannot parse the request: '%s' is not a next hop type, at properties.routes[%d].properties.nextHopType.", hop, i)
	}
	hop = types[t]
	_, err = netip.ParseAddr(address)
	switch {
	case hop == "VirtualAppliance" && address == "":
		return bad("InvalidNextHopIpAddress", "Next hop IP address is required for route %s with next hop type VirtualAppliance.", name)
	case hop != "VirtualAppliance" && address != "":
		return bad("InvalidNextHopIpAddress", "Next hop IP address is not allowed for route %s with next hop type %s.", name, hop)
	case address != "" && err != nil:
		return bad("InvalidNextHopIpAddress", "Next hop IP address %s of route %s is not an IP address.", address, name)
	}
	e.properties = routeProperties(in, prefix, hop, address)
	return e, nil
}

// routeProperties puts a route's properties into the service's order; unknown ones stay.
func routeProperties(in object, prefix, hop, address string) object {
	p := object{{"addressPrefix", prefix}, {"nextHopType", hop}}
	if address != "" {
		p = append(p, member{"nextHopIpAddress", address})
	}
	p = append(p, in.without("provisioningState", "addressPrefix", "nextHopType", "nextHopIpAddress", "hasBgpOverride")...)
	return append(p, member{"hasBgpOverride", in.flag("hasBgpOverride")})
}

// routeIndex finds a route of a table.
func (t *tableState) routeIndex(name string) int {
	return slices.IndexFunc(t.routes, func(e routeEntry) bool { return strings.EqualFold(e.name, name) })
}

// getRoute answers with the table's etag.
func (s *Sim) getRoute(rq *request, table *resource) *reply {
	if table == nil {
		return s.notFound(rq)
	}
	i := table.table.routeIndex(rq.target.name)
	if i < 0 {
		return s.notFound(rq)
	}
	rep := rq.ok(http.StatusOK, recase(table, encode(table.table.routes[i].document(table)), rq.target.group))
	rep.header.Set("ETag", table.etag)
	return rep
}

func (s *Sim) listRoutes(rq *request, table *resource) *reply {
	if table == nil {
		return s.notFound(rq)
	}
	items := make([]item, len(table.table.routes))
	for i := range table.table.routes {
		e := &table.table.routes[i]
		items[i] = item{key: fmt.Sprintf("%08d", i), body: recase(table, encode(e.document(table)), rq.target.group)}
	}
	return s.page(rq, items)
}

// putRoute is a write of the table: while it runs the table and all its routes are Updating.
func (s *Sim) putRoute(rq *request, table *resource) *reply {
	body := rq.object
	if table == nil {
		return rq.gateway(http.StatusNotFound, "ParentResourceNotFound", "Failed to perform 'write' on resource(s) of type 'routeTables/routes', because the parent resource '"+rq.target.parentID()+"' could not be found.")
	}
	if rep := s.anotherWrite(rq, table); rep != nil {
		return rep
	}
	i := table.table.routeIndex(rq.target.name)
	if rep := s.childPrecondition(rq, table, i >= 0); rep != nil {
		return rep
	}
	in := append(object{{"name", rq.target.name}}, body.without("name")...)
	e, rep := rq.routeInput(in, 0)
	if rep != nil {
		return rep
	}
	routes := slices.Clone(table.table.routes)
	status := http.StatusOK
	switch {
	case i >= 0:
		e.name = routes[i].name
		routes[i] = e
	case len(routes) >= maxRoutes:
		return rq.networkError(http.StatusBadRequest, "RouteTableRoutesCountLimitReached", fmt.Sprintf("Cannot create more than %d routes for route table %s.", maxRoutes, table.name))
	default:
		status = http.StatusCreated
		i = len(routes)
		routes = append(routes, e)
	}
	prefixes := map[string]string{}
	for j := range routes {
		if rep := rq.routeConflict(routes[:j], prefixes, routes[j]); rep != nil {
			return rep
		}
	}
	var op *operation
	if s.sameTable(table, table.doc, routes) {
		s.renew(table)
		s.commit(table, rq.now)
		op = s.finished(rq, table, "PutRouteOperation")
	} else {
		op = s.writeTable(rq, table, "PutRouteOperation", func() { table.table.routes = routes })
	}
	rep = rq.ok(status, recase(table, encode(routes[i].document(table)), rq.target.group))
	op.announce(s, rq, rep, false)
	return rep
}

// childPrecondition checks a route's If-Match, which is the table's etag.
func (s *Sim) childPrecondition(rq *request, table *resource, exists bool) *reply {
	if exists {
		return s.precondition(rq, table)
	}
	return s.precondition(rq, nil)
}

// deleteRoute is a write of the table too; a route that is not there is 204.
func (s *Sim) deleteRoute(rq *request, table *resource) *reply {
	if table == nil {
		return rq.nothingToDelete()
	}
	i := table.table.routeIndex(rq.target.name)
	if i < 0 {
		return rq.nothingToDelete()
	}
	if rep := s.anotherWrite(rq, table); rep != nil {
		return rep
	}
	if rep := s.precondition(rq, table); rep != nil {
		return rep
	}
	routes := slices.Delete(slices.Clone(table.table.routes), i, i+1)
	op := s.writeTable(rq, table, "DeleteRouteOperation", func() { table.table.routes = routes })
	rep := rq.ok(http.StatusAccepted, nil)
	op.announce(s, rq, rep, true)
	return rep
}
