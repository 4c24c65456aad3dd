package netlab_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"hopguard/internal/netlab"
)

// BenchmarkWire sends packets of 200 bytes through a wire, one in flight after the other,
// several at a time; the wire's share of the time is nearly all of it.
func BenchmarkWire(b *testing.B) {
	for _, flying := range []int{1, 64} {
		b.Run(fmt.Sprintf("flying-%d", flying), func(b *testing.B) {
			l := newLine(b, netlab.Impairment{}, 1)
			conn := listenUDP(b, l.right, "10.0.2.1:7").(*net.UDPConn)
			sender := dial(b, l.left, "udp", "10.0.2.1:7")
			data, in := make([]byte, 200), make([]byte, 2048)
			must(b, conn.SetReadDeadline(time.Now().Add(time.Hour)))
			before := cpu(b)
			b.ReportAllocs()
			sent, came := 0, 0
			for b.Loop() {
				for ; sent-came < flying; sent++ {
					_, err := sender.Write(data)
					must(b, err)
				}
				_, err := conn.Read(in)
				must(b, err)
				came++
			}
			b.ReportMetric(float64(cpu(b)-before)/float64(came), "cpu-ns/op")
			b.ReportMetric(float64(came)/b.Elapsed().Seconds(), "packets/s")
			if c := l.wire.Counts(); c.Dropped+c.Lost > 0 {
				b.Errorf("the wire counts %+v, want no loss", c)
			}
		})
	}
}

// BenchmarkWireJitter sends 6,000 packets a second through six wires of 20 ms, one each
// millisecond through each, and says how much later than that they come.
func BenchmarkWireJitter(b *testing.B) {
	const wires, delay = 6, 20 * time.Millisecond
	n := open(b)
	left, middle, right := host(b, n, "left"), host(b, n, "middle"), host(b, n, "right")
	must(b, n.Link(left, "eth0", middle, "left"), n.Link(right, "eth0", middle, "right"),
		left.AddAddress("eth0", prefix("10.0.1.1/32")), middle.Sysctl("net/ipv4/ip_forward", "1"),
		left.SetRoute(netlab.Route{Prefix: prefix("0.0.0.0/0"), Dev: "eth0"}),
		right.SetRoute(netlab.Route{Prefix: prefix("0.0.0.0/0"), Dev: "eth0"}),
		middle.AddRule(netlab.Rule{Priority: 10, In: "left", Table: 100}),
		middle.SetRoute(netlab.Route{Prefix: prefix("10.0.2.0/24"), Dev: "right"}))
	var (
		mu      sync.Mutex
		late    []time.Duration
		readers sync.WaitGroup
		senders []net.Conn
		all     []*netlab.Wire
		start   = time.Now()
	)
	for i := range wires {
		dev, to := fmt.Sprintf("wire%d", i), fmt.Sprintf("10.0.2.%d", i+1)
		w, err := middle.AddWire(dev, netlab.Impairment{Delay: delay}, uint64(i))
		must(b, err, right.AddAddress("lo", prefix(to+"/32")),
			middle.SetRoute(netlab.Route{Table: 100, Prefix: prefix(to + "/32"), Dev: dev}))
		all = append(all, w)
		conn := listenUDP(b, right, to+":7").(*net.UDPConn)
		senders = append(senders, dial(b, left, "udp", to+":7"))
		must(b, conn.SetReadDeadline(time.Now().Add(time.Hour)))
		readers.Go(func() {
			in := make([]byte, 2048)
			for {
				size, err := conn.Read(in)
				now := time.Since(start)
				if err != nil || size < 200 { // a short one is the last
					return
				}
				mu.Lock()
				late = append(late, now-delay-time.Duration(binary.LittleEndian.Uint64(in)))
				mu.Unlock()
			}
		})
	}
	before, data := cpu(b), make([]byte, 200)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for b.Loop() {
		<-tick.C
		for _, s := range senders {
			binary.LittleEndian.PutUint64(data, uint64(time.Since(start)))
			_, err := s.Write(data)
			must(b, err)
		}
	}
	for _, s := range senders {
		send(b, s, "end")
	}
	readers.Wait()
	slices.Sort(late)
	at := func(share float64) float64 {
		return float64(late[int(share*float64(len(late)-1))]) / float64(time.Microsecond)
	}
	b.ReportMetric(at(0.5), "p50-µs")
	b.ReportMetric(at(0.95), "p95-µs")
	b.ReportMetric(at(0.99), "p99-µs")
	b.ReportMetric(at(1), "max-µs")
	b.ReportMetric(float64(len(late))/b.Elapsed().Seconds(), "packets/s")
	b.ReportMetric(float64(cpu(b)-before)/float64(b.Elapsed())*100, "cpu-%")
	for _, w := range all {
		if c := w.Counts(); c.Dropped+c.Lost > 0 {
			b.Errorf("a wire counts %+v, want no loss", c)
		}
	}
	if late[0] < 0 {
		b.Errorf("a packet came %s early", -late[0])
	}
}
