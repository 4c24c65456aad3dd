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
