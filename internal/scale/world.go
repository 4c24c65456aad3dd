package main

import (
	"fmt"
	"net/netip"
	"strings"

	"hopguard/internal/azuresim"
)

// size is how large a world is.
type size struct {
	Groups        int `json:"groups"`
	Subscriptions int `json:"subscriptions"`
	// Tables are those of one group, and Routes those of one table.
	Tables int `json:"tables"`
	Routes int `json:"routes"`
}

// The two regions of the members, here 0 and 1.
func region(place int) string { return [...]string{"westeurope", "northeurope"}[place] }

// place is the region of a member of the g-th group: every second group is active in
// the one, where the others' second members are.
func (z size) place(g, member int) int { return (g/z.Subscriptions + member) % 2 }

// tablesInRegion is how many route tables a subscription may have in a region.
const tablesInRegion = 200

// tableRegion spreads a subscription's tables over as many regions as they need, and over
// all of Azure's if they need more.
func (z size) tableRegion(g, t int) string {
	const all = 60
	n := (z.Groups + z.Subscriptions - 1) / z.Subscriptions * z.Tables
	regions := min(all, (n+tablesInRegion-1)/tablesInRegion)
	return fmt.Sprintf("region-%02d", (g/z.Subscriptions*z.Tables+t)%regions)
}

// The identity of hopguard in each world.
const (
	clientID     = "a9900001-0000-4000-8000-000000000001"
	clientSecret = "secret"
	tagName      = "nva_ha_udr"
	resources    = "rg-sdwan" // the resource group of everything
)

func groupName(g int) string { return fmt.Sprintf("group-%05d", g) }

// subscription is that of the s-th one; group g lives in number g modulo their count.
func subscription(s int) string { return fmt.Sprintf("5b5c1a10-0000-4000-8000-%012d", s+1) }

func network(s, member int) azuresim.VirtualNetwork {
	prefix := fmt.Sprintf("10.%d.0.0/10", 64*member)
	return azuresim.VirtualNetwork{
		Subscription: subscription(s), ResourceGroup: resources, Name: "vnet-sdwan-" + region(member), Location: region(member),
		AddressPrefixes: []string{prefix}, Subnets: []azuresim.Subnet{{Name: "snet-nva", AddressPrefixes: []string{prefix}}},
	}
}

// machine is a member of the g-th group: 0 or 1.
func (z size) machine(g, member int) azuresim.VirtualMachine {
	s, place := g%z.Subscriptions, z.place(g, member)
	name := fmt.Sprintf("nva-%05d-%d", g, member)
	return azuresim.VirtualMachine{
		Subscription: subscription(s), ResourceGroup: resources, Name: name, Location: region(place), Appliance: true, Ports: []int{443},
		NICs: []azuresim.NetworkInterface{{Name: "nic-" + name, Primary: true, EnableIPForwarding: true, IPConfigurations: []azuresim.IPConfiguration{
			{Name: "ipconfig1", Address: z.address(g, member).String(), Subnet: network(s, place).SubnetID("snet-nva"), Primary: true},
		}}},
	}
}

// address is unique, so that a check without a network finds who has it.
func (z size) address(g, member int) netip.Addr {
	n := g + 10
	return netip.AddrFrom4([4]byte{10, byte(64*z.place(g, member) + n>>16), byte(n >> 8), byte(n)})
}

// table is the t-th of the g-th group, as it is while the first member is active.
func (z size) table(g, t int) azuresim.RouteTable {
	table := azuresim.RouteTable{
		Subscription: subscription(g % z.Subscriptions), ResourceGroup: resources, Name: fmt.Sprintf("rt-%05d-%02d", g, t), Location: z.tableRegion(g, t),
		Tags: map[string]string{tagName: groupName(g), "env": "prod"},
	}
	for r := range z.Routes {
		table.Routes = append(table.Routes, azuresim.Route{
			Name: fmt.Sprintf("branch-%03d", r), AddressPrefix: fmt.Sprintf("172.%d.%d.0/24", 16+r/256, r%256),
			NextHopType: "VirtualAppliance", NextHopIPAddress: z.address(g, 0).String(),
		})
	}
	return table
}

// cloud is the whole world, with the least rights that a failover needs.
func (z size) cloud() azuresim.World {
	w := azuresim.World{Tenant: azuresim.DefaultTenant}
	hopguard := azuresim.Principal{Name: "hopguard", ObjectID: "0b1d0001-0000-4000-8000-000000000001", AppID: clientID, ClientSecret: clientSecret}
	for s := range z.Subscriptions {
		w.Subscriptions = append(w.Subscriptions, azuresim.Subscription{ID: subscription(s)})
		w.ResourceGroups = append(w.ResourceGroups, azuresim.ResourceGroup{Subscription: subscription(s), Name: resources, Location: region(0)})
		w.VirtualNetworks = append(w.VirtualNetworks, network(s, 0), network(s, 1))
		hopguard.Roles = append(hopguard.Roles, azuresim.Assignment{Scope: "/subscriptions/" + subscription(s), Actions: []string{
			"Microsoft.Resources/subscriptions/read", "Microsoft.Compute/virtualMachines/read", "Microsoft.Network/networkInterfaces/read",
			"Microsoft.Network/routeTables/read", "Microsoft.Network/routeTables/write",
		}})
	}
	w.Principals = []azuresim.Principal{hopguard}
	for g := range z.Groups {
		for member := range 2 {
			w.VirtualMachines = append(w.VirtualMachines, z.machine(g, member))
		}
		for t := range z.Tables {
			w.RouteTables = append(w.RouteTables, z.table(g, t))
		}
	}
	return w
}

// configuration is the file of such a world, as a person's program would write it: each
// group with the power state and a TCP check, both every ten seconds. Records are in
// memory, or in files below folder.
func (z size) configuration(endpoint, ca, store, folder string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `azure:
  endpoint: %q
  authority: %q
  audience: https://management.azure.com
  caFile: %q
  credential: client-secret
  tenantID: %s
  clientID: %s
  clientSecret: %s
  subscriptions:
`, endpoint, endpoint, ca, azuresim.DefaultTenant, clientID, clientSecret)
	for s := range z.Subscriptions {
		fmt.Fprintf(&b, "    - %s\n", subscription(s))
	}
	fmt.Fprintf(&b, "store:\n  kind: %s\n", store)
	if store == "file" {
		fmt.Fprintf(&b, "  path: %q\n", folder)
	}
	b.WriteString("groups:\n")
	for g := range z.Groups {
		fmt.Fprintf(&b, "  - name: %s\n    members:\n", groupName(g))
		for member := range 2 {
			vm := z.machine(g, member)
			fmt.Fprintf(&b, "      - {name: %c, vm: %s}\n", 'a'+rune(member), vm.ID())
		}
		b.WriteString("    checks: [{kind: vm-status}, {kind: tcp, port: 443, interval: 10s, timeout: 2s, confirmInterval: 2s}]\n")
	}
	return b.String()
}
