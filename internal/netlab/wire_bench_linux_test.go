package netlab_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"runtime"
	"slices"
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
// millisecond through each, and says how much later than that the wires give them back,
// by the kernel's clock at the devices.
func BenchmarkWireJitter(b *testing.B) {
	const wires, delay = 6, 20 * time.Millisecond
	n := open(b)
	left, middle, right := host(b, n, "left"), host(b, n, "middle"), host(b, n, "right")
	must(b, n.Link(left, "eth0", middle, "left"), n.Link(right, "eth0", middle, "right"),
		left.AddAddress("eth0", prefix("10.0.1.1/32")), middle.Sysctl("net/ipv4/ip_forward", "1"),
		left.SetRoute(netlab.Route{Prefix: prefix("0.0.0.0/0"), Dev: "eth0"}),
		middle.AddRule(netlab.Rule{Priority: 10, In: "left", Table: 100}),
		middle.SetRoute(netlab.Route{Prefix: prefix("10.0.2.0/24"), Dev: "right"}))
	var (
		senders  []net.Conn
		all      []*netlab.Wire
		captures [wires]bytes.Buffer
		stops    []func() error
	)
	for i := range wires {
		dev, to := fmt.Sprintf("wire%d", i), fmt.Sprintf("10.0.2.%d", i+1)
		w, err := middle.AddWire(dev, netlab.Impairment{Delay: delay}, uint64(i))
		must(b, err, middle.SetRoute(netlab.Route{Table: 100, Prefix: prefix(to + "/32"), Dev: dev}))
		stop, err := middle.Capture(dev, &captures[i])
		must(b, err)
		all, stops = append(all, w), append(stops, stop)
		senders = append(senders, dial(b, left, "udp", to+":7"))
	}
	before, sent, data := cpu(b), uint64(0), make([]byte, 200)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for b.Loop() {
		<-tick.C
		sent++
		binary.LittleEndian.PutUint64(data, sent)
		for _, s := range senders {
			_, err := s.Write(data)
			must(b, err)
		}
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.Elapsed())*100, "cpu-%")
	for _, w := range all {
		for deadline := time.Now().Add(patience); w.Counts().Passed < sent && time.Now().Before(deadline); {
			runtime.Gosched()
		}
		if c := w.Counts(); c != (netlab.Counts{Passed: sent}) {
			b.Errorf("a wire counts %+v, want all of %d packets passed", c, sent)
		}
	}
	var late []time.Duration
	for i, stop := range stops {
		must(b, stop())
		went := map[uint64]time.Time{}
		for _, p := range readCapture(b, captures[i].Bytes()).packets {
			if len(p.data) < 200 {
				continue // the kernel's own
			}
			number := binary.LittleEndian.Uint64(p.data[28:])
			if at, ok := went[number]; ok {
				late = append(late, p.at.Sub(at)-delay)
			}
			went[number] = p.at
		}
	}
	slices.Sort(late)
	at := func(share float64) float64 {
		return float64(late[int(share*float64(len(late)-1))]) / float64(time.Microsecond)
	}
	b.ReportMetric(at(0.5), "p50-µs")
	b.ReportMetric(at(0.95), "p95-µs")
	b.ReportMetric(at(0.99), "p99-µs")
	b.ReportMetric(at(1), "max-µs")
	b.ReportMetric(float64(len(late))/b.Elapsed().Seconds(), "packets/s")
	if late[0] < -2*time.Microsecond { // the captures round
		b.Errorf("a packet came %s early", -late[0])
	}
}
