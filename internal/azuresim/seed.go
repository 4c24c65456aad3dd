package azuresim

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// age is how old the world is when time starts.
const age = time.Hour

// seeder builds the store from a world and collects what is wrong with it.
type seeder struct {
	s    *Sim
	now  time.Time
	errs []error
}

func (b *seeder) bad(format string, args ...any) {
	b.errs = append(b.errs, fmt.Errorf(format, args...))
}

// seed builds everything as it would be long after its last write: Succeeded, in effect, in every index.
func (s *Sim) seed(w World, start time.Time) error {
	b := &seeder{s: s, now: start.Add(-age)}
	s.seeding = true
	b.scopes(w)
	for i := range w.RouteTables {
		b.table(&w.RouteTables[i])
	}
	for i := range w.VirtualNetworks {
		b.network(&w.VirtualNetworks[i])
	}
	for i := range w.Peerings {
		b.peering(&w.Peerings[i])
	}
	for i := range w.VirtualMachines {
		b.machine(&w.VirtualMachines[i])
	}
	for _, l := range w.Locks {
		if l.Scope == "" || l.Name == "" || !slices.Contains(lockLevels(), l.Level) {
			b.bad("lock %q at %q: level must be CanNotDelete or ReadOnly, not %q", l.Name, l.Scope, l.Level)
		}
		s.locks = append(s.locks, l)
	}
	s.seeding = false
	if len(b.errs) > 0 {
		return fmt.Errorf("azuresim: world: %w", errors.Join(b.errs...))
	}
	s.timeline.settle(start) // associations and routes of the past are in effect
	for _, typ := range []string{typeGroup, typeRouteTable, typeSubnet, typePeering, typeNetwork, typeNIC, typeVM} {
		for _, r := range s.all(s.kinds[lower(typ)], "") {
			s.commitOne(r, b.now)
			if r.table != nil {
				s.fabric.tables[r.key] = effectiveUDRs(r)
			}
		}
	}
	return nil
}

// scopes takes over subscriptions, groups and principals.
func (b *seeder) scopes(w World) {
	s := b.s
	for _, su := range w.Subscriptions {
		if su.ID == "" || s.subscription(su.ID) != nil {
			b.bad("subscription %q: the id is missing or taken", su.ID)
			continue
		}
		su.Unregistered = slices.Clone(su.Unregistered)
		s.subscriptions = append(s.subscriptions, &su)
	}
	slices.SortFunc(s.subscriptions, func(x, y *Subscription) int { return strings.Compare(lower(x.ID), lower(y.ID)) })
	for _, g := range w.ResourceGroups {
		if s.subscription(g.Subscription) == nil || s.groupOf(g.Subscription, g.Name) != nil || g.Name == "" {
			b.bad("resource group %q: the name is missing or taken, or there is no subscription %q", g.Name, g.Subscription)
			continue
		}
		r := s.insert(s.kinds[lower(typeGroup)], g.ID(), g.Subscription, g.Name, g.Name, lower(g.Location), b.now)
		r.state, r.doc = stateSucceeded, tagDocument(g.Tags)
	}
	for _, p := range w.Principals {
		if p.Name == "" || p.ObjectID == "" || p.AppID == "" || s.principal(p.Name) != nil || s.principal(p.ObjectID) != nil || s.principal(p.AppID) != nil {
			b.bad("principal %q: name, objectId and appId must be given and be unique", p.Name)
			continue
		}
		p.Roles = slices.Clone(p.Roles)
		s.principals = append(s.principals, &p)
		s.given[&p] = slices.Clone(p.Roles)
	}
}

// tagDocument is a document that has tags only, in the order of their names.
func tagDocument(tags map[string]string) object {
	if len(tags) == 0 {
		return nil
	}
	o := object{}
	for name, value := range tags {
		o = append(o, member{name, value})
	}
	slices.SortFunc(o, func(a, b member) int { return strings.Compare(a.name, b.name) })
	return object{{"tags", o}}
}

// place inserts a resource unless its group is missing or its id taken.
func (b *seeder) place(typ, id, sub, group, name, location string) *resource {
	s := b.s
	g := s.groupOf(sub, group)
	switch {
	case g == nil:
		b.bad("%s: there is no resource group %q in subscription %q", id, group, sub)
	case name == "" || location == "":
		b.bad("%s: name and location must be given", id)
	case s.lookup(id) != nil:
		b.bad("%s: the id is taken", id)
	default:
		r := s.insert(s.kinds[lower(typ)], id, g.sub, g.name, name, location, b.now)
		r.state, r.etag = stateSucceeded, s.newEtag()
		return r
	}
	return nil
}

// extras are members from YAML, in the order of their names.
func (b *seeder) extras(id string, m map[string]any) object {
	if len(m) == 0 {
		return nil
	}
	v, err := tree(m)
	if err != nil {
		b.bad("%s: properties: %w", id, err)
		return nil
	}
	o, _ := v.(object)
	return o
}

func (b *seeder) table(t *RouteTable) {
	r := b.place(typeRouteTable, t.ID(), t.Subscription, t.ResourceGroup, t.Name, t.Location)
	if r == nil {
		return
	}
	r.table = &tableState{}
	p := append(object{{"disableBgpRoutePropagation", t.DisableBGPRoutePropagation}}, b.extras(r.id, t.Properties)...)
	r.doc = append(tagDocument(t.Tags), member{"properties", p})
	for _, e := range t.Routes {
		r.table.routes = append(r.table.routes, routeEntry{name: e.Name, properties: routeProperties(b.extras(r.id+" "+e.Name, e.Properties), e.AddressPrefix, e.NextHopType, e.NextHopIPAddress)})
	}
}

func (b *seeder) network(v *VirtualNetwork) {
	s := b.s
	prefixes, bad := parsePrefixes(v.AddressPrefixes)
	learned, badLearned := parsePrefixes(v.GatewayRoutes)
	if bad+badLearned != "" || len(prefixes) == 0 {
		b.bad("%s: address prefix %q is not a network", v.ID(), bad+badLearned)
		return
	}
	r := b.place(typeNetwork, v.ID(), v.Subscription, v.ResourceGroup, v.Name, v.Location)
	if r == nil {
		return
	}
	r.vnet = &vnetState{prefixes: prefixes, learned: learned}
	r.doc = append(tagDocument(v.Tags), member{"properties", object{{"addressSpace", space(prefixes)}, {"privateEndpointVNetPolicies", "Disabled"}}})
	rq := &request{now: b.now}
	for _, sub := range v.Subnets {
		within, bad := parsePrefixes(sub.AddressPrefixes)
		inside := func(p netip.Prefix) bool {
			return slices.ContainsFunc(prefixes, func(q netip.Prefix) bool { return q.Overlaps(p) && q.Bits() <= p.Bits() })
		}
		if bad != "" || len(within) == 0 || slices.ContainsFunc(within, func(p netip.Prefix) bool { return !inside(p) }) {
			b.bad("%s: subnet %q: prefixes %q must be networks inside the address space", r.id, sub.Name, sub.AddressPrefixes)
			continue
		}
		p := object{{"addressPrefix", sub.AddressPrefixes[0]}}
		if len(within) > 1 {
			p = object{{"addressPrefixes", words(sub.AddressPrefixes)}}
		}
		if sub.RouteTable != "" {
			t := s.lookup(sub.RouteTable)
			if t == nil || t.table == nil || t.location != r.location || t.sub != r.sub {
				b.bad("%s: subnet %q: route table %q must be one of the same subscription and location", r.id, sub.Name, sub.RouteTable)
				continue
			}
			p = append(p, member{"routeTable", object{{"id", t.id}}})
		}
		s.setSubnet(s.child(rq, r, typeSubnet, sub.Name), p, b.now.Add(-s.profile.FabricDelay))
	}
}

func (b *seeder) peering(p *Peering) {
	s := b.s
	ends := [2]*resource{s.lookup(p.A), s.lookup(p.B)}
	for i, id := range []string{p.A, p.B} {
		if ends[i] == nil || ends[i].vnet == nil {
			b.bad("peering: there is no virtual network %q", id)
			return
		}
	}
	names := [2]string{p.NameA, p.NameB}
	var halves [2]*resource
	rq := &request{now: b.now}
	for i := range ends {
		other := ends[1-i]
		if names[i] == "" {
			names[i] = "to-" + other.name
		}
		h := s.child(rq, ends[i], typePeering, names[i])
		h.peering = &peeringState{remote: other.key, remoteID: other.id, state: peeringConnected, sync: fullyInSync, seen: other.vnet.prefixes, since: b.now.Add(-s.profile.FabricDelay)}
		h.doc = object{{"properties", object{
			{"allowVirtualNetworkAccess", true}, {"allowForwardedTraffic", !p.NoForwardedTraffic}, {"remoteVirtualNetworkAddressSpace", space(other.vnet.prefixes)}}}}
		halves[i] = h
	}
	halves[1].guid = halves[0].guid
}

func (b *seeder) machine(m *VirtualMachine) {
	s := b.s
	power := m.PowerState
	if power == "" {
		power = powerRunning
	}
	if power != powerRunning && power != powerStopped && power != powerDeallocated {
		b.bad("%s: power state %q is not running, stopped or deallocated", m.ID(), power)
	}
	r := b.place(typeVM, m.ID(), m.Subscription, m.ResourceGroup, m.Name, m.Location)
	if r == nil {
		return
	}
	ports := slices.Clone(m.Ports)
	if len(ports) == 0 && m.Appliance {
		ports = []int{80, 443}
	}
	r.vm = &vmState{power: power, appliance: m.Appliance, hostname: m.Hostname, ports: ports, port: PortOpen, changed: b.now, up: b.now, revision: 2}
	r.etag = `"2"`
	for _, text := range m.Behind {
		addr, err := netip.ParseAddr(text)
		if err != nil || !m.Appliance || s.inAzure(addr) {
			b.bad("%s: behind %q: want an address outside of all networks, behind an appliance", r.id, text)
		}
		r.vm.behind = append(r.vm.behind, addr.Unmap())
		s.fabric.behind[addr.Unmap()] = append(s.fabric.behind[addr.Unmap()], r)
	}
	var refs []any
	var nics []*resource
	for i := range m.NICs {
		if n := b.nic(m, i); n != nil {
			nics = append(nics, n)
			ref := object{{"id", n.id}}
			if len(m.NICs) > 1 {
				ref.set("properties", object{{"primary", m.NICs[i].Primary}})
			}
			refs = append(refs, ref)
		}
	}
	if len(m.NICs) == 0 {
		b.bad("%s: a machine needs a NIC", r.id)
	}
	r.doc = vmDocument(append(tagDocument(m.Tags), machineBody(m, refs)...))
	s.attach(r, nics, b.now)
}

// machineBody is what somebody would have sent to create the machine.
func machineBody(m *VirtualMachine, refs []any) object {
	o := object{}
	image := object{{"publisher", "Canonical"}, {"offer", "0001-com-ubuntu-server-jammy"}, {"sku", "22_04-lts-gen2"}, {"version", "latest"}}
	size := "Standard_B2s"
	if m.Appliance {
		size = "Standard_F4s_v2"
		image = object{{"publisher", "cisco"}, {"offer", "cisco-meraki-vmx"}, {"sku", "cisco-meraki-vmx"}, {"version", "latest"}, {"exactVersion", "15.37.6"}}
		o = append(o, member{"plan", object{{"name", "cisco-meraki-vmx"}, {"publisher", "cisco"}, {"product", "cisco-meraki-vmx"}}})
	}
	if len(m.Zones) > 0 {
		o = append(o, member{"zones", words(m.Zones)})
	}
	return append(o, member{"properties", object{
		{"hardwareProfile", object{{"vmSize", size}}},
		{"storageProfile", object{{"imageReference", image}, {"osDisk", object{
			{"osType", "Linux"}, {"name", m.Name + "_OsDisk_1"}, {"createOption", "FromImage"}, {"caching", "ReadWrite"}, {"managedDisk", object{{"storageAccountType", "Premium_LRS"}}}}}}},
		{"osProfile", object{{"computerName", m.Name}, {"adminUsername", "azureuser"}}},
		{"networkProfile", object{{"networkInterfaces", refs}}},
	}})
}

func (b *seeder) nic(m *VirtualMachine, i int) *resource {
	s := b.s
	n := &m.NICs[i]
	group := n.ResourceGroup
	if group == "" {
		group = m.ResourceGroup
	}
	r := b.place(typeNIC, m.NICID(i), m.Subscription, group, n.Name, m.Location)
	if r == nil {
		return nil
	}
	r.nic = s.newNIC()
	var rows []any
	var configs []nicAddress
	for _, c := range n.IPConfigurations {
		addr, err := netip.ParseAddr(c.Address)
		subnet := s.lookup(c.Subnet)
		if err != nil || subnet == nil || subnet.subnet == nil {
			b.bad("%s: %q needs an address and a subnet, not %q in %q", r.id, c.Name, c.Address, c.Subnet)
			continue
		}
		prefixes, _ := parsePrefixes(subnetPrefixes(subnet.doc.obj("properties")))
		if !slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) }) {
			b.bad("%s: address %s of %q is not in its subnet", r.id, addr, c.Name)
			continue
		}
		rows = append(rows, object{{"name", c.Name}, {"properties", configProperties(object{{"privateIPAllocationMethod", "Static"}, {"primary", c.Primary}}, addr, subnet, len(n.IPConfigurations) == 1)}})
		configs = append(configs, nicAddress{addr, subnet.key})
	}
	if len(n.IPConfigurations) == 0 {
		b.bad("%s: a NIC needs an ip configuration", r.id)
	}
	doc := append(tagDocument(n.Tags), member{"properties", object{{"ipConfigurations", rows}, {"enableIPForwarding", n.EnableIPForwarding}}})
	s.setNIC(r, doc, configs, b.now)
	return r
}
