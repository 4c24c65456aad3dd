package azure_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/azuresim"
	"hopguard/internal/controller"
)

// floor is the least time in which n tables of one subscription can be moved: one
// write, and a tenth of a second for each that ARM's bucket does not hold.
func floor(n int) time.Duration {
	const write, bucket, perSecond = 2 * time.Second, 200, 10
	return write + time.Duration(max(0, n-bucket))*time.Second/perSecond
}

// switchTime returns how long Apply takes, in virtual time, to move n tables of 50
// routes each.
func switchTime(t *testing.T, n int) (took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, azuresim.TwoRegionsOptions{Spokes: min(n, 50), Tables: n, RoutesPerTable: 50}, azuresim.Options{})
		c := l.client(t)
		term, stop := newTerm(t)
		defer stop()
		tables, err := c.Tables(t.Context(), selection())
		if err != nil || len(tables) != n {
			t.Fatalf("Tables() = %d tables, %v; want %d", len(tables), err, n)
		}
		plan := goalB().Plan(tables)
		began := time.Now()
		outcomes := c.Apply(t.Context(), term, goalB(), plan, ignore)
		took = time.Since(began)
		l.mustBeHonest(t, outcomes)
		if failures(outcomes) != "" || len(outcomes) != n || plan.Routes() != 50*n {
			t.Errorf("%d outcomes for %d routes, want %d tables of 50: %s", len(outcomes), plan.Routes(), n, failures(outcomes))
		}
	})
	return took
}

func TestASwitchTakesHardlyLongerThanItMust(t *testing.T) {
	for _, n := range []int{1, 20, 200, 500} {
		t.Run(fmt.Sprint(n, "-tables"), func(t *testing.T) {
			took := switchTime(t, n)
			if ratio := took.Seconds() / floor(n).Seconds(); ratio < 1 || ratio > 1.10 {
				t.Errorf("%d tables took %v, %.3f of the floor of %v, want at most 1.10", n, took, ratio, floor(n))
			}
		})
	}
}

// BenchmarkSwitch reports the virtual time of a switch; ns/op is what it costs
// this machine, the simulator included.
func BenchmarkSwitch(b *testing.B) {
	for _, n := range []int{1, 20, 200, 500} {
		b.Run(fmt.Sprint(n, "-tables"), func(b *testing.B) {
			var took time.Duration
			for b.Loop() {
				virtually(b, func(t *testing.T) { took = switchTime(t, n) })
			}
			b.ReportMetric(took.Seconds(), "virtual-s")
			b.ReportMetric(took.Seconds()/floor(n).Seconds(), "of-floor")
		})
	}
}

// BenchmarkQuietTick reports what a tick of two groups of so many tables asks of
// Azure when nothing has changed. The simulator's pages have 1000 items.
func BenchmarkQuietTick(b *testing.B) {
	for _, subscriptions := range []int{1, 3} {
		for _, n := range []int{1, 100, 1000} {
			b.Run(fmt.Sprint(n, "-tables-in-", subscriptions), func(b *testing.B) {
				var calls map[string]int
				for b.Loop() {
					virtually(b, func(t *testing.T) { calls = quietCalls(t, n, subscriptions) })
				}
				for _, kind := range []string{"vm lists", "table lists", "further pages", "other reads", "writes"} {
					b.ReportMetric(float64(calls[kind]), strings.ReplaceAll(kind, " ", "-")+"/tick")
				}
			})
		}
	}
}

// quietCalls counts the calls of one quiet tick.
func quietCalls(t *testing.T, tables, subscriptions int) (calls map[string]int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newLabOf(t, quietWorld(2*tables, subscriptions), azuresim.Options{})
		client := l.client(t)
		groups := []*controller.Controller{l.controller(t, "emea", client), l.controller(t, "amer", client)}
		term, stop := newTerm(t)
		defer stop()
		quietTick(t.Context(), term, groups)
		time.Sleep(10 * time.Second)
		l.ResetCalls()
		for _, r := range quietTick(t.Context(), term, groups) {
			mustBe(t, r, controller.Agreed)
			if len(r.Plan.Tables) != tables {
				t.Errorf("group %s has %d tables, want %d", r.Group, len(r.Plan.Tables), tables)
			}
		}
		calls = l.callsByKind()
	})
	return calls
}

// virtually runs f as a test inside a benchmark, because only a test can have
// virtual time.
func virtually(b *testing.B, f func(*testing.T)) {
	b.Helper()
	every := func(string, string) (bool, error) { return true, nil }
	if !testing.RunTests(every, []testing.InternalTest{{Name: b.Name(), F: f}}) {
		b.Fatal("the run in virtual time has failed")
	}
}
