package azuresim_test

import (
	"testing"
	"time"

	"hopguard/internal/azuresim"
)

func TestASecurityGroupInUseStays(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		group := inGroup("Microsoft.Network/networkSecurityGroups", "host")
		rule := `{"name":"deny","properties":{"priority":4000,"direction":"Inbound","access":"Deny","protocol":"*"}}`
		call(t, s, "PUT", group+netAPI, `{"location":"westeurope","properties":{"securityRules":[{"name":"deny","properties":{}}]}}`).want(t, 400, "SecurityRuleInvalid")
		made(t, s, group+netAPI, `{"location":"westeurope","properties":{"securityRules":[`+rule+`]}}`, 201)
		if got := call(t, s, "GET", group+netAPI, "").want(t, 200, ""); got.text("properties", "securityRules", "0", "id") != group+"/securityRules/deny" {
			t.Errorf("the group: %s", got.raw)
		}
		nic := freeNIC(t, s, group)
		call(t, s, "DELETE", group+netAPI, "").want(t, 400, "InUseNetworkSecurityGroupCannotBeDeleted")
		call(t, s, "DELETE", nic+netAPI, "").want(t, 202, "")
		time.Sleep(time.Minute)
		call(t, s, "DELETE", group+netAPI, "").want(t, 202, "")
	})
}
