package azuresim

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// way is how packets of the observer get to an address.
type way struct {
	// host has the address; nil if it is behind via, or if nobody has it.
	host *resource
	// via is the appliance that the packets go through; nil if none.
	via *resource
	// open says that packets get as far as the host, or to the address behind via.
	open bool
}

// way finds the way to an address. Without a source the observer has one to every machine and through every appliance; a source is
// the address of a NIC, whose packets go where the fabric takes them.
func (s *Sim) way(source, dst netip.Addr, now time.Time) way {
	if s.observer.CutOff {
		return way{}
	}
	if !source.IsValid() {
		if host := s.machineAt(dst.String()); host != nil {
			return way{host: host, open: true}
		}
		for _, r := range s.fabric.behind[dst] {
			if ok, _ := s.forwards(r, dst, now); ok && !r.gone && s.takesPackets(r) {
				return way{via: r, open: true}
			}
		}
		return way{}
	}
	hop := s.forward(s.fabric.addresses[source][0], dst, now, s.kernel)
	vm := s.lookup(hop.VM)
	switch {
	case !hop.Delivered || vm == nil: // lost, or out of this world
		return way{}
	case !hop.NextHop.IsValid():
		return way{host: vm, open: true}
	case slices.Contains(vm.vm.behind, dst):
		return way{via: vm, open: true}
	default:
		host := s.machineAt(dst.String())
		return way{host: host, via: vm, open: host != nil}
	}
}

// takesPackets reports whether Azure hands a machine packets that are not for it.
func (s *Sim) takesPackets(r *resource) bool {
	return slices.ContainsFunc(r.vm.nics, func(key string) bool { return s.resources[key].nic.forwarding })
}

// machineAt finds the machine with an address or a host name; of several with one address an appliance comes first.
func (s *Sim) machineAt(host string) *resource {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		for _, r := range s.all(s.kinds[lower(typeVM)], "") {
			if !r.gone && r.vm.hostname != "" && strings.EqualFold(r.vm.hostname, host) {
				return r
			}
		}
		return nil
	}
	var found *resource
	for _, nic := range s.fabric.addresses[addr.Unmap()] {
		if r := s.lookup(nic.nic.vm); r != nil && (found == nil || r.vm.appliance && !found.vm.appliance) {
			found = r
		}
	}
	return found
}

// lost decides about one packet on the way and its answer; delay is how much longer the answer takes.
func (w way) lost() (lost bool, delay time.Duration) {
	for _, r := range []*resource{w.via, w.host} {
		if r != nil {
			lost = r.vm.lost() || lost
			delay += r.vm.link.Delay
		}
	}
	return lost, delay
}

// farPorts are the open TCP ports of addresses behind appliances.
func farPorts() []int { return []int{80, 443} }

// receptionAt is what a connection attempt meets at the end of the way.
func (s *Sim) receptionAt(w way, port int, now time.Time) reception {
	switch {
	case !w.open:
		return receivedSilence
	case w.host != nil:
		return s.reception(w.host, port, now)
	case slices.Contains(farPorts(), port):
		return receivedOpen
	default:
		return receivedRefusal
	}
}
