// Package netlab makes small networks on one machine: hosts that are Linux network
// namespaces, links between them, routes, tunnels, wires that delay and lose packets,
// and captures of what crosses them.
//
// It guarantees that nothing in the machine's own namespace changes (no link, address,
// route, rule or setting), that no packet is lost to address resolution (every link is
// point to point and needs none), that a route is replaced without a gap, and that a
// network ends with its process: [Net.Close] removes it, and what a killed process
// leaves is removed by the next [Sweep], which [Open] calls first.
//
// It does not know what the network is for, and it is no sandbox: the processes in it
// keep their rights and see the machine's files. It needs Linux and root; elsewhere
// everything returns an error that is [ErrUnavailable]. Package lab imports it, and
// tests may.
package netlab

import (
	"errors"
	"net/netip"
	"time"
)

// ErrUnavailable is the error of a machine on which there can be no network: the text
// around it says what is missing.
var ErrUnavailable = errors.New("network namespaces are unavailable")

// Start says what a process sees that others do not.
type Start struct {
	// Hosts, if there are any, are the names in its /etc/hosts, beside localhost.
	Hosts map[string]netip.Addr
}

// TunnelKind is how a tunnel wraps its packets.
type TunnelKind string

// The kinds of tunnels. VXLAN goes by UDP, to port 4789.
const (
	GRE   TunnelKind = "gre"
	VXLAN TunnelKind = "vxlan"
)

// Impairment is what a wire does to packets. The zero value does nothing.
type Impairment struct {
	Delay time.Duration // each way, at least 0
	Loss  float64       // the share of packets that is lost at random, from 0 to 1
	Cut   bool          // all packets are lost
}

// Counts are the packets of a wire since it was made.
type Counts struct {
	Passed uint64 // given back to the host
	Lost   uint64 // by chance or by a cut, as ordered
	Flying uint64 // on their way
	// Dropped is what was lost against all orders, because the machine was too slow or
	// the device was down. What was measured meanwhile is worth nothing.
	Dropped uint64
}
