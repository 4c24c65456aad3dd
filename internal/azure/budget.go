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
		all[key] = &bucket{lanes: map[string]*lane{}, header: header, tokens: float64(burst), burst: float64(burst), rate: float64(rate)}
	}
	return all[key]
}

// networkLane is the lane of all route tables.
const networkLane = "microsoft.network"

// virtualNetworkLane is the lane of all virtual networks and their peerings.
const virtualNetworkLane = networkLane + "/virtualnetworks"

// laneOf names the requests that a provider throttles together, as far as it is
// known: Microsoft.Network all of one kind, Microsoft.Compute each machine and
// each list by itself. A throttled list of machines must not hold up a failover.
// Neither must peerings, which can wait: they are a lane of their own, although the
// provider counts them with the rest.
func laneOf(path string) string {
	path, _, _ = strings.Cut(strings.ToLower(path), "?")
	_, rest, ok := strings.Cut(path, "/providers/")
	provider, _, _ := strings.Cut(rest, "/")
	switch {
	case !ok || provider == strings.ToLower(providerCompute):
		return path
	case strings.HasPrefix(rest, virtualNetworkLane):
		return virtualNetworkLane
	default:
		return provider
	}
}

// bucket is our picture of one of ARM's token buckets. It is corrected by what
// ARM says remains: another controller may draw on it, and some subscriptions
// have more.
type bucket struct {
	header string

	mu          sync.Mutex
	lanes       map[string]*lane
	tokens      float64
	burst, rate float64
	at          time.Time
	paused      time.Time
	// taken counts all tokens ever taken, flying those whose answer has not come.
	taken, flying int
}

// ticket is a token that was taken, and what was under way then.
type ticket struct {
	at            time.Time
	taken, flying int
}

// lane is a part of a bucket that can be paused by itself.
type lane struct {
	// turn is held by the one who waits for a token, so that they are given out in
	// the order of asking, and first by the one of those who come before.
	turn, first gate
	paused      time.Time // guarded by the bucket
	// ahead counts those who come before all others and have no token yet; guarded by
	// the bucket.
	ahead int
}

// lane returns the lane called name. The caller holds the bucket.
func (b *bucket) lane(name string) *lane {
	if b.lanes[name] == nil {
		b.lanes[name] = &lane{turn: newGate(), first: newGate()}
	}
	return b.lanes[name]
}

// take waits for a token. Every take must be followed by one done.
func (b *bucket) take(ctx context.Context, name string) (ticket, error) {
	b.mu.Lock()
	l := b.lane(name)
	b.mu.Unlock()
	return b.wait(ctx, l, l.turn)
}

// takeFirst is take for what comes before everything else in the lane, whoever asked
// sooner.
func (b *bucket) takeFirst(ctx context.Context, name string) (ticket, error) {
	b.mu.Lock()
	l := b.lane(name)
	l.ahead++
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		l.ahead--
		b.mu.Unlock()
	}()
	return b.wait(ctx, l, l.first)
}

func (b *bucket) wait(ctx context.Context, l *lane, turn gate) (ticket, error) {
	if err := turn.enter(ctx); err != nil {
		return ticket{}, err
	}
	defer turn.leave()
	for {
		t, wait := b.try(l, turn == l.first, time.Now())
		if wait == 0 {
			return t, nil
		}
		if err := sleep(ctx, wait); err != nil {
			return ticket{}, err
		}
	}
}

// try takes a token, or returns how long to wait before the next try. Who is not first
// leaves a token to each of those who are.
func (b *bucket) try(l *lane, first bool, now time.Time) (ticket, time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill(now)
	if wait := b.left(l, now); wait > 0 {
		return ticket{}, wait
	}
	need := 1.0
	if !first {
		need += float64(l.ahead)
	}
	if b.tokens < need {
		return ticket{}, max(time.Duration((need-b.tokens)/b.rate*float64(time.Second)), time.Millisecond)
	}
	t := ticket{at: now, taken: b.taken, flying: b.flying}
	b.tokens--
	b.taken++
	b.flying++
	return t, 0
}

func (b *bucket) refill(now time.Time) {
	if !b.at.IsZero() {
		b.tokens = max(b.tokens, min(b.burst, b.tokens+now.Sub(b.at).Seconds()*b.rate))
	}
	b.at = now
}

// done ends a request and compares our picture with what ARM says remains. header
// may be nil.
//
// Answers come in any order, and ARM's number is of the moment when it looked at
// the request: those that were under way beside it may be counted in it or not.
// So the number gives a range, and our picture is corrected only outside of it:
// somebody else draws on the bucket, or it is a larger one than usual.
func (b *bucket) done(t ticket, now time.Time, header http.Header) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flying--
	n, err := strconv.Atoi(header.Get(b.header))
	if err != nil {
		return
	}
	b.refill(now)
	beside := t.flying + b.taken - t.taken - 1
	least, most := float64(n-beside), float64(n+1)+now.Sub(t.at).Seconds()*b.rate
	if b.tokens < least || b.tokens > most {
		b.tokens = max(0, least)
	}
}

// pause keeps everybody from taking a token until then.
func (b *bucket) pause(until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if until.After(b.paused) {
		b.paused = until
	}
}

// pauseLane keeps the requests of one lane from taking a token until then.
func (b *bucket) pauseLane(name string, until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.lane(name); until.After(l.paused) {
		l.paused = until
	}
}

// pausedFor returns how long nobody of the lane may take a token.
func (b *bucket) pausedFor(name string, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.left(b.lane(name), now)
}

// left is pausedFor; the caller holds the bucket.
func (b *bucket) left(l *lane, now time.Time) time.Duration {
	return max(b.paused.Sub(now), l.paused.Sub(now), 0)
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
