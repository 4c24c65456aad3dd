package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"hopguard/internal/traffic"
)

// flow is one direction between a workload and the branch.
type flow struct {
	app      int // the workload's number, from 1
	region   string
	outbound bool
}

// meter is the traffic of a trial.
type meter struct {
	*traffic.Meter
	result traffic.Result
}

// The branch's ports. Workloads use the first one.
const (
	flowPort = 9000
	echoPort = 7007
)

// newMeter starts traffic between each workload and the branch: datagrams both ways, and
// from each region's first workload a long connection and short ones.
func (l *Lab) newMeter(ctx context.Context, f failure) (m *meter, err error) {
	m = &meter{Meter: &traffic.Meter{}}
	branch, target := l.hosts["branch"].host, netip.MustParseAddr(branchHost)
	saves := func(w flow) bool { return f.lost == nil || !f.lost(w) }
	server, err := branch.Listen(ctx, "tcp", netip.AddrPortFrom(target, echoPort).String())
	if err != nil {
		return nil, err
	}
	m.Servers = []net.Listener{server}
	seen := map[string]bool{}
	for i := range tables {
		e := l.hosts[fmt.Sprintf("app-%d", i+1)]
		here, there := netip.AddrPortFrom(e.addr(), flowPort), netip.AddrPortFrom(target, uint16(flowPort+i))
		near, err := e.host.ListenPacket(ctx, "udp", here.String())
		if err != nil {
			return nil, err
		}
		far, err := branch.ListenPacket(ctx, "udp", there.String())
		if err != nil {
			return nil, err
		}
		out, in := flow{i + 1, e.region, true}, flow{i + 1, e.region, false}
		m.Flows = append(m.Flows,
			traffic.Flow{Name: e.name + " to branch", Outbound: true, Expected: saves(out), From: near, To: there, At: far, Spacing: spacing},
			traffic.Flow{Name: "branch to " + e.name, Expected: saves(in), From: far, To: here, At: near, Spacing: spacing})
		if seen[e.region] {
			continue
		}
		seen[e.region] = true
		both := saves(out) && saves(in)
		echo := netip.AddrPortFrom(target, echoPort)
		m.Streams = append(m.Streams, traffic.Stream{Name: e.name + " to branch", Expected: both, Dial: e.host.DialContext, Address: echo})
		m.Connects = append(m.Connects, traffic.Connects{Name: e.name + " to branch", Expected: both, Dial: e.host.DialContext, Address: echo})
	}
	return m, m.Start(ctx)
}

// stop ends the traffic and keeps what was counted.
func (m *meter) stop() { m.result = m.Stop() }
