package azuresim_test

import (
	"strings"
	"testing"
	"time"

	"hopguard/internal/azuresim"
)

// freeNIC makes a NIC in the first spoke and gives its path; group is a security group's id or empty.
func freeNIC(t *testing.T, s *azuresim.Sim, group string) string {
	t.Helper()
	path := inGroup("Microsoft.Network/networkInterfaces", "host")
	extra := ""
	if group != "" {
		extra = `,"networkSecurityGroup":{"id":"` + group + `"}`
	}
	call(t, s, "PUT", path+netAPI, `{"location":"westeurope","properties":{"ipConfigurations":[{"name":"primary","properties":{"subnet":{"id":"`+spokeSubnet+`"}}}]`+extra+`}}`)
	return path
}

// TestAMachineFromAnImageBringsItsDisk, which stays behind when the machine is deleted, and never shows its custom data.
func TestAMachineFromAnImageBringsItsDisk(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		nic := freeNIC(t, s, "")
		vm := inGroup("Microsoft.Compute/virtualMachines", "host")
		made(t, s, vm+computeAPI, `{"location":"westeurope","properties":{"hardwareProfile":{"vmSize":"Standard_B2ls_v2"},"additionalCapabilities":{},
			"storageProfile":{"imageReference":{"publisher":"Debian","offer":"debian-12","sku":"12-gen2","version":"latest"},"osDisk":{"createOption":"FromImage","managedDisk":{"storageAccountType":"StandardSSD_LRS"}}},
			"osProfile":{"computerName":"host","adminUsername":"a","customData":"c2VjcmV0"},"networkProfile":{"networkInterfaces":[{"id":"`+nic+`"}]}}}`, 201)
		got := call(t, s, "GET", vm+computeAPI, "").want(t, 200, "")
		disk := got.text("properties", "storageProfile", "osDisk", "managedDisk", "id")
		if strings.Contains(string(got.raw), "c2VjcmV0") || strings.Contains(string(got.raw), "additionalCapabilities") || disk == "" {
			t.Errorf("the machine: %s", got.raw)
		}
		const api = "?api-version=2023-04-02"
		if d := call(t, s, "GET", disk+api, "").want(t, 200, ""); d.text("sku", "name") != "StandardSSD_LRS" {
			t.Errorf("the disk: %s", d.raw)
		}
		call(t, s, "DELETE", disk+api, "").want(t, 409, "OperationNotAllowed")
		call(t, s, "DELETE", vm+computeAPI, "").want(t, 202, "")
		time.Sleep(time.Minute)
		gone := call(t, s, "DELETE", disk+api, "").want(t, 202, "")
		call(t, s, "GET", gone.header.Get("Azure-AsyncOperation"), "").want(t, 200, "")
		time.Sleep(time.Minute)
		call(t, s, "GET", disk+api, "").want(t, 404, "ResourceNotFound")
		call(t, s, "PUT", disk+api, `{"location":"westeurope"}`).want(t, 400, "NotSupported")
	})
}

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

func TestAMetricAlertRefersToWhatIsThere(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		path := inGroup("Microsoft.Insights/metricAlerts", "gone") + "?api-version=2018-03-01"
		body := `{"location":"global","properties":{"severity":1,"scopes":["` + rt1 + `"],"criteria":{"allOf":[]}}}`
		call(t, s, "PUT", path, strings.Replace(body, rt1, "/none", 1)).want(t, 400, "BadRequest")
		call(t, s, "PUT", path, body).want(t, 200, "")
		if got := call(t, s, "GET", path, "").want(t, 200, ""); dig(got.body, "properties", "enabled") != true {
			t.Errorf("the alert: %s", got.raw)
		}
		call(t, s, "DELETE", path, "").want(t, 200, "")
	})
}

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
