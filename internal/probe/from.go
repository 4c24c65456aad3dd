package probe

import (
	"context"
	"net"
	"net/netip"
)

// From is where the observer asks from. The zero value leaves that to the system.
// What the observer's system refuses is unknown: it says nothing of a member.
type From struct {
	// Source is the observer's address that questions come from. A name is then
	// resolved to addresses of the same family only.
	Source netip.Addr
	// Interface is the observer's interface that questions leave by, whatever the
	// routes say. On Linux only.
	Interface string
}

// dial opens a connection from there. Names are resolved in the usual way: the
// question to a resolver does not come from there.
func (f From) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{KeepAlive: -1} // a connection lives no longer than its question
	if f.Source.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(f.Source, 0))
	}
	if f.Interface != "" {
		d.Control = bindTo(f.Interface)
	}
	return d.DialContext(ctx, network, address)
}

// source is the address as text, or "" for any.
func (f From) source() string {
	if !f.Source.IsValid() {
		return ""
	}
	return f.Source.Unmap().String()
}

// String is the part of the evidence that says where was asked from: "" for the
// zero value.
func (f From) String() string {
	var s string
	if f.Source.IsValid() {
		s = " from " + f.source()
	}
	if f.Interface != "" {
		s += " by " + f.Interface
	}
	return s
}
