package lab

import (
	"net/netip"
	"time"

	"hopguard/internal/azuresim"
	"hopguard/internal/netlab"
)

// World is the scene as the simulated Azure has it.
func World() azuresim.World { return world() }

// Paper is a fabric without hosts: what it would write into its tables.
type Paper struct{ f *fabric }

// NewPaper places all endpoints of a world.
func NewPaper(w azuresim.World) Paper {
	f := &fabric{}
	for _, e := range endpoints(w) {
		f.all = append(f.all, e)
		e.dev, e.table = "h-"+e.name, effectiveTable+len(f.all)
	}
	return Paper{f}
}

// NICs are the interfaces in Azure, by the names of their machines.
func (p Paper) NICs() map[string]string {
	m := map[string]string{}
	for _, e := range p.f.all {
		if e.nic != "" {
			m[e.name] = e.nic
		}
	}
	return m
}

// Addresses are all addresses of an endpoint.
func (p Paper) Addresses() map[netip.Addr]string {
	m := map[netip.Addr]string{}
	for _, e := range p.f.all {
		for _, a := range e.addrs {
			m[a] = e.name
		}
	}
	return m
}

// Device is by which device of the fabric's host a packet from a machine to an address
// leaves, if the machine's effective routes are these; "" if it is dropped.
func (p Paper) Device(from string, list []azuresim.EffectiveRoute, to netip.Addr) string {
	for _, e := range p.f.all {
		if e.name != from {
			continue
		}
		best := netlab.Route{Kind: netlab.Blackhole}
		bits := -1
		for _, r := range p.f.translate(e, list) {
			if r.Prefix.Contains(to) && r.Prefix.Bits() > bits {
				best, bits = r, r.Prefix.Bits()
			}
		}
		switch best.Kind {
		case netlab.Unicast:
			return best.Dev
		case netlab.Throw:
			if there := p.f.find(to); there != nil {
				return p.f.to(there, e.region, to).Dev
			}
		case netlab.Blackhole, netlab.Unreachable:
		}
	}
	return ""
}

// Tunnels is a branch that has heard its tunnels so long ago, and takes the first one.
func Tunnels(delay time.Duration, now time.Time, silent ...time.Duration) func() (int, bool) {
	b := &branch{delay: delay}
	for _, s := range silent {
		b.ends = append(b.ends, &tunnelEnd{heard: now.Add(-s)})
	}
	return func() (int, bool) { return b.choose(now) }
}

// Tasks are what a campaign does, in order, as SETTING/MODE/NUMBER.
func (c Campaign) Tasks() []string {
	var list []string
	for _, t := range c.tasks() {
		if t.soak != nil {
			list = append(list, "soak")
			continue
		}
		list = append(list, t.cell.Contender.Setting.Name+"/"+t.cell.Mode+"/"+string(rune('0'+t.number)))
	}
	return list
}

// Azure is the present simulated Azure of a lab.
func (l *Lab) Azure() *azuresim.Sim { return l.cloud.Load() }

// Host is a host of a lab.
func (l *Lab) Host(name string) *netlab.Host { return l.hosts[name].host }
