package azuresim

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// assignment serves role assignments. What they grant holds from Profile.RoleDelay on.
func (s *Sim) assignment(rq *request) *reply {
	t := rq.target
	i := slices.IndexFunc(s.assigned, func(a *roleAssignment) bool {
		return strings.EqualFold(a.name, t.name) && strings.EqualFold(a.scope, t.scope)
	})
	switch {
	case t.coll && rq.http.Method == http.MethodGet:
		var items []item
		for _, a := range s.assigned {
			if own, scope := lower(a.scope), lower(t.scope); covers(own, scope) || covers(scope, own) {
				items = append(items, item{lower(a.scope + "/" + a.name), encode(a.document(t.sub))})
			}
		}
		slices.SortFunc(items, func(a, b item) int { return strings.Compare(a.key, b.key) })
		return s.page(rq, items)
	case t.coll:
		return s.refuseMethod(rq)
	case rq.http.Method == http.MethodGet && i >= 0:
		return rq.ok(http.StatusOK, encode(s.assigned[i].document(t.sub)))
	case rq.http.Method == http.MethodGet:
		return rq.provider(http.StatusNotFound, "RoleAssignmentNotFound", "The role assignment '"+t.name+"' is not found.")
	case rq.http.Method == http.MethodPut:
		return s.assign(rq, i)
	case rq.http.Method == http.MethodDelete && i < 0:
		return rq.nothingToDelete()
	case rq.http.Method == http.MethodDelete:
		a := s.assigned[i]
		s.assigned = slices.Delete(slices.Clone(s.assigned), i, i+1)
		s.regrant()
		return rq.ok(http.StatusOK, encode(a.document(t.sub)))
	default:
		return s.refuseMethod(rq)
	}
}

func (a *roleAssignment) id() string {
	return a.scope + "/providers/Microsoft.Authorization/roleAssignments/" + a.name
}

func (a *roleAssignment) document(sub string) object {
	p := a.properties.clone()
	p.set("roleDefinitionId", "/subscriptions/"+sub+"/providers/Microsoft.Authorization/roleDefinitions/"+a.definition.name)
	return object{{"properties", p}, {"id", a.id()}, {"type", "Microsoft.Authorization/roleAssignments"}, {"name", a.name}}
}

// assign gives a role: the scope, the role and the principal must be there, and nobody gets the same twice. A principal that was made
// just now is not known to the directory's readers yet, unless the request says what it is.
func (s *Sim) assign(rq *request, i int) *reply {
	body, err := parseObject(rq.body)
	if err != nil {
		return rq.gateway(http.StatusBadRequest, "InvalidRequestFormat", "Cannot parse the request.")
	}
	t, p := rq.target, body.obj("properties")
	oid := p.str("principalId")
	d := s.findRole(p.str("roleDefinitionId"))
	switch {
	case !s.scopeExists(t.scope):
		return rq.gateway(http.StatusNotFound, "ResourceNotFound", "The Resource '"+t.scope+"' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix")
	case d == nil:
		return rq.provider(http.StatusBadRequest, "RoleDefinitionDoesNotExist", "The specified role definition with ID '"+p.str("roleDefinitionId")+"' does not exist.")
	case d.scope != "" && !slices.ContainsFunc(d.assignable, func(a string) bool { return covers(lower(a), lower(t.scope)) }):
		return rq.provider(http.StatusBadRequest, "RoleDefinitionScopeNotAssignable", "The role '"+d.roleName+"' cannot be assigned at scope '"+t.scope+"'.") // code [U]
	case s.principal(oid) == nil || p.str("principalType") == "" && rq.now.Before(s.visibleFrom[lower(oid)]):
		return rq.provider(http.StatusBadRequest, "PrincipalNotFound", "Principal "+strings.ReplaceAll(oid, "-", "")+" does not exist in the directory "+s.tenant+". Check that you have the correct principal ID."+
			" If you are creating this principal and then immediately assigning a role, this error might be related to a replication delay. In this case, set the role assignment principalType property to a value, such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype")
	}
	for j, a := range s.assigned {
		if j != i && strings.EqualFold(a.oid, oid) && a.definition == d && strings.EqualFold(a.scope, t.scope) {
			return rq.provider(http.StatusConflict, "RoleAssignmentExists", "The role assignment already exists. The ID of the existing role assignment is "+strings.ReplaceAll(a.name, "-", "")+".")
		}
	}
	stamp := rq.now.UTC().Format("2006-01-02T15:04:05.0000000Z")
	out := object{{"roleDefinitionId", p.str("roleDefinitionId")}, {"principalId", oid}, {"principalType", "ServicePrincipal"}, {"scope", t.scope}, {"condition", nil}, {"conditionVersion", nil},
		{"createdOn", stamp}, {"updatedOn", stamp}, {"createdBy", rq.principal.ObjectID}, {"updatedBy", rq.principal.ObjectID}, {"delegatedManagedIdentityResourceId", nil}, {"description", nil}}
	for _, m := range []string{"condition", "conditionVersion", "description"} {
		if v := p.str(m); v != "" {
			out.set(m, v)
		}
	}
	a := &roleAssignment{name: t.name, scope: t.scope, definition: d, properties: out, oid: oid}
	if i >= 0 {
		old := s.assigned[i]
		if old.definition != d || !strings.EqualFold(old.oid, oid) {
			return rq.provider(http.StatusBadRequest, "RoleAssignmentUpdateNotPermitted", "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.")
		}
		out.set("createdOn", old.properties.str("createdOn"))
		out.set("createdBy", old.properties.str("createdBy"))
		a.effective = old.effective // what is granted stays granted
		s.assigned[i] = a
	} else {
		s.assigned = append(s.assigned, a)
	}
	s.timeline.plan(rq.now.Add(s.profile.RoleDelay), func(time.Time) {
		a.effective = true
		s.regrant()
	})
	return rq.ok(http.StatusCreated, encode(a.document(t.sub)))
}

// regrant gives every principal what the world and its assignments say.
func (s *Sim) regrant() {
	for _, p := range s.principals {
		roles := slices.Clone(s.given[p])
		for _, a := range s.assigned {
			if a.effective && strings.EqualFold(a.oid, p.ObjectID) {
				roles = append(roles, Assignment{Scope: a.scope, Actions: a.definition.actions, NotActions: a.definition.notActions})
			}
		}
		p.Roles = roles
	}
}

// cutRoles splits a path at the role definitions or assignments of a scope.
func cutRoles(segs []string) (scope []string, special, name string, ok bool) {
	for i := len(segs) - 3; i >= 0 && i >= len(segs)-4; i-- {
		if lower(segs[i]) != "providers" || lower(segs[i+1]) != "microsoft.authorization" {
			continue
		}
		switch lower(segs[i+2]) {
		case "roledefinitions":
			special = "roleDefinitions"
		case "roleassignments":
			special = "roleAssignments"
		default:
			continue
		}
		if i+3 < len(segs) {
			name = segs[i+3]
		}
		return segs[:i], special, name, true
	}
	return nil, "", "", false
}
