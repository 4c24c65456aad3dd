package netlab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	vxlanPort = 4789
	// tunnelMTU leaves room for what the largest tunnel puts around a packet: VXLAN in IPv6, 70 bytes.
	tunnelMTU = mtu - 70
)

// A VXLAN tunnel is an Ethernet, on which a host would ask the far end for its hardware
// address, and packets would wait or be lost meanwhile. So every route into one goes by a
// next hop of which the hardware address is known. RFC 7600 has set 192.0.0.8 aside for
// such a use.
func peer4() netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 0, 8}) }
func peer6() netip.Addr { return netip.MustParseAddr("fe80::1") }

// isPeer says whether an address is one that stands for the far end of a tunnel.
func isPeer(a netip.Addr) bool { return a == peer4() || a == peer6() }

// tunnel is what a host knows of one of its tunnels.
type tunnel struct {
	dev  string
	peer net.HardwareAddr // the far end; nil if the device needs none

	mu       sync.Mutex
	prefixes []netip.Prefix // of its addresses, with the bits of the host
	hops     []netip.Addr   // for which the far end was made the neighbour
}

// Tunnels returns the kinds that this kernel can make, the best first; none without root.
func Tunnels() []TunnelKind {
	var kinds []TunnelKind
	local, remote := netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.AddrFrom4([4]byte{127, 0, 0, 2})
	for _, kind := range []TunnelKind{GRE, VXLAN} {
		err := fresh(func() error {
			handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
			if err != nil {
				return err
			}
			defer handle.Close()
			link, _ := device(kind, "probe", 1, local, remote)
			return handle.LinkAdd(link)
		})
		if err == nil {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// AddTunnel adds one end of a tunnel between two addresses, up and without an address of
// its own. The other end has the same id and the addresses the other way round. Whatever
// is routed into one end comes out at the other; a packet may have 1,430 bytes.
func (h *Host) AddTunnel(kind TunnelKind, dev string, id int, local, remote netip.Addr) error {
	fail := func(err error) error { return fmt.Errorf("add tunnel %s to host %q: %w", dev, h.name, err) }
	switch {
	case kind != GRE && kind != VXLAN:
		return fail(fmt.Errorf("kind %q: want %s or %s", kind, GRE, VXLAN))
	case id < 1 || id >= 1<<24:
		return fail(fmt.Errorf("id %d: want 1 to %d", id, 1<<24-1))
	case !local.IsValid() || !remote.IsValid() || local.Is4() != remote.Is4():
		return fail(fmt.Errorf("from %s to %s: want two addresses of one family", local, remote))
	}
	if err := validDevice(dev); err != nil {
		return fail(err)
	}
	link, peer := device(kind, dev, id, local, remote)
	err := h.handle.LinkAdd(link)
	if errors.Is(err, unix.EOPNOTSUPP) {
		err = fmt.Errorf("the kernel has no %s: %w", kind, ErrUnavailable)
	}
	if err != nil {
		return fail(err)
	}
	h.mu.Lock()
	h.tunnels[dev] = &tunnel{dev: dev, peer: peer}
	h.mu.Unlock()
	if err := h.noOffload(dev); err != nil {
		return fail(err)
	}
	return h.SetUp(dev, true)
}

// device is a tunnel as the netlink library has it, with the hardware address of its far
// end, which follows from the remote address.
func device(kind TunnelKind, dev string, id int, local, remote netip.Addr) (netlink.Link, net.HardwareAddr) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = dev, tunnelMTU
	if kind == GRE {
		return &netlink.Gretun{LinkAttrs: attrs, IKey: uint32(id), OKey: uint32(id), Local: local.AsSlice(), Remote: remote.AsSlice(),
			Ttl: 64, PMtuDisc: 1}, nil
	}
	attrs.HardwareAddr = hardware("tunnel", fmt.Sprint(id), local.String())
	return &netlink.Vxlan{LinkAttrs: attrs, VxlanId: id, SrcAddr: local.AsSlice(), Group: remote.AsSlice(), Port: vxlanPort,
			TTL: 64, Age: 300}, // which the library must not leave out; nothing is learnt
		hardware("tunnel", fmt.Sprint(id), remote.String())
}

// via returns the next hop of a route into the tunnel, and makes the far end its
// neighbour if it is one of the caller's.
func (t *tunnel) via(h *Host, r Route) (netip.Addr, error) {
	switch {
	case r.Via.IsValid():
		t.mu.Lock()
		defer t.mu.Unlock()
		if slices.Contains(t.hops, r.Via) {
			return r.Via, nil
		}
		if err := h.AddNeighbour(t.dev, r.Via, t.peer); err != nil {
			return netip.Addr{}, err
		}
		t.hops = append(t.hops, r.Via)
		return r.Via, nil
	case r.Prefix.Addr().Is4():
		return peer4(), nil
	default:
		return peer6(), nil
	}
}

// addPrefix routes the prefix of an address into the tunnel, as the kernel does it for
// other devices.
func (t *tunnel) addPrefix(h *Host, p netip.Prefix) error {
	t.mu.Lock()
	t.prefixes = append(t.prefixes, p)
	t.mu.Unlock()
	return t.route(h, p)
}

// route routes one prefix of the tunnel's own, if it holds more than the address.
func (t *tunnel) route(h *Host, p netip.Prefix) error {
	if p.IsSingleIP() {
		return nil
	}
	return h.SetRoute(Route{Prefix: p.Masked(), Dev: t.dev, Source: p.Addr()})
}

// restore brings back what the kernel has dropped while the device was down.
func (t *tunnel) restore(h *Host) error {
	if t.peer == nil {
		return nil
	}
	t.mu.Lock()
	hops, prefixes := slices.Concat([]netip.Addr{peer4(), peer6()}, t.hops), slices.Clone(t.prefixes)
	t.mu.Unlock()
	for _, hop := range hops {
		if err := h.AddNeighbour(t.dev, hop, t.peer); err != nil {
			return err
		}
	}
	for _, p := range prefixes {
		if err := t.route(h, p); err != nil {
			return err
		}
	}
	return nil
}
