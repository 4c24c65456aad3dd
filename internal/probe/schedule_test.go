package probe_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hopguard/internal/appliance"
	"hopguard/internal/probe"
)

// span is when a question was asked, and when it was answered.
type span struct{ began, ended time.Time }

// diary is a Question that passes and keeps when it was asked.
type diary struct {
	takes func(n int) time.Duration // how long the nth answer takes; nil is no time
	then  probe.Question            // asked before the answer, if not nil

	mu      sync.Mutex
	running int
	most    int // at one time
	spans   []span
}

func (d *diary) Ask(ctx context.Context, m appliance.Member) (appliance.Outcome, string) {
	began := time.Now()
	d.mu.Lock()
	n := len(d.spans)
	d.spans = append(d.spans, span{began: began})
	d.running++
	d.most = max(d.most, d.running)
	d.mu.Unlock()
	if d.takes != nil {
		select {
		case <-ctx.Done():
		case <-time.After(d.takes(n)):
		}
	}
	if d.then != nil {
		d.then.Ask(ctx, m)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.spans[n].ended = time.Now()
	d.running--
	return appliance.Pass, "asked"
}

// asked returns what was asked so far, and how often at one time.
func (d *diary) asked() (spans []span, running, most int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.spans), d.running, d.most
}

// one is a set of one member and one check.
func one(name string, q probe.Question) probe.Set {
	return probe.Set{Members: members("a"), Checks: []probe.Check{{Name: name, Timeout: time.Hour, Question: q}}}
}

func settled(string) bool { return false }

func unseen([]appliance.Observation) {}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// Whatever the checks take and whenever they are unsettled: a check never overlaps
// itself; every start is whole intervals after the first, but for the quick ones,
// which are Confirm after the start before or right after its end; no other start is
// left out than those that fall into a round; and after the end nothing runs.
func TestScheduleKeepsItsTimes(t *testing.T) {
	units := rapid.IntRange(0, 40)
	rapid.Check(t, func(rt *rapid.T) {
		const unit = 50 * time.Millisecond
		timing := probe.Timing{
			Name:     "c",
			Interval: time.Duration(1+units.Draw(rt, "interval")) * unit,
			Confirm:  time.Duration(units.Draw(rt, "confirm")) * unit,
		}
		takes := rapid.SliceOfN(units, 1, 20).Draw(rt, "takes")
		open := rapid.SliceOfN(rapid.Bool(), 1, 20).Draw(rt, "unsettled")
		end := time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(rt, "end"))
		seed := rapid.Uint64().Draw(rt, "seed")
		d := &diary{takes: func(n int) time.Duration { return time.Duration(takes[n%len(takes)]) * unit }}
		rounds := 0
		var err error
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), end)
			defer cancel()
			began := time.Now()
			s := probe.Schedule{Set: one("c", d), Checks: []probe.Timing{timing}, Rand: seeded(seed)}
			s.Run(ctx, func(string) bool {
				rounds++
				return open[(rounds-1)%len(open)]
			}, unseen)
			if ran := time.Since(began); ran != end {
				err = fmt.Errorf("Run() returned after %s, want %s", ran, end)
				return
			}
			spans, running, _ := d.asked()
			time.Sleep(time.Hour)
			if later, _, _ := d.asked(); running != 0 || len(later) != len(spans) {
				err = fmt.Errorf("after Run() %d questions ran and %d more were asked, want none", running, len(later)-len(spans))
				return
			}
			if rounds != len(spans) && rounds != len(spans)-1 {
				err = fmt.Errorf("%d rounds were judged after %d questions, want one each but the last", rounds, len(spans))
				return
			}
			err = punctual(timing, began, spans, func(n int) bool { return open[n%len(open)] })
		})
		if err != nil {
			rt.Fatal(err)
		}
	})
}

// punctual says what is wrong with the times of a check.
func punctual(timing probe.Timing, began time.Time, spans []span, unsettled func(n int) bool) error {
	for n, s := range spans {
		if n == 0 {
			if late := s.began.Sub(began); late < 0 || late >= timing.Interval {
				return fmt.Errorf("the first start is after %s, want less than %s", late, timing.Interval)
			}
			continue
		}
		before := spans[n-1]
		gap := s.began.Sub(before.began)
		took := before.ended.Sub(before.began)
		if gap < took {
			return fmt.Errorf("start %d is %s after the one before, which takes %s: they overlap", n, gap, took)
		}
		if unsettled(n-1) && timing.Confirm > 0 && timing.Confirm < timing.Interval {
			if want := max(timing.Confirm, took); gap != want {
				return fmt.Errorf("start %d confirms after %s, want %s", n, gap, want)
			}
			continue
		}
		if off := s.began.Sub(spans[0].began) % timing.Interval; off != 0 {
			return fmt.Errorf("start %d is %s off the grid", n, off)
		}
		if gap == 0 || gap-max(took, 1) >= timing.Interval {
			return fmt.Errorf("start %d is %s after the one before, which took %s: starts were left out", n, gap, took)
		}
	}
	return nil
}

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

// A round is all members and the witness in one call, before its check is judged.
func TestScheduleTellsWholeRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		set := probe.Set{
			Members: members("a", "b"),
			Checks: []probe.Check{
				{Name: "slow", Timeout: time.Second, Question: &diary{}},
				{Name: "tcp", Timeout: time.Second, Question: &diary{}, DataPath: true},
			},
			Witness: []probe.Check{{Name: "gateway", Timeout: time.Second, Question: &diary{}}},
		}
		var mu sync.Mutex
		told := map[string]int{}
		s := probe.Schedule{Set: set, Checks: []probe.Timing{{Name: "slow", Interval: 10 * time.Second}, {Name: "tcp", Interval: time.Second}}}
		latest := map[string]string{}
		s.Run(ctx, func(check string) bool {
			mu.Lock()
			defer mu.Unlock()
			told[check+" is judged by"+latest[check]]++
			delete(latest, check)
			return false
		}, func(round []appliance.Observation) {
			mu.Lock()
			defer mu.Unlock()
			for _, o := range round {
				latest[round[0].Check] += fmt.Sprintf(" %s/%s", o.Member, o.Check)
			}
		})
		want := map[string]int{
			"tcp is judged by a/tcp b/tcp /witness": 20,
			"slow is judged by a/slow b/slow":       2,
		}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
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

// What the end of ctx cut off says nothing of a member, and is not told.
func TestScheduleTellsNothingAfterItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		d := &diary{takes: func(int) time.Duration { return time.Hour }}
		s := probe.Schedule{Set: one("c", d), Checks: []probe.Timing{{Name: "c", Interval: time.Second}}}
		s.Run(ctx, settled, func(round []appliance.Observation) { t.Errorf("told %+v", round) })
		if spans, _, _ := d.asked(); len(spans) != 1 {
			t.Errorf("asked %d times, want once", len(spans))
		}
	})
}

func TestScheduleWithoutIntervalPanics(t *testing.T) {
	defer func() {
		if got, want := recover(), `probe: check "c" has the interval 0s`; got != want {
			t.Errorf("Run() panics with %v, want %s", got, want)
		}
	}()
	s := probe.Schedule{Checks: []probe.Timing{{Name: "fine", Interval: time.Second}, {Name: "c"}}}
	s.Run(t.Context(), settled, unseen)
}

// The same seed gives the same first starts, and different checks different ones.
func TestScheduleJitterIsOfItsRand(t *testing.T) {
	starts := func(seed uint64) (out []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			began := time.Now()
			var mu sync.Mutex
			s := probe.Schedule{Set: one("c", &diary{}), Rand: seeded(seed)}
			for range 3 {
				s.Checks = append(s.Checks, probe.Timing{Name: "c", Interval: time.Hour})
			}
			s.Run(ctx, settled, func(round []appliance.Observation) {
				mu.Lock()
				defer mu.Unlock()
				out = append(out, round[0].At.Sub(began))
			})
		})
		return out
	}
	first := starts(1)
	if len(first) != 3 || len(slices.Compact(slices.Clone(first))) != 3 || !slices.Equal(first, starts(1)) || slices.Equal(first, starts(2)) {
		t.Errorf("starts = %v, again %v, with another seed %v, want three different ones, the same, others", first, starts(1), starts(2))
	}
}
