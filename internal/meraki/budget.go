package meraki

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// budget is our share of a limit. Requests get their turn in the order of asking.
// It is safe for concurrent use. Make one with newBudget.
type budget struct {
	name    string
	limiter *rate.Limiter

	mu    sync.Mutex // held for reading and writing until only
	until time.Time  // no request before this
}

func newBudget(name string, perSecond rate.Limit, burst int) *budget {
	return &budget{name: name, limiter: rate.NewLimiter(perSecond, burst)}
}

// take waits for the turn of one request. If the context would end before, it
// returns a BusyError at once.
func (b *budget) take(ctx context.Context) error {
	for {
		if d := b.paused(time.Now()); d > 0 {
			if err := b.wait(ctx, d); err != nil {
				return err
			}
			continue
		}
		t := time.Now()
		r := b.limiter.ReserveN(t, 1)
		if err := b.wait(ctx, r.DelayFrom(t)); err != nil {
			r.Cancel()
			return err
		}
		if b.paused(time.Now()) <= 0 {
			return nil
		}
		// Paused while waiting: queue again behind the pause, so that not everybody
		// leaves at its end at once.
	}
}

// takeSpare is take for a request that is not urgent: it goes when the budget is full, so
// that whoever comes next need not wait for it. While others keep it from filling, it
// waits; if the context would end before, it returns a BusyError at once.
func (b *budget) takeSpare(ctx context.Context) error {
	for {
		t := time.Now()
		d := max(b.paused(t), b.filling(t))
		if d <= 0 {
			return b.take(ctx)
		}
		if err := b.wait(ctx, d); err != nil {
			return err
		}
	}
}

// filling is how long the budget needs to be full, if nobody takes from it.
func (b *budget) filling(t time.Time) time.Duration {
	missing := float64(b.limiter.Burst()) - b.limiter.TokensAt(t)
	return time.Duration(missing / float64(b.limiter.Limit()) * float64(time.Second))
}

// wait sleeps for d, if there is so much time.
func (b *budget) wait(ctx context.Context, d time.Duration) error {
	if late(ctx, d) {
		return &hurriedError{&BusyError{Limit: b.name, Wait: d}}
	}
	return sleep(ctx, d)
}

// pause keeps all requests back for d, or longer if they are already.
func (b *budget) pause(d time.Duration) {
	until := time.Now().Add(d)
	b.mu.Lock()
	defer b.mu.Unlock()
	if until.After(b.until) {
		b.until = until
	}
}

func (b *budget) paused(t time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.until.Sub(t)
}

// late reports whether ctx ends within d.
func late(ctx context.Context, d time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ok && d > 0 && time.Until(deadline) <= d
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
