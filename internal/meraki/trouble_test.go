package meraki_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/meraki"
	"hopguard/internal/merakisim"
)

// TestNoTroubleReadsAsAStatus puts everything that can go wrong, by seed, between the
// client and a cloud in which the primary is offline and the secondary online. An
// answer must be the truth or a word that says nothing; the rest must be an error.
func TestNoTroubleReadsAsAStatus(t *testing.T) {
	kinds := []merakisim.FaultKind{
		merakisim.FaultUnauthorized, merakisim.FaultForbidden, merakisim.FaultNotFound, merakisim.FaultThrottled, merakisim.FaultThrottledBare,
		merakisim.Fault500, merakisim.Fault502, merakisim.Fault503, merakisim.Fault504, merakisim.FaultGarbage, merakisim.FaultTruncated,
		merakisim.FaultQuirks, merakisim.FaultSlow, merakisim.FaultSlowBody, merakisim.FaultHang, merakisim.FaultReset, merakisim.FaultRedirect,
	}
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, merakisim.Options{Seed: seed, Profile: instant()})
				w.set(merakisim.ExamplePrimary, merakisim.Offline)
				for _, k := range kinds {
					w.inject(merakisim.Fault{Kind: k, Probability: 0.08})
				}
				start := time.Now()
				answers := 0
				for range 30 {
					for network, truth := range map[meraki.NetworkID]meraki.Reachability{primaryNet: meraki.Offline, secondaryNet: meraki.Online} {
						began := time.Now()
						var got meraki.Status
						err := within(t, 8*time.Second, func(ctx context.Context) error {
							var err error
							got, err = w.VPNStatus(ctx, organization, network)
							return err
						})
						if took := time.Since(began); took > 8*time.Second {
							t.Errorf("a call took %s, want at most its 8s", took)
						}
						switch {
						case err != nil:
							wantTyped(t, err)
						case got.Reachability == truth:
							answers++
						case got.Reachability == "" || got.Reachability == "a-word-of-tomorrow":
						default:
							t.Errorf("%s is %q, want %q or nothing", network, got.Reachability, truth)
						}
					}
					time.Sleep(3 * time.Second)
				}
				if answers == 0 {
					t.Error("nothing was learned at all")
				}
				w.sim.Heal()
				time.Sleep(time.Minute)
				if got, err := w.VPNStatus(t.Context(), organization, primaryNet); err != nil || got.Reachability != meraki.Offline {
					t.Errorf("after the trouble (%s): %+v, %v, want offline", time.Since(start), got, err)
				}
			})
		})
	}
}

// wantTyped checks that a caller can tell what kind of trouble it is.
func wantTyped(t *testing.T, err error) {
	t.Helper()
	for _, is := range []func() bool{
		func() bool { _, ok := errors.AsType[*meraki.APIError](err); return ok },
		func() bool { _, ok := errors.AsType[*meraki.AnswerError](err); return ok },
		func() bool { _, ok := errors.AsType[*meraki.BusyError](err); return ok },
		func() bool { _, ok := errors.AsType[*meraki.RedirectError](err); return ok },
		func() bool { _, ok := errors.AsType[*meraki.TransportError](err); return ok },
		func() bool { _, ok := errors.AsType[*meraki.UnlistedError](err); return ok },
		func() bool { return errors.Is(err, context.DeadlineExceeded) },
	} {
		if is() {
			return
		}
	}
	t.Errorf("error %v has no type", err)
}
