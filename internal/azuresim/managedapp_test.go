package azuresim_test

import (
	"strings"
	"testing"
	"time"

	"hopguard/internal/azuresim"
)

const appAPI = "?api-version=2021-07-01"

// vmx is the body of a managed application with a vMX in the network of the first spoke.
func vmx(token string) string {
	parts := strings.Split(spokeSubnet, "/")
	param := func(name, value string) string { return `"` + name + `":{"value":"` + value + `"}` }
	return `{"location":"westeurope","kind":"MarketPlace","plan":{"publisher":"cisco","product":"cisco-meraki-vmx","name":"cisco-meraki-vmx","version":"15.37.4"},
		"properties":{"managedResourceGroupId":"/subscriptions/` + sub1 + `/resourceGroups/mrg-new","parameters":{` + strings.Join([]string{
		param("vmName", "vmx-new"), param("merakiAuthToken", token), param("virtualNetworkName", parts[8]), param("virtualNetworkResourceGroup", parts[4]),
		param("virtualNetworkNewOrExisting", "existing"), param("subnetName", parts[10])}, ",") + `}}}`
}

// spokeSubnet is a subnet of the reference world's first spoke.
const spokeSubnet = "/subscriptions/" + sub1 + "/resourceGroups/rg-spoke-1/providers/Microsoft.Network/virtualNetworks/vnet-spoke-1/subnets/snet-1"

func acceptTerms(t *testing.T, s *azuresim.Sim) string {
	t.Helper()
	terms := "/subscriptions/" + sub1 + "/providers/Microsoft.MarketplaceOrdering/offerTypes/virtualmachine/publishers/cisco/offers/cisco-meraki-vmx/plans/cisco-meraki-vmx/agreements/current?api-version=2015-06-01"
	if a := call(t, s, "GET", terms, "").want(t, 200, ""); dig(a.body, "properties", "accepted") != false {
		t.Errorf("before: %s", a.raw)
	}
	call(t, s, "PUT", terms, `{"properties":{"accepted":true}}`).want(t, 200, "")
	return terms
}

// TestAManagedApplicationBringsItsAppliance, in a group that only its publisher changes, after its terms were accepted.
func TestAManagedApplicationBringsItsAppliance(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		app := inGroup("Microsoft.Solutions/applications", "vmx-new")
		body := vmx("token-of-the-vmx")
		call(t, s, "PUT", app+appAPI, body).want(t, 400, "MarketplacePurchaseEligibilityFailed")
		acceptTerms(t, s)
		put := made(t, s, app+appAPI, body, 201)
		call(t, s, "GET", put.header.Get("Azure-AsyncOperation"), "").want(t, 200, "")
		if got := call(t, s, "GET", app+appAPI, "").want(t, 200, ""); strings.Contains(string(got.raw), "token-of-the-vmx") || got.text("properties", "parameters", "merakiAuthToken", "type") != "SecureString" {
			t.Errorf("a secure parameter is shown: %s", got.raw)
		}
		vm := "/subscriptions/" + sub1 + "/resourceGroups/mrg-new/providers/Microsoft.Compute/virtualMachines/vmx-new"
		machine := call(t, s, "GET", vm+computeAPI+"&$expand=instanceView", "").want(t, 200, "")
		if machine.text("properties", "instanceView", "statuses", "1", "code") != "PowerState/running" {
			t.Errorf("the machine: %s", machine.raw)
		}
		nic := machine.text("properties", "networkProfile", "networkInterfaces", "0", "id")
		if got := call(t, s, "GET", nic+netAPI, "").want(t, 200, ""); dig(got.body, "properties", "enableIPForwarding") != true {
			t.Errorf("the NIC does not forward: %s", got.raw)
		}
		call(t, s, "DELETE", vm+computeAPI, "").want(t, 403, "DenyAssignmentAuthorizationFailed")
		call(t, s, "PUT", scoped(vm, "roleAssignments", roleName)+roleAPI, `{}`).want(t, 403, "DenyAssignmentAuthorizationFailed")
		call(t, s, "PUT", app+"-2"+appAPI, body).want(t, 409, "ApplicationManagedResourceGroupExists")
		call(t, s, "DELETE", app+appAPI, "").want(t, 202, "")
		time.Sleep(time.Minute)
		call(t, s, "GET", vm+computeAPI, "").want(t, 404, "ResourceGroupNotFound")
		call(t, s, "GET", app+appAPI, "").want(t, 404, "ResourceNotFound")
	})
}

func TestManagedApplicationsAreRefusedByName(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		body := vmx("token")
		acceptTerms(t, s)
		path := inGroup("Microsoft.Solutions/applications", "app") + appAPI
		tests := map[string]struct {
			old, new, code string
			status         int
		}{
			"kind":              {`"MarketPlace"`, `"ServiceCatalog"`, "ApplicationKindNotSupported", 400},
			"plan":              {`"product":"cisco-meraki-vmx"`, `"product":"vmx100"`, "PlanNotFound", 404},
			"version":           {`"version":"15.37.4"`, `"version":""`, "InvalidRequestContent", 400},
			"no-token":          {`"merakiAuthToken":{"value":"token"}`, `"merakiAuthToken":{"value":""}`, "InvalidTemplate", 400},
			"unknown-parameter": {`"vmName"`, `"vmname2"`, "InvalidTemplate", 400},
			"no-subnet":         {`"subnetName":{"value":"`, `"subnetName":{"value":"no-`, "InvalidResourceReference", 400},
			"new-network":       {`"existing"`, `"new"`, "InvalidTemplate", 400},
		}
		for name, tt := range tests {
			changed := strings.Replace(body, tt.old, tt.new, 1)
			if a := call(t, s, "PUT", path, changed); changed == body || a.status != tt.status || a.code() != tt.code {
				t.Errorf("%s: %d %s, want %d %s", name, a.status, a.raw, tt.status, tt.code)
			}
		}
	})
}

func TestTermsCanBeCancelled(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		terms := acceptTerms(t, s)
		cancel := "/subscriptions/" + sub1 + "/providers/Microsoft.MarketplaceOrdering/agreements/cisco/offers/cisco-meraki-vmx/plans/cisco-meraki-vmx/cancel?api-version=2015-06-01"
		call(t, s, "POST", cancel, "").want(t, 200, "")
		if a := call(t, s, "GET", terms, ""); dig(a.body, "properties", "accepted") != false {
			t.Errorf("after: %s", a.raw)
		}
		call(t, s, "GET", cancel, "").want(t, 405, "MethodNotAllowed")
	})
}
