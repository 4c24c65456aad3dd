package lab

import (
	"net/netip"
	"time"

	"hopguard/internal/azuresim"
	"hopguard/internal/netlab"
)

// The cast. Machines have their names in the simulated world, too.
const (
	vmxA, vmxB = "vmx-a", "vmx-b"
	observer   = "ops" // where the controller runs
	tables     = 3
	spacing    = time.Millisecond
)

// Addresses that are not in the world: the Internet's, and those inside the tunnels.
const (
	gateway       = "169.254.1.1" // of every host: the fabric
	cloudAddr     = "203.0.113.10"
	witnessAddr   = "203.0.113.20"
	witnessTarget = witnessAddr + ":443"
	branchPublic  = "198.51.100.2"
	// The branch's host, and one address of it behind each appliance alone: they are in the reference world.
	branchHost = "172.16.0.10"
	throughA   = "172.31.1.10"
	throughB   = "172.31.2.10"
	// apiAddr is where a controller may serve its API.
	apiAddr = opsAddr + ":8080"
	opsAddr = "10.20.0.4"
)

// Regions of the reference world, and the Internet's own.
const (
	regionA  = "westeurope"
	regionB  = "northeurope"
	internet = "internet"
)

// cloudNames are the names that clients insist on; in the controller's /etc/hosts they lead to the simulated Azure.
func cloudNames() []string {
	return []string{"management.azure.com", "login.microsoftonline.com", "login.windows.net", "sts.windows.net"}
}

// publics are the appliances' public addresses: Azure leads them to the machine.
func publics() map[string]netip.Addr {
	return map[string]netip.Addr{vmxA: netip.MustParseAddr("198.51.100.11"), vmxB: netip.MustParseAddr("198.51.100.12")}
}

// world is the reference world with a management network in the second region. Its table
// leads to one address of the branch by each appliance; it has no tag, so nobody moves it.
func world() azuresim.World {
	w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{Tables: tables})
	sub, group := w.Subscriptions[0].ID, "rg-ops"
	w.ResourceGroups = append(w.ResourceGroups, azuresim.ResourceGroup{Subscription: sub, Name: group, Location: regionB})
	by := func(name, prefix, hop string) azuresim.Route {
		return azuresim.Route{Name: name, AddressPrefix: prefix, NextHopType: "VirtualAppliance", NextHopIPAddress: hop}
	}
	table := azuresim.RouteTable{
		Subscription: sub, ResourceGroup: group, Name: "rt-ops", Location: regionB,
		Routes: []azuresim.Route{by("probe-a", "172.31.1.0/24", "10.1.0.4"), by("probe-b", "172.31.2.0/24", "10.2.0.4")},
	}
	vnet := azuresim.VirtualNetwork{
		Subscription: sub, ResourceGroup: group, Name: "vnet-ops", Location: regionB, AddressPrefixes: []string{"10.20.0.0/16"},
		Subnets: []azuresim.Subnet{{Name: "snet-ops", AddressPrefixes: []string{"10.20.0.0/24"}, RouteTable: table.ID()}},
	}
	for _, hub := range w.VirtualNetworks[:2] {
		w.Peerings = append(w.Peerings, azuresim.Peering{A: vnet.ID(), B: hub.ID()})
	}
	w.RouteTables = append(w.RouteTables, table)
	w.VirtualNetworks = append(w.VirtualNetworks, vnet)
	w.VirtualMachines = append(w.VirtualMachines, azuresim.VirtualMachine{
		Subscription: sub, ResourceGroup: group, Name: observer, Location: regionB,
		NICs: []azuresim.NetworkInterface{{Name: "nic-ops", Primary: true, IPConfigurations: []azuresim.IPConfiguration{
			{Name: "ipconfig1", Address: opsAddr, Subnet: vnet.SubnetID("snet-ops"), Primary: true},
		}}},
	})
	return w
}

// endpoint is a host and its place in the fabric.
type endpoint struct {
	name   string
	nic    string // the id of its network interface; "" outside of Azure
	region string
	addrs  []netip.Addr // the first is what it is known by
	forwards,
	wired bool // all packets to it pass a wire, so that they can be cut

	host             *netlab.Host
	dev              string                  // its link's end in the fabric
	table            int                     // its subnet's effective routes
	arrive           int                     // the way from a wire to it
	near, far        *netlab.Wire            // to it, from its own region and from elsewhere in Azure
	wan, out         *netlab.Wire            // to it and from it, over the Internet; appliances only
	applied, further map[string]netlab.Route // effective routes as they are in the table; routes of the lab's own there
}

// addr is the address that it is known by.
func (e *endpoint) addr() netip.Addr { return e.addrs[0] }

// endpoints are all hosts: the machines of the world, the cloud and the branch.
func endpoints(w azuresim.World) []*endpoint {
	list := []*endpoint{
		{name: "cloud", region: internet, addrs: parse(cloudAddr, witnessAddr)},
		{name: "branch", region: internet, addrs: parse(branchPublic)},
	}
	for _, m := range w.VirtualMachines {
		e := &endpoint{
			name: m.Name, nic: m.NICID(0), region: m.Location, forwards: m.Appliance, wired: m.Appliance || m.Name == observer,
			addrs: parse(m.NICs[0].IPConfigurations[0].Address),
		}
		if public, ok := publics()[m.Name]; ok {
			e.addrs = append(e.addrs, public)
		}
		list = append(list, e)
	}
	return list
}

func parse(texts ...string) []netip.Addr {
	var list []netip.Addr
	for _, t := range texts {
		list = append(list, netip.MustParseAddr(t))
	}
	return list
}
