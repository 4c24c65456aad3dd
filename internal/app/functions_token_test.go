package app_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/funchost"
)

// The token ends in the middle of a watch: it is renewed, and a failure after that is
// seen and answered as any other.
func TestFunctionsTokenEndsInsideALongWatch(t *testing.T) {
	tests := []struct {
		name string
		// life is how long a token lasts; 0 is an hour.
		life time.Duration
		// refused is how many requests are refused as if it had ended early.
		refused int
		signIns int
	}{
		{name: "as-it-was-told", life: 40 * time.Second, signIns: 3},
		{name: "earlier-than-it-was-told", refused: 3, signIns: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			change := func(w *world) {
				s, err := azuresim.New(w.reference, azuresim.Options{Seed: 1, TokenLifetime: tt.life})
				if err != nil {
					t.Fatal(err)
				}
				w.Sim, w.dial = s, s.DialContext
			}
			hosted(t, config.Functions{Watch: 2 * time.Minute}, change, func(t *testing.T, host *funchost.Host, h *handlers) {
				began := time.Now()
				var failing sync.WaitGroup
				failing.Go(func() {
					time.Sleep(70 * time.Second)
					if tt.refused > 0 {
						if _, err := h.world.Inject(azuresim.Fault{Kind: azuresim.FaultExpiredToken, Count: tt.refused}); err != nil {
							t.Error(err)
						}
					}
					time.Sleep(20 * time.Second)
					if err := h.world.PowerOff("vmx-a"); err != nil {
						t.Error(err)
					}
				})
				if err := host.Timer(t.Context(), "Tick"); err != nil {
					t.Error(err)
				}
				failing.Wait()
				if got := h.world.hops(t); got["10.2.0.4"] != 15 {
					t.Errorf("next hops = %v, want all at vmx-b", got)
				}
				if r := h.record(t, "emea"); len(r.History) != 2 || r.History[1].At.Sub(began) > 90*time.Second+promised {
					t.Errorf("the history is %v, want a failover within %s", r.History, promised)
				}
				signIns, refused := 0, 0
				for _, c := range h.world.Calls() {
					if strings.HasSuffix(c.Path, "/oauth2/v2.0/token") && c.Status == 200 {
						signIns++
					}
					if c.Status == 401 {
						refused++
					}
				}
				if signIns < tt.signIns || refused != tt.refused {
					t.Errorf("%d sign-ins and %d refused requests, want at least %d and %d", signIns, refused, tt.signIns, tt.refused)
				}
				if told := fmt.Sprint(logged(host, funchost.Error)); strings.Contains(told, "eyJ") {
					t.Errorf("the log shows a token: %s", told)
				}
			})
		})
	}
}
