package probe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"hopguard/internal/appliance"
)

// DialFunc opens a connection. It returns when ctx ends.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// or returns the function itself, or that of a plain dialer if there is none.
func (d DialFunc) or(from From) DialFunc {
	if d == nil {
		return from.dial
	}
	return d
}

// AddressFunc returns the next-hop address of a member, and whether it is known
// yet. It is safe for concurrent use.
type AddressFunc func(appliance.MemberName) (netip.Addr, bool)

// of returns the member's address. why is not empty if there is none.
func (f AddressFunc) of(name appliance.MemberName) (addr netip.Addr, why string) {
	if f != nil {
		if addr, ok := f(name); ok && addr.IsValid() {
			return addr, ""
		}
	}
	return netip.Addr{}, fmt.Sprintf("not asked: no next-hop address of %s is known yet", name)
}

// at joins an address and a port.
func at(addr netip.Addr, port uint16) string {
	return net.JoinHostPort(addr.String(), strconv.Itoa(int(port)))
}
