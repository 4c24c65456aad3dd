package azuresim_test

import (
	"strings"
	"testing"
	"time"

	"hopguard/internal/azuresim"
)

// TestAContainerAppNeedsItsEnvironment, which needs a delegated subnet and a workspace, keeps both, and never shows the workspace's key.
func TestAContainerAppNeedsItsEnvironment(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		const api = "?api-version=2025-07-01"
		customer := call(t, s, "GET", workspace(t, s)+api, "").text("properties", "customerId")
		env, app := inGroup("Microsoft.App/managedEnvironments", "env"), inGroup("Microsoft.App/containerApps", "app")
		own := strings.Replace(spokeSubnet, "snet-1", "containers", 1)
		body := `{"location":"westeurope","properties":{"vnetConfiguration":{"infrastructureSubnetId":"` + own + `","internal":true},
			"appLogsConfiguration":{"destination":"log-analytics","logAnalyticsConfiguration":{"customerId":"` + customer + `","sharedKey":"the-key"}}}}`
		call(t, s, "PUT", env+api, body).want(t, 404, "NotFound")
		call(t, s, "PUT", env+api, strings.Replace(body, own, spokeSubnet, 1)).want(t, 400, "BadRequest")
		made(t, s, own+netAPI, `{"properties":{"addressPrefix":"10.10.200.0/26","delegations":[{"name":"d","properties":{"serviceName":"Microsoft.App/environments"}}]}}`, 201)
		call(t, s, "PUT", env+api, strings.Replace(body, customer, "nobody", 1)).want(t, 400, "InvalidLogAnalyticsConfiguration")
		container := `{"location":"westeurope","properties":{"environmentId":"` + env + `","template":{"containers":[{"name":"hopguard","image":"i"}]}}}`
		call(t, s, "PUT", app+api, container).want(t, 400, "InvalidManagedEnvironment")
		made(t, s, env+api, body, 201)
		if got := call(t, s, "GET", env+api, "").want(t, 200, ""); strings.Contains(string(got.raw), "the-key") {
			t.Errorf("the environment shows a key: %s", got.raw)
		}
		call(t, s, "PUT", app+api, strings.Replace(container, `"image":"i"`, `"image":""`, 1)).want(t, 400, "ContainerAppInvalidSchema")
		call(t, s, "PUT", app+api, strings.Replace(container, `{"name":"hopguard","image":"i"}`, ``, 1)).want(t, 400, "ContainerAppInvalidSchema")
		made(t, s, app+api, container, 201)
		call(t, s, "POST", app+"/listSecrets"+api, "").want(t, 200, "")
		call(t, s, "DELETE", env+api, "").want(t, 409, "ManagedEnvironmentHasContainerApps")
		call(t, s, "DELETE", own+netAPI, "").want(t, 400, "InUseSubnetCannotBeDeleted")
		call(t, s, "DELETE", app+api, "").want(t, 202, "")
		time.Sleep(time.Minute)
		call(t, s, "DELETE", env+api, "").want(t, 202, "")
		time.Sleep(time.Minute)
		call(t, s, "DELETE", own+netAPI, "").want(t, 202, "")
	})
}
