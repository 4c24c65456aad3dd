package probe_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
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

// The starts of one check, in seconds after its first.
func TestScheduleStarts(t *testing.T) {
	tests := []struct {
		name              string
		interval, confirm int    // s
		takes             []int  // s, of each round, the last one for all that follow
		open              string // ~ after an unsettled round, the last one for all that follow
		want              string
	}{
		{"settled", 10, 2, []int{0}, ".", "0 10 20 30"},
		{"unsettled-once", 10, 2, []int{0}, ".~.", "0 10 12 20 30"},
		{"unsettled-three-times", 10, 2, []int{0}, ".~~~.", "0 10 12 14 16 20 30"},
		{"unsettled-over-the-next-start", 5, 2, []int{0}, "~~~.", "0 2 4 6 10 15 20 25 30"},
		{"unsettled-until-the-next-start", 6, 2, []int{0}, "~~.", "0 2 4 6 12 18 24 30"},
		{"nothing-to-confirm-with", 10, 0, []int{0}, "~", "0 10 20 30"},
		{"confirm-as-long-as-the-interval", 10, 10, []int{1}, "~", "0 10 20 30"},
		{"confirm-longer-than-the-interval", 10, 15, []int{1}, "~", "0 10 20 30"},
		{"longer-than-confirm", 10, 2, []int{3}, "~~.", "0 3 6 10 20 30"},
		{"as-long-as-the-interval", 5, 2, []int{5}, ".", "0 5 10 15 20 25 30"},
		{"longer-than-the-interval", 5, 2, []int{6, 11, 0}, ".", "0 10 25 30"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
				defer cancel()
				d := &diary{takes: func(n int) time.Duration {
					return time.Duration(test.takes[min(n, len(test.takes)-1)]) * time.Second
				}}
				s := probe.Schedule{Set: one("c", d), Checks: []probe.Timing{{
					Name: "c", Interval: time.Duration(test.interval) * time.Second, Confirm: time.Duration(test.confirm) * time.Second,
				}}}
				rounds := 0
				s.Run(ctx, func(string) bool {
					rounds++
					return test.open[min(rounds, len(test.open))-1] == '~'
				}, unseen)
				spans, _, _ := d.asked()
				var got []string
				for _, a := range spans {
					if after := a.began.Sub(spans[0].began); after <= 30*time.Second {
						got = append(got, fmt.Sprint(after.Seconds()))
					}
				}
				if got := strings.Join(got, " "); got != test.want {
					t.Errorf("starts = %s, want %s", got, test.want)
				}
			})
		})
	}
}

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

// A check that is due, and has a free slot, when ctx has ended does not start any
// more. A select takes any of what is ready, so this is tried often.
func TestScheduleStartsNothingAfterItsEnd(t *testing.T) {
	for _, limit := range []int{0, 1} {
		for range 50 {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				d := &diary{}
				s := probe.Schedule{Set: one("c", d), Checks: []probe.Timing{{Name: "c", Interval: time.Second}}}
				if limit > 0 {
					s.Limit = make(chan struct{}, limit)
				}
				s.Run(ctx, func(string) bool {
					cancel()
					time.Sleep(time.Minute) // so that the next start is overdue
					return false
				}, unseen)
				if spans, _, _ := d.asked(); len(spans) != 1 || len(s.Limit) != 0 {
					t.Errorf("asked %d times with %d slots taken, want once and none", len(spans), len(s.Limit))
				}
			})
		}
	}
}

// With nothing to do, it still runs until it is told to end.
func TestScheduleWithoutChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		(&probe.Schedule{}).Run(ctx, settled, unseen)
		if ran := time.Since(began); ran != time.Minute {
			t.Errorf("Run() returned after %s, want 1m", ran)
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
