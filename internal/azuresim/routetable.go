package azuresim

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The limits of 2022; a subscription's may have been raised since.
const (
	maxTables = 200 // per subscription and region
	maxRoutes = 400 // per table
)

// tableState is what the routes of a table are, as the control plane has them.
type tableState struct {
	routes  []routeEntry
	subnets []string // ids of the subnets that use the table
}

// routeEntry is one route: its name and its properties without what the service makes.
type routeEntry struct {
	name       string
	properties object
	extra      object // members beside properties
}

// finishRouteTable composes the document. Tags and subnets are absent when there are none; routes never is.
func finishRouteTable(r *resource) object {
	o := head(r)
	if tags, ok := tagsOf(r.doc); ok {
		o = append(o, member{"tags", tags})
	}
	o = append(o, r.doc.without("tags", "properties")...)
	p := object{{"provisioningState", r.state}, {"resourceGuid", r.guid}}
	p = append(p, r.doc.obj("properties")...)
	routes := make([]any, len(r.table.routes))
	for i := range r.table.routes {
		routes[i] = r.table.routes[i].document(r)
	}
	p = append(p, member{"routes", routes})
	if len(r.table.subnets) > 0 {
		p = append(p, member{"subnets", idList(r.table.subnets)})
	}
	return append(o, member{"properties", p})
}

// document is a route as GET shows it: the table's etag and state, again.
func (e *routeEntry) document(table *resource) object {
	p := append(object{{"provisioningState", table.state}}, e.properties...)
	o := object{{"name", e.name}, {"id", table.id + "/routes/" + e.name}, {"etag", table.etag}, {"properties", p}, {"type", typeRoute}}
	return append(o, e.extra...)
}

// idList is a JSON array of {"id": …}.
func idList(ids []string) []any {
	list := make([]any, len(ids))
	for i, id := range ids {
		list[i] = object{{"id", id}}
	}
	return list
}

// tableInput is what a PUT says: the document's own members and the routes.
func (s *Sim) tableInput(rq *request, body object) (doc object, routes []routeEntry, rep *reply) {
	props := body.obj("properties").clone()
	if rq.apiVersion < peeringRouteVersion {
		props.drop("disablePeeringRoute") // an older api-version does not know the member
	}
	if props.str("disablePeeringRoute") == "None" {
		props.drop("disablePeeringRoute") // the default is not shown
	}
	rows := props.list("routes")
	if len(rows) > maxRoutes {
		return nil, nil, rq.networkError(http.StatusBadRequest, "RouteTableRoutesCountLimitReached", fmt.Sprintf("Cannot create more than %d routes for route table %s.", maxRoutes, rq.target.name))
	}
	prefixes := map[string]string{}
	for i, row := range rows {
		e, rep := rq.routeInput(row, i)
		if rep != nil {
			return nil, nil, rep
		}
		if rep := rq.routeConflict(routes, prefixes, e); rep != nil {
			return nil, nil, rep
		}
		routes = append(routes, e)
	}
	p := object{{"disableBgpRoutePropagation", props.flag("disableBgpRoutePropagation")}}
	p = append(p, props.without(append(readOnly(), "disableBgpRoutePropagation", "routes", "subnets")...)...)
	if tags, ok := tagsOf(body); ok {
		doc = append(doc, member{"tags", tags})
	}
	doc = append(doc, body.without(append(readOnly(), "tags", "properties")...)...)
	return append(doc, member{"properties", p}), routes, nil
}

// routeConflict refuses two routes with one name or one prefix. The codes are [U].
func (rq *request) routeConflict(routes []routeEntry, prefixes map[string]string, e routeEntry) *reply {
	for i := range routes {
		if strings.EqualFold(routes[i].name, e.name) {
			return rq.networkError(http.StatusBadRequest, "DuplicateResourceName", "Resource "+rq.target.id+" has two child resources with the same name ("+e.name+").")
		}
	}
	prefix := lower(e.properties.str("addressPrefix"))
	if other, ok := prefixes[prefix]; ok {
		return rq.networkError(http.StatusBadRequest, "RouteConflict", "Routes "+other+" and "+e.name+" of "+rq.target.id+" have the same address prefix "+prefix+".")
	}
	prefixes[prefix] = e.name
	return nil
}

// getRouteTable hides a member that the asked api-version does not know.
func (s *Sim) getRouteTable(rq *request, r *resource) *reply {
	rep := s.getResource(rq, r)
	if r != nil {
		rep.body = tableView(rq.apiVersion, rep.body)
	}
	return rep
}

// tableView is a table's document at an api-version.
func tableView(version string, body []byte) []byte {
	if version >= peeringRouteVersion || !bytes.Contains(body, []byte(`"disablePeeringRoute"`)) {
		return body
	}
	o, err := parseObject(body)
	if err != nil {
		panic("azuresim: a stored table is not JSON: " + err.Error())
	}
	p := o.obj("properties")
	p.drop("disablePeeringRoute")
	o.set("properties", p)
	return encode(o)
}

// putRouteTable creates or replaces a table: whatever the body leaves out is gone.
func (s *Sim) putRouteTable(rq *request, r *resource) *reply {
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
	doc, routes, rep := s.tableInput(rq, body)
	if rep != nil {
		return rep
	}
	status := http.StatusOK
	if r == nil {
		if rep := s.tableLimit(rq, body.str("location")); rep != nil {
			return rep
		}
		status = http.StatusCreated
		t := rq.target
		r = s.insert(t.kind, t.canonicalID(), s.subscription(t.sub).ID, s.groupOf(t.sub, t.group).name, t.name, body.str("location"), rq.now)
		r.table = &tableState{}
	} else if s.sameTable(r, doc, routes) {
		return s.unchangedTable(rq, r, body)
	}
	op := s.writeTable(rq, r, "PutRouteTableOperation", func() { r.doc, r.table.routes = doc, routes })
	rep = rq.ok(status, s.echoPeeringRoute(rq, r, body))
	op.announce(s, rq, rep, false)
	return rep
}

// sameTable reports whether a PUT would change nothing of a table in a good state.
func (s *Sim) sameTable(r *resource, doc object, routes []routeEntry) bool {
	if r.state != stateSucceeded {
		return false
	}
	c := *r
	c.doc, c.table = doc, &tableState{routes: routes, subnets: r.table.subnets}
	s.scratch = appendJSON(s.scratch[:0], finishRouteTable(&c))
	return bytes.Equal(s.scratch, r.body)
}

// unchangedTable answers a PUT that changes nothing: Succeeded at once, and an operation is named all the same. Whether the etag is
// renewed is [U]; "every write renews it", so it is.
func (s *Sim) unchangedTable(rq *request, r *resource, body object) *reply {
	s.renew(r)
	s.commit(r, rq.now)
	rep := rq.ok(http.StatusOK, s.echoPeeringRoute(rq, r, body))
	s.finished(rq, r, "PutRouteTableOperation").announce(s, rq, rep, false)
	return rep
}

// echoPeeringRoute repeats disablePeeringRoute "None" in the answer of the PUT that said it; nothing else shows it.
func (s *Sim) echoPeeringRoute(rq *request, r *resource, body object) []byte {
	shown := s.show(rq, r)
	if rq.apiVersion < peeringRouteVersion || body.obj("properties").str("disablePeeringRoute") != "None" {
		return tableView(rq.apiVersion, shown)
	}
	o, err := parseObject(shown)
	if err != nil {
		panic("azuresim: a stored table is not JSON: " + err.Error())
	}
	p := o.obj("properties")
	i := p.index("disableBgpRoutePropagation")
	o.set("properties", slices.Insert(p, i+1, member{"disablePeeringRoute", "None"}))
	return encode(o)
}

func (s *Sim) tableLimit(rq *request, location string) *reply {
	n := 0
	for _, r := range s.all(rq.target.kind, rq.target.sub) {
		if !r.gone && strings.EqualFold(r.location, location) {
			n++
		}
	}
	if n < maxTables {
		return nil
	}
	return rq.networkError(http.StatusBadRequest, "RouteTableCountLimitReached", fmt.Sprintf("Cannot create more than %d route tables for this subscription in this region.", maxTables))
}

// writeTable is the one way in which a table changes: an interim etag and Updating now, another etag and Succeeded when the write is
// done, the fabric later. A write that fails leaves the table Failed, with the content asked for (or, by order of the fault, the
// old), and the fabric as it was.
func (s *Sim) writeTable(rq *request, r *resource, name string, change func()) *operation {
	doc, routes := r.doc, r.table.routes
	change()
	r.state, r.etag = stateUpdating, s.newEtag()
	s.commit(r, rq.now)
	final := s.newEtag()
	restore := rq.doomed != nil && rq.doomed.Params["content"] == "old"
	length := s.profile.WriteTime + time.Duration(len(r.table.routes))*s.profile.WriteTimePerRoute
	return s.begin(rq, r, name, length, func(at time.Time) {
		r.state, r.etag = stateSucceeded, final
		s.commit(r, at)
		s.programTable(r, at)
	}, func(at time.Time) {
		if restore {
			r.doc, r.table.routes = doc, routes
		}
		r.state, r.etag = stateFailed, final
		s.commit(r, at)
	})
}

// deleteRouteTable refuses while a subnet uses the table.
func (s *Sim) deleteRouteTable(rq *request, r *resource) *reply {
	if r == nil {
		return rq.nothingToDelete()
	}
	if rep := s.anotherWrite(rq, r); rep != nil {
		return rep
	}
	if rep := s.precondition(rq, r); rep != nil {
		return rep
	}
	if len(r.table.subnets) > 0 {
		return rq.networkError(http.StatusBadRequest, "InUseRouteTableCannotBeDeleted", "Route table "+r.name+" is in use and cannot be deleted.")
	}
	return s.deletion(rq, r, "DeleteRouteTableOperation", s.profile.WriteTime, func(time.Time) { delete(s.fabric.tables, r.key) })
}
