package azuresim_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/azuresim"
)

// loose is the reference world without peerings, and the ids of a spoke and the two hubs.
func loose(t *testing.T, run func(t *testing.T, s *azuresim.Sim, spoke, hubA, hubB string)) {
	t.Helper()
	w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{})
	w.Peerings = nil
	synctest.Test(t, func(t *testing.T) {
		s, err := azuresim.New(w, azuresim.Options{})
		if err != nil {
			t.Fatal(err)
		}
		run(t, s, w.VirtualNetworks[2].ID(), w.VirtualNetworks[0].ID(), w.VirtualNetworks[1].ID())
	})
}

func half(remote string) string {
	return `{"properties":{"remoteVirtualNetwork":{"id":"` + remote + `"},"allowVirtualNetworkAccess":true,"allowForwardedTraffic":true}}`
}

func peeringState(t *testing.T, s *azuresim.Sim, id string) string {
	t.Helper()
	a := call(t, s, "GET", id+netAPI, "")
	return a.text("properties", "peeringState") + " " + a.text("properties", "peeringSyncLevel")
}

func TestTheSecondHalfConnectsBoth(t *testing.T) {
	loose(t, func(t *testing.T, s *azuresim.Sim, spoke, hub, _ string) {
		there, back := spoke+"/virtualNetworkPeerings/there", hub+"/virtualNetworkPeerings/back"
		call(t, s, "PUT", there+netAPI, half(hub)).want(t, 201, "")
		time.Sleep(30 * time.Second)
		if got := peeringState(t, s, there); got != "Initiated RemoteNotInSync" {
			t.Errorf("alone: %s", got)
		}
		if h := forward(t, s, nic1, "172.16.0.9"); h.Delivered {
			t.Errorf("one half carries traffic: %+v", h)
		}
		put := call(t, s, "PUT", back+netAPI, half(spoke)).want(t, 201, "")
		if put.text("properties", "peeringState") != "Connected" || put.text("properties", "peeringSyncLevel") != "FullyInSync" {
			t.Errorf("the second half: %s", put.raw)
		}
		if got := peeringState(t, s, there); got != "Initiated RemoteNotInSync" {
			t.Errorf("the first half while the second is written: %s", got)
		}
		time.Sleep(11 * time.Second)
		if got := peeringState(t, s, there); got != "Connected FullyInSync" {
			t.Errorf("the first half in the end: %s", got)
		}
		if a, b := call(t, s, "GET", there+netAPI, ""), call(t, s, "GET", back+netAPI, ""); a.text("properties", "resourceGuid") != b.text("properties", "resourceGuid") {
			t.Error("both halves have one resourceGuid")
		}
		time.Sleep(3 * time.Second)
		if h := forward(t, s, nic1, "172.16.0.9"); !h.Delivered {
			t.Errorf("connected: %+v", h)
		}
		call(t, s, "DELETE", there+netAPI, "").want(t, 202, "")
		time.Sleep(15 * time.Second)
		if got := peeringState(t, s, back); !strings.HasPrefix(got, "Disconnected") {
			t.Errorf("the half that is left: %s", got)
		}
		call(t, s, "PUT", there+netAPI, half(hub)).want(t, 400, "RemotePeeringIsDisconnected")
		call(t, s, "PUT", back+netAPI, half(spoke)).want(t, 400, "RemotePeeringIsDisconnected")
		call(t, s, "DELETE", back+netAPI, "").want(t, 202, "")
		time.Sleep(15 * time.Second)
		call(t, s, "PUT", there+netAPI, half(hub)).want(t, 201, "")
	})
}

func TestPeeringsOfOneNetworkAtTheSameTimeFailInThePoll(t *testing.T) {
	loose(t, func(t *testing.T, s *azuresim.Sim, spoke, hubA, hubB string) {
		first := call(t, s, "PUT", spoke+"/virtualNetworkPeerings/a"+netAPI, half(hubA)).want(t, 201, "")
		call(t, s, "PUT", spoke+"/virtualNetworkPeerings/a"+netAPI, half(hubA)).want(t, 429, "RetryableError")
		second := call(t, s, "PUT", spoke+"/virtualNetworkPeerings/b"+netAPI, half(hubB)).want(t, 201, "")
		time.Sleep(12 * time.Second)
		if got := call(t, s, "GET", first.header.Get("Azure-AsyncOperation"), "").text("status"); got != "Succeeded" {
			t.Errorf("the first write: %s", got)
		}
		poll := call(t, s, "GET", second.header.Get("Azure-AsyncOperation"), "")
		if poll.text("status") != "Failed" || poll.code() != "AnotherOperationInProgress" || !strings.Contains(poll.text("error", "message"), first.header.Get("x-ms-request-id")) {
			t.Errorf("the second write: %s", poll.raw)
		}
		call(t, s, "PUT", spoke+"/virtualNetworkPeerings/b"+netAPI, half(hubB)).want(t, 200, "")
		time.Sleep(12 * time.Second)
		if got := peeringState(t, s, spoke+"/virtualNetworkPeerings/b"); got != "Initiated RemoteNotInSync" {
			t.Errorf("after another try: %s", got)
		}
	})
}

func TestPeeringRefusals(t *testing.T) {
	loose(t, func(t *testing.T, s *azuresim.Sim, spoke, hub, hubB string) {
		p := spoke + "/virtualNetworkPeerings/p" + netAPI
		call(t, s, "PUT", p, half(hub+"x")).want(t, 400, "InvalidResourceReference")
		call(t, s, "PUT", p, strings.Replace(half(hub), `"allowF`, `"useRemoteGateways":true,"allowF`, 1)).want(t, 400, "RemoteVnetHasNoGateways")
		clone := strings.Replace(spoke, "vnet-spoke-1", "vnet-clone", 1)
		call(t, s, "PUT", clone+netAPI, `{"location":"westeurope","properties":{"addressSpace":{"addressPrefixes":["10.1.0.0/17"]}}}`).want(t, 201, "")
		call(t, s, "PUT", clone+"/virtualNetworkPeerings/p"+netAPI, half(hub)).want(t, 400, "ReferencedResourceNotProvisioned")
		time.Sleep(5 * time.Second)
		call(t, s, "PUT", clone+"/virtualNetworkPeerings/p"+netAPI, half(hub)).want(t, 400, "VnetAddressSpacesOverlap")
		call(t, s, "PUT", p, half(hub)).want(t, 201, "")
		time.Sleep(15 * time.Second)
		call(t, s, "PUT", p, half(hubB)).want(t, 400, "CannotChangeRemoteVirtualNetwork")
		call(t, s, "PUT", spoke+"/virtualNetworkPeerings/q"+netAPI, half(hub)).want(t, 400, "AnotherPeeringAlreadyReferencesRemoteVnet")
		call(t, s, "PUT", spoke+"x/virtualNetworkPeerings/q"+netAPI, half(hub)).want(t, 404, "ParentResourceNotFound")
	})
}

func TestPeersOfOneNetworkMustNotOverlap(t *testing.T) {
	loose(t, func(t *testing.T, s *azuresim.Sim, spoke, hub, _ string) {
		clone := strings.Replace(spoke, "vnet-spoke-1", "vnet-clone", 1)
		call(t, s, "PUT", clone+netAPI, `{"location":"westeurope","properties":{"addressSpace":{"addressPrefixes":["10.10.128.0/17"]}}}`).want(t, 201, "")
		call(t, s, "PUT", hub+"/virtualNetworkPeerings/first"+netAPI, half(spoke)).want(t, 201, "")
		time.Sleep(15 * time.Second)
		call(t, s, "PUT", clone+"/virtualNetworkPeerings/p"+netAPI, half(hub)).want(t, 400, "VnetAddressSpaceOverlapsWithAlreadyPeeredVnet")
		// The other way the first network is the hub, whose peer's peers are none of it.
		call(t, s, "PUT", hub+"/virtualNetworkPeerings/first"+netAPI, half(spoke)).want(t, 200, "")
		time.Sleep(15 * time.Second)
		call(t, s, "DELETE", hub+"/virtualNetworkPeerings/first"+netAPI, "").want(t, 202, "")
		time.Sleep(15 * time.Second)
		call(t, s, "PUT", clone+"/virtualNetworkPeerings/p"+netAPI, half(hub)).want(t, 201, "")
	})
}

func TestANetworkHasFiveHundredPeerings(t *testing.T) {
	w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{})
	w.Peerings = nil
	first := w.VirtualNetworks[2]
	for i := range 500 {
		v := azuresim.VirtualNetwork{
			Subscription: first.Subscription, ResourceGroup: first.ResourceGroup, Name: fmt.Sprint("vnet-", i), Location: first.Location,
			AddressPrefixes: []string{fmt.Sprintf("100.%d.%d.0/24", 64+i/256, i%256)},
		}
		w.VirtualNetworks = append(w.VirtualNetworks, v)
		w.Peerings = append(w.Peerings, azuresim.Peering{A: first.ID(), B: v.ID()})
	}
	synctest.Test(t, func(t *testing.T) {
		s, err := azuresim.New(w, azuresim.Options{})
		if err != nil {
			t.Fatal(err)
		}
		call(t, s, "PUT", first.ID()+"/virtualNetworkPeerings/p"+netAPI, half(w.VirtualNetworks[0].ID())).want(t, 400, "VirtualNetworkPeeringCountLimitReached")
		call(t, s, "PUT", first.ID()+"/virtualNetworkPeerings/to-vnet-0"+netAPI, half(w.VirtualNetworks[5].ID())).want(t, 200, "")
	})
}

func TestAChangedAddressSpaceIsSyncedByHand(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		hub := "/subscriptions/" + sub1 + "/resourceGroups/rg-sdwan-westeurope/providers/Microsoft.Network/virtualNetworks/vnet-sdwan-a"
		spoke := strings.Split(rt1, "/routeTables/")[0] + "/virtualNetworks/vnet-spoke-1"
		get := call(t, s, "GET", hub+netAPI, "")
		body := strings.Replace(string(get.raw), `"addressPrefixes":["10.1.0.0/16"]`, `"addressPrefixes":["10.1.0.0/16","10.200.0.0/16"]`, 1)
		call(t, s, "PUT", hub+netAPI, body).want(t, 201, "")
		time.Sleep(5 * time.Second)
		there, back := spoke+"/virtualNetworkPeerings/to-vnet-sdwan-a", hub+"/virtualNetworkPeerings/to-vnet-spoke-1"
		if got := peeringState(t, s, there); got != "Connected LocalNotInSync" {
			t.Errorf("the spoke's half: %s", got)
		}
		if got := peeringState(t, s, back); got != "Connected RemoteNotInSync" {
			t.Errorf("the hub's half: %s", got)
		}
		half := call(t, s, "GET", there+netAPI, "")
		if dig(half.body, "properties", "remoteAddressSpace", "addressPrefixes", "1") != nil || dig(half.body, "properties", "remoteVirtualNetworkAddressSpace", "addressPrefixes", "1") != "10.200.0.0/16" {
			t.Errorf("the spoke's half: %s", half.raw)
		}
		call(t, s, "PUT", there+netAPI, string(half.raw)).want(t, 200, "")
		time.Sleep(15 * time.Second)
		if got := peeringState(t, s, there); got != "Connected LocalNotInSync" {
			t.Errorf("after a plain PUT: %s", got)
		}
		call(t, s, "PUT", there+netAPI+"&syncRemoteAddressSpace=true", string(half.raw)).want(t, 200, "")
		time.Sleep(15 * time.Second)
		if got := peeringState(t, s, there) + ", " + peeringState(t, s, back); got != "Connected FullyInSync, Connected FullyInSync" {
			t.Errorf("after the sync: %s", got)
		}
	})
}

func TestANetworkPutDropsWhatItLeavesOut(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		spoke := strings.Split(rt1, "/routeTables/")[0] + "/virtualNetworks/vnet-spoke-1"
		call(t, s, "PUT", spoke+netAPI, `{"location":"westeurope","properties":{"addressSpace":{"addressPrefixes":["10.10.0.0/16"]}}}`).want(t, 400, "InUseSubnetCannotBeDeleted")
		get := call(t, s, "GET", spoke+netAPI, "")
		same := call(t, s, "PUT", spoke+netAPI, string(get.raw)).want(t, 201, "")
		if same.text("properties", "provisioningState") != "Succeeded" || same.header.Get("Azure-AsyncOperation") == "" {
			t.Errorf("an unchanged PUT: %s", same.raw)
		}
		call(t, s, "PUT", spoke+netAPI, `{"location":"westeurope","properties":{"addressSpace":{"addressPrefixes":["10.10.0.0/16"]},"subnets":[{"name":"snet-1","properties":{"addressPrefix":"10.10.0.0/24"}}]}}`).want(t, 201, "")
		time.Sleep(5 * time.Second)
		if n := len(dig(call(t, s, "GET", spoke+"/virtualNetworkPeerings"+netAPI, "").body, "value").([]any)); n != 0 {
			t.Errorf("%d peerings are left, want none", n)
		}
		if n := len(dig(call(t, s, "GET", spoke+"/subnets"+netAPI, "").body, "value").([]any)); n != 1 {
			t.Errorf("%d subnets are left, want 1", n)
		}
		hub := "/subscriptions/" + sub1 + "/resourceGroups/rg-sdwan-westeurope/providers/Microsoft.Network/virtualNetworks/vnet-sdwan-a"
		if got := peeringState(t, s, hub+"/virtualNetworkPeerings/to-vnet-spoke-1"); !strings.HasPrefix(got, "Disconnected") {
			t.Errorf("the other half is %s", got)
		}
	})
}

func TestSubnets(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		spoke := strings.Split(rt1, "/routeTables/")[0] + "/virtualNetworks/vnet-spoke-1"
		call(t, s, "PUT", spoke+"/subnets/n"+netAPI, `{"properties":{"addressPrefix":"10.99.0.0/24"}}`).want(t, 400, "NetcfgInvalidSubnet")
		call(t, s, "PUT", spoke+"/subnets/n"+netAPI, `{"properties":{"addressPrefix":"10.10.0.0/25"}}`).want(t, 400, "NetcfgSubnetRangesOverlap")
		call(t, s, "PUT", spoke+"/subnets/n"+netAPI, `{"properties":{"addressPrefix":"x"}}`).want(t, 400, "InvalidAddressPrefixFormat")
		call(t, s, "PUT", spoke+"/subnets/n"+netAPI, `{"properties":{"addressPrefix":"10.10.9.0/24","routeTable":{"id":"`+rt1+`x"}}}`).want(t, 400, "InvalidResourceReference")
		callAs(t, s, "hopguard", "PUT", spoke+"/subnets/n"+netAPI, `{"properties":{}}`).want(t, 403, "AuthorizationFailed")
		put := call(t, s, "PUT", spoke+"/subnets/n"+netAPI, `{"properties":{"addressPrefix":"10.10.9.0/24","routeTable":{"id":"`+strings.ToUpper(rt1)+`"}}}`).want(t, 201, "")
		if put.text("properties", "routeTable", "id") != rt1 {
			t.Errorf("the subnet: %s", put.raw)
		}
		call(t, s, "PUT", spoke+"/subnets/o"+netAPI, `{"properties":{"addressPrefix":"10.10.10.0/24"}}`).want(t, 429, "RetryableError")
		if got := call(t, s, "GET", spoke+netAPI, "").text("properties", "provisioningState"); got != "Updating" {
			t.Errorf("meanwhile the network is %s", got)
		}
		time.Sleep(5 * time.Second)
		table := call(t, s, "GET", rt1+netAPI, "")
		if n := len(dig(table.body, "properties", "subnets").([]any)); n != 2 {
			t.Errorf("the table names %d subnets, want 2", n)
		}
		call(t, s, "DELETE", spoke+"/subnets/snet-1"+netAPI, "").want(t, 400, "InUseSubnetCannotBeDeleted")
		call(t, s, "DELETE", spoke+"/subnets/n"+netAPI, "").want(t, 202, "")
		time.Sleep(5 * time.Second)
		call(t, s, "GET", spoke+"/subnets/n"+netAPI, "").want(t, 404, "NotFound")
		call(t, s, "DELETE", spoke+netAPI, "").want(t, 400, "InUseSubnetCannotBeDeleted")
	})
}
