package azure

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"hopguard/internal/appliance"
)

// The share of Microsoft.Network's writes that peerings may use. The provider allows
// 1000 in 5 minutes for a subscription and region, and whoever uses them up blocks a
// failover for minutes. Peerings leave half of them.
const (
	peeringBurst  = 100
	peeringWindow = 5 * time.Minute
	peeringRate   = 400 // in a window
)

// newPace returns a bucket that keeps writes of peerings below their share.
func newPace() *bucket {
	return &bucket{lanes: map[string]*lane{}, tokens: peeringBurst, burst: peeringBurst, rate: peeringRate / peeringWindow.Seconds()}
}

// takeSpare waits for a token that nobody else needs: one is taken only while the
// bucket is full, so that a failover that starts in the same moment finds all but one
// of them, and gets every new one until it is done. Those who wait here have an order of
// their own: they must not stand in the way of one who need not wait.
func (b *bucket) takeSpare(ctx context.Context, name string) (ticket, error) {
	b.mu.Lock()
	l, queue := b.lane(name), b.lane(name+" spare")
	b.mu.Unlock()
	if err := queue.turn.enter(ctx); err != nil {
		return ticket{}, err
	}
	defer queue.turn.leave()
	for {
		t, wait := b.trySpare(l, time.Now())
		if wait == 0 {
			return t, nil
		}
		if err := sleep(ctx, wait); err != nil {
			return ticket{}, err
		}
	}
}

// trySpare takes a token from a full bucket, or returns how long to wait.
func (b *bucket) trySpare(l *lane, now time.Time) (ticket, time.Duration) {
	b.mu.Lock()
	b.refill(now)
	missing := b.burst - b.tokens
	b.mu.Unlock()
	if missing > 0 {
		return ticket{}, max(time.Duration(missing/b.rate*float64(time.Second)), time.Millisecond)
	}
	return b.try(l, false, now)
}

// spare does one request with a token that nobody else needs.
func (c *Client) spare(ctx context.Context, last lastCheck, method, provider, path string, query url.Values, header http.Header, body []byte) (answer, error) {
	budget := c.budgets.of(appliance.ResourceID(path).Subscription(), method)
	t, err := budget.takeSpare(ctx, laneOf(path))
	if err != nil {
		return answer{}, fmt.Errorf("wait for ARM's budget: %w", err)
	}
	return c.sendNow(ctx, budget, t, hooks{last: last}, method, provider, path, query, header, body)
}

// spareGet is get with tokens that nobody else needs.
func (c *Client) spareGet(ctx context.Context, provider, path string, query url.Values) (answer, error) {
	for try := 1; ; try++ {
		a, err := c.spare(ctx, nil, http.MethodGet, provider, path, query, nil, nil)
		if err == nil || try == readTries || ctx.Err() != nil {
			return a, err
		}
		what, wait, scope := advise(err)
		if what == giveUp {
			return a, err
		}
		if scope == waitTable {
			if err := sleep(ctx, max(wait, c.jitter.backoff(try))); err != nil {
				return a, err
			}
		}
	}
}
