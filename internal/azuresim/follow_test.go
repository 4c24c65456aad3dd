package azuresim_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/azuresim"
)

func TestFollowersSeeEachEventAtItsTime(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		start := time.Now()
		ctx, stop := context.WithCancel(t.Context())
		var saw [2]time.Duration // since the start, when each follower saw the new next hop
		var looks [2]int
		var following sync.WaitGroup
		for i := range saw {
			following.Go(func() {
				s.Follow(ctx, func(now time.Time) {
					looks[i]++
					list, err := s.Effective(nic1)
					if err != nil {
						t.Error(err)
					}
					if saw[i] == 0 && slices.ContainsFunc(list, func(r azuresim.EffectiveRoute) bool { return r.NextHop.String() == "10.2.0.4" }) {
						saw[i] = now.Sub(start)
					}
				})
			})
		}
		time.Sleep(time.Minute)
		call(t, s, "PUT", rt1+netAPI, moved(t, s, rt1, "10.2.0.4")).want(t, 200, "")
		accepted := time.Since(start)
		time.Sleep(time.Minute)
		stop()
		following.Wait()
		synctest.Wait()
		for i := range saw {
			if got, want := saw[i]-accepted, 5*time.Second; got != want {
				t.Errorf("follower %d saw the route %s after the write was accepted, want %s", i, got, want)
			}
			if looks[i] < 3 || looks[i] > 12 {
				t.Errorf("follower %d looked %d times in two minutes, want one at the start and one at each event", i, looks[i])
			}
		}
	})
}
