package traffic_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"hopguard/internal/traffic"
)

// BenchmarkUDP sends six flows with a packet each millisecond, both ends in this process,
// for a second an operation. It reports the share of a core that takes, what that is per
// packet, and how late the worst packet was sent.
func BenchmarkUDP(b *testing.B) {
	const flows = 6
	var m traffic.Meter
	for i := range flows {
		from, at := socket(b), socket(b)
		m.Flows = append(m.Flows, traffic.Flow{Name: fmt.Sprint(i), Expected: true, From: from, To: address(at), At: at})
	}
	if err := m.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := m.Wait(b.Context(), time.Now(), 100*time.Millisecond); err != nil {
		b.Fatal(err)
	}
	began, used := time.Now(), cpu(b)
	sent := -packets(m.Result())
	for b.Loop() {
		if err := m.Wait(b.Context(), time.Now(), time.Second); err != nil {
			b.Fatal(err)
		}
	}
	used, took := cpu(b)-used, time.Since(began)
	r := m.Stop()
	sent += packets(r)
	b.ReportMetric(100*used.Seconds()/took.Seconds(), "%core")
	b.ReportMetric(float64(used.Microseconds())/float64(sent), "µs/packet")
	b.ReportMetric(float64(r.Lateness.Microseconds())/1000, "ms-latest")
	for _, f := range r.Flows {
		if f.Lost > 0 {
			b.Errorf("flow %s: %d packets lost, want none", f.Name, f.Lost)
		}
	}
}

// packets is how many have been sent.
func packets(r traffic.Result) int {
	n := 0
	for _, f := range r.Flows {
		n += f.Sent
	}
	return n
}

// cpu is what this process has used.
func cpu(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
