package app_test

import (
	"testing"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/azuresim"
)

// BenchmarkRound counts one round of one check of two members: the judge, the metrics
// and the debug log, with nothing to tell. 10,000 members with two checks each second
// make 10,000 of them a second; the share of a core that this takes is "core".
func BenchmarkRound(b *testing.B) {
	w := newWorld(b, azuresim.TwoRegionsOptions{})
	fast(&w.config, time.Second)
	saw := w.open(b).View("emea")
	at := time.Now().UTC()
	round := []appliance.Observation{
		{Member: "vmx-a", Check: "tcp", Outcome: appliance.Pass, At: at, Took: time.Millisecond, Evidence: "10.1.0.4:443 accepted"},
		{Member: "vmx-b", Check: "tcp", Outcome: appliance.Pass, At: at, Took: time.Millisecond, Evidence: "10.2.0.4:443 accepted"},
	}
	b.ReportAllocs()
	for b.Loop() {
		saw(round)
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)*10_000/float64(time.Second), "core")
}
