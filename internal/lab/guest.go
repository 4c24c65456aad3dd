package lab

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"hopguard/internal/netlab"
)

// guest is an appliance: a machine that forwards between Azure and its tunnel.
type guest struct {
	*endpoint
	fabric *fabric
}

// newGuest makes the machine with that position an appliance, with its tunnel to the branch.
func (l *Lab) newGuest(ctx context.Context, n int, e *endpoint) (*guest, error) {
	g := &guest{endpoint: e, fabric: l.fabric}
	if err := g.host.Sysctl("net/ipv4/ip_forward", "1"); err != nil {
		return nil, err
	}
	inner := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(4*n + i)}) }
	far := &tunnelEnd{
		dev: "tun-" + e.name, local: inner(2), remote: inner(1),
		through: netip.MustParseAddr([]string{throughA, throughB}[n]),
	}
	public := publics()[e.name]
	if err := l.tunnelPair(n+1, g.host, "tun0", public, inner(1), l.branch.host, far.dev, netip.MustParseAddr(branchPublic), far.local); err != nil {
		return nil, err
	}
	if err := g.host.SetRoute(netlab.Route{Prefix: netip.MustParsePrefix(branches), Via: far.local, Dev: "tun0"}); err != nil {
		return nil, err
	}
	if err := l.branch.add(far); err != nil {
		return nil, err
	}
	return g, g.serve(ctx, &l.running, inner(1))
}

// tunnelPair makes both ends of a tunnel, with a transfer network of four addresses.
func (l *Lab) tunnelPair(id int, a *netlab.Host, devA string, outerA, innerA netip.Addr, b *netlab.Host, devB string, outerB, innerB netip.Addr) error {
	type end struct {
		host         *netlab.Host
		dev          string
		outer, inner netip.Addr
	}
	ends := []end{{a, devA, outerA, innerA}, {b, devB, outerB, innerB}}
	for i, e := range ends {
		other := ends[1-i]
		if err := e.host.AddTunnel(l.tunnel, e.dev, id, e.outer, other.outer); err != nil {
			return err
		}
		if err := e.host.AddAddress(e.dev, netip.PrefixFrom(e.inner, 30)); err != nil {
			return err
		}
	}
	for i, e := range ends {
		other := ends[1-i]
		mac, err := other.host.MAC(other.dev)
		if err != nil {
			return err
		}
		if len(mac) == 0 {
			continue // a tunnel without Ethernet has no neighbours
		}
		if err := e.host.AddNeighbour(e.dev, other.inner, mac); err != nil {
			return err
		}
	}
	return nil
}

// serve opens what an appliance answers by itself: its web page, and its tunnel's keepalives.
func (g *guest) serve(ctx context.Context, running *sync.WaitGroup, inner netip.Addr) error {
	for _, port := range []uint16{80, 443} {
		ln, err := g.host.Listen(ctx, "tcp", netip.AddrPortFrom(g.addr(), port).String())
		if err != nil {
			return err
		}
		srv := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintln(w, g.name)
		})}
		context.AfterFunc(ctx, func() { srv.Close() }) //nolint:errcheck // it ends: nobody is served any more
		running.Go(func() { srv.Serve(ln) })           //nolint:errcheck // as above
	}
	conn, err := g.host.ListenPacket(ctx, "udp", netip.AddrPortFrom(inner, keepalivePort).String())
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { conn.Close() }) //nolint:errcheck // it ends
	running.Go(func() { echo(conn) })
	return nil
}

// echo gives each datagram back, until the socket is closed.
func echo(conn net.PacketConn) {
	buf := make([]byte, 64)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		conn.WriteTo(buf[:n], from) //nolint:errcheck // a keepalive that is lost is lost
	}
}

// forward lets the machine forward, or not. What it answers by itself stays as it is.
func (g *guest) forward(on bool) error {
	value := "0"
	if on {
		value = "1"
	}
	return g.host.Sysctl("net/ipv4/ip_forward", value)
}

// impair changes what happens to all packets to the machine, in addition to the ways' own delays.
func (g *guest) impair(i netlab.Impairment) {
	for w, delay := range map[*netlab.Wire]time.Duration{g.near: 0, g.far: g.fabric.o.Regions, g.wan: g.fabric.o.WAN} {
		w.Set(netlab.Impairment{Delay: delay + i.Delay, Loss: i.Loss, Cut: i.Cut})
	}
}

// uplink cuts the machine's Internet, both ways, or mends it.
func (g *guest) uplink(on bool) {
	for _, w := range []*netlab.Wire{g.wan, g.out} {
		w.Set(netlab.Impairment{Delay: g.fabric.o.WAN, Cut: !on})
	}
}
