package azuresim_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/azuresim"
)

// power reads a machine's power state from a list of statuses, "" if the entry is missing.
func power(statuses any) string {
	list, _ := statuses.([]any)
	for _, st := range list {
		code, _ := dig(st, "code").(string)
		if p, ok := strings.CutPrefix(code, "PowerState/"); ok {
			return p
		}
	}
	return ""
}

func powerOf(t *testing.T, s *azuresim.Sim, vm string) string {
	t.Helper()
	return power(dig(call(t, s, "GET", vm+"/instanceView"+computeAPI, "").body, "statuses"))
}

func listedPower(t *testing.T, s *azuresim.Sim, vm string) string {
	t.Helper()
	for _, v := range dig(call(t, s, "GET", "/subscriptions/"+sub1+"/providers/Microsoft.Compute/virtualMachines"+computeAPI+"&statusOnly=true", "").body, "value").([]any) {
		if strings.EqualFold(dig(v, "id").(string), vm) {
			return power(dig(v, "properties", "instanceView", "statuses"))
		}
	}
	return "not listed"
}

func TestPowerActions(t *testing.T) {
	tests := []struct{ action, during, after string }{
		{"powerOff", "stopping", "stopped"}, {"start", "starting", "running"}, {"deallocate", "deallocating", "deallocated"}, {"start", "starting", "running"}, {"restart", "running", "running"},
	}
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		for _, tt := range tests {
			a := call(t, s, "POST", vmxA+"/"+tt.action+computeAPI, "").want(t, 202, "")
			if got := powerOf(t, s, vmxA); got != tt.during {
				t.Errorf("during %s: %s, want %s", tt.action, got, tt.during)
			}
			if h := forward(t, s, nic1, "172.16.0.9"); h.Delivered {
				t.Errorf("during %s packets pass", tt.action)
			}
			call(t, s, "POST", vmxA+"/start"+computeAPI, "").want(t, 409, "Conflict")
			time.Sleep(8 * time.Second)
			if got := call(t, s, "GET", a.header.Get("Azure-AsyncOperation"), "").text("status"); got != "Succeeded" {
				t.Errorf("%s is %s after 8s", tt.action, got)
			}
			if got := powerOf(t, s, vmxA); got != tt.after {
				t.Errorf("after %s: %s, want %s", tt.action, got, tt.after)
			}
			if tt.after == "running" {
				if h := forward(t, s, nic1, "172.16.0.9"); h.Reason != "NVA boots" {
					t.Errorf("right after %s: %+v, want it to boot", tt.action, h)
				}
			}
			time.Sleep(5 * time.Second)
			if h := forward(t, s, nic1, "172.16.0.9"); h.Delivered != (tt.after == "running") {
				t.Errorf("in the end of %s: %+v", tt.action, h)
			}
			time.Sleep(time.Minute) // let the machine's buckets fill
		}
	})
}

func TestAHungGuestRunsForCompute(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		if err := s.Hang("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if got := powerOf(t, s, vmxA); got != "running" {
			t.Errorf("instance view: %s, want running", got)
		}
		if got := listedPower(t, s, vmxA); got != "running" {
			t.Errorf("list: %s, want running", got)
		}
		if h := forward(t, s, nic1, "172.16.0.9"); h.Reason != "NVA hung" {
			t.Errorf("forward: %+v", h)
		}
		if err := s.Unhang("vmx-a"); err != nil {
			t.Fatal(err)
		}
		if h := forward(t, s, nic1, "172.16.0.9"); !h.Delivered {
			t.Errorf("forward: %+v", h)
		}
	})
}

func TestAFailureIsSeenByTheListLater(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		if err := s.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		if got := powerOf(t, s, vmxA); got != "stopped" {
			t.Errorf("instance view: %s, want stopped at once", got)
		}
		if got := listedPower(t, s, vmxA); got != "running" {
			t.Errorf("list: %s, want running, as it lags", got)
		}
		time.Sleep(time.Second)
		if got := listedPower(t, s, vmxA); got != "stopped" {
			t.Errorf("list: %s, want stopped", got)
		}
	})
}

func TestAFailureDuringAnActionIsNotUndoneByIt(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		call(t, s, "POST", vmxA+"/restart"+computeAPI, "").want(t, 202, "")
		if err := s.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := powerOf(t, s, vmxA); got != "stopped" {
			t.Errorf("power: %s, want stopped", got)
		}
	})
}

func TestInARegionOutageThePowerIsUnknown(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		s.SetOutage("WestEurope", true)
		call(t, s, "GET", vmxA+computeAPI, "").want(t, 503, "ServiceUnavailable")
		call(t, s, "PUT", rt1+netAPI, `{"location":"westeurope"}`).want(t, 503, "ServiceUnavailable")
		if got := listedPower(t, s, vmxA); got != "" {
			t.Errorf("list: %q, want no power state", got)
		}
		if got := listedPower(t, s, vmxB); got != "running" {
			t.Errorf("the other region: %q", got)
		}
		s.SetOutage("westeurope", false)
		call(t, s, "GET", vmxA+computeAPI, "").want(t, 200, "")
	})
}

func TestMachinesOfDeallocatedAndUnknownNames(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		for _, name := range []string{"vmx-z", "/subscriptions/x"} {
			if err := s.PowerOff(name); err == nil {
				t.Errorf("PowerOff(%q) must fail", name)
			}
		}
		call(t, s, "POST", vmxA+"/explode"+computeAPI, "").want(t, 404, "InvalidResourceType")
		call(t, s, "GET", vmxA+"/start"+computeAPI, "").want(t, 405, "MethodNotAllowed")
		call(t, s, "GET", vmxA+computeAPI+"&$expand=everything", "").want(t, 400, "InvalidParameter")
	})
}

func TestRedeployGivesAnotherAddress(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		nic := strings.Replace(vmxA, "Microsoft.Compute/virtualMachines/vmx-a", "Microsoft.Network/networkInterfaces/nic-vmx-a", 1)
		before := call(t, s, "GET", nic+netAPI, "")
		if err := s.Redeploy("vmx-a", netip.MustParseAddr("10.1.0.8")); err != nil {
			t.Fatal(err)
		}
		after := call(t, s, "GET", nic+netAPI, "")
		if after.text("properties", "ipConfigurations", "0", "properties", "privateIPAddress") != "10.1.0.8" || after.text("etag") == before.text("etag") {
			t.Errorf("the NIC: %s", after.raw)
		}
		if err := s.Redeploy("vmx-a", netip.MustParseAddr("10.9.0.8")); err == nil {
			t.Error("an address outside the subnet must be refused")
		}
	})
}

func TestIdsComeBackInOtherCasing(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		upper := strings.Replace(vmxA, "mrg-vmx-a", "MRG-vmx-A", 1)
		if got := call(t, s, "GET", upper+computeAPI, "").text("id"); got != upper {
			t.Errorf("a GET answers id %s, want it as asked", got)
		}
		if got := call(t, s, "GET", strings.Replace(rt1, "rg-spoke-1", "RG-Spoke-1", 1)+netAPI, "").text("properties", "routes", "0", "id"); !strings.Contains(got, "/RG-Spoke-1/") {
			t.Errorf("a route's id is %s", got)
		}
		list := call(t, s, "GET", "/subscriptions/"+sub1+"/providers/Microsoft.Compute/virtualMachines"+computeAPI, "")
		if got := list.text("value", "0", "id"); !strings.Contains(got, "/resourceGroups/MRG-VMX-A/") {
			t.Errorf("a list answers id %s, want the group in capitals", got)
		}
		group := call(t, s, "GET", strings.Split(vmxA, "/providers/")[0]+"/providers/Microsoft.Compute/virtualMachines"+computeAPI, "")
		if got := group.text("value", "0", "id"); got != vmxA {
			t.Errorf("a group's list answers id %s", got)
		}
	})
}

func TestAMachineOfItsOwn(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		group := strings.Split(rt1, "/routeTables/")[0]
		nic := group + "/networkInterfaces/nic-new"
		body := `{"location":"westeurope","properties":{"ipConfigurations":[{"name":"a","properties":{"subnet":{"id":"` + group + `/virtualNetworks/vnet-spoke-1/subnets/snet-1"}}}]}}`
		made := call(t, s, "PUT", nic+netAPI, body).want(t, 201, "")
		if got := made.text("properties", "ipConfigurations", "0", "properties", "privateIPAddress"); got != "10.10.0.5" {
			t.Errorf("the first free address is %s, want 10.10.0.5", got)
		}
		if made.header.Get("Azure-AsyncOperation") != "" {
			t.Error("a NIC's PUT is synchronous")
		}
		call(t, s, "PUT", nic+"2"+netAPI, strings.Replace(body, `"subnet"`, `"privateIPAddress":"10.10.0.5","subnet"`, 1)).want(t, 400, "PrivateIPAddressIsAllocated")
		call(t, s, "PUT", nic+"2"+netAPI, strings.Replace(body, `"subnet"`, `"privateIPAddress":"10.99.0.5","subnet"`, 1)).want(t, 400, "PrivateIPAddressNotInSubnet")
		call(t, s, "PUT", nic+"2"+netAPI, strings.Replace(body, "snet-1", "snet-none", 1)).want(t, 400, "InvalidResourceReference")
		vm := strings.Replace(group, "Microsoft.Network", "Microsoft.Compute", 1) + "/virtualMachines/new"
		model := `{"location":"westeurope","properties":{"osProfile":{"computerName":"new","adminPassword":"hush"},"networkProfile":{"networkInterfaces":[{"id":"` + nic + `"}]}}}`
		put := call(t, s, "PUT", vm+computeAPI, model).want(t, 201, "")
		if strings.Contains(string(put.raw), "hush") || put.text("properties", "provisioningState") != "Creating" || put.header.Get("ETag") != `"1"` {
			t.Errorf("put: %s %s", put.header.Get("ETag"), put.raw)
		}
		time.Sleep(10 * time.Second)
		if a := call(t, s, "GET", vm+computeAPI, ""); a.header.Get("ETag") != `"2"` || a.text("properties", "provisioningState") != "Succeeded" {
			t.Errorf("get: %s %s", a.header.Get("ETag"), a.raw)
		}
		call(t, s, "DELETE", nic+netAPI, "").want(t, 400, "NicInUse")
		call(t, s, "DELETE", vm+computeAPI, "").want(t, 202, "")
		time.Sleep(10 * time.Second)
		call(t, s, "GET", vm+computeAPI, "").want(t, 404, "ResourceNotFound")
		call(t, s, "DELETE", nic+netAPI, "").want(t, 202, "")
		time.Sleep(10 * time.Second)
		call(t, s, "GET", nic+netAPI, "").want(t, 404, "ResourceNotFound")
		call(t, s, "DELETE", nic+netAPI, "").want(t, 204, "")
	})
}

func TestMachinesTellsWhatOnlyTheSimulatorKnows(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		if err := s.Hang(vmxB); err != nil {
			t.Fatal(err)
		}
		for _, m := range s.Machines() {
			if m.Works != (m.Name != "vmx-b") || m.Hung != (m.Name == "vmx-b") || len(m.Addresses) != 1 {
				t.Errorf("%+v", m)
			}
		}
	})
}

func TestLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := azuresim.New(azuresim.TwoRegions(azuresim.TwoRegionsOptions{Spokes: 10}), azuresim.Options{PageSize: 5})
		if err != nil {
			t.Fatal(err)
		}
		url := "/subscriptions/" + sub1 + "/providers/Microsoft.Network/routeTables" + netAPI
		all := func() map[string]string {
			etags := map[string]string{}
			for next := url; next != ""; {
				a := call(t, s, "GET", next, "").want(t, 200, "")
				if n := len(dig(a.body, "value").([]any)); n > 5 {
					t.Errorf("a page has %d entries", n)
				}
				for _, v := range dig(a.body, "value").([]any) {
					etags[dig(v, "name").(string)] = dig(v, "etag").(string)
				}
				next = a.text("nextLink")
			}
			return etags
		}
		before := all()
		if len(before) != 12 {
			t.Errorf("%d tables are listed, want 12", len(before))
		}
		group := strings.Split(rt1, "rt-spoke-001")[0]
		call(t, s, "PUT", group+"made"+netAPI, `{"location":"westeurope"}`).want(t, 201, "")
		put := call(t, s, "PUT", rt1+netAPI, moved(t, s, rt1, "10.2.0.4")).want(t, 200, "")
		if now := all(); now["made"] != "" || now["rt-spoke-001"] != before["rt-spoke-001"] {
			t.Error("the list shows writes at once, want it behind")
		}
		time.Sleep(time.Second)
		if now := all(); now["made"] == "" || now["rt-spoke-001"] != put.text("etag") {
			t.Error("after a second the list shows no write")
		}
		time.Sleep(5 * time.Second)
		call(t, s, "DELETE", group+"made"+netAPI, "").want(t, 202, "")
		time.Sleep(2 * time.Second)
		call(t, s, "GET", group+"made"+netAPI, "").want(t, 404, "ResourceNotFound")
		if all()["made"] == "" {
			t.Error("right after the delete the list has forgotten the table already")
		}
		time.Sleep(time.Second)
		if all()["made"] != "" {
			t.Error("a second later the list still has the table")
		}
		call(t, s, "GET", url+"&$skiptoken=%21", "").want(t, 400, "InvalidSkipToken")
	})
}

func TestRequestsThatARMRefuses(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		tests := []struct {
			method, path string
			status       int
			code         string
		}{
			{"GET", rt1, 400, "MissingApiVersionParameter"},
			{"GET", rt1 + "?api-version=2014-01-01", 400, "NoRegisteredProviderFound"},
			{"GET", rt1 + "?api-version=latest", 400, "InvalidApiVersionParameter"},
			{"GET", vmxA + netAPI, 400, "NoRegisteredProviderFound"},
			{"GET", "/subscriptions/nobody/providers/Microsoft.Network/routeTables" + netAPI, 404, "SubscriptionNotFound"},
			{"GET", strings.Replace(rt1, "routeTables", "loadBalancers", 1) + netAPI, 404, "InvalidResourceType"},
			{"GET", strings.Replace(rt1, "Microsoft.Network/routeTables", "Contoso.Widgets/things", 1) + netAPI, 404, "InvalidResourceNamespace"},
			{"GET", "/nothing/here" + netAPI, 404, "InvalidResourceType"},
			{"GET", rt1 + "/routes/none" + netAPI, 404, "NotFound"},
			{"PUT", strings.Replace(rt1, "rt-spoke-001", "none/routes/a", 1) + netAPI, 404, "ParentResourceNotFound"},
			{"POST", "/subscriptions" + groupAPI, 405, "MethodNotAllowed"},
		}
		for _, tt := range tests {
			body := ""
			if tt.method == "PUT" {
				body = `{"location":"westeurope"}`
			}
			if a := call(t, s, tt.method, tt.path, body); a.status != tt.status || a.code() != tt.code {
				t.Errorf("%s %s: %d %s, want %d %s", tt.method, tt.path, a.status, a.code(), tt.status, tt.code)
			}
		}
	})
}

func TestGroups(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		group := strings.Split(rt1, "/providers/")[0]
		call(t, s, "GET", group+groupAPI, "").want(t, 200, "")
		if a := call(t, s, "HEAD", group+groupAPI, ""); a.status != 204 {
			t.Errorf("HEAD: %d", a.status)
		}
		if a := call(t, s, "HEAD", group+"x"+groupAPI, ""); a.status != 404 || len(a.raw) != 0 {
			t.Errorf("HEAD of none: %d %q", a.status, a.raw)
		}
		call(t, s, "PUT", group+"x"+groupAPI, `{"location":"West Europe","tags":{"a":"b"}}`).want(t, 201, "")
		call(t, s, "PUT", group+"x/providers/Microsoft.Network/routeTables/t"+netAPI, `{"location":"westeurope"}`).want(t, 201, "")
		time.Sleep(5 * time.Second)
		filtered := call(t, s, "GET", "/subscriptions/"+sub1+"/resourcegroups"+groupAPI+"&$filter=tagName%20eq%20%27a%27", "")
		if n := len(dig(filtered.body, "value").([]any)); n != 1 {
			t.Errorf("%d groups with the tag, want 1", n)
		}
		del := call(t, s, "DELETE", group+"x"+groupAPI, "").want(t, 202, "")
		if del.header.Get("Location") == "" || del.header.Get("Retry-After") != "15" {
			t.Errorf("delete: %v", del.header)
		}
		first := call(t, s, "GET", del.header.Get("Location"), "").want(t, 202, "")
		if l := first.header.Get("Location"); l == "" || l == del.header.Get("Location") {
			t.Errorf("the next Location is %q, want another one", l)
		}
		time.Sleep(20 * time.Second)
		call(t, s, "GET", first.header.Get("Location"), "").want(t, 200, "")
		call(t, s, "GET", "/subscriptions/"+sub1+"/operationresults/none"+groupAPI, "").want(t, 404, "NotFound")
		call(t, s, "GET", group+"x"+groupAPI, "").want(t, 404, "ResourceGroupNotFound")
		call(t, s, "GET", group+"x/providers/Microsoft.Network/routeTables/t"+netAPI, "").want(t, 404, "ResourceGroupNotFound")
		call(t, s, "GET", "/subscriptions/"+sub1+groupAPI, "").want(t, http.StatusOK, "")
		for _, path := range []string{"/subscriptions", "/tenants", "/subscriptions/" + sub1 + "/providers", "/subscriptions/" + sub1 + "/providers/Microsoft.Network", "/subscriptions/" + sub1 + "/locations", "/subscriptions/" + sub1 + "/resourcegroups"} {
			call(t, s, "GET", path+groupAPI, "").want(t, http.StatusOK, "")
		}
		call(t, s, "POST", "/subscriptions/"+sub1+"/providers/Microsoft.Network/register"+groupAPI, "").want(t, http.StatusOK, "")
	})
}
