package azuresim

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// nicState is what the fabric needs of a NIC.
type nicState struct {
	configs    []nicAddress
	forwarding bool
	vm         string // id of the machine, "" when detached
	primary    bool
	mac        string
	suffix     string
}

type nicAddress struct {
	addr   netip.Addr
	subnet string // key
}

func finishNIC(r *resource) object {
	in := r.doc.obj("properties")
	p := object{{"provisioningState", r.state}, {"resourceGuid", r.guid}}
	configs := []any{}
	for _, v := range in.list("ipConfigurations") {
		c, _ := v.(object)
		configs = append(configs, finishIPConfig(r, c))
	}
	dns := in.obj("dnsSettings").clone()
	dns.setDefault("dnsServers", []any{})
	dns.setDefault("appliedDnsServers", []any{})
	dns.setDefault("internalDomainNameSuffix", r.nic.suffix)
	p = append(p, member{"ipConfigurations", configs}, member{"dnsSettings", dns})
	if r.nic.mac != "" && r.nic.vm != "" {
		p = append(p, member{"macAddress", r.nic.mac})
	}
	p = append(p, member{"enableAcceleratedNetworking", in.flag("enableAcceleratedNetworking")}, member{"vnetEncryptionSupported", false},
		member{"enableIPForwarding", in.flag("enableIPForwarding")}, member{"disableTcpStateTracking", in.flag("disableTcpStateTracking")})
	p = append(p, in.without("ipConfigurations", "dnsSettings", "macAddress", "enableAcceleratedNetworking", "vnetEncryptionSupported", "enableIPForwarding", "disableTcpStateTracking",
		"primary", "virtualMachine", "hostedWorkloads", "tapConfigurations", "nicType", "allowPort25Out", "defaultOutboundConnectivityEnabled", "auxiliaryMode", "auxiliarySku")...)
	if r.nic.vm != "" {
		p = append(p, member{"primary", r.nic.primary}, member{"virtualMachine", object{{"id", r.nic.vm}}})
	}
	p = append(p, member{"hostedWorkloads", []any{}}, member{"tapConfigurations", []any{}})
	for _, d := range []member{{"nicType", "Standard"}, {"allowPort25Out", true}, {"defaultOutboundConnectivityEnabled", false}, {"auxiliaryMode", "None"}, {"auxiliarySku", "None"}} {
		if v, ok := in.get(d.name); ok && v != nil {
			d.value = v
		}
		p = append(p, d)
	}
	o := object{{"name", r.name}, {"id", r.id}, {"etag", r.etag}}
	if tags, ok := tagsOf(r.doc); ok {
		o = append(o, member{"tags", tags})
	}
	o = append(o, r.doc.without("tags", "properties", "kind")...)
	return append(o, member{"properties", p}, member{"type", typeNIC}, member{"location", r.location}, member{"kind", "Regular"})
}

func finishIPConfig(r *resource, c object) object {
	in := c.obj("properties")
	p := append(object{{"provisioningState", r.state}}, in...)
	return object{{"name", c.str("name")}, {"id", r.id + "/ipConfigurations/" + c.str("name")}, {"etag", r.etag}, {"type", typeNIC + "/ipConfigurations"}, {"properties", p}}
}

// putNIC is synchronous: Succeeded at once, no operation.
func (s *Sim) putNIC(rq *request, r *resource) *reply {
	body := rq.object
	if rep := s.checkLocation(rq, r, body); rep != nil {
		return rep
	}
	if rep := s.precondition(rq, r); rep != nil {
		return rep
	}
	doc, configs, rep := s.nicInput(rq, r, body)
	if rep != nil {
		return rep
	}
	status := http.StatusOK
	if r == nil {
		status = http.StatusCreated
		t := rq.target
		r = s.insert(t.kind, t.canonicalID(), s.subscription(t.sub).ID, s.groupOf(t.sub, t.group).name, t.name, body.str("location"), rq.now)
		r.nic = s.newNIC()
	}
	s.setNIC(r, doc, configs, rq.now)
	rep = rq.ok(status, s.show(rq, r))
	rep.operation = true
	return rep
}

func (s *Sim) newNIC() *nicState {
	n := s.rng.Uint64()
	return &nicState{
		mac:    fmt.Sprintf("00-0D-3A-%02X-%02X-%02X", byte(n), byte(n>>8), byte(n>>16)),
		suffix: strings.ReplaceAll(s.guid(), "-", "")[:26] + ".bx.internal.cloudapp.net",
	}
}

// nicInput checks and completes a NIC's body: subnets exist and may be joined, addresses lie in them and are free.
func (s *Sim) nicInput(rq *request, r *resource, body object) (doc object, configs []nicAddress, rep *reply) {
	props := body.obj("properties").clone()
	rows := props.list("ipConfigurations")
	if len(rows) == 0 {
		return nil, nil, rq.networkError(http.StatusBadRequest, "NetworkInterfaceMustHaveOneIpConfiguration", "Network interface "+rq.target.id+" must have at least one IP configuration.") // code [U]
	}
	hasPrimary := slices.ContainsFunc(rows, func(v any) bool { c, _ := v.(object); return c.obj("properties").flag("primary") })
	for i, v := range rows {
		c, _ := v.(object)
		p := c.obj("properties")
		subnet := s.lookup(p.obj("subnet").str("id"))
		if subnet == nil || subnet.kind.name != typeSubnet || !strings.EqualFold(subnet.location, body.str("location")) {
			return nil, nil, rq.networkError(http.StatusBadRequest, "InvalidResourceReference", "Resource "+p.obj("subnet").str("id")+" referenced by resource "+rq.target.canonicalID()+
				" was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.")
		}
		if rep := s.linked(rq, "Microsoft.Network/virtualNetworks/subnets/join/action", subnet.id); rep != nil {
			return nil, nil, rep
		}
		addr, rep := s.pickAddress(rq, r, subnet, p, configs)
		if rep != nil {
			return nil, nil, rep
		}
		configs = append(configs, nicAddress{addr, subnet.key})
		rows[i] = object{{"name", c.str("name")}, {"properties", configProperties(p, addr, subnet, i == 0 && !hasPrimary)}}
	}
	if tags, ok := tagsOf(body); ok {
		doc = append(doc, member{"tags", tags})
	}
	doc = append(doc, body.without(append(readOnly(), "tags", "properties")...)...)
	return append(doc, member{"properties", props.without("provisioningState", "resourceGuid")}), configs, nil
}

// configProperties puts the properties of an ip configuration into the service's order.
func configProperties(p object, addr netip.Addr, subnet *resource, first bool) object {
	method := p.str("privateIPAllocationMethod")
	if method == "" {
		method = "Dynamic"
	}
	family := "IPv4"
	if addr.Is6() {
		family = "IPv6"
	}
	out := object{{"privateIPAddress", addr.String()}, {"privateIPAllocationMethod", method}}
	if v := p.obj("publicIPAddress"); len(v) > 0 {
		out = append(out, member{"publicIPAddress", v})
	}
	out = append(out, member{"subnet", object{{"id", subnet.id}}}, member{"primary", p.flag("primary") || first}, member{"privateIPAddressVersion", family})
	return append(out, p.without("provisioningState", "privateIPAddress", "privateIPAllocationMethod", "publicIPAddress", "subnet", "primary", "privateIPAddressVersion")...)
}

// pickAddress checks the asked address or takes the first free one of the subnet; the service keeps the first four and the last.
func (s *Sim) pickAddress(rq *request, r, subnet *resource, p object, own []nicAddress) (netip.Addr, *reply) {
	prefixes, _ := parsePrefixes(subnetPrefixes(subnet.doc.obj("properties")))
	free := func(a netip.Addr) bool {
		if slices.ContainsFunc(own, func(o nicAddress) bool { return o.addr == a }) {
			return false
		}
		return !slices.ContainsFunc(s.fabric.addresses[a], func(n *resource) bool {
			return n != r && slices.ContainsFunc(n.nic.configs, func(c nicAddress) bool { return c.addr == a && c.subnet == subnet.key })
		})
	}
	if asked := p.str("privateIPAddress"); asked != "" {
		a, err := netip.ParseAddr(asked)
		if err != nil || !slices.ContainsFunc(prefixes, func(q netip.Prefix) bool { return q.Contains(a) }) {
			return a, rq.networkError(http.StatusBadRequest, "PrivateIPAddressNotInSubnet", "Private static IP address "+asked+" does not belong to the range of subnet prefix of "+subnet.id+".")
		}
		if !free(a) {
			return a, rq.networkError(http.StatusBadRequest, "PrivateIPAddressIsAllocated", "IP configuration "+rq.target.id+" is using the private IP address "+asked+" which is already allocated.") // text [U]
		}
		return a, nil
	}
	v6 := strings.EqualFold(p.str("privateIPAddressVersion"), "IPv6")
	for _, q := range prefixes {
		if q.Addr().Is6() != v6 {
			continue
		}
		a := q.Addr()
		for range 4 {
			a = a.Next()
		}
		for q.Contains(a) && (v6 || q.Contains(a.Next())) {
			if free(a) {
				return a, nil
			}
			a = a.Next()
		}
	}
	return netip.Addr{}, rq.networkError(http.StatusBadRequest, "SubnetIsFull", "Subnet "+subnet.name+" with address prefix "+strings.Join(subnetPrefixes(subnet.doc.obj("properties")), ", ")+" does not have enough capacity for 1 IP addresses.")
}

// setNIC makes a NIC what its document says, in the store and in the fabric.
func (s *Sim) setNIC(r *resource, doc object, configs []nicAddress, at time.Time) {
	s.detachAddresses(r, at)
	r.doc, r.state = doc, stateSucceeded
	r.nic.configs, r.nic.forwarding = configs, doc.obj("properties").flag("enableIPForwarding")
	s.renew(r)
	for i, c := range configs {
		s.fabric.addresses[c.addr] = append(s.fabric.addresses[c.addr], r)
		row, _ := doc.obj("properties").list("ipConfigurations")[i].(object)
		s.useSubnet(c.subnet, r.id+"/ipConfigurations/"+row.str("name"), true, at)
	}
	s.commit(r, at)
}

// detachAddresses takes a NIC out of its subnets and the fabric.
func (s *Sim) detachAddresses(r *resource, at time.Time) {
	for i, c := range r.nic.configs {
		s.fabric.addresses[c.addr] = slices.DeleteFunc(s.fabric.addresses[c.addr], func(n *resource) bool { return n == r })
		row, _ := r.doc.obj("properties").list("ipConfigurations")[i].(object)
		s.useSubnet(c.subnet, r.id+"/ipConfigurations/"+row.str("name"), false, at)
	}
	r.nic.configs = nil
}

// useSubnet notes in a subnet that an ip configuration came or went.
func (s *Sim) useSubnet(key, id string, on bool, at time.Time) {
	subnet := s.resources[key]
	if subnet == nil || subnet.gone {
		return
	}
	uses := slices.DeleteFunc(slices.Clone(subnet.subnet.uses), func(u string) bool { return u == id })
	if on {
		uses = append(uses, id)
	}
	subnet.subnet.uses = uses
	s.renew(subnet)
	s.renew(subnet.parent)
	s.commit(subnet, at)
}

// deleteNIC refuses while a machine has it.
func (s *Sim) deleteNIC(rq *request, r *resource) *reply {
	if r == nil {
		return rq.nothingToDelete()
	}
	if rep := s.anotherWrite(rq, r); rep != nil {
		return rep
	}
	if rep := s.precondition(rq, r); rep != nil {
		return rep
	}
	if r.nic.vm != "" {
		return rq.networkError(http.StatusBadRequest, "NicInUse", "Network Interface "+r.id+" is used by existing resource "+r.nic.vm+". In order to delete the network interface, it must be dissociated from the resource.")
	}
	return s.deletion(rq, r, "DeleteNicOperation", s.profile.WriteTime, func(at time.Time) { s.detachAddresses(r, at) })
}
