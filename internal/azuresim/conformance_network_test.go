package azuresim_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"hopguard/internal/azuresim"
)

func TestRecordedRouteTable(t *testing.T) {
	inRecordedWorld(t, func(t *testing.T, s *azuresim.Sim) {
		at := func(name string, r rules) answer { return replay(t, s, name, readExchange(t, name), r) }
		created := at("rt-put-create-201.json", rules{})
		later()
		at("network-operation-200-succeeded.json", rules{url: created.header.Get("Azure-AsyncOperation")})
		at("rt-get-200.json", rules{})
		at("rt-list-rg-200.json", rules{extra: []string{"x-ms-original-request-ids"}}) // the full recording of 2026 has it
		at("rt-put-nochange-200.json", rules{})
		at("rt-get-404-ResourceNotFound.json", rules{})
		at("rt-list-404-ResourceGroupNotFound.json", rules{})
		at("rt-put-412-PreconditionFailedEtagMismatch.json", rules{})
		deleted := at("rt-delete-202.json", rules{})
		later()
		at("network-operation-200-succeeded.json", rules{url: deleted.header.Get("Azure-AsyncOperation")})
	}, azuresim.ResourceGroup{Subscription: zeroSub, Name: "aks-cit-RouteTable", Location: "eastus"})
}

func TestRecordedRouteTableOf2026(t *testing.T) {
	const sub = "45047a6f-e26e-43ec-b9da-c368941cf382"
	inRecordedWorld(t, func(t *testing.T, s *azuresim.Sim) {
		update := readExchange(t, "rt-put-update-200-2026-full-headers.json")
		call(t, s, "PUT", update.Request.URL, `{"location":"centraluseuap","properties":{"routes":[],"disableBgpRoutePropagation":true}}`).want(t, 201, "")
		later()
		updated := replay(t, s, "update", update, rules{})
		if got := len(updated.header.Get("Azure-AsyncOperation")); got < 3000 || got > 4000 {
			t.Errorf("the operation's URL has %d characters, want about 3400", got)
		}
		if updated.header.Get("x-ms-request-id") == updated.header.Get("x-ms-correlation-request-id") || !strings.Contains(updated.header.Get("Azure-AsyncOperation"), updated.header.Get("x-ms-request-id")) {
			t.Error("the request id must be the operation's, and not the correlation id")
		}
		later()
		replay(t, s, "poll", readExchange(t, "network-operation-200-succeeded-2026-full-headers.json"), rules{url: updated.header.Get("Azure-AsyncOperation")})
		list := replay(t, s, "list", readExchange(t, "rt-list-rg-200-2026-full-headers.json"), rules{})
		if list.header.Get("x-ms-request-id") != list.header.Get("x-ms-correlation-request-id") {
			t.Error("a list's request id is its correlation id")
		}
	}, azuresim.ResourceGroup{Subscription: sub, Name: "ps3424", Location: "centraluseuap"})
}

// putNetworkFor makes the network and subnet of a subnet's id.
func putNetworkFor(t *testing.T, s *azuresim.Sim, subnetID, location, prefix string) {
	t.Helper()
	vnet, subnet, _ := strings.Cut(subnetID, "/subnets/")
	call(t, s, "PUT", vnet+netAPI, `{"location":"`+location+`","properties":{"addressSpace":{"addressPrefixes":["`+prefix+`"]},"subnets":[{"name":"`+subnet+`","properties":{"addressPrefix":"`+prefix+`"}}]}}`).want(t, 201, "")
	later()
}

func TestRecordedNIC(t *testing.T) {
	inRecordedWorld(t, func(t *testing.T, s *azuresim.Sim) {
		put := readExchange(t, "nic-put-201-synchronous.json")
		subnet := dig(put.Response.Body, "properties", "ipConfigurations", "0", "properties", "subnet", "id").(string)
		putNetworkFor(t, s, subnet, "eastus", "10.0.0.0/24")
		except := []string{"/properties/dnsSettings/internalDomainNameSuffix"} // drawn by chance
		replay(t, s, "put", put, rules{except: except})
		replay(t, s, "get", readExchange(t, "nic-get-200.json"), rules{except: except})
		replay(t, s, "404", readExchange(t, "nic-get-404-ResourceNotFound.json"), rules{})
	}, azuresim.ResourceGroup{Subscription: zeroSub, Name: "aks-cit-Interface", Location: "eastus"})
}

func TestRecordedNICList(t *testing.T) {
	const sub = "ea42f556-5106-4743-99b0-c129bfa71a47"
	var groups []azuresim.ResourceGroup
	for _, g := range []string{"test_network_interface", "test_containerservice", "test_vm"} {
		groups = append(groups, azuresim.ResourceGroup{Subscription: sub, Name: g, Location: "eastus"})
	}
	inRecordedWorld(t, func(t *testing.T, s *azuresim.Sim) {
		list := readExchange(t, "nic-list-200.json")
		networks := map[string]bool{}
		for _, v := range list.Response.Body.(map[string]any)["value"].([]any) {
			nic := v.(map[string]any)
			location := nic["location"].(string)
			subnet := dig(nic, "properties", "ipConfigurations", "0", "properties", "subnet", "id").(string)
			if !networks[subnet] {
				networks[subnet] = true
				putNetworkFor(t, s, subnet, location, map[string]string{"10.1": "10.1.0.0/16", "10.0": "10.0.0.0/16", "10.2": "10.240.0.0/16"}[dig(nic, "properties", "ipConfigurations", "0", "properties", "privateIPAddress").(string)[:4]])
			}
			body, err := json.Marshal(nic)
			if err != nil {
				t.Fatal(err)
			}
			call(t, s, "PUT", nic["id"].(string)+netAPI, string(body)).want(t, 201, "")
			if vm, ok := dig(nic, "properties", "virtualMachine", "id").(string); ok {
				call(t, s, "PUT", vm+computeAPI, `{"location":"`+location+`","properties":{"networkProfile":{"networkInterfaces":[{"id":"`+nic["id"].(string)+`"}]}}}`).want(t, 201, "")
			}
		}
		later()
		replay(t, s, "list", list, rules{old: true, except: []string{
			"/value/0/properties/dnsSettings/internalDomainNameSuffix", "/value/0/properties/macAddress", // drawn by chance
		}})
	}, groups...)
}

func TestRecordedPeeringSequence(t *testing.T) {
	inRecordedWorld(t, func(t *testing.T, s *azuresim.Sim) {
		e := readExchange(t, "peering-sequence-get-put-poll-get-list-delete.json")
		group := strings.Split(e.Steps[2].Request.URL, "/providers/")[0]
		for name, prefix := range map[string]string{"vnet1": "10.0.0.0/16", "vnet2": "11.0.0.0/16"} {
			call(t, s, "PUT", group+"/providers/Microsoft.Network/virtualNetworks/"+name+netAPI, `{"location":"westus","properties":{"addressSpace":{"addressPrefixes":["`+prefix+`"]}}}`).want(t, 201, "")
		}
		later()
		half := func(step int) (string, string) {
			r := e.Steps[step]
			in := r.Response.Body.(map[string]any)
			if v, ok := in["value"].([]any); ok {
				in = v[0].(map[string]any)
			}
			p := in["properties"].(map[string]any)
			delete(p, "useRemoteGateways") // no gateway is modelled
			delete(p, "remoteGateways")
			body, err := json.Marshal(map[string]any{"properties": p})
			if err != nil {
				t.Fatal(err)
			}
			return group + strings.SplitN(in["id"].(string), "/resourceGroups/", 2)[1][len("cli_test_vnet_peering000001"):] + "?api-version=2021-03-01", string(body)
		}
		url, body := half(0)
		first := call(t, s, "PUT", url, body).want(t, 201, "")
		if first.text("properties", "peeringState") != "Initiated" || first.text("properties", "peeringSyncLevel") != "RemoteNotInSync" || first.text("properties", "provisioningState") != "Updating" {
			t.Errorf("the first half: %s", first.raw)
		}
		later()
		url, body = half(1)
		second := call(t, s, "PUT", url, body).want(t, 201, "")
		if second.text("properties", "peeringState") != "Connected" || second.text("properties", "peeringSyncLevel") != "FullyInSync" || second.text("properties", "provisioningState") != "Updating" {
			t.Errorf("the second half: %s", second.raw)
		}
		later()
		gateways := []string{"/properties/useRemoteGateways", "/properties/remoteGateways", "/value/0/properties/useRemoteGateways"}
		replay(t, s, "list", e.Steps[0], rules{old: true, except: gateways})
		replay(t, s, "get", e.Steps[1], rules{old: true, except: gateways})
		put := replay(t, s, "put", e.Steps[2], rules{old: true})
		if put.header.Get("Azure-AsyncNotification") != "" {
			t.Error("peering writes carry no Azure-AsyncNotification")
		}
		time.Sleep(10 * time.Second)
		if got := call(t, s, "GET", put.header.Get("Azure-AsyncOperation"), "").text("status"); got != "InProgress" {
			t.Errorf("after 10s the operation is %q, want InProgress", got)
		}
		later()
		replay(t, s, "poll", e.Steps[3], rules{old: true, url: put.header.Get("Azure-AsyncOperation")})
		replay(t, s, "get again", e.Steps[4], rules{old: true})
		replay(t, s, "delete", e.Steps[5], rules{old: true})
	}, azuresim.ResourceGroup{Subscription: zeroSub, Name: "cli_test_vnet_peering000001", Location: "westus"})
}

func TestRecordedVirtualNetwork(t *testing.T) {
	inRecordedWorld(t, func(t *testing.T, s *azuresim.Sim) {
		get, put := readExchange(t, "vnet-get-200.json"), readExchange(t, "vnet-put-412.json")
		call(t, s, "PUT", get.Request.URL, `{"location":"westus","properties":{"addressSpace":{"addressPrefixes":["192.168.0.0/16"]}}}`).want(t, 201, "")
		later()
		replay(t, s, "get", get, rules{})
		replay(t, s, "412", put, rules{})
	}, azuresim.ResourceGroup{Subscription: zeroSub, Name: "aks-cit-VirtualNetwork", Location: "westus"})
}

func TestRecordedGroup(t *testing.T) {
	inRecordedWorld(t, func(t *testing.T, s *azuresim.Sim) {
		replay(t, s, "get", readExchange(t, "rg-get-200.json"), rules{})
	}, azuresim.ResourceGroup{Subscription: zeroSub, Name: "aks-cit-ResourceGroup", Location: "eastus"})
}

func TestRecordedGenericList(t *testing.T) {
	inRecordedWorld(t, func(t *testing.T, s *azuresim.Sim) {
		e := readExchange(t, "generic-resources-list-items.json")
		want := dig(e.Response.Body, "value", "0").(map[string]any)
		call(t, s, "PUT", want["id"].(string)+netAPI, `{"location":"westeurope","tags":{"a":"b"},"properties":{"addressSpace":{"addressPrefixes":["192.168.0.0/16"]}}}`).want(t, 201, "")
		later()
		list := call(t, s, "GET", "/subscriptions/"+zeroSub+"/resources"+groupAPI+"&$expand=createdTime,changedTime,provisioningState", "").want(t, 200, "")
		for _, d := range diffBody("", want, dig(list.body, "value", "0"), rules{except: []string{"/tags"}}) {
			t.Error(d)
		}
		plain := dig(call(t, s, "GET", "/subscriptions/"+zeroSub+"/resources"+groupAPI, "").body, "value", "0").(map[string]any)
		for _, name := range []string{"createdTime", "changedTime", "provisioningState", "properties", "etag"} {
			if _, ok := plain[name]; ok {
				t.Errorf("%s is shown without $expand", name)
			}
		}
	}, azuresim.ResourceGroup{Subscription: zeroSub, Name: "acctestRG-CAE-240808161903496529", Location: "westeurope"})
}
