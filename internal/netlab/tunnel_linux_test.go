package netlab_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"hopguard/internal/netlab"
)

// dialFrom connects from one of a host's addresses.
func dialFrom(t testing.TB, h *netlab.Host, network, from, to string) (conn net.Conn, err error) {
	t.Helper()
	dialer := net.Dialer{Timeout: patience}
	local := net.TCPAddr{IP: net.ParseIP(from)}
	dialer.LocalAddr = &local
	if network == "udp" {
		dialer.LocalAddr = &net.UDPAddr{IP: local.IP}
	}
	err = h.Do(func() (err error) {
		conn, err = dialer.DialContext(t.Context(), network, to)
		return err
	})
	if err == nil {
		closeLater(t, conn)
	}
	return conn, err
}

func TestTunnels(t *testing.T) {
	kinds := netlab.Tunnels()
	must(t, open(t).Close())
	if !slices.Contains(kinds, netlab.VXLAN) {
		t.Fatalf("Tunnels() = %v, want VXLAN among them", kinds)
	}
	for _, kind := range kinds {
		for _, outer := range [][2]string{{"10.0.1.1", "10.0.2.1"}, {"fd01::1", "fd02::1"}} {
			t.Run(fmt.Sprintf("%s-%t", kind, addr(outer[0]).Is4()), func(t *testing.T) { testTunnel(t, kind, addr(outer[0]), addr(outer[1])) })
		}
	}
}

func testTunnel(t *testing.T, kind netlab.TunnelKind, left, right netip.Addr) {
	l := newLine(t, netlab.Impairment{}, 1)
	must(t, l.left.AddTunnel(kind, "tun", 42, left, right), l.right.AddTunnel(kind, "tun", 42, right, left))
	for _, end := range []struct {
		h    *netlab.Host
		last int
		far  int
	}{{l.left, 1, 2}, {l.right, 2, 1}} {
		must(t, end.h.AddAddress("tun", prefix(fmt.Sprintf("172.16.0.%d/30", end.last))),
			end.h.AddAddress("tun", prefix(fmt.Sprintf("fd16::%d/64", end.last))),
			end.h.AddAddress("lo", prefix(fmt.Sprintf("172.17.%d.1/32", end.last))),
			end.h.AddAddress("lo", prefix(fmt.Sprintf("172.18.%d.1/32", end.last))),
			// One route by the device alone, and one by a next hop that nobody else knows.
			end.h.SetRoute(netlab.Route{Prefix: prefix(fmt.Sprintf("172.17.%d.0/24", end.far)), Dev: "tun"}),
			end.h.SetRoute(netlab.Route{Prefix: prefix(fmt.Sprintf("172.18.%d.0/24", end.far)), Dev: "tun", Via: addr("198.51.100.1")}))
	}
	inner := []string{"172.16.0.2:7", "[fd16::2]:7", "172.17.2.1:7", "172.18.2.1:7"}
	check := func(when string, targets ...string) {
		t.Helper()
		for _, at := range targets {
			conn := listenUDP(t, l.right, at)
			before := l.wire.Counts().Passed
			// The first packet must come: nobody sends it again.
			sender := dial(t, l.left, "udp", at)
			send(t, sender, when+" "+at)
			if got, want := receive(t, conn), when+" "+at; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			for deadline := time.Now().Add(patience); l.wire.Counts().Passed == before; runtime.Gosched() {
				if time.Now().After(deadline) {
					t.Fatalf("%s: the packet to %s did not go through the wire", when, at)
				}
			}
			must(t, conn.Close(), sender.Close())
		}
	}
	check("first", inner...)
	for _, at := range []string{"172.16.0.2:80", "[fd16::2]:80", "172.17.2.1:80"} {
		echo(t, l.left, l.right, at, bytes.Repeat([]byte("0123456789abcdef"), 1<<14))
	}
	l.wire.Set(netlab.Impairment{Cut: true})
	sender := dial(t, l.left, "udp", inner[0])
	for range 10 {
		send(t, sender, "lost")
	}
	for deadline := time.Now().Add(patience); l.wire.Counts().Lost < 10 && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	l.wire.Set(netlab.Impairment{})
	check("after a cut", inner...)
	for _, h := range []*netlab.Host{l.left, l.right} {
		must(t, h.SetUp("tun", false), h.SetUp("tun", true))
	}
	check("after it was down", inner[:2]...) // the routes of others end with the device
	if got := l.wire.Counts(); got.Dropped != 0 {
		t.Errorf("the wire counts %+v, want nothing dropped", got)
	}
}

func TestBadTunnels(t *testing.T) {
	h := host(t, open(t), "a")
	v4, v6 := addr("10.0.0.1"), addr("fd00::1")
	for _, c := range []struct {
		kind          netlab.TunnelKind
		id            int
		local, remote netip.Addr
		want          string
	}{
		{"ipip", 1, v4, v4, `add tunnel tun to host "a": kind "ipip": want gre or vxlan`},
		{netlab.VXLAN, 0, v4, v4, `add tunnel tun to host "a": id 0: want 1 to 16777215`},
		{netlab.VXLAN, 1 << 24, v4, v4, `add tunnel tun to host "a": id 16777216: want 1 to 16777215`},
		{netlab.VXLAN, 1, v4, v6, `add tunnel tun to host "a": from 10.0.0.1 to fd00::1: want two addresses of one family`},
		{netlab.VXLAN, 1, v4, netip.Addr{}, `add tunnel tun to host "a": from 10.0.0.1 to invalid IP: want two addresses of one family`},
	} {
		if err := h.AddTunnel(c.kind, "tun", c.id, c.local, c.remote); err == nil || err.Error() != c.want {
			t.Errorf("AddTunnel(%s, %d, %s, %s) = %v, want %s", c.kind, c.id, c.local, c.remote, err, c.want)
		}
	}
}

func TestTheFirstPacketOfALinkArrives(t *testing.T) {
	n := open(t)
	a, b := pair(t, n)
	macA, err := a.MAC("eth0")
	must(t, err)
	macB, err := b.MAC("eth0")
	must(t, err)
	if macA.String() != macB.String() || macA[0]&3 != 2 {
		t.Errorf("hardware addresses %s and %s, want the same, of one device, administered locally", macA, macB)
	}
	check := func(when string) {
		t.Helper()
		for _, at := range []string{"10.0.0.2:7", "[fd00::2]:7"} {
			conn := listenUDP(t, b, at)
			sender := dial(t, a, "udp", at)
			send(t, sender, when)
			if got := receive(t, conn); got != when {
				t.Errorf("to %s came %q, want %q", at, got, when)
			}
			must(t, conn.Close(), sender.Close())
		}
	}
	check("first")
	for range 10 {
		must(t, b.SetUp("eth0", false), b.SetUp("eth0", true))
		check("after the far end was down")
		must(t, a.SetUp("eth0", false), a.SetUp("eth0", true))
		check("after the near end was down")
		must(t, a.SetUp("eth0", false), b.SetUp("eth0", false), a.SetUp("eth0", true), b.SetUp("eth0", true))
		check("after both ends were down")
	}
	must(t, a.AddNeighbour("eth0", addr("10.0.0.77"), macB), b.AddAddress("lo", prefix("10.0.0.77/32")))
	conn := listenUDP(t, b, "10.0.0.77:7")
	send(t, dial(t, a, "udp", "10.0.0.77:7"), "to a neighbour")
	receive(t, conn)
}

func TestSocketsOfAHost(t *testing.T) {
	n := open(t)
	a, b := pair(t, n)
	for _, c := range []struct {
		call func() error
		want string
	}{
		{func() error { _, err := a.DialContext(t.Context(), "tcp", "localhost:80"); return err },
			`address "localhost:80": want a numeric one, as 10.0.0.1:80`},
		{func() error { _, err := a.Listen(t.Context(), "tcp", "somewhere:80"); return err },
			`address "somewhere:80": want a numeric one, as 10.0.0.1:80`},
		{func() error { _, err := a.DialContext(t.Context(), "tcp", "10.0.0.2:81"); return err },
			"dial tcp 10.0.0.2:81: connect: connection refused"},
	} {
		if err := c.call(); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	// Nobody answers: the deadline does.
	must(t, b.SetRoute(netlab.Route{Prefix: prefix("10.0.0.1/32"), Kind: netlab.Blackhole}))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := a.DialContext(ctx, "tcp", "10.0.0.2:80")
	if timeout, _ := errors.AsType[net.Error](err); timeout == nil || !timeout.Timeout() {
		t.Errorf("a dial into nothing: %v, want a time-out", err)
	}
	// The machine's own loopback is another one.
	listener, err := a.Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { must(t, listener.Close()) }()
	if conn, err := (&net.Dialer{Timeout: patience}).DialContext(t.Context(), "tcp", listener.Addr().String()); err == nil {
		must(t, conn.Close())
		t.Errorf("%s of the host can be reached from outside", listener.Addr())
	}
	dial(t, a, "tcp", listener.Addr().String())
}
