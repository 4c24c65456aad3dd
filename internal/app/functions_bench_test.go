package app_test

import (
	"sync"
	"testing"
	"time"

	"hopguard/internal/config"
	"hopguard/internal/funchost"
)

// Whether a watch is worth it: 25 s of watching against the timer alone, as the function
// that hopguard replaces has it, in the same world.
func TestFunctionsWatchIsFaster(t *testing.T) {
	for _, c := range watchCases() {
		t.Run(c.name, func(t *testing.T) {
			timer, watch := failoverTime(t, 0, 6, c.change), failoverTime(t, 25*time.Second, 6, c.change)
			if ratio := timer.Seconds() / watch.Seconds(); ratio < c.least {
				t.Errorf("timer alone %s, with a watch %s: %.1f times as fast, want at least %.1f", timer, watch, ratio, c.least)
			}
		})
	}
}

// BenchmarkFunctionsWatch reports, of failures at 30 phases of a timer of 30 s, the mean
// time until every route has moved, in virtual time:
//
//	timer-virtual-s   one pass each time that the timer fires, the old function's way
//	watch-virtual-s   watch: 25s
//	ratio             of the two
func BenchmarkFunctionsWatch(b *testing.B) {
	for _, c := range watchCases() {
		b.Run(c.name, func(b *testing.B) {
			var timer, watch time.Duration
			for b.Loop() {
				virtually(b, func(t *testing.T) {
					timer, watch = failoverTime(t, 0, 30, c.change), failoverTime(t, 25*time.Second, 30, c.change)
				})
			}
			b.ReportMetric(timer.Seconds(), "timer-virtual-s")
			b.ReportMetric(watch.Seconds(), "watch-virtual-s")
			b.ReportMetric(timer.Seconds()/watch.Seconds(), "ratio")
		})
	}
}

// watchCase is a way to check, and how many times as fast a watch must be with it.
type watchCase struct {
	name   string
	change func(*world)
	least  float64
}

func watchCases() []watchCase {
	return []watchCase{
		{"tcp-every-second", func(w *world) { fast(&w.config, time.Second) }, 5},
		{"vm-status-every-10s", nil, 1.5},
	}
}

// failoverTime is how long a failure lasts until the routes have moved: the mean of
// failures at so many phases of the timer.
func failoverTime(t *testing.T, watch time.Duration, phases int, change func(*world)) (mean time.Duration) {
	t.Helper()
	for phase := range phases {
		each := func(w *world) {
			w.seed = uint64(phase)
			if change != nil {
				change(w)
			}
		}
		hosted(t, config.Functions{Watch: watch}, each, func(t *testing.T, host *funchost.Host, h *handlers) {
			var running sync.WaitGroup
			running.Go(func() { _ = host.Run(t.Context()) })
			time.Sleep(time.Until(time.Now().Truncate(schedule).Add(2*schedule + schedule*time.Duration(phase)/time.Duration(phases) + time.Second)))
			began := time.Now()
			if err := h.world.PowerOff("vmx-a"); err != nil {
				t.Error(err)
			}
			for h.world.hops(t)["10.2.0.4"] != 15 && time.Since(began) < 2*time.Minute {
				time.Sleep(100 * time.Millisecond)
			}
			mean += time.Since(began) / time.Duration(phases)
			host.Close()
			running.Wait()
		})
	}
	return mean
}

// virtually runs f as a test inside a benchmark, because only a test can have virtual
// time.
func virtually(b *testing.B, f func(*testing.T)) {
	b.Helper()
	every := func(string, string) (bool, error) { return true, nil }
	if !testing.RunTests(every, []testing.InternalTest{{Name: b.Name(), F: f}}) {
		b.Fatal("the run in virtual time has failed")
	}
}
