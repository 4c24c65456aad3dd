package lab

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"hopguard/internal/azuresim"
	"hopguard/internal/netlab"
)

// fabric is Azure's data plane, and the Internet: one host between all others, which
// looks up each packet first in the effective routes of the subnet that it comes from,
// and then, if those say that Azure itself delivers it, in the places of all addresses.
type fabric struct {
	host *netlab.Host
	o    Options
	all  []*endpoint
}

// The tables of the fabric's host: one for each endpoint's effective routes and one for
// the way from a wire to it, counted from these; and one for each region's deliveries.
const (
	effectiveTable = 100
	arriveTable    = 200
	// Rules are looked at in this order.
	effectivePriority = 100
	deliverPriority   = 200
)

// deliverTable is where a region's deliveries are.
func deliverTable(region string) int {
	return map[string]int{internet: 300, regionA: 301, regionB: 302}[region]
}

func newFabric(n *netlab.Net, o Options) (*fabric, error) {
	host, err := n.Host("fabric")
	if err != nil {
		return nil, err
	}
	if err := host.Sysctl("net/ipv4/ip_forward", "1"); err != nil {
		return nil, err
	}
	return &fabric{host: host, o: o}, nil
}

// attach makes an endpoint's host and its link, wires and rules.
func (f *fabric) attach(n *netlab.Net, e *endpoint) (err error) {
	if e.host, err = n.Host(e.name); err != nil {
		return err
	}
	f.all = append(f.all, e)
	e.dev, e.table, e.arrive = "h-"+e.name, effectiveTable+len(f.all), arriveTable+len(f.all)
	e.applied, e.further = map[string]netlab.Route{}, map[string]netlab.Route{}
	if err := n.Link(e.host, "eth0", f.host, e.dev); err != nil {
		return err
	}
	if err := f.configure(e); err != nil {
		return err
	}
	for _, r := range []netlab.Rule{
		{Priority: effectivePriority, In: e.dev, Table: e.table},
		{Priority: deliverPriority, In: e.dev, Table: deliverTable(e.region)},
	} {
		if err := f.host.AddRule(r); err != nil {
			return err
		}
	}
	for _, a := range e.addrs {
		if err := f.host.SetRoute(netlab.Route{Table: e.arrive, Prefix: single(a), Via: e.addr(), Dev: e.dev}); err != nil {
			return err
		}
	}
	// An appliance gets packets for others, too.
	if e.forwards {
		if err := f.host.SetRoute(netlab.Route{Table: e.arrive, Prefix: everything(), Via: e.addr(), Dev: e.dev}); err != nil {
			return err
		}
	}
	return f.wire(e)
}

// configure gives an endpoint's host its addresses and its only way out.
func (f *fabric) configure(e *endpoint) error {
	for _, a := range e.addrs {
		if err := e.host.AddAddress("eth0", single(a)); err != nil {
			return err
		}
	}
	gate := netip.MustParseAddr(gateway)
	inside, err := e.host.MAC("eth0")
	if err != nil {
		return err
	}
	outside, err := f.host.MAC(e.dev)
	if err != nil {
		return err
	}
	if err := e.host.AddNeighbour("eth0", gate, outside); err != nil {
		return err
	}
	if err := f.host.AddNeighbour(e.dev, e.addr(), inside); err != nil {
		return err
	}
	return e.host.SetRoute(netlab.Route{Prefix: everything(), Via: gate, Dev: "eth0", Source: e.addr()})
}

// wire makes the wires that packets to an endpoint pass.
func (f *fabric) wire(e *endpoint) (err error) {
	add := func(kind string, delay time.Duration, arrive int) (*netlab.Wire, error) {
		dev := kind + "-" + e.name
		w, err := f.host.AddWire(dev, netlab.Impairment{Delay: delay}, uint64(len(f.all)))
		if err != nil {
			return nil, err
		}
		return w, f.host.AddRule(netlab.Rule{Priority: effectivePriority, In: dev, Table: arrive})
	}
	if e.region != internet {
		if e.far, err = add("far", f.o.Regions, e.arrive); err != nil {
			return err
		}
	}
	if e.wired {
		if e.near, err = add("near", 0, e.arrive); err != nil {
			return err
		}
	}
	if !e.forwards {
		return nil
	}
	if e.wan, err = add("wan", f.o.WAN, e.arrive); err != nil {
		return err
	}
	branch := f.find(netip.MustParseAddr(branchPublic))
	if e.out, err = add("out", f.o.WAN, branch.arrive); err != nil {
		return err
	}
	r := netlab.Route{Table: e.table, Prefix: single(branch.addr()), Dev: "out-" + e.name}
	e.further[key(r)] = r
	return f.host.SetRoute(r)
}

// deliver fills the tables of deliveries: where each address is, as seen from a region.
func (f *fabric) deliver() error {
	for _, region := range []string{internet, regionA, regionB} {
		for _, e := range f.all {
			for _, a := range e.addrs {
				r := f.to(e, region, a)
				r.Table, r.Prefix = deliverTable(region), single(a)
				if err := f.host.SetRoute(r); err != nil {
					return err
				}
			}
		}
		if err := f.host.SetRoute(netlab.Route{Table: deliverTable(region), Prefix: everything(), Kind: netlab.Blackhole}); err != nil {
			return err
		}
	}
	return nil
}

// to is the way from a region to an endpoint, for packets to one of its addresses or, if
// it is an appliance, through it.
func (f *fabric) to(e *endpoint, from string, addr netip.Addr) netlab.Route {
	switch {
	case from == internet && e.forwards && addr != e.addr():
		return netlab.Route{Dev: "wan-" + e.name}
	case from != internet && e.region != internet && e.region != from:
		return netlab.Route{Dev: "far-" + e.name}
	case e.wired:
		return netlab.Route{Dev: "near-" + e.name}
	}
	return netlab.Route{Via: e.addr(), Dev: e.dev}
}

// find is the endpoint with an address; nil if nobody has it.
func (f *fabric) find(a netip.Addr) *endpoint {
	for _, e := range f.all {
		if slices.Contains(e.addrs, a) {
			return e
		}
	}
	return nil
}

// sync makes the tables say what the simulated fabric applies now. A route that changes
// is replaced at once: no packet meets a gap.
func (f *fabric) sync(s *azuresim.Sim) error {
	for _, e := range f.all {
		if e.nic == "" {
			continue
		}
		list, err := s.Effective(e.nic)
		if err != nil {
			return err
		}
		if err := f.apply(e, f.translate(e, list)); err != nil {
			return fmt.Errorf("routes of %s: %w", e.name, err)
		}
	}
	return nil
}

// apply changes what differs.
func (f *fabric) apply(e *endpoint, want map[string]netlab.Route) error {
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if r := want[k]; e.applied[k] != r {
			if err := f.host.SetRoute(r); err != nil {
				return err
			}
			e.applied[k] = r
		}
	}
	for _, k := range slices.Sorted(maps.Keys(e.applied)) {
		if _, wanted := want[k]; !wanted {
			if err := f.host.DropRoute(e.applied[k]); err != nil {
				return err
			}
			delete(e.applied, k)
		}
	}
	return nil
}

// translate writes effective routes as a routing table: a way to an appliance, a hole, or
// "throw", after which the next rule asks where the address is.
func (f *fabric) translate(e *endpoint, list []azuresim.EffectiveRoute) map[string]netlab.Route {
	want := map[string]netlab.Route{}
	for _, r := range list {
		if r.State != "Active" && !r.Unreachable || !r.Prefix.Addr().Is4() {
			continue // replaced by another; or the other family, of which the scene has nothing
		}
		t := netlab.Route{Kind: netlab.Blackhole}
		switch {
		case r.Unreachable:
		case r.NextHopType == "VirtualAppliance":
			if hop := f.find(r.NextHop); hop != nil && hop.forwards {
				t = f.to(hop, e.region, hop.addr())
			}
		case slices.Contains([]string{"VnetLocal", "VNetPeering", "VNetGlobalPeering", "Internet"}, r.NextHopType):
			t = netlab.Route{Kind: netlab.Throw}
		}
		t.Table, t.Prefix = e.table, r.Prefix
		if _, own := e.further[key(t)]; !own {
			want[key(t)] = t
		}
	}
	return want
}

// key tells a route's place in its table.
func key(r netlab.Route) string { return r.Prefix.String() }

func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

func everything() netip.Prefix { return netip.MustParsePrefix("0.0.0.0/0") }
