package azuresim

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// maxBody is the largest request body; ARM refuses more than 4 MB.
const maxBody = 4 << 20

// serve answers one request to ARM or to the authority. It sleeps for the latency and holds the lock only while it works.
func (s *Sim) serve(r *http.Request) *reply {
	ctx := r.Context()
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if sleep(ctx, s.profile.RequestLatency) != nil {
		return &reply{header: http.Header{}, abort: abortSilence}
	}
	now := s.enter()
	defer s.mu.Unlock()
	rq := &request{http: r, now: now, body: body, query: r.URL.Query()}
	rq.apiVersion = rq.query.Get("api-version")
	call := s.logCall(rq)
	var rep *reply
	switch {
	case err != nil:
		rep = rq.gateway(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The request content is too large or could not be read.")
	default:
		rep = s.withFaults(rq, call)
	}
	if rep.abort == abortNone {
		call.Status = rep.status
	}
	if rq.principal != nil {
		call.Principal = rq.principal.Name
	}
	call.Action = rq.permission()
	s.log.DebugContext(ctx, "request", "method", r.Method, "path", r.URL.Path, "status", rep.status)
	return rep
}

// withFaults lets a fault take the request before, in or after its work.
func (s *Sim) withFaults(rq *request, call *Call) *reply {
	authority := isAuthority(rq.http.URL.Path)
	if !authority {
		rq.target = s.parse(rq.http.URL.Path, rq.http.Method)
	}
	f := s.match(rq)
	if f != nil {
		call.Fault = f.Kind
		if f.breaks() && f.Params["applied"] != "true" {
			return s.broken(rq, f)
		}
		switch f.Kind {
		case FaultFailedPoll:
			rq.doomed = f
		case FaultLaggingList:
			rq.extraLag = f.duration("lag", time.Minute)
		default:
		}
	}
	var rep *reply
	if authority {
		rep = s.authority(rq)
	} else {
		rep = s.arm(rq, f)
		s.decorate(rq, rep)
	}
	if f != nil && f.breaks() {
		return s.broken(rq, f)
	}
	if f != nil && f.Kind == FaultSlowBody {
		rep.pieces = f.duration("delay", time.Second)
	}
	return rep
}

// sleep waits in a way that a cancelled client ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// arm takes a request through ARM's own checks, in ARM's order, to the provider.
func (s *Sim) arm(rq *request, f *Fault) *reply {
	if rep := s.authenticate(rq, f); rep != nil {
		return rep
	}
	return s.admit(rq, f)
}

// admit is arm for somebody who is known: a client, or a deployment that goes on in its starter's name.
func (s *Sim) admit(rq *request, f *Fault) *reply {
	t := rq.target
	if t == nil {
		return rq.gateway(http.StatusNotFound, "InvalidResourceType", "The resource type of '"+rq.http.URL.Path+"' could not be found.")
	}
	if t.sub != "" && s.subscription(t.sub) == nil {
		return rq.gateway(http.StatusNotFound, "SubscriptionNotFound", "The subscription '"+t.sub+"' could not be found.")
	}
	for _, check := range []func(*request) *reply{s.checkVersion, s.authorize, s.throttleARM} {
		if rep := check(rq); rep != nil {
			return rep
		}
	}
	if f != nil {
		if rep := s.refuse(rq, f); rep != nil {
			return rep
		}
	}
	if t.special != "" {
		return s.special(rq)
	}
	if t.group != "" && t.kind.name != typeGroup && s.groupOf(t.sub, t.group) == nil {
		return rq.gateway(http.StatusNotFound, "ResourceGroupNotFound", "Resource group '"+t.group+"' could not be found.")
	}
	if rq.write() {
		if rep := s.checkWrite(rq); rep != nil {
			return rep
		}
	}
	return s.execute(rq)
}

var versionForm = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(-[A-Za-z]+)?$`)

// checkVersion refuses api-versions that the target does not know.
func (s *Sim) checkVersion(rq *request) *reply {
	t := rq.target
	if t.special == "unknown" {
		if s.namespace(t.namespace) == t.namespace && strings.HasPrefix(t.namespace, "Microsoft.") {
			_, typ, _ := strings.Cut(t.name, "/")
			return rq.gateway(http.StatusNotFound, "InvalidResourceType", "The resource type '"+typ+"' could not be found in the namespace '"+t.namespace+"' for api version '"+rq.apiVersion+"'.")
		}
		return rq.gateway(http.StatusNotFound, "InvalidResourceNamespace", "The resource namespace '"+t.namespace+"' is invalid.")
	}
	if rq.apiVersion == "" {
		return rq.gateway(http.StatusBadRequest, "MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required for all requests.")
	}
	var known []string
	own := false
	switch {
	case t.kind != nil && t.kind.name != typeGroup:
		known = t.kind.versions
	case t.special == "locks":
		known, own = lockVersions(), true
	case t.special == "roleDefinitions" || t.special == "roleAssignments":
		known, own = roleVersions(), true
	case t.special == "agreements":
		known, own = []string{"2015-06-01", "2021-01-01"}, true
	case t.special == "deletedWorkspaces":
		known, own = s.kinds[lower(typeWorkspace)].versions, true
	case t.special == "checkName":
		known, own = append(webVersions(), storageVersions()...), true
	case t.special == "graph":
		known, own = graphVersions(), true
	case t.special == "operations" || t.special == "operationResults":
		known = networkVersions()
		switch op := s.operations[t.name]; {
		case op != nil && op.kind.plain != nil:
			known = op.kind.versions
		case t.namespace == "Microsoft.Compute":
			known = computeVersions()
		}
	default:
		known, own = resourceVersions(), true
	}
	if slices.Contains(known, rq.apiVersion) {
		return nil
	}
	list := strings.Join(known, ", ")
	if own || t.kind == nil || !versionForm.MatchString(rq.apiVersion) {
		return rq.gateway(http.StatusBadRequest, "InvalidApiVersionParameter", "The api-version '"+rq.apiVersion+"' is invalid. The supported versions are '"+list+"'.")
	}
	_, typ, _ := strings.Cut(t.kind.name, "/")
	return rq.gateway(http.StatusBadRequest, "NoRegisteredProviderFound", "No registered resource provider found for location '"+s.locationFor(rq)+
		"' and API version '"+rq.apiVersion+"' for type '"+typ+"'. The supported api-versions are '"+list+"'. The supported locations are '"+strings.Join(s.locations(), ", ")+"'.")
}

// locationFor is the location that a request is about: its body's, the resource's, the group's.
func (s *Sim) locationFor(rq *request) string {
	if body, err := parseObject(rq.body); err == nil && body.str("location") != "" {
		return body.str("location")
	}
	if rq.target.kind != nil && rq.target.name != "" {
		if r := s.resourceOf(rq.target); r != nil {
			return r.location
		}
	}
	if g := s.groupOf(rq.target.sub, rq.target.group); g != nil {
		return g.location
	}
	return ""
}

// resourceOf finds what a target names; for a part of a document (a route) that is its parent.
func (s *Sim) resourceOf(t *target) *resource {
	if t.kind.inner || (t.coll && t.kind.child) {
		return s.lookup(t.parentID())
	}
	if t.coll {
		return nil
	}
	return s.lookup(t.canonicalID())
}

// parentID is the id of the resource above a child.
func (t *target) parentID() string {
	_, rest, _ := strings.Cut(t.kind.name, "/")
	types := strings.Split(rest, "/")
	var b strings.Builder
	b.WriteString("/subscriptions/" + t.sub + "/resourceGroups/" + t.group + "/providers/" + t.namespace)
	for i, p := range t.parents {
		b.WriteString("/" + types[i] + "/" + p)
	}
	return b.String()
}

// checkWrite are the gateway's checks of a change: registration, locks, a JSON body.
func (s *Sim) checkWrite(rq *request) *reply {
	t := rq.target
	for _, ns := range s.subscription(t.sub).Unregistered {
		if strings.EqualFold(ns, t.kind.namespace()) {
			return rq.gateway(http.StatusConflict, "MissingSubscriptionRegistration", "The subscription is not registered to use namespace '"+t.kind.namespace()+
				"'. See https://aka.ms/rps-not-found for how to register subscriptions.")
		}
	}
	if rep := s.checkLocks(rq); rep != nil {
		return rep
	}
	if m := rq.http.Method; m == http.MethodPut || m == http.MethodPatch {
		if ct := rq.http.Header.Get("Content-Type"); !strings.HasPrefix(lower(ct), "application/json") {
			return rq.gateway(http.StatusUnsupportedMediaType, "UnsupportedMediaType", "The content media type '"+ct+"' is not supported. Only 'application/json' is supported.")
		}
		var err error
		if rq.object, err = parseObject(rq.body); err != nil {
			// The code for a body that is not JSON is [U].
			return rq.gateway(http.StatusBadRequest, "InvalidRequestFormat", "Cannot parse the request.")
		}
	}
	return nil
}

// execute counts against the provider's limits and runs the verb.
func (s *Sim) execute(rq *request) *reply {
	t := rq.target
	r := s.resourceOf(t)
	location := s.front
	if r != nil {
		location = r.location
		if s.outages[lower(location)] && t.kind.name != typeGroup {
			return rq.provider(http.StatusServiceUnavailable, "ServiceUnavailable", "The service is unavailable in region '"+location+"'.")
		}
	}
	if t.kind.namespace() == "Microsoft.Network" {
		if rep := s.throttleNetwork(rq, location); rep != nil {
			return rep
		}
	}
	if t.action != "" {
		a, ok := t.kind.actions[lower(t.action)]
		switch {
		case !ok:
			return rq.gateway(http.StatusNotFound, "InvalidResourceType", "The resource type '"+t.action+"' could not be found in the namespace '"+t.namespace+"' for api version '"+rq.apiVersion+"'.")
		case a.method != "" && a.method != rq.http.Method:
			return s.refuseMethod(rq)
		case r == nil:
			return s.notFound(rq)
		}
		return a.run(rq, r)
	}
	h := t.kind.verb(rq.http.Method, t.coll)
	if h == nil {
		return s.refuseMethod(rq)
	}
	return h(rq, r)
}

func (s *Sim) refuseMethod(rq *request) *reply {
	return rq.gateway(http.StatusMethodNotAllowed, "MethodNotAllowed", "The requested resource does not support http method '"+rq.http.Method+"'.")
}

// verb picks the handler for a method.
func (k *kind) verb(method string, coll bool) handler {
	switch {
	case coll && method == http.MethodGet:
		return k.list
	case coll:
		return nil
	}
	switch method {
	case http.MethodGet, http.MethodHead:
		return k.get
	case http.MethodPut:
		return k.put
	case http.MethodPatch:
		return k.patch
	case http.MethodDelete:
		return k.delete
	default:
		return nil
	}
}

// notFound is ARM's answer for a resource that is not there; a missing child of a living parent is the provider's answer [U].
func (s *Sim) notFound(rq *request) *reply {
	t := rq.target
	if t.kind.child && s.lookup(t.parentID()) != nil {
		return rq.networkError(http.StatusNotFound, "NotFound", "Resource "+t.canonicalID()+" not found.")
	}
	name, typ := t.name, t.kind.name
	if t.kind.child {
		name, typ = t.parents[0], strings.Join(strings.Split(t.kind.name, "/")[:2], "/")
	}
	return rq.gateway(http.StatusNotFound, "ResourceNotFound", "The Resource '"+typ+"/"+name+"' under resource group '"+t.group+
		"' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix")
}
