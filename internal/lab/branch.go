package lab

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"hopguard/internal/netlab"
)

// branch is the site at the far end: a tunnel to each appliance, of which it prefers the
// first and takes the other by itself when the first is dead, as AutoVPN does. It knows
// nothing of Azure's routes.
type branch struct {
	host  *netlab.Host
	delay time.Duration
	log   *slog.Logger
	ends  []*tunnelEnd

	mu    sync.Mutex
	taken int // the tunnel that traffic takes
}

// tunnelEnd is the branch's end of one tunnel.
type tunnelEnd struct {
	dev           string
	local, remote netip.Addr // inside the tunnel
	through       netip.Addr // the branch's address that is reached by this tunnel alone
	heard         time.Time  // when the last keepalive was answered; under the branch's lock
}

// How a tunnel is watched, as AutoVPN does it with its own probes.
const (
	keepalive     = 50 * time.Millisecond
	keepalivePort = 9350
	// azure is everything behind the tunnels, as the branch sees them, and branches as an appliance does.
	azure    = "10.0.0.0/8"
	branches = "172.16.0.0/12"
	// aloneTable is the first of the tables by which answers from a target return through its own tunnel.
	aloneTable = 10
)

func newBranch(host *netlab.Host, delay time.Duration, log *slog.Logger) (*branch, error) {
	for _, a := range []string{branchHost, throughA, throughB} {
		if err := host.AddAddress("lo", single(netip.MustParseAddr(a))); err != nil {
			return nil, err
		}
	}
	return &branch{host: host, delay: delay, log: log}, nil
}

// add gives the branch its end of a tunnel.
func (b *branch) add(e *tunnelEnd) error {
	n := len(b.ends)
	b.ends = append(b.ends, e)
	if err := b.host.SetRoute(netlab.Route{Table: aloneTable + n, Prefix: everything(), Via: e.remote, Dev: e.dev}); err != nil {
		return err
	}
	if err := b.host.AddRule(netlab.Rule{Priority: 100, From: single(e.through), Table: aloneTable + n}); err != nil {
		return err
	}
	if n == 0 {
		return b.take(0)
	}
	return nil
}

// take sends traffic to Azure by a tunnel.
func (b *branch) take(n int) error {
	e := b.ends[n]
	err := b.host.SetRoute(netlab.Route{Prefix: netip.MustParsePrefix(azure), Via: e.remote, Dev: e.dev, Source: netip.MustParseAddr(branchHost)})
	if err != nil {
		return fmt.Errorf("take tunnel %s: %w", e.dev, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.taken = n
	return nil
}

// listen opens the targets of probes through the appliances, and begins to watch the tunnels.
func (b *branch) listen(ctx context.Context, running *sync.WaitGroup) error {
	for _, e := range b.ends {
		ln, err := b.host.Listen(ctx, "tcp", netip.AddrPortFrom(e.through, 443).String())
		if err != nil {
			return err
		}
		accept(ctx, running, ln)
		conn, err := b.host.ListenPacket(ctx, "udp", netip.AddrPortFrom(e.local, 0).String())
		if err != nil {
			return err
		}
		context.AfterFunc(ctx, func() { conn.Close() }) //nolint:errcheck // it ends
		running.Go(func() { b.hear(conn, e) })
		running.Go(func() { b.ask(ctx, conn, e) })
	}
	b.reset()
	running.Go(func() { b.watch(ctx) })
	return nil
}

// reset forgets what was heard: all tunnels are taken to be alive.
func (b *branch) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.ends {
		e.heard = time.Now()
	}
}

// ask sends a keepalive again and again. One that cannot be sent is one that is not answered.
func (b *branch) ask(ctx context.Context, conn net.PacketConn, e *tunnelEnd) {
	tick := time.NewTicker(keepalive)
	defer tick.Stop()
	to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(e.remote, keepalivePort))
	for {
		conn.WriteTo([]byte("?"), to) //nolint:errcheck // see above
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// hear takes the answers, until the socket is closed.
func (b *branch) hear(conn net.PacketConn, e *tunnelEnd) {
	buf := make([]byte, 16)
	for {
		if _, _, err := conn.ReadFrom(buf); err != nil {
			return
		}
		b.mu.Lock()
		e.heard = time.Now()
		b.mu.Unlock()
	}
}

// watch leaves a tunnel that has been silent for the branch's delay, and prefers the first one that is not.
func (b *branch) watch(ctx context.Context) {
	tick := time.NewTicker(keepalive)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if n, moves := b.choose(now); moves {
				if err := b.take(n); err != nil {
					b.log.ErrorContext(ctx, "the branch", "err", err)
					continue
				}
				b.log.InfoContext(ctx, "the branch has moved", "tunnel", b.ends[n].dev)
			}
		}
	}
}

// choose is the tunnel to take, and whether that is another one.
func (b *branch) choose(now time.Time) (n int, moves bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, e := range b.ends {
		if now.Sub(e.heard) < b.delay {
			return i, i != b.taken
		}
	}
	return b.taken, false // nothing is better
}

// settled reports whether traffic takes the first tunnel, and all tunnels are alive.
func (b *branch) settled() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.ends {
		if time.Since(e.heard) > 4*keepalive {
			return false
		}
	}
	return b.taken == 0
}
