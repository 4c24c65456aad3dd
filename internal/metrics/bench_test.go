package metrics_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/metrics"
)

// many is so many groups of two members and two checks, each with a report.
func many(groups int) *metrics.Metrics {
	o := options()
	one := o.Groups[0]
	one.Checks = []string{"tcp", "icmp"}
	o.Groups = nil
	for i := range groups {
		one.Name = appliance.GroupName(fmt.Sprintf("group-%05d", i))
		o.Groups = append(o.Groups, one)
	}
	m := metrics.New(o)
	for _, g := range o.Groups {
		r := quiet()
		r.Group = g.Name
		m.Tick(r)
	}
	return m
}

// discarded counts the bytes that nobody reads.
type discarded struct {
	header http.Header
	bytes  int64
}

func (d *discarded) Header() http.Header { return d.header }
func (d *discarded) WriteHeader(int)     {}
func (d *discarded) Write(p []byte) (int, error) {
	n, err := io.Discard.Write(p)
	d.bytes += int64(n)
	return n, err
}

// A page of all groups, as Prometheus asks for it.
func BenchmarkPage(b *testing.B) {
	for _, groups := range []int{1, 100, 1000, 5000} {
		b.Run(fmt.Sprintf("groups-%d", groups), func(b *testing.B) {
			h := many(groups).Handler(slog.New(slog.DiscardHandler))
			req := httptest.NewRequestWithContext(b.Context(), "GET", "/metrics", nil)
			w := &discarded{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				w.header, w.bytes = http.Header{}, 0
				h.ServeHTTP(w, req)
			}
			b.ReportMetric(float64(w.bytes), "bytes")
		})
	}
}

// What each observation costs the prober.
func BenchmarkSaw(b *testing.B) {
	m := many(5000)
	e := observed("vmx-a", "tcp", appliance.Pass, 3*time.Millisecond)
	e.Group = "group-02500"
	b.ReportAllocs()
	for b.Loop() {
		m.Saw(e)
	}
}
