package azuresim_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"hopguard/internal/azuresim"
)

// putNICFor makes a NIC with its network, so that a machine can be made.
func putNICFor(t *testing.T, s *azuresim.Sim, nicID, location string) {
	t.Helper()
	vnet := strings.SplitN(nicID, "/networkInterfaces/", 2)[0] + "/virtualNetworks/vnet-" + nicID[strings.LastIndexByte(nicID, '/')+1:]
	putNetworkFor(t, s, vnet+"/subnets/default", location, "10.77.0.0/24")
	call(t, s, "PUT", nicID+netAPI, `{"location":"`+location+`","properties":{"ipConfigurations":[{"name":"a","properties":{"subnet":{"id":"`+vnet+`/subnets/default"}}}]}}`).want(t, 201, "")
}

// putMachine makes a machine from a recorded model, with its NICs.
func putMachine(t *testing.T, s *azuresim.Sim, model any, id string) {
	t.Helper()
	location := dig(model, "location").(string)
	refs, _ := dig(model, "properties", "networkProfile", "networkInterfaces").([]any)
	for _, ref := range refs {
		putNICFor(t, s, dig(ref, "id").(string), location)
	}
	body, err := json.Marshal(model)
	if err != nil {
		t.Fatal(err)
	}
	call(t, s, "PUT", id+computeAPI, string(body)).want(t, 201, "")
	later()
}

// plainMachine is a model for recordings that do not show one.
func plainMachine(location, group, disk string) any {
	var model any
	text := `{"location":"` + location + `","properties":{"storageProfile":{"osDisk":{"name":"` + disk + `"}},"networkProfile":{"networkInterfaces":[{"id":"/subscriptions/` + zeroSub + `/resourceGroups/` + group + `/providers/Microsoft.Network/networkInterfaces/nic"}]}}}`
	if err := json.Unmarshal([]byte(text), &model); err != nil {
		panic(err)
	}
	return model
}

func TestRecordedMachine(t *testing.T) {
	inRecordedWorld(t, func(t *testing.T, s *azuresim.Sim) {
		at := func(name string, r rules) answer { return replay(t, s, name, readExchange(t, name), r) }
		at("vm-get-404-ResourceNotFound.json", rules{})
		put := readExchange(t, "vm-put-201.json")
		putNICFor(t, s, dig(put.Request.Body, "properties", "networkProfile", "networkInterfaces", "0", "id").(string), "eastus2")
		created := replay(t, s, "put", put, rules{})
		later()
		at("compute-operation-200-succeeded.json", rules{url: created.header.Get("Azure-AsyncOperation")})
		// The recorded disk has got its id by then; disks are not modelled.
		disk := []string{"/properties/storageProfile/osDisk/managedDisk/id", "/value/0/properties/storageProfile/osDisk/managedDisk/id"}
		at("vm-get-200-model.json", rules{except: disk})
		if got := at("vm-put-412.json", rules{except: []string{"/error/message"}}).text("error", "message"); got != `Etag provided in if-match header "invalid" does not match etag "2" of resource.` {
			t.Errorf("412: %s", got)
		}
		call(t, s, "PATCH", put.Request.URL, `{"tags":{}}`).want(t, 200, "") // the recording's machine had been written once more
		later()
		at("vm-put-412.json", rules{})
		at("vm-list-rg-200.json", rules{except: disk})
		deleted := at("vm-delete-202.json", rules{})
		later()
		at("compute-operation-200-succeeded.json", rules{url: deleted.header.Get("Azure-AsyncOperation")})
		at("vm-get-404-ResourceNotFound.json", rules{})
	}, azuresim.ResourceGroup{Subscription: zeroSub, Name: "aks-cit-VirtualMachine", Location: "eastus2"})
}

func TestRecordedInstanceViews(t *testing.T) {
	const sub = "ea42f556-5106-4743-99b0-c129bfa71a47"
	t.Run("running-with-agent", func(t *testing.T) {
		inRecordedWorld(t, func(t *testing.T, s *azuresim.Sim) {
			list, get := readExchange(t, "vm-list-subscription-200.json"), readExchange(t, "vm-get-expand-instanceView-200-running.json")
			model := dig(list.Response.Body, "value", "0")
			putMachine(t, s, model, strings.Replace(dig(model, "id").(string), "TEST_VM", "test_vm", 1))
			replay(t, s, "list", list, rules{old: true})
			replay(t, s, "get", get, rules{old: true, except: []string{
				"/resources", "/properties/instanceView/extensions", "/properties/instanceView/bootDiagnostics", "/properties/instanceView/vmAgent/extensionHandlers", // extensions and boot diagnostics are not modelled
				"/properties/instanceView/osVersion", "/properties/instanceView/vmAgent/vmAgentVersion", "/properties/instanceView/disks", // of their day
			}})
		}, azuresim.ResourceGroup{Subscription: sub, Name: "test_vm", Location: "southcentralus"})
	})
	t.Run("just-booted", func(t *testing.T) {
		inRecordedWorld(t, func(t *testing.T, s *azuresim.Sim) {
			get := readExchange(t, "vm-get-expand-instanceView-200-2016.json")
			model := get.Response.Body.(map[string]any)
			id := model["id"].(string)
			putMachine(t, s, model, id)
			start := call(t, s, "POST", id+"/restart"+computeAPI, "").want(t, 202, "")
			for call(t, s, "GET", start.header.Get("Azure-AsyncOperation"), "").text("status") == "InProgress" {
				time.Sleep(time.Second)
			}
			replay(t, s, "get", get, rules{old: true})
		}, azuresim.ResourceGroup{Subscription: zeroSub, Name: "RubySDKTest_azure_mgmt_compute", Location: "westus"})
	})
	t.Run("deallocated", func(t *testing.T) {
		inRecordedWorld(t, func(t *testing.T, s *azuresim.Sim) {
			get := readExchange(t, "vm-instanceView-url-200-deallocated.json")
			id := strings.TrimPrefix(strings.Split(get.Request.URL, "/instanceView")[0], "https://management.azure.com")
			putMachine(t, s, plainMachine("eastus", "miq-vms-eastus", "miq-vm-centos-disk1"), id)
			call(t, s, "POST", id+"/deallocate"+computeAPI, "").want(t, 202, "")
			later()
			replay(t, s, "get", get, rules{old: true, except: []string{"/bootDiagnostics"}}) // not modelled
		}, azuresim.ResourceGroup{Subscription: zeroSub, Name: "miq-vms-eastus", Location: "eastus"})
	})
}

func TestRecordedPowerActions(t *testing.T) {
	inRecordedWorld(t, func(t *testing.T, s *azuresim.Sim) {
		at := func(name string, r rules) answer { r.old = true; return replay(t, s, name, readExchange(t, name), r) }
		id := "/subscriptions/" + zeroSub + "/resourceGroups/RubySDKTest_azure_mgmt_compute/providers/Microsoft.Compute/virtualMachines/testvm"
		putMachine(t, s, plainMachine("westus", "RubySDKTest_azure_mgmt_compute", "disk"), id)
		off := at("vm-poweroff-202.json", rules{})
		if op := off.header.Get("Azure-AsyncOperation"); !strings.Contains(op, off.header.Get("x-ms-request-id")) {
			t.Errorf("the operation of %s is not the request", op)
		}
		at("vm-poweroff-poll-InProgress.json", rules{url: off.header.Get("Azure-AsyncOperation")})
		later()
		at("vm-poweroff-poll-Succeeded.json", rules{url: off.header.Get("Azure-AsyncOperation")})
		start := at("vm-start-202.json", rules{})
		later()
		at("vm-start-poll-Succeeded.json", rules{url: start.header.Get("Azure-AsyncOperation")})
		dealloc := at("vm-deallocate-202.json", rules{})
		later()
		at("vm-deallocate-poll-Succeeded.json", rules{url: dealloc.header.Get("Azure-AsyncOperation")})
	}, azuresim.ResourceGroup{Subscription: zeroSub, Name: "RubySDKTest_azure_mgmt_compute", Location: "westus"})
}

func TestRecordedComputeSequence(t *testing.T) {
	const sub = "24fb23e3-6ba3-41f0-9b6e-e41131d5d61e"
	inRecordedWorld(t, func(t *testing.T, s *azuresim.Sim) {
		e := readExchange(t, "compute-lro-sequence-delete-2020-full-headers.json")
		id := strings.TrimPrefix(strings.Split(e.Steps[0].Request.URL, "?")[0], "https://management.azure.com")
		model := plainMachine("eastus", "crptestps7705", "disk").(map[string]any)
		model["properties"].(map[string]any)["networkProfile"] = map[string]any{"networkInterfaces": []any{map[string]any{"id": strings.Replace(id, "Microsoft.Compute/virtualMachines", "Microsoft.Network/networkInterfaces", 1)}}}
		putMachine(t, s, model, id)
		deleted := replay(t, s, "delete", e.Steps[0], rules{old: true})
		poll := deleted.header.Get("Azure-AsyncOperation")
		replay(t, s, "first poll", e.Steps[1], rules{old: true, url: poll})
		if second := replay(t, s, "second poll", e.Steps[2], rules{old: true, url: poll}); second.header.Get("Retry-After") != "" {
			t.Error("only the first poll says Retry-After")
		}
		later()
		replay(t, s, "last poll", e.Steps[3], rules{old: true, url: poll})
		replay(t, s, "monitor", e.Steps[4], rules{old: true, url: deleted.header.Get("Location")})
	}, azuresim.ResourceGroup{Subscription: sub, Name: "crptestps7705", Location: "eastus"})
}
