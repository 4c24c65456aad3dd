package azuresim

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// request is one ARM request on its way through the checks.
type request struct {
	http       *http.Request
	now        time.Time
	body       []byte
	object     object // the body of a PUT or PATCH, parsed
	query      url.Values
	apiVersion string
	target     *target
	principal  *Principal
	budget     budget
	doomed     *Fault        // the operation that this request starts will fail
	extraLag   time.Duration // a fault makes lists older
}

// base is the scheme and authority that the client used; URLs in answers are built from it.
func (rq *request) base() string {
	scheme := "https"
	switch {
	case rq.http.URL.Scheme != "": // in memory
		scheme = rq.http.URL.Scheme
	case rq.http.TLS == nil:
		scheme = "http"
	}
	return scheme + "://" + rq.http.Host
}

// write reports whether the request changes something.
func (rq *request) write() bool {
	return rq.http.Method != http.MethodGet && rq.http.Method != http.MethodHead
}

// target is what a URL names.
type target struct {
	id        string // as the client wrote it, without a trailing action
	sub       string
	group     string
	namespace string // canonical, "" for ARM's own things
	location  string // of /locations/{location}/...
	kind      *kind
	name      string // the last name
	parents   []string
	coll      bool   // the whole collection
	action    string // as written; "" if none
	special   string // a route that is no resource: deployments, subscriptions, operations, operationResults, groupJob, resources, graph, providers, locks, tenants, locations
	scope     string // where permissions are asked for
}

// canonicalID is the id with the service's own casing of keywords and types; names keep the client's.
func (t *target) canonicalID() string {
	if t.kind.name == typeGroup {
		return "/subscriptions/" + t.sub + "/resourceGroups/" + t.name
	}
	_, rest, _ := strings.Cut(t.kind.name, "/")
	types := strings.Split(rest, "/")
	names := append(append([]string(nil), t.parents...), t.name)
	var b strings.Builder
	b.WriteString("/subscriptions/" + t.sub + "/resourceGroups/" + t.group + "/providers/" + t.namespace)
	for i := range types {
		b.WriteString("/" + types[i] + "/" + names[i])
	}
	return b.String()
}

func lower(s string) string { return strings.ToLower(s) }

// parse reads a URL path. nil means that ARM has nothing of that form.
func (s *Sim) parse(path, method string) *target {
	segs := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	t := &target{id: "/" + strings.Join(segs, "/")}
	if len(segs) == 0 {
		return nil
	}
	if scope, name, ok := cutLocks(segs); ok {
		t.special, t.name, t.coll = "locks", name, name == ""
		t.scope, t.namespace = "/"+strings.Join(scope, "/"), "Microsoft.Authorization"
		if len(scope) >= 2 && lower(scope[0]) == "subscriptions" {
			t.sub = scope[1]
			if len(scope) >= 4 && lower(scope[2]) == "resourcegroups" {
				t.group = scope[3]
			}
			return t
		}
		return nil
	}
	if scope, name, tail, ok := cutDeployment(segs); ok {
		return parseDeployment(t, scope, name, tail)
	}
	if scope, special, name, ok := cutRoles(segs); ok && len(scope) >= 2 && lower(scope[0]) == "subscriptions" {
		t.special, t.name, t.coll = special, name, name == ""
		t.sub, t.scope, t.namespace = scope[1], "/"+strings.Join(scope, "/"), "Microsoft.Authorization"
		if len(scope) >= 4 && lower(scope[2]) == "resourcegroups" {
			t.group = scope[3]
		}
		return t
	}
	switch lower(segs[0]) {
	case "tenants":
		if len(segs) == 1 {
			t.special = "tenants"
			return t
		}
		return nil
	case "providers":
		if lower(strings.Join(segs, "/")) == "providers/microsoft.resourcegraph/resources" {
			t.special, t.namespace = "graph", "Microsoft.ResourceGraph"
			return t
		}
		return nil
	case "subscriptions":
	default:
		return nil
	}
	if len(segs) == 1 {
		t.special, t.coll = "subscriptions", true
		return t
	}
	t.sub = segs[1]
	t.scope = "/subscriptions/" + t.sub
	rest := segs[2:]
	if len(rest) == 0 {
		t.special = "subscriptions"
		return t
	}
	switch lower(rest[0]) {
	case "resources", "locations":
		if len(rest) != 1 {
			return nil
		}
		t.special = lower(rest[0])
		return t
	case "operationresults":
		if len(rest) != 2 {
			return nil
		}
		t.special, t.name = "groupJob", rest[1]
		return t
	case "resourcegroups":
		if len(rest) > 1 {
			t.scope += "/" + rest[0] + "/" + rest[1] // in the client's casing, which errors repeat
		}
		return s.parseGroup(t, rest[1:], method)
	case "providers":
		return s.parseProvider(t, rest[1:], method)
	default:
		return nil
	}
}

// cutLocks splits a path at /providers/Microsoft.Authorization/locks.
func cutLocks(segs []string) (scope []string, name string, ok bool) {
	for i := len(segs) - 3; i >= 0 && i >= len(segs)-4; i-- {
		if lower(segs[i]) == "providers" && lower(segs[i+1]) == "microsoft.authorization" && lower(segs[i+2]) == "locks" {
			if i+3 < len(segs) {
				name = segs[i+3]
			}
			return segs[:i], name, true
		}
	}
	return nil, "", false
}

func (s *Sim) parseGroup(t *target, rest []string, method string) *target {
	t.kind = s.kinds[lower(typeGroup)]
	if len(rest) == 0 {
		t.coll = true
		return t
	}
	t.group = rest[0]
	if len(rest) == 1 {
		t.name = rest[0]
		return t
	}
	switch lower(rest[1]) {
	case "resources":
		if len(rest) != 2 {
			return nil
		}
		t.kind, t.special = nil, "resources"
		return t
	case "providers":
		t.kind = nil
		return s.parseProvider(t, rest[2:], method)
	default:
		return nil
	}
}

// parseProvider reads what follows /providers/.
func (s *Sim) parseProvider(t *target, rest []string, method string) *target {
	if len(rest) == 0 {
		if t.group != "" {
			return nil
		}
		t.special, t.coll = "providers", true
		return t
	}
	t.namespace = s.namespace(rest[0])
	if len(rest) == 1 || (len(rest) == 2 && lower(rest[1]) == "register" && method == http.MethodPost) {
		if t.group != "" {
			return nil
		}
		t.special, t.name = "providers", t.namespace
		if len(rest) == 2 {
			t.action = "register"
		}
		return t
	}
	if t.namespace == "Microsoft.MarketplaceOrdering" && t.group == "" {
		name, act, ok := cutAgreement(rest[1:])
		if !ok {
			return nil
		}
		t.special, t.name, t.action = "agreements", name, act
		return t
	}
	if len(rest) == 2 && t.namespace == "Microsoft.OperationalInsights" && lower(rest[1]) == "deletedworkspaces" {
		t.special = "deletedWorkspaces"
		return t
	}
	if len(rest) == 2 && t.group == "" && lower(rest[1]) == "checknameavailability" && (t.namespace == "Microsoft.Web" || t.namespace == "Microsoft.Storage") {
		t.special = "checkName"
		return t
	}
	if lower(rest[1]) == "locations" {
		if len(rest) != 5 || t.group != "" {
			return nil
		}
		switch lower(rest[3]) {
		case "operations":
			t.special = "operations"
		case "operationresults":
			t.special = "operationResults"
		default:
			return nil
		}
		t.location, t.name = rest[2], rest[4]
		return t
	}
	return s.parseResource(t, rest[1:])
}

// parseResource reads type/name pairs, an optional collection or action at the end.
func (s *Sim) parseResource(t *target, segs []string) *target {
	typ := t.namespace
	for i := 0; i < len(segs); i += 2 {
		next := s.kinds[lower(typ+"/"+segs[i])]
		last := i+1 >= len(segs)
		switch {
		case next == nil && last && t.kind != nil && i > 0:
			t.action = segs[i] // …/virtualMachines/x/powerOff
			t.id = strings.TrimSuffix(t.id, "/"+segs[i])
			t.scope = t.canonicalID()
			return t
		case next == nil:
			t.kind, t.special, t.name = nil, "unknown", typ+"/"+segs[i]
			return t
		case last:
			if t.kind != nil {
				t.parents = append(t.parents, t.name)
			} else if t.group == "" && next.child {
				return nil
			}
			t.scope = s.collectionScope(t)
			t.kind, t.coll, t.name = next, true, ""
			return t
		}
		if t.kind != nil {
			t.parents = append(t.parents, t.name)
		}
		if t.group == "" {
			return nil // every type here lives in a resource group
		}
		t.kind, t.name, typ = next, segs[i+1], next.name
	}
	t.scope = t.canonicalID()
	return t
}

// collectionScope is where a list asks for its permission: the parent, the group or the subscription.
func (s *Sim) collectionScope(t *target) string {
	if t.kind != nil {
		return t.canonicalID()
	}
	return t.scope
}

// namespace gives the service's own casing of a provider it knows.
func (s *Sim) namespace(asked string) string {
	for _, n := range namespaces() {
		if strings.EqualFold(n, asked) {
			return n
		}
	}
	return asked
}

// namespaces are the providers that have something here.
func namespaces() []string {
	return []string{
		"Microsoft.App", "Microsoft.Authorization", "Microsoft.Compute", "Microsoft.Insights", "Microsoft.ManagedIdentity", "Microsoft.MarketplaceOrdering", "Microsoft.Network",
		"Microsoft.OperationalInsights", "Microsoft.ResourceGraph", "Microsoft.Resources", "Microsoft.Solutions", "Microsoft.Storage", "Microsoft.Web",
	}
}
