package azuresim

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// PortMode is how the open TCP ports of a machine behave.
type PortMode string

// The modes of SetPort.
const (
	PortOpen    PortMode = "open"    // answer HTTP 200
	PortRefused PortMode = "refused" // refuse the connection
	PortSilent  PortMode = "silent"  // drop the packets
	PortHang    PortMode = "hang"    // accept, and never answer
)

// machine finds a machine by its ARM id or, when only one has it, by its name.
func (s *Sim) machine(vm string) (*resource, error) {
	if strings.HasPrefix(vm, "/") {
		if r := s.lookup(vm); r != nil && r.vm != nil {
			return r, nil
		}
		return nil, fmt.Errorf("azuresim: no machine %q", vm)
	}
	var found *resource
	for _, r := range s.all(s.kinds[lower(typeVM)], "") {
		if r.gone || !strings.EqualFold(r.name, vm) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("azuresim: more than one machine is called %q", vm)
		}
		found = r
	}
	if found == nil {
		return nil, fmt.Errorf("azuresim: no machine %q", vm)
	}
	return found, nil
}

// change does something to a machine.
func (s *Sim) change(vm string, do func(r *resource, now time.Time)) error {
	defer s.followGates()
	now := s.enter()
	defer s.mu.Unlock()
	r, err := s.machine(vm)
	if err != nil {
		return err
	}
	do(r, now)
	s.commit(r, now)
	return nil
}

// PowerOff stops a machine at once, as a failure of its host or a shutdown from inside does: no ARM operation is seen. Operations
// that run on it end without effect on its power. vm is an ARM id or a unique name, here and below.
func (s *Sim) PowerOff(vm string) error {
	return s.change(vm, func(r *resource, now time.Time) { s.force(r, powerStopped, now) })
}

// PowerOn starts a machine at once; its guest works after the profile's BootTime.
func (s *Sim) PowerOn(vm string) error {
	return s.change(vm, func(r *resource, now time.Time) {
		if r.vm.power == powerRunning && !r.vm.restart {
			return
		}
		s.force(r, powerRunning, now)
		r.vm.boot(now.Add(s.profile.BootTime))
	})
}

// Deallocate stops a machine at once and gives its host back.
func (s *Sim) Deallocate(vm string) error {
	return s.change(vm, func(r *resource, now time.Time) { s.force(r, powerDeallocated, now) })
}

// force sets the power state and takes it out of the hands of a running action.
func (s *Sim) force(r *resource, power string, now time.Time) {
	r.vm.restart = false
	r.vm.forced++
	s.setPower(r, power, now)
}

// Hang stops the programs of a machine's guest: it forwards nothing and its ports are silent, while its kernel answers pings and
// Compute goes on saying that it runs. See Panic for a kernel that stands still too.
func (s *Sim) Hang(vm string) error {
	return s.change(vm, func(r *resource, _ time.Time) { r.vm.hung = true })
}

// Unhang lets the guest go on where it was.
func (s *Sim) Unhang(vm string) error {
	return s.change(vm, func(r *resource, _ time.Time) { r.vm.hung = false })
}

// SetPort changes how the machine's open ports behave; its forwarding stays as it is.
func (s *Sim) SetPort(vm string, mode PortMode) error {
	if !slices.Contains([]PortMode{PortOpen, PortRefused, PortSilent, PortHang}, mode) {
		return fmt.Errorf("azuresim: port mode %q: want open, refused, silent or hang", mode)
	}
	return s.change(vm, func(r *resource, _ time.Time) { r.vm.port = mode })
}

// Redeploy gives the machine's primary NIC another address of its subnet, as deploying the appliance anew does.
func (s *Sim) Redeploy(vm string, address netip.Addr) error {
	now := s.enter()
	defer s.mu.Unlock()
	r, err := s.machine(vm)
	if err != nil {
		return err
	}
	nic := s.primaryNIC(r)
	if nic == nil {
		return fmt.Errorf("azuresim: machine %s has no NIC", vmName(r))
	}
	props := nic.doc.obj("properties").clone()
	configs := slices.Clone(nic.nic.configs)
	for i, v := range props.list("ipConfigurations") {
		row, _ := v.(object)
		if configs[i].addr.Is4() != address.Is4() {
			continue
		}
		prefixes, _ := parsePrefixes(subnetPrefixes(s.resources[configs[i].subnet].doc.obj("properties")))
		if !slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(address) }) {
			return fmt.Errorf("azuresim: address %s is not in the subnet of %s", address, vmName(r))
		}
		configs[i].addr = address
		p := row.obj("properties")
		p.set("privateIPAddress", address.String())
		row.set("properties", p)
		props.list("ipConfigurations")[i] = row
		doc := nic.doc.without("properties")
		s.setNIC(nic, append(doc, member{"properties", props}), configs, now)
		r.guid = s.guid()
		s.renew(r)
		s.commit(r, now)
		return nil
	}
	return fmt.Errorf("azuresim: machine %s has no address of the family of %s", vmName(r), address)
}

// primaryNIC is the machine's primary NIC, nil if it has none.
func (s *Sim) primaryNIC(r *resource) *resource {
	for _, key := range r.vm.nics {
		if n := s.resources[key]; n != nil && n.nic.primary {
			return n
		}
	}
	return nil
}

// SetOutage begins or ends the outage of a region: the providers' answers about single resources there are errors, its machines are
// dead. Lists, which come from the gateway's cache, go on showing them, without a power state.
func (s *Sim) SetOutage(location string, on bool) {
	defer s.followGates()
	s.enter()
	defer s.mu.Unlock()
	if on {
		s.outages[lower(location)] = true
	} else {
		delete(s.outages, lower(location))
	}
}

// RouteTable gives a table's present document, as a GET would show it, without a request.
func (s *Sim) RouteTable(id string) (json.RawMessage, error) {
	s.enter()
	defer s.mu.Unlock()
	r := s.lookup(id)
	if r == nil || r.table == nil {
		return nil, fmt.Errorf("azuresim: no route table %q", id)
	}
	return slices.Clone(r.body), nil
}

// RouteTables gives the ids of all route tables, in the order of their ids.
func (s *Sim) RouteTables() []string {
	s.enter()
	defer s.mu.Unlock()
	var ids []string
	for _, r := range s.all(s.kinds[lower(typeRouteTable)], "") {
		if !r.gone {
			ids = append(ids, r.id)
		}
	}
	return ids
}

// Machine is the state of one machine, as nobody but the simulator knows it.
type Machine struct {
	ID        string       `json:"id"`
	Name      string       `json:"name"`
	Location  string       `json:"location"`
	Appliance bool         `json:"appliance"`
	Power     string       `json:"power"`
	Hung      bool         `json:"hung"`
	Panicked  bool         `json:"panicked,omitempty"`
	Port      PortMode     `json:"port"`
	Link      Link         `json:"link,omitzero"`
	NoTunnel  bool         `json:"noTunnel,omitempty"`
	Alive     bool         `json:"alive"` // the guest's programs run
	Works     bool         `json:"works"` // and forward now, also through its tunnels
	Reason    string       `json:"reason,omitempty"`
	Addresses []netip.Addr `json:"addresses"`
}

// Machines gives the state of all machines, ordered by id.
func (s *Sim) Machines() []Machine {
	now := s.enter()
	defer s.mu.Unlock()
	var list []Machine
	for _, r := range s.all(s.kinds[lower(typeVM)], "") {
		if r.gone {
			continue
		}
		m := Machine{ID: r.id, Name: r.name, Location: r.location, Appliance: r.vm.appliance, Power: r.vm.power, Hung: r.vm.hung, Panicked: r.vm.panicked, Port: r.vm.port, Link: r.vm.link, NoTunnel: r.vm.cut}
		m.Alive, _ = s.alive(r, now)
		m.Works, m.Reason = s.forwards(r, netip.Addr{}, now)
		for _, key := range r.vm.nics {
			for _, c := range s.resources[key].nic.configs {
				m.Addresses = append(m.Addresses, c.addr)
			}
		}
		list = append(list, m)
	}
	return list
}
