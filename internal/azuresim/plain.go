package azuresim

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// plain is a resource type of which only the document matters: it is checked, completed, stored and shown. What such a resource does
// is not simulated; what it grants or makes (an identity, a role, the machine of an application) is.
type plain struct {
	name     string
	versions []string
	child    bool
	// anywhere says that the body has no location.
	anywhere bool
	// status answers the PUT that makes one, when that is over at once; 0 is 201.
	status int
	// time is how long a write takes; 0 is at once.
	time time.Duration
	// accepted answers a write that takes time with 202, no body and a Location, as Storage does. Otherwise it is 201 with the
	// document and an Azure-AsyncOperation.
	accepted bool
	// deleted answers a DELETE; 0 is 200.
	deleted int
	// stateless leaves provisioningState out of the document.
	stateless bool
	// fill checks the document that a body asks for and puts in what the service adds. r is nil when there is none yet.
	fill func(rq *request, r *resource, doc object) (object, *reply)
	// made runs when a write has succeeded, after the document was stored.
	made func(rq *request, r *resource, at time.Time)
	// keep refuses a deletion, if it must.
	keep func(rq *request, r *resource) *reply
	// gone runs when one was deleted, also with its group.
	gone    func(r *resource, at time.Time)
	actions map[string]action
}

// kind makes the type's row in the table of types.
func (p *plain) kind(s *Sim) *kind {
	k := &kind{name: p.name, versions: p.versions, child: p.child, plain: p, actions: p.actions,
		get: s.getPlain, put: s.putPlain, patch: s.patchPlain, delete: s.deletePlain, list: s.listResources}
	if p.child {
		k.list = s.listChildren
	}
	k.finish = finishPlain
	return k
}

// finishPlain is the document of a plain resource.
func finishPlain(r *resource) object {
	o := object{{"id", r.id}, {"name", r.name}, {"type", r.kind.name}}
	if r.location != "" {
		o = append(o, member{"location", r.location})
	}
	if tags, ok := tagsOf(r.doc); ok {
		o = append(o, member{"tags", tags})
	}
	o = append(o, r.doc.without("tags", "properties")...)
	in := r.doc.obj("properties")
	if r.kind.plain.stateless {
		return append(o, member{"properties", in})
	}
	return append(o, member{"properties", append(object{{"provisioningState", r.state}}, in...)})
}

func (s *Sim) getPlain(rq *request, r *resource) *reply {
	if r == nil {
		return s.notFound(rq)
	}
	return rq.ok(http.StatusOK, s.show(rq, r))
}

// putPlain makes or replaces one.
func (s *Sim) putPlain(rq *request, r *resource) *reply {
	p := rq.target.kind.plain
	if !p.child && !p.anywhere {
		if rep := s.checkLocation(rq, r, rq.object); rep != nil {
			return rep
		}
	}
	return s.writePlain(rq, r, rq.object)
}

// patchPlain changes the members that the body names: tags as a whole, properties one by one.
func (s *Sim) patchPlain(rq *request, r *resource) *reply {
	if r == nil {
		return s.notFound(rq)
	}
	body := r.doc.clone()
	for _, m := range rq.object.without(readOnly()...) {
		if m.name == "properties" {
			props := body.obj("properties").clone()
			for _, in := range rq.object.obj("properties") {
				props.set(in.name, in.value)
			}
			body.set("properties", props)
			continue
		}
		body.set(m.name, m.value)
	}
	return s.writePlain(rq, r, body)
}

// writePlain stores a document and answers as the type does.
func (s *Sim) writePlain(rq *request, r *resource, body object) *reply {
	t := rq.target
	p := t.kind.plain
	var parent *resource
	if p.child {
		if parent = s.lookup(t.parentID()); parent == nil {
			_, typ, _ := strings.Cut(t.kind.name, "/")
			return rq.gateway(http.StatusNotFound, "ParentResourceNotFound", "Failed to perform '"+verbOf(rq)+"' on resource(s) of type '"+typ+"', because the parent resource '"+t.parentID()+"' could not be found.")
		}
	}
	if r != nil && r.busy() {
		// What a second write gets is [U]; a conflict is what Web and Storage are known for.
		return rq.provider(http.StatusConflict, "Conflict", "Another operation on resource '"+r.id+"' is in progress. Please try again later.")
	}
	doc := body.without(readOnly()...)
	doc.set("properties", body.obj("properties").without("provisioningState").clone())
	if p.fill != nil {
		var rep *reply
		if doc, rep = p.fill(rq, r, doc); rep != nil {
			return rep
		}
	}
	status, state := http.StatusOK, stateUpdating
	if r == nil {
		if status, state = p.status, stateCreating; status == 0 {
			status = http.StatusCreated
		}
		r = s.insertPlain(rq, parent, body.str("location"))
	}
	r.doc = doc
	made := func(at time.Time) {
		r.state = stateSucceeded
		s.commit(r, at)
		if p.made != nil {
			p.made(rq, r, at)
		}
	}
	if p.time == 0 {
		made(rq.now)
		return rq.ok(status, s.show(rq, r))
	}
	r.state = state
	s.commit(r, rq.now)
	var op *operation
	op = s.begin(rq, r, "Put", p.time, func(at time.Time) {
		made(at)
		op.result = r.body
	}, func(at time.Time) {
		r.state = stateFailed
		s.commit(r, at)
	})
	if !p.accepted {
		rep := rq.ok(status, s.show(rq, r))
		op.announce(s, rq, rep, false)
		return rep
	}
	rep := rq.ok(http.StatusAccepted, nil)
	rep.header.Set("Location", op.url(s, rq, "operationResults", false))
	rep.retryAfter(s.profile.RetryAfter)
	return rep
}

// insertPlain adds the resource that the request names.
func (s *Sim) insertPlain(rq *request, parent *resource, location string) *resource {
	t := rq.target
	location = strings.ReplaceAll(lower(location), " ", "")
	if parent != nil {
		location = ""
	}
	r := s.insert(t.kind, t.canonicalID(), s.subscription(t.sub).ID, s.groupOf(t.sub, t.group).name, t.name, location, rq.now)
	r.parent = parent
	return r
}

// placeChild adds a child that its parent brings with it.
func (s *Sim) placeChild(parent *resource, typ, name string, doc object, at time.Time) *resource {
	segment := typ[strings.LastIndex(typ, "/")+1:]
	r := s.insert(s.kinds[lower(typ)], parent.id+"/"+segment+"/"+name, parent.sub, parent.group, name, "", at)
	r.parent, r.doc, r.state = parent, doc, stateSucceeded
	s.commitOne(r, at)
	return r
}

func verbOf(rq *request) string {
	if rq.http.Method == http.MethodDelete {
		return "delete"
	}
	return "write"
}

// deletePlain deletes one with all below it.
func (s *Sim) deletePlain(rq *request, r *resource) *reply {
	if r == nil {
		return rq.nothingToDelete()
	}
	p := r.kind.plain
	if p.keep != nil {
		if rep := p.keep(rq, r); rep != nil {
			return rep
		}
	}
	if p.time == 0 || p.accepted {
		s.dropPlain(r, rq.now)
		status := p.deleted
		if status == 0 {
			status = http.StatusOK
		}
		return rq.ok(status, nil)
	}
	return s.deletion(rq, r, "Delete", p.time, func(at time.Time) { s.dropPlain(r, at) })
}

// dropPlain takes a resource away, and what is below it.
func (s *Sim) dropPlain(r *resource, at time.Time) {
	for _, c := range s.below(r) {
		s.forget(c, at)
	}
	s.forget(r, at)
}

// below are the living resources whose ids start with this one's, ordered.
func (s *Sim) below(r *resource) []*resource {
	var list []*resource
	for _, index := range s.indexes {
		for _, c := range index {
			if !c.gone && strings.HasPrefix(c.key, r.key+"/") {
				list = append(list, c)
			}
		}
	}
	slices.SortFunc(list, func(a, b *resource) int { return strings.Compare(a.key, b.key) })
	return list
}

// kept is an identifier that a resource keeps when it is replaced.
func (s *Sim) kept(r *resource, name string) string {
	if r == nil {
		return s.guid()
	}
	return r.doc.obj("properties").str(name)
}

// invalid is a provider's refusal of a property.
func (rq *request) invalid(code, message string) *reply {
	return rq.provider(http.StatusBadRequest, code, message)
}
