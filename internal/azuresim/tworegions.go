package azuresim

import (
	"fmt"
)

// TwoRegionsOptions vary the reference world. Zero fields take the value in parentheses.
type TwoRegionsOptions struct {
	Spokes         int    // workload networks (3), alternating between the two regions; at most 200
	Tables         int    // tagged route tables (one per spoke), spread over the spokes
	RoutesPerTable int    // routes to branch prefixes through vmx-a (5); at most 400
	Subscriptions  int    // subscriptions over which spokes are spread (1)
	IPv6           bool   // dual-stack networks and appliances, and one IPv6 route more per table
	Tag, TagValue  string // the tables' tag (nva_ha_udr) and its value (emea)
	ClientSecret   Secret // of the principal "hopguard" ("secret")
}

// The fixed names of the reference world.
const (
	regionA = "westeurope"
	regionB = "northeurope"
	// DefaultTenant is the tenant of a World that names none.
	DefaultTenant = "7ae1f0c4-6f2b-4c53-9a7c-2d3f5b1e9a10"
)

// TwoRegions is the reference world: two SD-WAN networks, in westeurope and northeurope, each with a vMX (vmx-a, vmx-b) in a
// managed resource group of its own; workload networks, each with a small machine and peered with both; tagged route tables
// whose routes to branch prefixes point at vmx-a; an untagged table and one of another group (apac), which must never change.
// Behind both is the branch address 172.16.0.10, to which a table's first route leads; behind vmx-a alone is 172.31.1.10, behind vmx-b
// alone 172.31.2.10 (with IPv6 also fd00:8000::10, fd00:9001::10 and fd00:9002::10): targets for probing through one of them.
// Principals: "hopguard" (least rights, also the managed identity), "reader", "owner".
func TwoRegions(o TwoRegionsOptions) World {
	o = o.withDefaults()
	w := World{Tenant: DefaultTenant}
	for i := range o.Subscriptions {
		w.Subscriptions = append(w.Subscriptions, Subscription{ID: twoRegionsSubscription(i), DisplayName: fmt.Sprintf("sdwan-%d", i+1)})
	}
	hubs := []VirtualNetwork{o.hub(0, regionA), o.hub(1, regionB)}
	for i, h := range hubs {
		w.ResourceGroups = append(w.ResourceGroups,
			ResourceGroup{Subscription: h.Subscription, Name: h.ResourceGroup, Location: h.Location},
			ResourceGroup{Subscription: h.Subscription, Name: "mrg-vmx-" + "ab"[i:i+1], Location: h.Location})
		w.VirtualNetworks = append(w.VirtualNetworks, h)
		w.VirtualMachines = append(w.VirtualMachines, o.appliance(i, h))
	}
	o.addSpokes(&w, hubs)
	o.addTables(&w)
	w.Principals = o.principals()
	return w
}

func (o TwoRegionsOptions) withDefaults() TwoRegionsOptions {
	def := func(v *int, to int) {
		if *v == 0 {
			*v = to
		}
	}
	def(&o.Spokes, 3)
	def(&o.Tables, o.Spokes)
	def(&o.RoutesPerTable, 5)
	def(&o.Subscriptions, 1)
	if o.Tag == "" {
		o.Tag = "nva_ha_udr"
	}
	if o.TagValue == "" {
		o.TagValue = "emea"
	}
	if o.ClientSecret == "" {
		o.ClientSecret = "secret"
	}
	return o
}

// twoRegionsSubscription is the id of the i-th subscription.
func twoRegionsSubscription(i int) string {
	return fmt.Sprintf("5b5c1a10-0000-4000-8000-%012d", i+1)
}

func (o TwoRegionsOptions) hub(i int, region string) VirtualNetwork {
	v := VirtualNetwork{
		Subscription: twoRegionsSubscription(0), ResourceGroup: "rg-sdwan-" + region, Name: "vnet-sdwan-" + "ab"[i:i+1], Location: region,
		AddressPrefixes: []string{fmt.Sprintf("10.%d.0.0/16", i+1)},
		Subnets:         []Subnet{{Name: "snet-vmx", AddressPrefixes: []string{fmt.Sprintf("10.%d.0.0/24", i+1)}}},
	}
	if o.IPv6 {
		v.AddressPrefixes = append(v.AddressPrefixes, fmt.Sprintf("fd00:%d::/48", i+1))
		v.Subnets[0].AddressPrefixes = append(v.Subnets[0].AddressPrefixes, fmt.Sprintf("fd00:%d::/64", i+1))
	}
	return v
}

func (o TwoRegionsOptions) appliance(i int, hub VirtualNetwork) VirtualMachine {
	letter := "ab"[i : i+1]
	subnet := hub.SubnetID("snet-vmx")
	nic := NetworkInterface{Name: "nic-vmx-" + letter, Primary: true, EnableIPForwarding: true, IPConfigurations: []IPConfiguration{
		{Name: "ipconfig1", Address: fmt.Sprintf("10.%d.0.4", i+1), Subnet: subnet, Primary: true},
	}}
	if o.IPv6 {
		nic.IPConfigurations = append(nic.IPConfigurations, IPConfiguration{Name: "ipconfig2", Address: fmt.Sprintf("fd00:%d::4", i+1), Subnet: subnet})
	}
	behind := []string{"172.16.0.10", fmt.Sprintf("172.31.%d.10", i+1)}
	if o.IPv6 {
		behind = append(behind, "fd00:8000::10", fmt.Sprintf("fd00:900%d::10", i+1))
	}
	return VirtualMachine{
		Subscription: hub.Subscription, ResourceGroup: "mrg-vmx-" + letter, Name: "vmx-" + letter, Location: hub.Location,
		Zones: []string{"1"}, Appliance: true, Ports: []int{80, 443}, Behind: behind, Hostname: "vmx-" + letter + ".example", NICs: []NetworkInterface{nic},
	}
}

// spokeTables is how many tables the i-th spoke has: table t belongs to spoke t modulo the number of spokes.
func (o TwoRegionsOptions) spokeTables(i int) int {
	return (o.Tables + o.Spokes - 1 - i) / o.Spokes
}

func (o TwoRegionsOptions) addSpokes(w *World, hubs []VirtualNetwork) {
	for i := range o.Spokes {
		region := [...]string{regionA, regionB}[i%2]
		v := VirtualNetwork{
			Subscription: twoRegionsSubscription(i % o.Subscriptions), ResourceGroup: fmt.Sprintf("rg-spoke-%d", i+1),
			Name: fmt.Sprintf("vnet-spoke-%d", i+1), Location: region, AddressPrefixes: []string{fmt.Sprintf("10.%d.0.0/16", 10+i)},
		}
		if o.IPv6 {
			v.AddressPrefixes = append(v.AddressPrefixes, fmt.Sprintf("fd00:%d::/48", 1000+i))
		}
		for n := range max(1, min(o.spokeTables(i), 256)) {
			s := Subnet{Name: fmt.Sprintf("snet-%d", n+1), AddressPrefixes: []string{fmt.Sprintf("10.%d.%d.0/24", 10+i, n)}}
			if o.IPv6 {
				s.AddressPrefixes = append(s.AddressPrefixes, fmt.Sprintf("fd00:%d:0:%x::/64", 1000+i, n))
			}
			if t := i + n*o.Spokes; t < o.Tables {
				s.RouteTable = o.table(t).ID()
			}
			v.Subnets = append(v.Subnets, s)
		}
		w.ResourceGroups = append(w.ResourceGroups, ResourceGroup{Subscription: v.Subscription, Name: v.ResourceGroup, Location: region})
		w.VirtualNetworks = append(w.VirtualNetworks, v)
		for _, h := range hubs {
			w.Peerings = append(w.Peerings, Peering{A: v.ID(), B: h.ID()})
		}
		nic := NetworkInterface{Name: fmt.Sprintf("nic-app-%d", i+1), Primary: true, IPConfigurations: []IPConfiguration{
			{Name: "ipconfig1", Address: fmt.Sprintf("10.%d.0.4", 10+i), Subnet: v.SubnetID("snet-1"), Primary: true},
		}}
		if o.IPv6 {
			nic.IPConfigurations = append(nic.IPConfigurations, IPConfiguration{Name: "ipconfig2", Address: fmt.Sprintf("fd00:%d::4", 1000+i), Subnet: v.SubnetID("snet-1")})
		}
		w.VirtualMachines = append(w.VirtualMachines, VirtualMachine{
			Subscription: v.Subscription, ResourceGroup: v.ResourceGroup, Name: fmt.Sprintf("app-%d", i+1), Location: region,
			Ports: []int{80}, NICs: []NetworkInterface{nic},
		})
	}
}

// table is the t-th tagged table, with routes through vmx-a.
func (o TwoRegionsOptions) table(t int) RouteTable {
	spoke := t % o.Spokes
	table := RouteTable{
		Subscription: twoRegionsSubscription(spoke % o.Subscriptions), ResourceGroup: fmt.Sprintf("rg-spoke-%d", spoke+1),
		Name: fmt.Sprintf("rt-spoke-%03d", t+1), Location: [...]string{regionA, regionB}[spoke%2],
		Tags: map[string]string{o.Tag: o.TagValue, "env": "prod"}, Routes: o.branches(""),
	}
	if o.IPv6 {
		table.Routes = append(table.Routes, Route{Name: "branch-v6", AddressPrefix: "fd00:8000::/24", NextHopType: "VirtualAppliance", NextHopIPAddress: "fd00:1::4"})
	}
	return table
}

// branches are routes to branch prefixes through vmx-a.
func (o TwoRegionsOptions) branches(prefix string) []Route {
	routes := make([]Route, 0, o.RoutesPerTable)
	for r := range o.RoutesPerTable {
		routes = append(routes, Route{
			Name: fmt.Sprintf("%sbranch-%03d", prefix, r+1), AddressPrefix: fmt.Sprintf("172.%d.%d.0/24", 16+r/256, r%256),
			NextHopType: "VirtualAppliance", NextHopIPAddress: "10.1.0.4",
		})
	}
	return routes
}

func (o TwoRegionsOptions) addTables(w *World) {
	for t := range o.Tables {
		w.RouteTables = append(w.RouteTables, o.table(t))
	}
	first := o.table(0)
	untagged, other := first, first
	untagged.Name, untagged.Tags, untagged.Routes = "rt-untagged", nil, o.branches("")
	other.Name, other.Tags, other.Routes = "rt-other-group", map[string]string{o.Tag: "apac"}, o.branches("")
	w.RouteTables = append(w.RouteTables, untagged, other)
}

func (o TwoRegionsOptions) principals() []Principal {
	var least, read, all []Assignment
	for i := range o.Subscriptions {
		scope := "/subscriptions/" + twoRegionsSubscription(i)
		least = append(least, Assignment{Scope: scope, Actions: []string{
			"Microsoft.Resources/subscriptions/read", "Microsoft.Resources/subscriptions/resourceGroups/read",
			"Microsoft.Compute/virtualMachines/read", "Microsoft.Compute/virtualMachines/instanceView/read",
			"Microsoft.Network/networkInterfaces/read", "Microsoft.Network/networkInterfaces/effectiveRouteTable/action",
			"Microsoft.Network/virtualNetworks/read", "Microsoft.Network/routeTables/read", "Microsoft.Network/routeTables/write",
			"Microsoft.Network/locations/operations/read", "Microsoft.Network/locations/operationResults/read",
		}})
		read = append(read, Assignment{Scope: scope, Actions: []string{"*/read"}})
		all = append(all, Assignment{Scope: scope, Actions: []string{"*"}})
	}
	return []Principal{
		{Name: "hopguard", ObjectID: "0b1d0001-0000-4000-8000-000000000001", AppID: "a9900001-0000-4000-8000-000000000001", ClientSecret: o.ClientSecret, FederatedToken: "federated-" + o.ClientSecret, ManagedIdentity: true, Roles: least},
		{Name: "reader", ObjectID: "0b1d0001-0000-4000-8000-000000000002", AppID: "a9900001-0000-4000-8000-000000000002", ClientSecret: o.ClientSecret, Roles: read},
		{Name: "owner", ObjectID: "0b1d0001-0000-4000-8000-000000000003", AppID: "a9900001-0000-4000-8000-000000000003", ClientSecret: o.ClientSecret, Roles: all},
	}
}
