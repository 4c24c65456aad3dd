package azuresim

import (
	"net/netip"
	"slices"
	"time"
)

// boot is a start of the guest, which mends what was wrong with its programs.
func (v *vmState) boot(up time.Time) {
	v.hung, v.panicked, v.idle, v.up = false, false, false, up
}

// kernel reports whether the guest's kernel works: the machine runs, has booted, has not panicked, and its region is there.
func (s *Sim) kernel(r *resource, now time.Time) (ok bool, reason string) {
	v := r.vm
	switch {
	case s.outages[lower(r.location)]:
		return false, "region outage"
	case v.power != powerRunning:
		return false, "NVA off: " + v.power
	case v.restart:
		return false, "NVA restarts"
	case now.Before(v.up):
		return false, "NVA boots"
	case v.panicked:
		return false, "NVA panicked"
	default:
		return true, ""
	}
}

// alive reports whether the guest works: its kernel, and the programs above it.
func (s *Sim) alive(r *resource, now time.Time) (ok bool, reason string) {
	if ok, reason = s.kernel(r, now); ok && r.vm.hung {
		return false, "NVA hung"
	}
	return ok, reason
}

// forwards reports whether the guest takes a packet on to an address.
func (s *Sim) forwards(r *resource, dst netip.Addr, now time.Time) (ok bool, reason string) {
	switch ok, reason = s.alive(r, now); {
	case !ok:
		return false, reason
	case r.vm.idle:
		return false, "NVA does not forward"
	case r.vm.cut && !s.inAzure(dst):
		return false, "NVA's tunnel is down"
	default:
		return true, ""
	}
}

// inAzure reports whether an address belongs to a network of the world.
func (s *Sim) inAzure(addr netip.Addr) bool {
	return slices.ContainsFunc(s.all(s.kinds[lower(typeNetwork)], ""), func(r *resource) bool {
		return !r.gone && slices.ContainsFunc(r.vnet.prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
	})
}
