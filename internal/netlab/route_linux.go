package netlab

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// usual6 is the metric that the kernel gives an IPv6 route without one.
const usual6 = 1024

// SetRoute adds a route, or puts it in the place of the one with its table, prefix and
// metric: no packet meets a gap between the two.
func (h *Host) SetRoute(r Route) error {
	route, err := h.kernelRoute(r)
	if err == nil {
		err = h.handle.RouteReplace(route)
	}
	if err != nil {
		return fmt.Errorf("set route %s of host %q: %w", r, h.name, err)
	}
	return nil
}

// DropRoute removes the route with this table, prefix and metric, whatever else it says.
// It is an error if there is none.
func (h *Host) DropRoute(r Route) error {
	routes, err := h.Routes(r.Table)
	if err != nil {
		return err
	}
	if r.Table == unix.RT_TABLE_MAIN {
		r.Table = 0
	}
	found := slices.IndexFunc(routes, func(other Route) bool { return r.compare(other) == 0 })
	if found < 0 {
		return fmt.Errorf("drop route %s of host %q: there is none", r, h.name)
	}
	err = h.handle.RouteDel(&netlink.Route{Table: table(r.Table), Dst: ipNet(r.Prefix), Priority: r.Metric,
		Scope: netlink.SCOPE_NOWHERE, Type: kernelKind(routes[found].Kind)})
	if err != nil {
		return fmt.Errorf("drop route %s of host %q: %w", r, h.name, err)
	}
	return nil
}

// Routes returns the routes of a table, sorted by prefix and metric; those that the kernel has
// by itself for addresses are among them. Table 0 is the main one.
func (h *Host) Routes(number int) ([]Route, error) {
	links, err := h.handle.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list devices of host %q: %w", h.name, err)
	}
	names := map[int]string{}
	for _, link := range links {
		names[link.Attrs().Index] = link.Attrs().Name
	}
	var routes []Route
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		found, err := h.listRoutes(family, table(number))
		if err != nil {
			return nil, fmt.Errorf("list routes of host %q: %w", h.name, err)
		}
		for _, route := range found {
			if r, ok := h.ourRoute(route, names); ok {
				routes = append(routes, r)
			}
		}
	}
	slices.SortFunc(routes, Route.compare)
	return routes, nil
}

// listRoutes lists those of one family, again if one was changed meanwhile.
func (h *Host) listRoutes(family, table int) ([]netlink.Route, error) {
	for {
		routes, err := h.handle.RouteListFiltered(family, &netlink.Route{Table: table}, netlink.RT_FILTER_TABLE)
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return routes, err
		}
	}
}

// kernelRoute is a route as the netlink library has it.
func (h *Host) kernelRoute(r Route) (*netlink.Route, error) {
	if !r.Prefix.IsValid() || r.Prefix.Masked() != r.Prefix {
		return nil, fmt.Errorf("prefix %s: want a network, without bits of a host", r.Prefix)
	}
	if r.Kind < Unicast || r.Kind > Throw || r.Table < 0 || r.Metric < 0 {
		return nil, errors.New("want a known kind, and no negative table or metric")
	}
	for _, addr := range []netip.Addr{r.Via, r.Source} {
		if addr.IsValid() && addr.Is4() != r.Prefix.Addr().Is4() {
			return nil, fmt.Errorf("address %s: want the family of the prefix", addr)
		}
	}
	route := &netlink.Route{Table: table(r.Table), Dst: ipNet(r.Prefix), Priority: r.Metric,
		Protocol: unix.RTPROT_STATIC, Type: kernelKind(r.Kind), Gw: r.Via.AsSlice(), Src: r.Source.AsSlice()}
	if r.Kind != Unicast {
		if r.Via.IsValid() || r.Dev != "" || r.Source.IsValid() {
			return nil, fmt.Errorf("want no next hop, device or source with %s", r.Kind)
		}
		return route, nil
	}
	if r.Dev == "" {
		if !r.Via.IsValid() {
			return nil, errors.New("want a next hop or a device")
		}
		return route, nil
	}
	link, err := h.link(r.Dev)
	if err != nil {
		return nil, err
	}
	route.LinkIndex = link.Attrs().Index
	h.mu.RLock()
	t := h.tunnels[r.Dev]
	h.mu.RUnlock()
	if t != nil && t.peer != nil {
		via, err := t.via(h, r)
		if err != nil {
			return nil, err
		}
		route.Gw = via.AsSlice()
	}
	if route.Gw == nil {
		route.Scope = netlink.SCOPE_LINK
	} else {
		route.Flags = unix.RTNH_F_ONLINK
	}
	return route, nil
}

// ourRoute is a route of the kernel as this package has it; false if it is none that
// anybody can set, as that of a local address.
func (h *Host) ourRoute(route netlink.Route, names map[int]string) (Route, bool) {
	r := Route{Table: route.Table, Metric: route.Priority}
	switch route.Type {
	case unix.RTN_UNICAST:
		r.Kind = Unicast
		r.Dev = names[route.LinkIndex]
		r.Via, _ = netip.AddrFromSlice(route.Gw)
		r.Source, _ = netip.AddrFromSlice(route.Src)
		if isPeer(r.Via) {
			r.Via = netip.Addr{}
		}
	case unix.RTN_BLACKHOLE:
		r.Kind = Blackhole
	case unix.RTN_UNREACHABLE:
		r.Kind = Unreachable
	case unix.RTN_THROW:
		r.Kind = Throw
	default:
		return Route{}, false
	}
	if r.Table == unix.RT_TABLE_MAIN {
		r.Table = 0
	}
	addr, ok := netip.AddrFromSlice(route.Dst.IP)
	if !ok {
		return Route{}, false
	}
	bits, _ := route.Dst.Mask.Size()
	if route.Family == unix.AF_INET { // the library has 0.0.0.0 in 16 bytes
		addr = addr.Unmap()
	}
	r.Prefix = netip.PrefixFrom(addr, bits)
	if addr.Is6() && r.Metric == usual6 {
		r.Metric = 0
	}
	return r, true
}

// kernelKind is the kernel's number of a kind.
func kernelKind(k Kind) int {
	switch k {
	case Unicast:
		return unix.RTN_UNICAST
	case Blackhole:
		return unix.RTN_BLACKHOLE
	case Unreachable:
		return unix.RTN_UNREACHABLE
	case Throw:
		return unix.RTN_THROW
	default:
		panic(fmt.Sprintf("netlab: kind %d", int(k)))
	}
}

// table is the kernel's number of a table.
func table(number int) int {
	if number == 0 {
		return unix.RT_TABLE_MAIN
	}
	return number
}
