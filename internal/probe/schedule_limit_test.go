package probe_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hopguard/internal/appliance"
	"hopguard/internal/probe"
)

// All schedules that share a limit keep it together, and are back on their grids
// as soon as there are slots again.
func TestSchedulesShareTheirLimit(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		slots := rapid.IntRange(1, 3).Draw(rt, "slots")
		groups := rapid.IntRange(1, 6).Draw(rt, "groups")
		takes := rapid.SliceOfN(rapid.IntRange(0, 2000), 10, 10).Draw(rt, "takes")
		seed := rapid.Uint64().Draw(rt, "seed")
		all := &diary{takes: func(n int) time.Duration {
			if n < len(takes) {
				return time.Duration(takes[n]) * time.Millisecond
			}
			return 0
		}}
		each := make([]diary, groups)
		var err error
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			limit := make(chan struct{}, slots)
			var wg sync.WaitGroup
			for i := range each {
				each[i].then = all
				s := probe.Schedule{Set: one("c", &each[i]), Checks: []probe.Timing{{Name: "c", Interval: time.Second}}, Limit: limit, Rand: seeded(seed + uint64(i))}
				wg.Go(func() { s.Run(ctx, settled, unseen) })
			}
			wg.Wait()
			if len(limit) != 0 {
				err = fmt.Errorf("%d slots are taken after the end, want none", len(limit))
			}
		})
		_, _, most := all.asked()
		if err == nil && most > slots {
			err = fmt.Errorf("%d rounds at one time, want at most %d", most, slots)
		}
		for i := range each {
			spans, _, overlap := each[i].asked()
			if overlap > 1 {
				err = fmt.Errorf("check %d overlaps itself", i)
			}
			last := spans[len(spans)-20:] // of 60: the slow ones are over by then
			for n := 1; n < len(last); n++ {
				if gap := last[n].began.Sub(last[n-1].began); gap != time.Second {
					err = fmt.Errorf("check %d starts %s after the start before, want 1s", i, gap)
				}
			}
		}
		if err != nil {
			rt.Fatal(err)
		}
	})
}

// Rounds get their slots in the order in which they were due, and how late they
// start is counted.
func TestScheduleServesInOrder(t *testing.T) {
	const checks, interval, takes = 8, time.Hour, time.Second
	// run returns the order and the times of the first starts of all checks, while
	// all slots are taken for as long as hold.
	run := func(t *testing.T, hold time.Duration) (order []string, after map[string]time.Duration, worst, mean time.Duration) {
		t.Helper()
		after = map[string]time.Duration{}
		limit := make(chan struct{}, 1)
		s := probe.Schedule{Set: probe.Set{Members: members("a")}, Limit: limit, Rand: seeded(1)}
		var mu sync.Mutex
		began := time.Now()
		for i := range checks {
			name := fmt.Sprint("c", i)
			s.Checks = append(s.Checks, probe.Timing{Name: name, Interval: interval})
			s.Set.Checks = append(s.Set.Checks, probe.Check{Name: name, Timeout: interval, Question: question(func(context.Context, appliance.Member) (appliance.Outcome, string) {
				mu.Lock()
				order, after[name] = append(order, name), time.Since(began)
				mu.Unlock()
				time.Sleep(takes)
				return appliance.Pass, ""
			})})
		}
		ctx, cancel := context.WithTimeout(t.Context(), interval+2*checks*takes)
		defer cancel()
		limit <- struct{}{}
		time.AfterFunc(hold, func() { <-limit })
		s.Run(ctx, settled, func([]appliance.Observation) {
			mu.Lock()
			defer mu.Unlock()
			if len(order) == checks { // before one is due again
				cancel()
			}
		})
		worst, mean = s.Lateness()
		return order, after, worst, mean
	}
	synctest.Test(t, func(t *testing.T) {
		free, due, worst, mean := run(t, 0)
		if worst != 0 || mean != 0 {
			t.Fatalf("with free slots checks were late by %s, %s on average: the seed has two too near", worst, mean)
		}
		order, after, worst, mean := run(t, interval)
		if diff := cmp.Diff(free, order); diff != "" {
			t.Errorf("order of starts (-due +got):\n%s", diff)
		}
		var wantWorst, sum time.Duration
		for i, name := range order {
			if want := interval + time.Duration(i)*takes; after[name] != want {
				t.Errorf("%s started after %s, want %s", name, after[name], want)
			}
			late := after[name] - due[name]
			wantWorst, sum = max(wantWorst, late), sum+late
		}
		if worst != wantWorst || mean != sum/checks {
			t.Errorf("Lateness() = %s, %s, want %s, %s", worst, mean, wantWorst, sum/checks)
		}
	})
}

// Who listens slowly holds up the check that he listens to, and no other one.
func TestScheduleSlowListenerHoldsNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		slow, quick := &diary{}, &diary{}
		set := probe.Set{Members: members("a"), Checks: []probe.Check{
			{Name: "slow", Timeout: time.Second, Question: slow}, {Name: "quick", Timeout: time.Second, Question: quick},
		}}
		s := probe.Schedule{Set: set, Limit: make(chan struct{}, 1), Checks: []probe.Timing{
			{Name: "slow", Interval: time.Second}, {Name: "quick", Interval: time.Second},
		}}
		s.Run(ctx, settled, func(round []appliance.Observation) {
			if round[0].Check == "slow" {
				time.Sleep(time.Minute)
			}
		})
		a, _, _ := slow.asked()
		b, _, _ := quick.asked()
		if len(a) != 1 || len(b) != 10 {
			t.Errorf("asked %d and %d times, want 1 and 10", len(a), len(b))
		}
	})
}
