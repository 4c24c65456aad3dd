package azuresim_test

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/azuresim"
)

// TestEverythingAtOnce is for the race detector: requests, controls and views side by side.
func TestEverythingAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, azuresim.Options{CallLog: 50})
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for n := range 20 {
					hop := fmt.Sprintf("10.%d.0.4", 1+(i+n)%2)
					call(t, s, "PUT", rt1+netAPI, strings.ReplaceAll(moved(t, s, rt1, hop), "10.2.0.4", hop))
					call(t, s, "GET", vmxA+computeAPI+"&$expand=instanceView", "")
					call(t, s, "GET", "/subscriptions/"+sub1+"/resources"+groupAPI, "")
					if err := s.Hang("vmx-b"); err != nil {
						t.Error(err)
					}
					if _, err := s.Forward(nic1, netip.MustParseAddr("172.16.0.9")); err != nil {
						t.Error(err)
					}
					s.Machines()
					time.Sleep(time.Second)
				}
			})
		}
		wg.Wait()
		if n := len(s.Calls()); n == 0 || n > 50 {
			t.Errorf("%d calls are remembered, want at most 50", n)
		}
	})
}

// BenchmarkListOfTables lists 1000 tables of 50 routes in pages of 1000.
func BenchmarkListOfTables(b *testing.B) {
	p := azuresim.ProfileDefault()
	p.RequestLatency = 0
	s, token := benchWorld(b, p, 1000)
	url := "https://management.azure.com/subscriptions/" + sub1 + "/providers/Microsoft.Network/routeTables" + netAPI
	for b.Loop() {
		benchCall(b, s, token, "GET", url, "")
	}
}

// BenchmarkPutOfATable replaces a table of 50 routes among 10,000; the bucket refuses most, which is cheaper, so it is reported.
func BenchmarkNewWorld(b *testing.B) {
	w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{Spokes: 40, Tables: 10000, RoutesPerTable: 50})
	for b.Loop() {
		if _, err := azuresim.New(w, azuresim.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
