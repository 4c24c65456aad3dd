package traffic_test

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"

	"hopguard/internal/traffic"
)

// socket is a UDP socket on loopback.
func socket(tb testing.TB) *net.UDPConn {
	tb.Helper()
	return socketAt(tb, netip.MustParseAddrPort("127.0.0.1:0"))
}

func socketAt(tb testing.TB, at netip.AddrPort) *net.UDPConn {
	tb.Helper()
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
	if err != nil {
		tb.Fatal(err)
	}
	if err := traffic.Roomy(c); err != nil {
		tb.Fatal(err)
	}
	return c
}

// address is where a socket is.
func address(c *net.UDPConn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }

// relay is a path between two sockets on which exactly those packets fare badly that it is
// told. It passes packets in the order in which they come, but for those.
type relay struct {
	conn *net.UDPConn
	to   netip.AddrPort
	// fate says what becomes of a packet; nil lets all pass.
	fate func(number int) fate
	// seen is closed when the packet came that is the last one waited for.
	last int
	seen chan struct{}

	held [][]byte
	wg   sync.WaitGroup
}

type fate int

const (
	pass fate = iota
	drop
	twice
	hold // until the next one that passes has passed
)

// within tells which numbers one fate befalls.
func within(first, last int, f fate) func(int) fate {
	return func(n int) fate {
		if n >= first && n <= last {
			return f
		}
		return pass
	}
}

// through lets a flow pass through a relay until a packet with that number has come.
func through(t *testing.T, f *traffic.Flow, last int, decide func(int) fate) *relay {
	t.Helper()
	r := &relay{conn: socket(t), to: f.To, fate: decide, last: last, seen: make(chan struct{})}
	f.To = address(r.conn)
	r.wg.Go(func() { r.run(t) })
	t.Cleanup(func() {
		if err := r.conn.Close(); err != nil {
			t.Error(err)
		}
		r.wg.Wait()
	})
	return r
}

func (r *relay) run(t *testing.T) {
	buf := make([]byte, 2000)
	for {
		n, _, err := r.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
			return
		}
		number := int(binary.BigEndian.Uint64(buf[8:]))
		if number == r.last {
			close(r.seen)
		}
		f := pass
		if r.fate != nil {
			f = r.fate(number)
		}
		switch f {
		case drop:
		case hold:
			r.held = append(r.held, append([]byte(nil), buf[:n]...))
		case twice:
			r.pass(buf[:n])
			r.pass(buf[:n])
		case pass:
			r.pass(buf[:n])
			for _, p := range r.held {
				r.pass(p)
			}
			r.held = nil
		}
	}
}

// pass sends a packet on. After the end of the test nobody may be there.
func (r *relay) pass(packet []byte) { _, _ = r.conn.WriteToUDPAddrPort(packet, r.to) }
