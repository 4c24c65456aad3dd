package netlab

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// mtu is the longest packet of a link and of a wire.
const mtu = 1500

// Link joins two hosts by a pair of virtual Ethernet devices, up and without addresses.
// Both ends have the same hardware address, which follows from the names, and ask nobody
// for one: whatever is routed into one end comes in at the other, from the first packet
// on. Nothing is left to hardware that is not there: no packet is longer than 1,500
// bytes, and all have their checksums.
func (n *Net) Link(a *Host, devA string, b *Host, devB string) error {
	fail := func(err error) error {
		return fmt.Errorf("link %s of host %q with %s of host %q: %w", devA, a.name, devB, b.name, err)
	}
	if a.net != n || b.net != n {
		return fail(fmt.Errorf("want two hosts of the network %q", n.name))
	}
	if err := errors.Join(validDevice(devA), validDevice(devB)); err != nil {
		return fail(err)
	}
	mac := hardware("link", a.name, devA, b.name, devB)
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.HardwareAddr = devA, mtu, mac
	err := a.handle.LinkAdd(&netlink.Veth{LinkAttrs: attrs,
		PeerName: devB, PeerHardwareAddr: mac, PeerNamespace: netlink.NsFd(b.ns)})
	if errors.Is(err, unix.EOPNOTSUPP) {
		err = fmt.Errorf("the kernel has no virtual Ethernet (veth): %w", ErrUnavailable)
	}
	if err != nil {
		return fail(err)
	}
	a.join(devA, far{b, devB})
	b.join(devB, far{a, devA})
	for _, end := range []far{{a, devA}, {b, devB}} {
		if err := end.host.plain(end.dev); err != nil {
			return fail(err)
		}
	}
	if err := errors.Join(a.SetUp(devA, true), b.SetUp(devB, true)); err != nil {
		return fail(err)
	}
	return nil
}

// join remembers the other end of a link.
func (h *Host) join(dev string, other far) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.links[dev] = other
}

// plain makes an Ethernet device send to the other end without asking, and do by itself
// what it would leave to hardware.
func (h *Host) plain(dev string) error {
	link, err := h.link(dev)
	if err != nil {
		return err
	}
	if err := h.handle.LinkSetARPOff(link); err != nil {
		return fmt.Errorf("switch address resolution off: %w", err)
	}
	return h.noOffload(dev)
}

// SetUp switches a device on or off. As Linux has it, the routes by a device end when it
// goes down, its addresses and their prefixes come back with it. When SetUp returns, the
// device sends.
func (h *Host) SetUp(dev string, up bool) error {
	link, err := h.link(dev)
	if err != nil {
		return err
	}
	if !up {
		if err := h.handle.LinkSetDown(link); err != nil {
			return fmt.Errorf("set %s of host %q down: %w", dev, h.name, err)
		}
		return nil
	}
	if err := h.handle.LinkSetUp(link); err != nil {
		return fmt.Errorf("set %s of host %q up: %w", dev, h.name, err)
	}
	if err := h.settle6(link); err != nil {
		return err
	}
	h.mu.RLock()
	other, linked := h.links[dev]
	t := h.tunnels[dev]
	h.mu.RUnlock()
	if linked {
		return errors.Join(h.settle(dev, other), other.host.settle(other.dev, far{h, dev}))
	}
	if t != nil {
		return t.restore(h)
	}
	return nil
}

// settleTimeout bounds the wait for a device that is up on both sides.
const settleTimeout = 5 * time.Second

// settle waits until a device sends, if both ends are up: the kernel attaches its queue
// some time after the other end has come up, and drops everything until then.
func (h *Host) settle(dev string, other far) error {
	for deadline := time.Now().Add(settleTimeout); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		far, err := other.host.link(other.dev)
		if err != nil {
			return err
		}
		near, err := h.link(dev)
		if err != nil {
			return err
		}
		if near.Attrs().OperState == netlink.OperUp || near.Attrs().Flags&far.Attrs().Flags&net.FlagUp == 0 {
			return nil
		}
	}
	return fmt.Errorf("%s of host %q: no carrier within %s", dev, h.name, settleTimeout)
}

// settle6 waits until the IPv6 addresses of a device are the host's own: the kernel sees to
// that a moment after they were added, and after the device has come up.
func (h *Host) settle6(link netlink.Link) error {
	for deadline := time.Now().Add(settleTimeout); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		addresses, err := h.handle.AddrList(link, unix.AF_INET6)
		if err != nil {
			return fmt.Errorf("list addresses of %s of host %q: %w", link.Attrs().Name, h.name, err)
		}
		routes, err := h.listRoutes(unix.AF_INET6, unix.RT_TABLE_LOCAL)
		if err != nil {
			return fmt.Errorf("list routes of host %q: %w", h.name, err)
		}
		waits := func(a netlink.Addr) bool {
			return !slices.ContainsFunc(routes, func(r netlink.Route) bool { return r.Type == unix.RTN_LOCAL && r.Dst.IP.Equal(a.IP) })
		}
		if !slices.ContainsFunc(addresses, waits) {
			return nil
		}
	}
	return fmt.Errorf("%s of host %q: no IPv6 address within %s", link.Attrs().Name, h.name, settleTimeout)
}

// AddAddress gives a device an address, which can be used at once.
func (h *Host) AddAddress(dev string, p netip.Prefix) error {
	link, err := h.link(dev)
	if err != nil {
		return err
	}
	if !p.IsValid() {
		return fmt.Errorf("address for %s of host %q: want one with a prefix length", dev, h.name)
	}
	address := &netlink.Addr{IPNet: ipNet(p)}
	if p.Addr().Is6() {
		address.Flags |= unix.IFA_F_NODAD
	}
	h.mu.RLock()
	t := h.tunnels[dev]
	h.mu.RUnlock()
	if t != nil && t.peer != nil {
		address.Flags |= unix.IFA_F_NOPREFIXROUTE
	}
	if err := h.handle.AddrAdd(link, address); err != nil {
		return fmt.Errorf("add address %s to %s of host %q: %w", p, dev, h.name, err)
	}
	if p.Addr().Is6() {
		if err := h.settle6(link); err != nil {
			return err
		}
	}
	if t != nil && t.peer != nil {
		return t.addPrefix(h, p)
	}
	return nil
}

// AddNeighbour says for good which hardware address a device sends to for an address.
// Links and tunnels need none.
func (h *Host) AddNeighbour(dev string, addr netip.Addr, mac net.HardwareAddr) error {
	link, err := h.link(dev)
	if err != nil {
		return err
	}
	err = h.handle.NeighSet(&netlink.Neigh{LinkIndex: link.Attrs().Index, State: netlink.NUD_PERMANENT,
		IP: addr.AsSlice(), HardwareAddr: mac})
	if err != nil {
		return fmt.Errorf("add neighbour %s (%s) to %s of host %q: %w", addr, mac, dev, h.name, err)
	}
	return nil
}

// MAC returns the hardware address of a device; one without, as a wire, has an empty one.
func (h *Host) MAC(dev string) (net.HardwareAddr, error) {
	link, err := h.link(dev)
	if err != nil {
		return nil, err
	}
	return link.Attrs().HardwareAddr, nil
}

// link looks a device up.
func (h *Host) link(dev string) (netlink.Link, error) {
	link, err := h.handle.LinkByName(dev)
	if err != nil {
		return nil, fmt.Errorf("device %q of host %q: %w", dev, h.name, err)
	}
	return link, nil
}

// validDevice returns an error if no device can have the name.
func validDevice(name string) error {
	if len(name) < 1 || len(name) > unix.IFNAMSIZ-1 || strings.ContainsAny(name, "/: \t\n") || name == "." || name == ".." {
		return fmt.Errorf("device name %q: want 1 to %d bytes without spaces, slashes and colons", name, unix.IFNAMSIZ-1)
	}
	return nil
}

// hardware returns the address that follows from some words: of one device, administered
// locally.
func hardware(words ...string) net.HardwareAddr {
	hash := fnv.New64a()
	for _, w := range words {
		hash.Write(append([]byte(w), 0)) // cannot fail
	}
	mac := net.HardwareAddr(hash.Sum(nil)[:6])
	mac[0] = mac[0]&^1 | 2
	return mac
}

// ipNet is a prefix as the netlink library has it, with the bits of the host.
func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
