package azure_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/azure"
	"hopguard/internal/azuresim"
)

// killAt returns a hook that ends ctx at the n-th request, before it is sent, or
// returns false if there were not so many.
func killAt(n int, kill context.CancelFunc) (hook func(*http.Request), reached func() bool) {
	var mu sync.Mutex
	seen := 0
	return func(*http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if seen++; seen == n {
				kill()
			}
		}, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return seen >= n
		}
}

// watchRoutes returns a hook that fails the test if a managed route is missing, or
// is anywhere but at a member.
func (l *lab) watchRoutes(t *testing.T, routes int, next func(*http.Request)) func(*http.Request) {
	t.Helper()
	return func(r *http.Request) {
		next(r)
		for _, id := range l.managed {
			_, hops := l.hops(t, id)
			if len(hops) != routes {
				t.Errorf("%s has %d routes, want %d", id, len(hops), routes)
			}
			for name, hop := range hops {
				if hop != hopA && hop != hopB {
					t.Errorf("%s of %s is at %s", name, id, hop)
				}
			}
		}
	}
}

// D14: a peer deletes a route and makes it anew; interrupted, the route is gone.
// Here a controller dies at every single request of a switch, before it is sent
// or after it was answered, and another one finishes.
func TestD14KilledAtEveryStepNothingIsLost(t *testing.T) {
	for _, after := range []time.Duration{0, 25 * time.Millisecond} { // at once, or when the answer has come
		done := false
		for n := 1; !done; n++ {
			if n > 50 {
				t.Fatal("a switch of three tables takes more than 50 requests")
			}
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, azuresim.TwoRegionsOptions{}, azuresim.Options{Seed: uint64(n)})
				term, stop := newTerm(t)
				defer stop()
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				killed := errors.New("the process was killed")
				hook, reached := killAt(n, func() {
					if after == 0 {
						cancel(killed)
						return
					}
					time.AfterFunc(after, func() { cancel(killed) })
				})
				l.hook = l.watchRoutes(t, 5, hook)
				outcomes, _ := l.apply(ctx, t, l.client(t), term, ignore) // the error is the kill
				l.mustBeHonest(t, outcomes)
				done = !reached()
				l.hook = l.watchRoutes(t, 5, func(*http.Request) {})
				took, errs := l.ticks(t, l.client(t), term, 3)
				if took > 2 {
					t.Errorf("killed at request %d, another controller took %d ticks: %s", n, took, errs)
				}
				l.mustHaveMoved(t)
			})
		}
	}
}

// The answer of an accepted write is lost: the table is read and found right.
func TestALostAnswerIsNotAWriteMore(t *testing.T) {
	for _, kind := range []azuresim.FaultKind{azuresim.FaultReset, azuresim.FaultTimeout} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, azuresim.TwoRegionsOptions{}, azuresim.Options{})
				l.inject(t, azuresim.Fault{Kind: kind, Method: http.MethodPut, Params: map[string]string{"applied": "true"}})
				term, stop := newTerm(t)
				defer stop()
				outcomes, err := l.apply(t.Context(), t, l.client(t), term, ignore)
				if err != nil || failures(outcomes) != "" {
					t.Errorf("Apply() = %v %s", err, failures(outcomes))
				}
				for _, o := range outcomes {
					if o.Writes != 1 || !o.Accepted.IsZero() || o.ReadBack.IsZero() {
						t.Errorf("%s: %d writes, accepted %v, read back %v", o.Table, o.Writes, o.Accepted, o.ReadBack)
					}
				}
				if n := len(l.writes()); n != 3 {
					t.Errorf("%d writes, want 3", n)
				}
				l.mustHaveMoved(t)
			})
		})
	}
}

// Two controllers that both believe they lead write the same tables.
func TestTwoControllersAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, azuresim.TwoRegionsOptions{Spokes: 4, Tables: 20}, azuresim.Options{})
		l.hook = l.watchRoutes(t, 5, func(*http.Request) {})
		term, stop := newTerm(t)
		defer stop()
		var both sync.WaitGroup
		for i := range 2 {
			both.Go(func() {
				time.Sleep(time.Duration(i) * 500 * time.Millisecond)
				outcomes, err := l.apply(t.Context(), t, l.client(t), term, ignore)
				if err != nil || failures(outcomes) != "" {
					t.Errorf("Apply() of controller %d = %v %s", i, err, failures(outcomes))
				}
				l.mustBeHonest(t, outcomes)
			})
		}
		both.Wait()
		l.mustHaveMoved(t)
		accepted := 0
		for _, call := range l.writes() {
			if call.Status == http.StatusOK {
				accepted++
			}
		}
		if accepted != 20 {
			t.Errorf("%d writes were accepted, want one for each of 20 tables", accepted)
		}
	})
}

func TestOrderAndNumberOfWrites(t *testing.T) {
	started := func(l *lab) (names []string, times []time.Time) {
		for _, call := range l.writes() {
			names = append(names, call.Path[strings.LastIndex(call.Path, "/")+1:])
			times = append(times, call.Time)
		}
		return names, times
	}
	apply := func(t *testing.T, l *lab, critical []string, change ...func(*azure.Settings)) {
		t.Helper()
		term, stop := newTerm(t)
		defer stop()
		c := l.client(t, change...)
		tables, err := c.Tables(t.Context(), selection())
		if err != nil {
			t.Fatalf("Tables() = %v", err)
		}
		goal := goalB()
		goal.Selection.Critical = critical
		l.mustBeHonest(t, c.Apply(t.Context(), term, goal, goal.Plan(tables), ignore))
		l.mustHaveMoved(t)
	}
	one := func(s *azure.Settings) { s.Parallel = 1 }

	t.Run("parallel 1 is one after the other, critical ones first", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, azuresim.TwoRegionsOptions{Spokes: 2, Tables: 6}, azuresim.Options{})
			apply(t, l, []string{"rt-spoke-005", "RT-SPOKE-003"}, one)
			names, times := started(l)
			if got, want := strings.Join(names, " "), "rt-spoke-005 rt-spoke-003 rt-spoke-001 rt-spoke-002 rt-spoke-004 rt-spoke-006"; got != want {
				t.Errorf("written in the order %s, want %s", got, want)
			}
			for i := 1; i < len(times); i++ {
				if gap := times[i].Sub(times[i-1]); gap < 2*time.Second {
					t.Errorf("write %d began %v after the one before, which takes 2 s", i, gap)
				}
			}
		})
	})
	t.Run("parallel 1 holds across subscriptions", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, azuresim.TwoRegionsOptions{Spokes: 3, Tables: 6, Subscriptions: 3}, azuresim.Options{})
			apply(t, l, nil, one)
			_, times := started(l)
			for i := 1; i < len(times); i++ {
				if gap := times[i].Sub(times[i-1]); gap < 2*time.Second {
					t.Errorf("write %d began %v after the one before, which takes 2 s", i, gap)
				}
			}
		})
	})
	t.Run("parallel 3 has three under way", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, azuresim.TwoRegionsOptions{Spokes: 2, Tables: 9}, azuresim.Options{})
			apply(t, l, nil, func(s *azure.Settings) { s.Parallel = 3 })
			_, times := started(l)
			for i := 3; i < len(times); i++ {
				if gap := times[i].Sub(times[i-3]); gap < 2*time.Second || gap > 2100*time.Millisecond {
					t.Errorf("write %d began %v after the third one before it", i, gap)
				}
			}
		})
	})
	t.Run("critical ones are sent first when all are sent at once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, azuresim.TwoRegionsOptions{Spokes: 5, Tables: 260}, azuresim.Options{})
			apply(t, l, []string{"rt-spoke-250", "rt-spoke-260"})
			names, times := started(l)
			for i, name := range names {
				if (name == "rt-spoke-250" || name == "rt-spoke-260") && times[i].Sub(times[0]) > 0 {
					t.Errorf("%s was sent %v after the first", name, times[i].Sub(times[0]))
				}
			}
		})
	})
}
