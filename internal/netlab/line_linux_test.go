package netlab_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"hopguard/internal/netlab"
)

// patience is how long a packet may take that must come.
const patience = 5 * time.Second

// line is two hosts with a router between them; from one side to the other every packet
// goes through a wire, there and back.
type line struct {
	left, middle, right *netlab.Host
	wire                *netlab.Wire
}

// newLine makes one. left is 10.0.1.1 and fd01::1, right 10.0.2.1 and fd02::1.
func newLine(t testing.TB, i netlab.Impairment, seed uint64) *line {
	t.Helper()
	n := open(t)
	l := &line{left: host(t, n, "left"), middle: host(t, n, "middle"), right: host(t, n, "right")}
	must(t,
		n.Link(l.left, "eth0", l.middle, "left"),
		n.Link(l.right, "eth0", l.middle, "right"),
		l.left.AddAddress("eth0", prefix("10.0.1.1/24")), l.left.AddAddress("eth0", prefix("fd01::1/64")),
		l.right.AddAddress("eth0", prefix("10.0.2.1/24")), l.right.AddAddress("eth0", prefix("fd02::1/64")),
		l.middle.Sysctl("net/ipv4/ip_forward", "1"), l.middle.Sysctl("net/ipv6/conf/all/forwarding", "1"))
	for _, h := range []*netlab.Host{l.left, l.right} {
		must(t, h.SetRoute(netlab.Route{Prefix: prefix("0.0.0.0/0"), Dev: "eth0"}),
			h.SetRoute(netlab.Route{Prefix: prefix("::/0"), Dev: "eth0"}))
	}
	wire, err := l.middle.AddWire("wire", i, seed)
	must(t, err)
	l.wire = wire
	// What comes in from a side goes into the wire, what comes out of it to its side.
	const in, out = 100, 101
	must(t, l.middle.AddRule(netlab.Rule{Priority: 10, In: "left", Table: in}),
		l.middle.AddRule(netlab.Rule{Priority: 11, In: "right", Table: in}),
		l.middle.AddRule(netlab.Rule{Priority: 12, In: "wire", Table: out}))
	for _, r := range []netlab.Route{
		{Table: in, Prefix: prefix("0.0.0.0/0"), Dev: "wire"}, {Table: in, Prefix: prefix("::/0"), Dev: "wire"},
		{Table: out, Prefix: prefix("10.0.1.0/24"), Dev: "left"}, {Table: out, Prefix: prefix("fd01::/64"), Dev: "left"},
		{Table: out, Prefix: prefix("10.0.2.0/24"), Dev: "right"}, {Table: out, Prefix: prefix("fd02::/64"), Dev: "right"},
	} {
		must(t, l.middle.SetRoute(r))
	}
	return l
}

// listenUDP listens inside a host.
func listenUDP(t testing.TB, h *netlab.Host, at string) net.PacketConn {
	t.Helper()
	conn, err := h.ListenPacket(t.Context(), "udp", at)
	must(t, err)
	closeLater(t, conn)
	must(t, conn.(*net.UDPConn).SetReadBuffer(4<<20))
	return conn
}

// dial connects from a host.
func dial(t testing.TB, h *netlab.Host, network, to string) net.Conn {
	t.Helper()
	conn, err := h.DialContext(t.Context(), network, to)
	must(t, err)
	closeLater(t, conn)
	return conn
}

// closeLater closes with the test what it may have closed before.
func closeLater(t testing.TB, c io.Closer) {
	t.Cleanup(func() {
		if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

// receive returns the next packet.
func receive(t testing.TB, conn net.PacketConn) string {
	t.Helper()
	must(t, conn.SetReadDeadline(time.Now().Add(patience)))
	b := make([]byte, 2048)
	n, _, err := conn.ReadFrom(b)
	must(t, err)
	return string(b[:n])
}

// send sends one packet.
func send(t testing.TB, conn net.Conn, text string) {
	t.Helper()
	_, err := conn.Write([]byte(text))
	must(t, err)
}

// serve accepts one connection, sends back what comes, and closes.
func serve(listener net.Listener) error {
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	_, err = io.Copy(conn, conn)
	return errors.Join(err, conn.Close())
}

// echo sends data by TCP and compares what comes back.
func echo(t testing.TB, from, to *netlab.Host, at string, data []byte) {
	t.Helper()
	listener, err := to.Listen(t.Context(), "tcp", at)
	must(t, err)
	done := make(chan error, 2)
	go func() { done <- errors.Join(serve(listener), listener.Close()) }()
	conn := dial(t, from, "tcp", at).(*net.TCPConn)
	must(t, conn.SetDeadline(time.Now().Add(6*patience)))
	go func() {
		_, err := conn.Write(data)
		done <- errors.Join(err, conn.CloseWrite())
	}()
	got, err := io.ReadAll(conn)
	must(t, err, <-done, <-done)
	if !bytes.Equal(got, data) {
		t.Errorf("%s: %d bytes came back, want the %d that were sent", at, len(got), len(data))
	}
}
