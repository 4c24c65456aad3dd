package azuresim

import (
	"net/http"
	"strings"
)

// permission is the action that a request needs, in the provider's words; "" when it needs none.
func (rq *request) permission() string {
	t := rq.target
	if t == nil {
		return ""
	}
	verb := "read"
	switch rq.http.Method {
	case http.MethodPut, http.MethodPatch:
		verb = "write"
	case http.MethodDelete:
		verb = "delete"
	case http.MethodPost:
		verb = "action"
	}
	switch t.special {
	case "":
	case "subscriptions":
		if t.coll {
			return ""
		}
		return "Microsoft.Resources/subscriptions/read"
	case "locations":
		return "Microsoft.Resources/subscriptions/locations/read"
	case "providers":
		if t.action != "" {
			return t.namespace + "/register/action"
		}
		return "Microsoft.Resources/subscriptions/providers/read"
	case "operations", "operationResults":
		return t.namespace + "/locations/" + t.special + "/read"
	case "locks", "roleDefinitions", "roleAssignments":
		return "Microsoft.Authorization/" + t.special + "/" + verb
	case "deployments":
		return deploymentPermission(t, verb)
	case "agreements":
		return "Microsoft.MarketplaceOrdering/offertypes/publishers/offers/plans/agreements/" + strings.Replace(verb, "action", "write", 1)
	case "deletedWorkspaces":
		return "Microsoft.OperationalInsights/deletedWorkspaces/" + verb
	case "checkName":
		return t.namespace + "/checknameavailability/" + strings.Replace(verb, "action", "read", 1)
	default:
		return ""
	}
	if t.kind.name == typeGroup {
		word := "resourceGroups"
		if segs := strings.Split(t.scope, "/"); len(segs) > 3 {
			word = segs[3] // the service repeats the URL's casing
		}
		return "Microsoft.Resources/subscriptions/" + word + "/" + verb
	}
	if t.action != "" {
		if a, ok := t.kind.actions[lower(t.action)]; ok {
			return t.kind.name + "/" + a.permission
		}
		return t.kind.name + "/" + t.action + "/action"
	}
	return t.kind.name + "/" + verb
}

// authorize asks whether the caller may do it there.
func (s *Sim) authorize(rq *request) *reply {
	action := rq.permission()
	if action == "" {
		return nil
	}
	if s.opts.PollWithoutRights && (rq.target.special == "operations" || rq.target.special == "operationResults") {
		return nil
	}
	if allowed(rq.principal, action, rq.target.scope) {
		return s.denied(rq, action, rq.target.scope)
	}
	return rq.forbidden(action, rq.target.scope)
}

// forbidden is the recorded text. Newer services are said to append a sentence about refreshing credentials; its text is [U].
func (rq *request) forbidden(action, scope string) *reply {
	oid := rq.principal.ObjectID
	return rq.gateway(http.StatusForbidden, "AuthorizationFailed", "The client '"+oid+"' with object id '"+oid+
		"' does not have authorization to perform action '"+action+"' over scope '"+scope+"'.")
}

// linked asks for a right on another resource that the request refers to.
func (s *Sim) linked(rq *request, action, scope string) *reply {
	if allowed(rq.principal, action, scope) {
		return nil
	}
	oid := rq.principal.ObjectID
	return rq.gateway(http.StatusForbidden, "LinkedAuthorizationFailed", "The client '"+oid+"' with object id '"+oid+
		"' has permission to perform action '"+rq.permission()+"' on scope '"+rq.target.scope+"'; however, it does not have permission to perform action '"+
		action+"' on the linked scope(s) '"+scope+"' or the linked scope(s) are invalid.")
}

// allowed reports whether some assignment of the principal grants the action at the scope.
func allowed(p *Principal, action, scope string) bool {
	action, scope = lower(action), lower(scope)
	for i := range p.Roles {
		a := &p.Roles[i]
		if covers(lower(a.Scope), scope) && anyMatch(a.Actions, action) && !anyMatch(a.NotActions, action) {
			return true
		}
	}
	return false
}

// covers reports whether an assignment or a lock at one scope holds at another; both are lower-case.
func covers(outer, inner string) bool {
	outer = strings.TrimSuffix(outer, "/")
	return outer == "" || inner == outer || strings.HasPrefix(inner, outer+"/")
}

func anyMatch(patterns []string, action string) bool {
	for _, p := range patterns {
		if wildcard(lower(p), action) {
			return true
		}
	}
	return false
}

// wildcard matches with * for any run of characters.
func wildcard(pattern, s string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, head)
	if !ok {
		return false
	}
	for {
		part, tail, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(s, part)
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s, rest = s[i+len(part):], tail
	}
}
