package azuresim

import (
	"net/http"
	"slices"
	"strings"
)

// roleDefinition is a named set of actions. An assignment of it grants them at a scope.
type roleDefinition struct {
	name        string // a GUID
	scope       string // where it was made; "" for a built-in one
	roleName    string
	description string
	actions     []string
	notActions  []string
	data        []string
	notData     []string
	assignable  []string
	created     string
	changed     string
	permissions []any
}

// roleAssignment is a role given to somebody at a scope.
type roleAssignment struct {
	name, scope string
	definition  *roleDefinition
	properties  object
	oid         string
	effective   bool
}

// builtInRoles are those that a controller's deployment may want. Of their actions only those that are checked here are listed.
func builtInRoles() []*roleDefinition {
	blobs := "Microsoft.Storage/storageAccounts/blobServices/containers/"
	queues := "Microsoft.Storage/storageAccounts/queueServices/queues/"
	list := []*roleDefinition{
		{name: "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", roleName: "Owner", actions: []string{"*"}},
		{name: "b24988ac-6180-42a0-ab88-20f7382dd24c", roleName: "Contributor", actions: []string{"*"},
			notActions: []string{"Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write", "Microsoft.Authorization/elevateAccess/Action"}},
		{name: "acdd72a7-3385-48ef-bd42-f606fba81ae7", roleName: "Reader", actions: []string{"*/read"}},
		{name: "4d97b98b-1d4f-4787-a291-c67834d212e7", roleName: "Network Contributor", actions: []string{"Microsoft.Network/*", "Microsoft.Resources/subscriptions/resourceGroups/read"}},
		{name: "ba92f5b4-2d11-453d-a403-e96b0029c9fe", roleName: "Storage Blob Data Contributor",
			actions: []string{blobs + "delete", blobs + "read", blobs + "write"}, data: []string{blobs + "blobs/delete", blobs + "blobs/read", blobs + "blobs/write", blobs + "blobs/move/action", blobs + "blobs/add/action"}},
		{name: "b7e6dc6d-f1e8-4753-8033-0f276bb0955b", roleName: "Storage Blob Data Owner", actions: []string{blobs + "*"}, data: []string{blobs + "blobs/*"}},
		{name: "974c5e8b-45b9-4653-ba55-5f855dd0fb88", roleName: "Storage Queue Data Contributor",
			actions: []string{queues + "delete", queues + "read", queues + "write"}, data: []string{queues + "messages/delete", queues + "messages/read", queues + "messages/write"}},
		{name: "3913510d-42f4-4e42-8a64-420c390055eb", roleName: "Monitoring Metrics Publisher", data: []string{"Microsoft.Insights/Metrics/Write", "Microsoft.Insights/Telemetry/Write"}},
	}
	for _, d := range list {
		d.assignable = []string{"/"}
		d.permissions = []any{object{{"actions", words(d.actions)}, {"notActions", words(d.notActions)}, {"dataActions", words(d.data)}, {"notDataActions", words(d.notData)}}}
	}
	return list
}

// document shows a definition as the caller's scope sees it: its id is below the subscription.
func (d *roleDefinition) document(sub string) object {
	typ := "CustomRole"
	if d.scope == "" {
		typ = "BuiltInRole"
	}
	return object{
		{"properties", object{
			{"roleName", d.roleName}, {"type", typ}, {"description", d.description}, {"assignableScopes", words(d.assignable)}, {"permissions", d.permissions},
			{"createdOn", d.created}, {"updatedOn", d.changed},
		}},
		{"id", "/subscriptions/" + sub + "/providers/Microsoft.Authorization/roleDefinitions/" + d.name}, {"type", "Microsoft.Authorization/roleDefinitions"}, {"name", d.name},
	}
}

// usable reports whether a definition may be assigned, and is shown, at a scope.
func (d *roleDefinition) usable(scope string) bool {
	return slices.ContainsFunc(d.assignable, func(a string) bool { return covers(lower(a), lower(scope)) || covers(lower(scope), lower(a)) })
}

// findRole gives the definition that an id or name names.
func (s *Sim) findRole(id string) *roleDefinition {
	name := id[strings.LastIndex(id, "/")+1:]
	for _, d := range s.roles {
		if strings.EqualFold(d.name, name) {
			return d
		}
	}
	return nil
}

// role serves role definitions.
func (s *Sim) role(rq *request) *reply {
	t := rq.target
	if t.coll {
		if rq.http.Method != http.MethodGet {
			return s.refuseMethod(rq)
		}
		return s.listRoles(rq)
	}
	d := s.findRole(t.name)
	if d != nil && !d.usable(t.scope) {
		d = nil
	}
	switch rq.http.Method {
	case http.MethodGet:
		if d == nil {
			return rq.provider(http.StatusNotFound, "RoleDefinitionDoesNotExist", "The specified role definition with ID '"+t.name+"' does not exist.")
		}
		return rq.ok(http.StatusOK, encode(d.document(t.sub)))
	case http.MethodPut:
		return s.putRole(rq, d)
	case http.MethodDelete:
		return s.deleteRole(rq, d)
	default:
		return s.refuseMethod(rq)
	}
}

func (s *Sim) listRoles(rq *request) *reply {
	want := ""
	if f := rq.query.Get("$filter"); f != "" {
		name, value, ok := strings.Cut(f, " eq ")
		if !ok || !strings.EqualFold(strings.TrimSpace(name), "roleName") {
			return rq.gateway(http.StatusBadRequest, "InvalidFilterInQueryString", "Invalid $filter '"+f+"' specified in the query string.")
		}
		want = strings.Trim(strings.TrimSpace(value), "'")
	}
	var items []item
	for _, d := range s.roles {
		if (want == "" || strings.EqualFold(want, d.roleName)) && d.usable(rq.target.scope) {
			items = append(items, item{d.name, encode(d.document(rq.target.sub))})
		}
	}
	slices.SortFunc(items, func(a, b item) int { return strings.Compare(a.key, b.key) })
	return s.page(rq, items)
}

// putRole makes or changes a custom role: its name is free in the directory, its scopes exist, it grants no wildcard of data.
func (s *Sim) putRole(rq *request, d *roleDefinition) *reply {
	body, err := parseObject(rq.body)
	if err != nil {
		return rq.gateway(http.StatusBadRequest, "InvalidRequestFormat", "Cannot parse the request.")
	}
	p := body.obj("properties")
	name := p.str("roleName")
	switch {
	case d != nil && d.scope == "":
		return rq.provider(http.StatusBadRequest, "RoleDefinitionUpdateNotAllowed", "A built-in role cannot be changed.") // code [U]
	case name == "" || len(p.list("assignableScopes")) == 0:
		return rq.provider(http.StatusBadRequest, "InvalidRoleDefinition", "The role definition must have a roleName and assignableScopes.") // code [U]
	}
	for _, other := range s.roles {
		if other != d && strings.EqualFold(other.roleName, name) {
			return rq.provider(http.StatusConflict, "RoleDefinitionWithSameNameExists", "A custom role with the same name already exists in this directory. Use a different name.")
		}
	}
	for _, scope := range texts(p.list("assignableScopes")) {
		if !s.scopeExists(scope) {
			return rq.provider(http.StatusBadRequest, "InvalidAssignableScope", "The assignable scope '"+scope+"' is not valid.") // code [U]
		}
		if rep := s.linked(rq, "Microsoft.Authorization/roleDefinitions/write", scope); rep != nil {
			return rep
		}
	}
	status := http.StatusCreated
	stamp := rq.now.UTC().Format("2006-01-02T15:04:05.0000000Z")
	if d == nil {
		d = &roleDefinition{name: rq.target.name, scope: rq.target.scope, created: stamp}
		s.roles = append(s.roles, d)
	}
	d.roleName, d.description, d.changed = name, p.str("description"), stamp
	d.assignable, d.permissions = texts(p.list("assignableScopes")), p.list("permissions")
	d.actions, d.notActions, d.data, d.notData = nil, nil, nil, nil
	for _, v := range d.permissions {
		o, _ := v.(object)
		d.actions = append(d.actions, texts(o.list("actions"))...)
		d.notActions = append(d.notActions, texts(o.list("notActions"))...)
		d.data = append(d.data, texts(o.list("dataActions"))...)
		d.notData = append(d.notData, texts(o.list("notDataActions"))...)
	}
	s.regrant()
	return rq.ok(status, encode(d.document(rq.target.sub)))
}

func (s *Sim) deleteRole(rq *request, d *roleDefinition) *reply {
	switch {
	case d == nil:
		return rq.nothingToDelete()
	case d.scope == "":
		return rq.provider(http.StatusBadRequest, "RoleDefinitionDeleteNotAllowed", "A built-in role cannot be deleted.") // code [U]
	case slices.ContainsFunc(s.assigned, func(a *roleAssignment) bool { return a.definition == d }):
		return rq.provider(http.StatusBadRequest, "RoleDefinitionHasAssignments", "There are existing role assignments referencing role (code: "+d.name+").")
	}
	s.roles = slices.DeleteFunc(s.roles, func(o *roleDefinition) bool { return o == d })
	return rq.ok(http.StatusOK, encode(d.document(rq.target.sub)))
}

// scopeExists reports whether a scope is there: a subscription, or something in one.
func (s *Sim) scopeExists(scope string) bool {
	parts := strings.Split(strings.Trim(scope, "/"), "/")
	if len(parts) < 2 || lower(parts[0]) != "subscriptions" || s.subscription(parts[1]) == nil {
		return false
	}
	return len(parts) == 2 || s.lookup("/"+strings.Trim(scope, "/")) != nil
}
