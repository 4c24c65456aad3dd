//go:build unix

package probe_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/probe"
)

const (
	benchWarm  = time.Second     // until every check has started
	benchTime  = 5 * time.Second // what is measured after that
	benchSlots = 256
)

// BenchmarkSchedule runs the continuous prober of so many members, in groups of
// two, with two checks of each every second: in real time, because what it costs is
// the point. With tcp the costs of the listener's side are in it.
func BenchmarkSchedule(b *testing.B) {
	kinds := []struct {
		name string
		ask  func(b *testing.B) func(address netip.Addr) probe.Question
	}{
		{"memory", func(*testing.B) func(netip.Addr) probe.Question {
			return func(netip.Addr) probe.Question { return says(appliance.Pass, "asked") }
		}},
		{"tcp", loopback},
	}
	for _, kind := range kinds {
		b.Run(kind.name, func(b *testing.B) {
			var least cost
			for _, n := range []int{100, 1000, 10000} {
				b.Run(fmt.Sprint(n), func(b *testing.B) {
					ask := kind.ask(b)
					var c cost
					for b.Loop() {
						c = carry(b, n, ask)
					}
					if least.members == 0 {
						least = c
					}
					c.report(b, least)
				})
			}
		})
	}
}

// cost is what a prober of so many members has used.
type cost struct {
	members        int
	probes, failed int64
	cpu, elapsed   time.Duration
	memory         int64 // bytes of heap and stacks
	allocations    uint64
	worst, mean    time.Duration // lateness
}

func (c cost) cpuPerProbe() float64 { return float64(c.cpu) / float64(c.probes) }

func (c cost) memoryPerMember() float64 { return float64(c.memory) / float64(c.members) }

func (c cost) report(b *testing.B, least cost) {
	b.Helper()
	b.ReportMetric(c.cpu.Seconds()/c.elapsed.Seconds(), "cpu-s/s")
	b.ReportMetric(c.cpuPerProbe()/1e3, "cpu-us/probe")
	b.ReportMetric(float64(c.probes)/c.elapsed.Seconds(), "probes/s")
	b.ReportMetric(float64(c.failed), "not-passed")
	b.ReportMetric(c.memoryPerMember(), "B/member")
	b.ReportMetric(float64(c.allocations)/float64(c.probes), "allocs/probe")
	b.ReportMetric(float64(c.worst)/1e6, "late-worst-ms")
	b.ReportMetric(float64(c.mean)/1e6, "late-mean-ms")
	b.ReportMetric(c.cpuPerProbe()/least.cpuPerProbe(), "cpu-growth")
	b.ReportMetric(c.memoryPerMember()/least.memoryPerMember(), "B-growth")
	b.ReportMetric(0, "ns/op") // it lasts what it lasts
}

// carry runs the schedules of n members.
func carry(b *testing.B, n int, ask func(netip.Addr) probe.Question) cost {
	b.Helper()
	c := cost{members: n}
	before := memory()
	schedules := groups(n, ask)
	var probes, failed atomic.Int64
	saw := func(round []appliance.Observation) {
		for _, o := range round {
			probes.Add(1)
			if o.Outcome != appliance.Pass {
				failed.Add(1)
			}
		}
	}
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	for _, s := range schedules {
		wg.Go(func() { s.Run(ctx, settled, saw) })
	}
	<-time.After(benchWarm)
	startProbes, startFailed, startCPU, began := probes.Load(), failed.Load(), cpu(b), time.Now()
	startAllocations := allocations()
	<-time.After(benchTime)
	c.probes, c.failed, c.cpu, c.elapsed = probes.Load()-startProbes, failed.Load()-startFailed, cpu(b)-startCPU, time.Since(began)
	c.allocations = allocations() - startAllocations
	c.memory = memory() - before
	cancel()
	wg.Wait()
	for _, s := range schedules {
		worst, mean := s.Lateness()
		c.worst = max(c.worst, worst)
		c.mean += mean / time.Duration(len(schedules))
	}
	return c
}

// groups returns a schedule for each two members.
func groups(n int, ask func(netip.Addr) probe.Question) []*probe.Schedule {
	limit := make(chan struct{}, benchSlots)
	out := make([]*probe.Schedule, n/2)
	for i := range out {
		// All of 127.0.0.0/8 is this machine: with an address each, no two members
		// share their ports.
		q := ask(netip.AddrFrom4([4]byte{127, 1, byte(i / 250), byte(1 + i%250)}))
		out[i] = &probe.Schedule{
			Set: probe.Set{Members: members("a", "b"), Checks: []probe.Check{
				{Name: "first", Timeout: time.Second / 2, Question: q, DataPath: true},
				{Name: "second", Timeout: time.Second / 2, Question: q, DataPath: true},
			}},
			Checks: []probe.Timing{
				{Name: "first", Interval: time.Second, Confirm: time.Second / 5},
				{Name: "second", Interval: time.Second, Confirm: time.Second / 5},
			},
			Limit: limit,
		}
	}
	return out
}

// loopback returns questions of a listener that hangs up at once.
func loopback(b *testing.B) func(netip.Addr) probe.Question {
	b.Helper()
	l, err := (&net.ListenConfig{KeepAlive: -1}).Listen(b.Context(), "tcp4", "0.0.0.0:0")
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				conn, err := l.Accept()
				if errors.Is(err, net.ErrClosed) {
					return
				}
				if err == nil {
					_ = conn.Close() // whoever has connected has seen enough
				}
			}
		})
	}
	b.Cleanup(func() {
		_ = l.Close() // Accept says so
		wg.Wait()
	})
	port := netip.MustParseAddrPort(l.Addr().String()).Port()
	return func(address netip.Addr) probe.Question {
		return probe.TCP{Port: port, Address: func(appliance.MemberName) (netip.Addr, bool) { return address, true }}
	}
}

// cpu is the time that this process has used so far, of all its threads.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func allocations() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// memory is what is in use after a collection, the stacks included.
func memory() int64 {
	for range 2 { // the first one only unties the stacks of what has ended
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
