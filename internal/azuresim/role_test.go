package azuresim_test

import (
	"strings"
	"testing"
	"time"

	"hopguard/internal/azuresim"
)

const (
	roleAPI     = "?api-version=2022-04-01"
	identityAPI = "?api-version=2024-11-30"
	roleName    = "11111111-2222-4333-8444-555555555555"
)

// scoped is the path of a role definition or assignment.
func scoped(scope, typ, name string) string {
	return scope + "/providers/Microsoft.Authorization/" + typ + "/" + name
}

// newIdentity makes a user-assigned identity and gives its object id.
func newIdentity(t *testing.T, s *azuresim.Sim, name string) string {
	t.Helper()
	return call(t, s, "PUT", inGroup("Microsoft.ManagedIdentity/userAssignedIdentities", name)+identityAPI, `{"location":"westeurope"}`).want(t, 201, "").text("properties", "principalId")
}

func definition(name, scope string, actions ...string) string {
	return `{"properties":{"roleName":"` + name + `","type":"CustomRole","assignableScopes":["` + scope + `"],"permissions":[{"actions":["` + strings.Join(actions, `","`) + `"],"notActions":[],"dataActions":[],"notDataActions":[]}]}}`
}

// TestAnAssignmentGrantsAfterAWhile: an identity may do nothing, then what its role says and where, and nothing again when it is taken away.
func TestAnAssignmentGrantsAfterAWhile(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		sub := "/subscriptions/" + sub1
		oid := newIdentity(t, s, "mover")
		call(t, s, "PUT", scoped(sub, "roleDefinitions", roleName)+roleAPI, definition("move", sub, "Microsoft.Network/routeTables/read")).want(t, 201, "")
		role := call(t, s, "GET", scoped(sub, "roleDefinitions", roleName)+roleAPI, "").want(t, 200, "").text("id")
		group := strings.Split(rt1, "/providers/")[0]
		assignment := scoped(group, "roleAssignments", roleName) + roleAPI
		grant := `{"properties":{"roleDefinitionId":"` + role + `","principalId":"` + oid + `","principalType":"ServicePrincipal"}}`
		callAs(t, s, "mover", "GET", rt1+netAPI, "").want(t, 403, "AuthorizationFailed")
		call(t, s, "PUT", assignment, grant).want(t, 201, "")
		callAs(t, s, "mover", "GET", rt1+netAPI, "").want(t, 403, "AuthorizationFailed")
		time.Sleep(time.Minute)
		callAs(t, s, "mover", "GET", rt1+netAPI, "").want(t, 200, "")
		callAs(t, s, "mover", "PUT", rt1+netAPI, `{"location":"westeurope"}`).want(t, 403, "AuthorizationFailed")
		other := strings.NewReplacer("spoke-1/", "spoke-2/", "spoke-001", "spoke-002").Replace(rt1)
		callAs(t, s, "mover", "GET", other+netAPI, "").want(t, 403, "AuthorizationFailed")
		call(t, s, "PUT", scoped(group, "roleAssignments", strings.Replace(roleName, "1", "2", 1))+roleAPI, grant).want(t, 409, "RoleAssignmentExists")
		call(t, s, "DELETE", scoped(sub, "roleDefinitions", roleName)+roleAPI, "").want(t, 400, "RoleDefinitionHasAssignments")
		call(t, s, "DELETE", assignment, "").want(t, 200, "")
		callAs(t, s, "mover", "GET", rt1+netAPI, "").want(t, 403, "AuthorizationFailed")
		call(t, s, "DELETE", assignment, "").want(t, 204, "")
		call(t, s, "DELETE", scoped(sub, "roleDefinitions", roleName)+roleAPI, "").want(t, 200, "")
		call(t, s, "GET", scoped(sub, "roleDefinitions", roleName)+roleAPI, "").want(t, 404, "RoleDefinitionDoesNotExist")
	})
}

// TestANewIdentityIsNotKnownToRoleAssignmentsYet, unless the request says what it is.
func TestANewIdentityIsNotKnownToRoleAssignmentsYet(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		oid := newIdentity(t, s, "young")
		reader := "/subscriptions/" + sub1 + "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"
		body := `{"properties":{"roleDefinitionId":"` + reader + `","principalId":"` + oid + `"}}`
		path := scoped("/subscriptions/"+sub1, "roleAssignments", roleName) + roleAPI
		call(t, s, "PUT", path, body).want(t, 400, "PrincipalNotFound")
		time.Sleep(time.Minute)
		call(t, s, "PUT", path, body).want(t, 201, "")
		call(t, s, "PUT", path, strings.Replace(body, oid, roleName, 1)).want(t, 400, "PrincipalNotFound")
		if got := names(call(t, s, "GET", "/subscriptions/"+sub1+"/providers/Microsoft.Authorization/roleAssignments"+roleAPI, "").want(t, 200, ""), "value"); len(got) != 1 {
			t.Errorf("assignments: %v", got)
		}
		list := call(t, s, "GET", "/subscriptions/"+sub1+"/providers/Microsoft.Authorization/roleDefinitions"+roleAPI+"&$filter=roleName+eq+'Storage+Blob+Data+Contributor'", "").want(t, 200, "")
		if got := names(list, "value"); len(got) != 1 || got[0] != "ba92f5b4-2d11-453d-a403-e96b0029c9fe" {
			t.Errorf("the role of that name: %v", got)
		}
	})
}

func TestRolesAreRefusedByName(t *testing.T) {
	sub := "/subscriptions/" + sub1
	tests := map[string]struct {
		path, body string
		status     int
		code       string
	}{
		"name-taken":      {scoped(sub, "roleDefinitions", roleName), definition("reader", sub, "*/read"), 409, "RoleDefinitionWithSameNameExists"},
		"no-scope":        {scoped(sub, "roleDefinitions", roleName), `{"properties":{"roleName":"x"}}`, 400, "InvalidRoleDefinition"},
		"scope-of-nobody": {scoped(sub, "roleDefinitions", roleName), definition("x", "/subscriptions/none", "*/read"), 400, "InvalidAssignableScope"},
		"built-in":        {scoped(sub, "roleDefinitions", "acdd72a7-3385-48ef-bd42-f606fba81ae7"), definition("x", sub, "*"), 400, "RoleDefinitionUpdateNotAllowed"},
		"role-of-nobody":  {scoped(sub, "roleAssignments", roleName), `{"properties":{"roleDefinitionId":"/x","principalId":"y"}}`, 400, "RoleDefinitionDoesNotExist"},
		"no-resource":     {scoped(rt1+"-none", "roleAssignments", roleName), `{"properties":{"roleDefinitionId":"/x","principalId":"y"}}`, 404, "ResourceNotFound"},
	}
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		for name, tt := range tests {
			if a := call(t, s, "PUT", tt.path+roleAPI, tt.body); a.status != tt.status || a.code() != tt.code {
				t.Errorf("%s: %d %s, want %d %s", name, a.status, a.raw, tt.status, tt.code)
			}
		}
		callAs(t, s, "hopguard", "PUT", scoped(sub, "roleAssignments", roleName)+roleAPI, `{}`).want(t, 403, "AuthorizationFailed")
	})
}

// TestAnIdentityIsGoneWithItsPrincipal: nobody gets a token for it any more.
func TestAnIdentityIsGoneWithItsPrincipal(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		oid := newIdentity(t, s, "short")
		if _, _, err := s.Token(oid); err != nil {
			t.Error(err)
		}
		call(t, s, "DELETE", inGroup("Microsoft.ManagedIdentity/userAssignedIdentities", "short")+identityAPI, "").want(t, 200, "")
		if _, _, err := s.Token(oid); err == nil {
			t.Error("a deleted identity still gets tokens")
		}
	})
}
