// Package traffic sends packets and counts which of them arrive: numbered datagrams, long
// connections and short ones, with the time of each loss.
//
// It guarantees that a flow keeps its schedule, that the times on both ends are of one
// clock, and that Stop leaves no goroutine and no socket. What it finds is package
// outage's.
//
// It knows no hosts, routes or namespaces: sockets are handed in. It must be used with both
// ends in one process. Only lab may import it.
package traffic

import (
	"context"
	"net"
	"net/netip"
	"time"

	"hopguard/internal/outage"
)

// DialFunc is the form of net.Dialer's DialContext.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Flow is a flow of numbered datagrams in one direction.
type Flow struct {
	// Name says from where to where, as in "app-1 to branch".
	Name string
	// Outbound and Expected are those of outage.Flow.
	Outbound bool
	Expected bool
	// From sends to the address To, or to its peer if it is connected; At receives. A
	// socket may send one flow and receive another, but not receive two.
	From net.PacketConn
	To   netip.AddrPort
	At   net.PacketConn
	// Spacing is the time between two packets; zero is a millisecond.
	Spacing time.Duration
}

// Stream is one long TCP connection to a Server, which moves a little both ways all the time.
type Stream struct {
	Name string
	// Expected is that of outage.Stream.
	Expected bool
	Dial     DialFunc
	// Address is where a Server listens.
	Address netip.AddrPort
}

// Connects is a series of new TCP connections to a Server, one each 10 ms.
type Connects struct {
	Name string
	// Expected is that of outage.Connects.
	Expected bool
	Dial     DialFunc
	// Address is where a Server listens.
	Address netip.AddrPort
}

// Meter sends all of it and counts. Its fields are set before Start and not changed
// after; its methods may be called from several goroutines.
type Meter struct {
	Flows    []Flow
	Streams  []Stream
	Connects []Connects
	// Servers are where streams and connects find their far end.
	Servers []net.Listener
	// Keep is how long single packets are remembered, for soaks: losses and counts are
	// kept all the time. Zero keeps everything, which takes 12 bytes a packet.
	Keep time.Duration
}

// Result is what a meter has counted.
type Result struct {
	Flows    []outage.Flow
	Streams  []outage.Stream
	Connects []outage.Connects
	// Trouble is what makes the figures doubtful: losses before the failure, packets
	// that this process was too slow to receive, a server that could not accept.
	Trouble []string
}

// Start begins everything. From then on the meter owns the sockets and listeners, also
// if it returns an error, which says what is missing in the fields. When ctx ends the
// traffic does, but Stop must be called all the same. A meter is started once.
func (m *Meter) Start(ctx context.Context) error { panic("not yet") }

// Mark says when the failure began. Without a mark everything counts, from the start.
func (m *Meter) Mark(failed time.Time) { panic("not yet") }

// Flowing reports whether everything that is expected flows now: each expected flow has
// received all of its packets of the last window and still receives, and each expected
// stream is connected.
func (m *Meter) Flowing(window time.Duration) bool { panic("not yet") }

// Wait returns when everything flows as in Flowing, with a window that began not before
// since: so a failure that nobody has noticed yet is not taken for a recovery. If ctx
// ends first, its error names what does not flow.
func (m *Meter) Wait(ctx context.Context, since time.Time, window time.Duration) error {
	panic("not yet")
}

// Result returns what has been counted until now.
func (m *Meter) Result() Result { panic("not yet") }

// Stop ends the traffic, closes the sockets and listeners, waits for every goroutine and
// returns what was counted. It may be called twice.
func (m *Meter) Stop() Result { panic("not yet") }
