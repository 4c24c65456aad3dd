package lease_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"hopguard/internal/lease"
)

// campaign tries for the lease until ctx ends, as a replica does.
func campaign(ctx context.Context, e *lease.Elector, work func(context.Context, lease.Term) error) {
	for ctx.Err() == nil {
		_ = e.Lead(ctx, work) // the next try says more
		select {
		case <-ctx.Done():
		case <-time.After(lease.Pause):
		}
	}
}

// mortal is the store as a process sees it that is killed after its life.
type mortal struct {
	*locks
	life time.Duration
}

func (m *mortal) dead() error {
	if time.Since(m.born) >= m.life && m.life > 0 {
		return errNet
	}
	return nil
}

func (m *mortal) Renew(ctx context.Context, key, id string) error {
	if err := m.dead(); err != nil {
		return err
	}
	return m.locks.Renew(ctx, key, id)
}

func (m *mortal) Release(ctx context.Context, key, id string) error {
	if err := m.dead(); err != nil {
		return err
	}
	return m.locks.Release(ctx, key, id)
}

// A process that is killed gives nothing back: its requests just stop.
func TestTakeoverFromAKilledLeader(t *testing.T) {
	for _, dies := range []time.Duration{1, 4 * time.Second, 5*time.Second - 1, 5 * time.Second, 7 * time.Second} {
		t.Run(dies.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLocks()
				var taken time.Duration
				ctx, stop := context.WithCancel(t.Context())
				var all sync.WaitGroup
				all.Go(func() {
					_ = elector(&mortal{locks: l, life: dies}, "a").Lead(ctx, func(ctx context.Context, _ lease.Term) error {
						<-ctx.Done()
						return nil
					}) // the dead do not answer
				})
				synctest.Wait()
				all.Go(func() {
					campaign(ctx, elector(l, "b"), func(context.Context, lease.Term) error {
						if taken == 0 {
							taken = time.Since(l.born)
						}
						stop()
						return nil
					})
				})
				all.Wait()
				if most := dies + ttl + lease.Pause; taken == 0 || taken > most {
					t.Errorf("b took over %s after the start, want %s at the most", taken, most)
				}
			})
		})
	}
}

// trouble is what may happen to a request.
type trouble int

const (
	fine trouble = iota
	slow
	lostBefore
	lostAfter
	hangs
	troubles
)

// Whatever happens to requests, and though the store's clock is up to a fifth
// faster than ours, no two terms are valid at once, and after the trouble somebody
// leads.
func TestNoTwoTermsAtOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		rate := rapid.Float64Range(0.5, 1.2).Draw(rt, "rate of the store's clock")
		odds := rapid.IntRange(0, 3).Draw(rt, "trouble in four")
		var err error
		synctest.Test(t, func(*testing.T) { err = compete(seed, rate, odds) })
		if err != nil {
			rt.Fatal(err)
		}
	})
}

func compete(seed uint64, rate float64, odds int) error {
	const length = 5 * time.Minute
	rng := rand.New(rand.NewPCG(seed, 1))
	var mu sync.Mutex
	draw := func() (trouble, time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		if rng.IntN(4) >= odds {
			return fine, 0
		}
		return trouble(rng.IntN(int(troubles))), time.Duration(rng.Int64N(int64(6 * time.Second)))
	}
	l := newLocks()
	l.rate = rate
	healed := func() bool { return time.Since(l.born) > length }
	l.before = func(ctx context.Context, _ string) error {
		what, d := draw()
		switch {
		case healed():
			return nil
		case what == slow:
			time.Sleep(d)
		case what == lostBefore:
			return errNet
		case what == hangs:
			return hang(ctx)
		}
		return nil
	}
	l.after = func(context.Context, string) error {
		what, d := draw()
		if healed() {
			return nil
		}
		if what == slow {
			time.Sleep(d)
		}
		if what == lostAfter {
			return errNet
		}
		return nil
	}
	ctx, stop := context.WithTimeout(context.Background(), length+time.Minute)
	defer stop()
	terms := make([]lease.Term, 3)
	var last uint64
	var found error
	led := false
	work := func(i int) func(context.Context, lease.Term) error {
		return func(ctx context.Context, term lease.Term) error {
			mu.Lock()
			terms[i] = term
			for j, other := range terms {
				if j != i && other.Err() == nil && term.Err() == nil {
					found = errors.Join(found, fmt.Errorf("after %s terms %d and %d are both valid", time.Since(l.born), term.Number(), other.Number()))
				}
			}
			if term.Number() <= last {
				found = errors.Join(found, fmt.Errorf("after %s term %d follows term %d", time.Since(l.born), term.Number(), last))
			}
			last = term.Number()
			led = led || healed()
			stay := time.Duration(rng.Int64N(int64(time.Minute)))
			mu.Unlock()
			select {
			case <-ctx.Done():
			case <-time.After(stay):
			}
			return nil
		}
	}
	var all sync.WaitGroup
	for i := range terms {
		all.Go(func() { campaign(ctx, elector(l, fmt.Sprint("host-", i)), work(i)) })
	}
	all.Wait()
	if !led {
		found = errors.Join(found, errors.New("nobody led within a minute after the trouble"))
	}
	return found
}

// A renewal's answer that takes two seconds does not make the term two longer.
func TestARenewalCountsFromWhenItWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLocks()
		renewals := 0
		l.before = func(ctx context.Context, name string) error {
			if name == "renew" && renewals == 1 {
				return hang(ctx)
			}
			return nil
		}
		l.after = func(_ context.Context, name string) error {
			if name == "renew" {
				renewals++
				time.Sleep(2 * time.Second)
			}
			return nil
		}
		var over time.Duration
		var why error
		_ = elector(l, "here").Lead(t.Context(), untilOver(&over, &why)) // tested elsewhere
		if want := 5*time.Second + 12*time.Second; over != want {
			t.Errorf("the term lasted %s, want %s: 12s from the renewal that was sent after 5s", over, want)
		}
	})
}
