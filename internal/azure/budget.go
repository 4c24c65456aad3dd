package azure

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The token buckets of Azure Resource Manager, per subscription, principal and
// region (learn.microsoft.com, request-limits-and-throttling, since 2024).
const (
	writeBurst, writeRate = 200, 10
	readBurst, readRate   = 250, 25
)

// budgets holds the buckets of all subscriptions. The zero value is ready.
type budgets struct {
	mu     sync.Mutex
	writes map[string]*bucket
	reads  map[string]*bucket
}

// of returns the bucket that a request with this method counts against.
func (b *budgets) of(subscription, method string) *bucket {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.writes == nil {
		b.writes, b.reads = map[string]*bucket{}, map[string]*bucket{}
	}
	all, burst, rate, header := b.writes, writeBurst, writeRate, "X-Ms-Ratelimit-Remaining-Subscription-Writes"
	if method == http.MethodGet {
		all, burst, rate, header = b.reads, readBurst, readRate, "X-Ms-Ratelimit-Remaining-Subscription-Reads"
	}
	key := strings.ToLower(subscription)
	if all[key] == nil {
		all[key] = &bucket{turn: newGate(), header: header, tokens: float64(burst), burst: float64(burst), rate: float64(rate)}
	}
	return all[key]
}

// bucket is our picture of one of ARM's token buckets. It is corrected by what
// ARM says remains: another controller may draw on it, and some subscriptions
// have more.
type bucket struct {
	// turn is held by the one who waits for a token, so that they are given out in
	// the order of asking.
	turn   gate
	header string

	mu          sync.Mutex
	tokens      float64
	burst, rate float64
	at          time.Time
	paused      time.Time
	flying      int
}

// take waits for a token. Every take must be followed by one done.
func (b *bucket) take(ctx context.Context) error {
	if err := b.turn.enter(ctx); err != nil {
		return err
	}
	defer b.turn.leave()
	for {
		wait := b.try(time.Now())
		if wait == 0 {
			return nil
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// try takes a token, or returns how long to wait before the next try.
func (b *bucket) try(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill(now)
	if now.Before(b.paused) {
		return b.paused.Sub(now)
	}
	if b.tokens < 1 {
		return max(time.Duration((1-b.tokens)/b.rate*float64(time.Second)), time.Millisecond)
	}
	b.tokens--
	b.flying++
	return 0
}

func (b *bucket) refill(now time.Time) {
	if !b.at.IsZero() {
		b.tokens = max(b.tokens, min(b.burst, b.tokens+now.Sub(b.at).Seconds()*b.rate))
	}
	b.at = now
}

// done ends a request and takes over what ARM says remains, less what is under
// way and may not have been counted yet. header may be nil.
func (b *bucket) done(now time.Time, header http.Header) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flying--
	remaining, err := strconv.Atoi(header.Get(b.header))
	if err != nil {
		return
	}
	b.refill(now)
	b.tokens = float64(max(0, remaining-b.flying))
}

// pause keeps everybody from taking a token until then.
func (b *bucket) pause(until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if until.After(b.paused) {
		b.paused = until
	}
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
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
