package lease_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"hopguard/internal/lease"
)

// locks is a store of leases whose clock is the bubble's, plus skew.
type locks struct {
	mu     sync.Mutex
	leases map[string]*locked
	// rate is how fast the store's clock runs; 0 means as fast as ours.
	rate float64
	born time.Time
	// before and after may delay or fail a call; after has been carried out.
	before, after func(ctx context.Context, call string) error
	calls         []call
}

type call struct {
	name string
	at   time.Duration
}

type locked struct {
	id     string
	number uint64
	ttl    time.Duration
	until  time.Time
	claim  lease.Claim
	broken bool
}

func newLocks() *locks { return &locks{leases: map[string]*locked{}, born: time.Now()} }

func (l *locks) now() time.Time {
	if l.rate == 0 {
		return time.Now()
	}
	return l.born.Add(time.Duration(float64(time.Since(l.born)) * l.rate))
}

// do runs f as one request to the store.
func (l *locks) do(ctx context.Context, name string, f func() error) error {
	if l.before != nil {
		if err := l.before(ctx, name); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	l.mu.Lock()
	l.calls = append(l.calls, call{name, time.Since(l.born)})
	err := f()
	l.mu.Unlock()
	if err == nil && l.after != nil {
		return l.after(ctx, name)
	}
	return err
}

func (l *locks) Acquire(ctx context.Context, c lease.Claim) (uint64, error) {
	var number uint64
	err := l.do(ctx, "acquire", func() error {
		k := l.leases[c.Key]
		if k == nil {
			k = &locked{}
			l.leases[c.Key] = k
		}
		if k.id != "" && k.id != c.ID && l.now().Before(k.until) {
			return &lease.HeldError{Holding: lease.Holding{Key: c.Key, Held: true, Holder: k.claim.Holder, Since: k.claim.Since, Number: k.number}}
		}
		*k = locked{id: c.ID, number: k.number + 1, ttl: c.TTL, until: l.now().Add(c.TTL), claim: c}
		number = k.number
		return nil
	})
	return number, err
}

func (l *locks) Renew(ctx context.Context, key, id string) error {
	return l.do(ctx, "renew", func() error {
		k := l.leases[key]
		switch {
		case k == nil:
			return lease.ErrDeleted
		case k.broken:
			return lease.ErrBroken
		case k.id == "":
			return lease.ErrReleased
		case k.id != id:
			return lease.ErrTaken
		}
		k.until = l.now().Add(k.ttl)
		return nil
	})
}

func (l *locks) Release(ctx context.Context, key, id string) error {
	return l.do(ctx, "release", func() error {
		if k := l.leases[key]; k != nil && k.id == id {
			k.id = ""
		}
		return nil
	})
}

// with changes a lease by hand.
func (l *locks) with(key string, f func(*locked)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l.leases[key])
}

func (l *locks) names() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, c := range l.calls {
		out = append(out, c.name)
	}
	return out
}

var errNet = errors.New("connection reset")

// hang keeps a call until its context ends.
func hang(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}
