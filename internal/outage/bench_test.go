package outage_test

import (
	"testing"
	"time"

	"hopguard/internal/outage"
)

// BenchmarkHour keeps the log of an hour of a flow, with a packet each millisecond of which
// every hundredth is lost: as it is, and as a soak does it.
func BenchmarkHour(b *testing.B) {
	const packets = 3_600_000
	for name, keep := range map[string]time.Duration{"everything-kept": 0, "ten-seconds-kept": 10 * time.Second} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l := &outage.Log{}
				for n := range packets {
					now := began().Add(time.Duration(n) * ms)
					if l.Sent(now); n%100 != 0 {
						l.Arrived(n, now.Add(ms/2))
					}
					if keep > 0 {
						l.Forget(now.Add(-keep))
					}
				}
				if f := l.Flow(began(), began().Add(2*time.Hour), time.Second); f.Lost != packets/100 {
					b.Fatalf("Lost = %d, want %d", f.Lost, packets/100)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/packets, "ns/packet")
		})
	}
}
