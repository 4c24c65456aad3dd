package azuresim_test

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/azuresim"
)

func forward(t *testing.T, s *azuresim.Sim, nic, dst string) azuresim.Hop {
	t.Helper()
	h, err := s.Forward(nic, netip.MustParseAddr(dst))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestRoutesTakeEffectAfterTheWriteHasSucceeded(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		hop := func() string { return forward(t, s, nic1, "172.16.0.9").NextHop.String() }
		put := call(t, s, "PUT", rt1+netAPI, moved(t, s, rt1, "10.2.0.4")).want(t, 200, "")
		if got := hop(); got != "10.1.0.4" {
			t.Errorf("at the PUT the next hop is %s", got)
		}
		time.Sleep(2 * time.Second)
		if got := call(t, s, "GET", put.header.Get("Azure-AsyncOperation"), "").text("status"); got != "Succeeded" {
			t.Fatalf("after 2s the write is %s", got)
		}
		if got := hop(); got != "10.1.0.4" {
			t.Errorf("when the write has succeeded the next hop is %s already", got)
		}
		time.Sleep(3 * time.Second)
		if got := hop(); got != "10.2.0.4" {
			t.Errorf("3s later the next hop is %s still", got)
		}
		if h := forward(t, s, nic1, "172.16.0.9"); !h.Delivered || !strings.EqualFold(h.VM, vmxB) || h.Route.Name != "branch-001" {
			t.Errorf("the packet: %+v", h)
		}
	})
}

func TestWhatAPacketMeets(t *testing.T) {
	put := func(routes string) func(t *testing.T, s *azuresim.Sim) {
		return func(t *testing.T, s *azuresim.Sim) {
			call(t, s, "PUT", rt1+netAPI, `{"location":"westeurope","properties":{"routes":[`+routes+`]}}`).want(t, 200, "")
			time.Sleep(10 * time.Second)
		}
	}
	route := func(name, prefix, hop, addr string) string {
		if addr != "" {
			addr = `,"nextHopIpAddress":"` + addr + `"`
		}
		return `{"name":"` + name + `","properties":{"addressPrefix":"` + prefix + `","nextHopType":"` + hop + `"` + addr + `}}`
	}
	must := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	tests := map[string]struct {
		do        func(t *testing.T, s *azuresim.Sim)
		dst       string
		delivered bool
		reason    string
	}{
		"all-is-well":              {nil, "172.16.0.9", true, ""},
		"appliance-off":            {func(_ *testing.T, s *azuresim.Sim) { must(s.PowerOff("vmx-a")) }, "172.16.0.9", false, "NVA off: stopped"},
		"appliance-deallocated":    {func(_ *testing.T, s *azuresim.Sim) { must(s.Deallocate("vmx-a")) }, "172.16.0.9", false, "NVA off: deallocated"},
		"appliance-hung":           {func(_ *testing.T, s *azuresim.Sim) { must(s.Hang("vmx-a")) }, "172.16.0.9", false, "NVA hung"},
		"appliance-boots":          {func(_ *testing.T, s *azuresim.Sim) { must(s.PowerOff("vmx-a")); must(s.PowerOn("vmx-a")) }, "172.16.0.9", false, "NVA boots"},
		"region-gone":              {func(_ *testing.T, s *azuresim.Sim) { s.SetOutage("westeurope", true) }, "172.16.0.9", false, "source is down (region outage)"},
		"ports-are-not-forwarding": {func(_ *testing.T, s *azuresim.Sim) { must(s.SetPort("vmx-a", azuresim.PortSilent)) }, "172.16.0.9", true, ""},
		"redeployed":               {func(_ *testing.T, s *azuresim.Sim) { must(s.Redeploy("vmx-a", netip.MustParseAddr("10.1.0.9"))) }, "172.16.0.9", false, "nobody has the next hop's address"},
		"unreachable-hop":          {put(route("r", "172.16.0.0/24", "VirtualAppliance", "192.168.1.4")), "172.16.0.9", false, "next hop is not reachable by peering"},
		"unreachable-longer-wins":  {put(route("r", "172.16.0.0/24", "VirtualAppliance", "192.168.1.4") + "," + route("q", "172.16.0.0/16", "VirtualAppliance", "10.1.0.4")), "172.16.0.9", false, "next hop is not reachable by peering"},
		"spoke-of-another-region":  {put(route("r", "172.16.0.0/24", "VirtualAppliance", "10.11.0.4")), "172.16.0.9", false, "next hop is not reachable by peering"},
		"longest-prefix":           {put(route("r", "172.16.0.0/24", "None", "") + "," + route("q", "172.16.0.0/16", "VirtualAppliance", "10.1.0.4")), "172.16.0.9", false, "route to None"},
		"user-beats-system":        {put(route("r", "10.1.0.0/16", "None", "")), "10.1.0.4", false, "route to None"},
		"other-family":             {put(route("r", "172.16.0.0/24", "VirtualAppliance", "10.1.0.4")), "fd00::1", false, "source has no address of that family"},
		"internet":                 {nil, "8.8.8.8", true, ""},
		"private-default":          {put(""), "172.16.0.9", false, "route to None"},
		"own-network":              {nil, "10.10.0.4", true, ""},
		"peer":                     {nil, "10.2.0.4", true, ""},
		"peer-without-host":        {nil, "10.2.0.77", false, "nobody has the address"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *azuresim.Sim) {
				if tt.do != nil {
					tt.do(t, s)
				}
				if h := forward(t, s, nic1, tt.dst); h.Delivered != tt.delivered || h.Reason != tt.reason {
					t.Errorf("got %+v, want delivered=%v %q", h, tt.delivered, tt.reason)
				}
			})
		})
	}
}

func TestForwardingNeedsTheNICFlagAndThePeering(t *testing.T) {
	tests := map[string]struct {
		change func(w *azuresim.World)
		reason string
	}{
		"ip-forwarding-off":   {func(w *azuresim.World) { w.VirtualMachines[0].NICs[0].EnableIPForwarding = false }, "IP forwarding is off"},
		"no-peering":          {func(w *azuresim.World) { w.Peerings = w.Peerings[1:] }, "next hop is not reachable by peering"},
		"no-forwarded":        {func(w *azuresim.World) { w.Peerings[0].NoForwardedTraffic = true }, "the peering takes no forwarded traffic, so replies are lost"},
		"malformed-route":     {func(w *azuresim.World) { w.RouteTables[0].Routes[0].AddressPrefix = "nonsense" }, "route to None"},
		"hop-of-other-family": {func(w *azuresim.World) { w.RouteTables[0].Routes[0].NextHopIPAddress = "fd00::4" }, "next hop is not reachable by peering"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{})
			tt.change(&w)
			s, err := azuresim.New(w, azuresim.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if h := forward(t, s, nic1, "172.16.0.9"); h.Reason != tt.reason || h.Delivered {
				t.Errorf("got %+v, want %q", h, tt.reason)
			}
		})
	}
}

func TestGatewayRoutesLoseAgainstUserAndSystemRoutes(t *testing.T) {
	w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{})
	for i := range w.VirtualNetworks {
		if w.VirtualNetworks[i].Name == "vnet-spoke-1" {
			w.VirtualNetworks[i].GatewayRoutes = []string{"172.16.0.0/24", "10.1.0.0/16", "192.168.9.0/24"}
		}
	}
	s, err := azuresim.New(w, azuresim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	routes, err := s.Effective(nic1)
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]string{}
	for _, r := range routes {
		states[r.Source+" "+r.Prefix.String()] = r.State
	}
	for route, want := range map[string]string{
		"User 172.16.0.0/24": "Active", "VirtualNetworkGateway 172.16.0.0/24": "Invalid", "Default 10.1.0.0/16": "Active",
		"VirtualNetworkGateway 10.1.0.0/16": "Invalid", "VirtualNetworkGateway 192.168.9.0/24": "Active",
	} {
		if states[route] != want {
			t.Errorf("%s is %q, want %s", route, states[route], want)
		}
	}
}

func TestEffectiveRouteTableOfANIC(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		post := call(t, s, "POST", nic1+"/effectiveRouteTable"+netAPI, "").want(t, 202, "")
		if a := call(t, s, "GET", post.header.Get("Location"), ""); a.status != 202 {
			t.Errorf("at once: %d", a.status)
		}
		time.Sleep(5 * time.Second)
		a := call(t, s, "GET", post.header.Get("Location"), "").want(t, 200, "")
		found := false
		for _, r := range dig(a.body, "value").([]any) {
			if dig(r, "source") == "User" && dig(r, "name") == "branch-001" {
				found = dig(r, "nextHopIpAddress", "0") == "10.1.0.4" && dig(r, "state") == "Active" && dig(r, "addressPrefix", "0") == "172.16.0.0/24"
			}
		}
		if !found {
			t.Errorf("the user route is not there: %s", a.raw)
		}
		call(t, s, "POST", strings.Replace(vmxA, "Compute/virtualMachines", "Network/networkInterfaces", 1)+"x/effectiveRouteTable"+netAPI, "").want(t, 404, "ResourceNotFound")
		if err := s.PowerOff("app-1"); err != nil {
			t.Fatal(err)
		}
		call(t, s, "POST", nic1+"/effectiveRouteTable"+netAPI, "").want(t, 400, "NetworkInterfaceNotAttachedToRunningVirtualMachine")
	})
}

func TestAnAssociationTakesEffectLater(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		subnet := strings.Split(rt1, "/routeTables/")[0] + "/virtualNetworks/vnet-spoke-1/subnets/snet-1"
		call(t, s, "PUT", subnet+netAPI, `{"properties":{"addressPrefix":"10.10.0.0/24"}}`).want(t, 200, "")
		if h := forward(t, s, nic1, "172.16.0.9"); h.NextHop.String() != "10.1.0.4" {
			t.Errorf("at the PUT: %+v", h)
		}
		time.Sleep(6 * time.Second)
		if h := forward(t, s, nic1, "172.16.0.9"); h.Reason != "route to None" {
			t.Errorf("later: %+v", h)
		}
		if a := call(t, s, "GET", rt1+netAPI, ""); strings.Contains(string(a.raw), `"subnets"`) {
			t.Errorf("the table still names the subnet: %s", a.raw)
		}
		call(t, s, "DELETE", rt1+netAPI, "").want(t, 202, "")
	})
}

func TestBothFamiliesMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := azuresim.New(azuresim.TwoRegions(azuresim.TwoRegionsOptions{IPv6: true}), azuresim.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if h := forward(t, s, nic1, "fd00:8000::9"); !h.Delivered || h.NextHop.String() != "fd00:1::4" {
			t.Errorf("IPv6: %+v", h)
		}
		doc, err := s.RouteTable(rt1)
		if err != nil {
			t.Fatal(err)
		}
		body := strings.NewReplacer("10.1.0.4", "10.2.0.4", "fd00:1::4", "fd00:2::4").Replace(string(doc))
		call(t, s, "PUT", rt1+netAPI, body).want(t, 200, "")
		time.Sleep(6 * time.Second)
		if h := forward(t, s, nic1, "fd00:8000::9"); !h.Delivered || h.NextHop.String() != "fd00:2::4" {
			t.Errorf("IPv6 after the move: %+v", h)
		}
	})
}
