package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"hopguard/internal/api"
	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/lease"
)

const (
	// groupKeys and replicaKeys begin the keys of what is led, and of the heartbeats.
	groupKeys, replicaKeys = "groups/", "replicas/"
	// looksPerLease is how often in the time of a lease the replicas are looked at.
	looksPerLease = 5
	// patience is how long a group may be without a leader until the next in rank
	// steps in: a little longer than two looks.
	patience = 7 * time.Second
	// stint is how long a replica leads at least what another one should lead.
	stint = 5 * time.Minute
	// forgetAfter is how long a heartbeat must have stood still until it is removed.
	forgetAfter = time.Hour
)

// locks keep the leases of groups and replicas, and tell of them.
type locks interface {
	lease.Locks
	Holdings(ctx context.Context, under string) ([]lease.Holding, error)
	Forget(ctx context.Context, key string) error
}

// replicas are the processes that share one store of records. Each keeps a heartbeat,
// looks at those of the others, and leads the groups that are its own by rank. It is
// safe for concurrent use.
type replicas struct {
	locks locks
	self  string
	ttl   time.Duration
	keys  []string // of the groups that are served here
	log   *slog.Logger

	mu   sync.Mutex
	seen look
	next chan struct{} // closed by the next look
}

func newReplicas(l locks, self string, ttl time.Duration, keys []string, log *slog.Logger) *replicas {
	return &replicas{locks: l, self: self, ttl: ttl, keys: keys, log: log, next: make(chan struct{})}
}

// look is what was seen of all replicas at one time. It is not changed.
type look struct {
	// at is when the newest look that succeeded began; zero if none has.
	at   time.Time
	live []lease.Replica
	// holdings are of all groups, by key, and free since when each was seen without a
	// leader; keys of neither were never led.
	holdings map[string]lease.Holding
	free     map[string]time.Time
	// still is since when each heartbeat was seen to stand still.
	still map[string]time.Time
	err   error // of the newest look
}

func keyOf(group appliance.GroupName) string { return groupKeys + string(group) }

// run keeps the heartbeat and looks at the others until ctx ends.
func (r *replicas) run(ctx context.Context) error {
	var all sync.WaitGroup
	all.Go(func() { r.beat(ctx) })
	all.Go(func() { r.watch(ctx) })
	all.Wait()
	return nil
}

// beat holds the lease of the heartbeat, which says that this process lives and what
// it serves. When it ends by itself it leaves nothing behind.
func (r *replicas) beat(ctx context.Context) {
	e := &lease.Elector{
		Locks: r.locks, Key: replicaKeys + r.self, Holder: r.self, TTL: r.ttl,
		Note: lease.Replica{Serves: r.keys}.Note(),
	}
	said := ""
	for ctx.Err() == nil {
		err := e.Lead(ctx, func(ctx context.Context, _ lease.Term) error {
			// Now this process can be seen, also by itself, and need not wait for the next
			// look. If this one fails, that one says so.
			_ = r.look(ctx)
			<-ctx.Done()
			return nil
		})
		if ctx.Err() != nil {
			break
		}
		if errors.Is(err, lease.ErrHeld) {
			err = fmt.Errorf("another process is called %q, or was until now: %w", r.self, err)
		}
		if text := fmt.Sprint(err); text != said {
			said = text
			r.log.WarnContext(ctx, "no heartbeat", "replica", r.self, "err", err)
		}
		pause(ctx, lease.Pause)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lease.Pause)
	defer cancel()
	if err := r.locks.Forget(ctx, replicaKeys+r.self); err != nil {
		r.log.DebugContext(ctx, "heartbeat left behind", "err", err)
	}
}

// watch looks again and again.
func (r *replicas) watch(ctx context.Context) {
	for said := ""; ctx.Err() == nil; pause(ctx, r.ttl/looksPerLease) {
		err := r.look(ctx)
		if ctx.Err() != nil {
			return
		}
		if text := fmt.Sprint(err); err != nil && text != said {
			r.log.WarnContext(ctx, "replicas not seen", "err", err)
		}
		said = fmt.Sprint(err)
	}
}

// look asks once who lives and who leads what.
func (r *replicas) look(ctx context.Context) error {
	began := time.Now()
	all, err := r.locks.Holdings(ctx, "")
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() {
		close(r.next)
		r.next = make(chan struct{})
	}()
	if err != nil {
		r.seen.err = err
		return err
	}
	seen := look{at: began, holdings: map[string]lease.Holding{}, free: map[string]time.Time{}, still: map[string]time.Time{}}
	var beats []lease.Holding
	for _, h := range all {
		switch {
		case strings.HasPrefix(h.Key, replicaKeys):
			beats = append(beats, h)
			if !h.Held {
				seen.still[h.Key] = since(r.seen.still, h.Key, began)
			}
		case strings.HasPrefix(h.Key, groupKeys):
			seen.holdings[h.Key] = h
		}
	}
	for _, key := range r.keys {
		if !seen.holdings[key].Held {
			seen.free[key] = since(r.seen.free, key, began)
		}
	}
	seen.live = lease.Replicas(beats)
	r.seen = seen
	for key, at := range seen.still {
		if began.Sub(at) >= forgetAfter {
			if err := r.locks.Forget(ctx, key); err != nil {
				r.log.DebugContext(ctx, "heartbeat not removed", "key", key, "err", err)
			}
		}
	}
	return nil
}

// since is when a key was first seen so, which is now if it was not before.
func since(before map[string]time.Time, key string, now time.Time) time.Time {
	if at, ok := before[key]; ok {
		return at
	}
	return now
}

// newest returns what was seen last, and what is closed when there is more.
func (r *replicas) newest() (look, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen, r.next
}

// elsewhere is what is known of a group that this process does not lead.
func (r *replicas) elsewhere(group appliance.GroupName, now time.Time) *api.Elsewhere {
	l, _ := r.newest()
	e := &api.Elsewhere{Err: l.err, Fresh: 2 * r.ttl}
	if !l.at.IsZero() {
		e.Seen = now.Add(-time.Since(l.at))
	}
	if h := l.holdings[keyOf(group)]; h.Held {
		e.Leader = leaderOf(h)
	}
	return e
}

// leader asks who leads a group now; zero if nobody does.
func (r *replicas) leader(ctx context.Context, group appliance.GroupName) (controller.Leader, error) {
	all, err := r.locks.Holdings(ctx, keyOf(group))
	for _, h := range all {
		if h.Key == keyOf(group) && h.Held {
			return leaderOf(h), err
		}
	}
	return controller.Leader{}, err
}

func leaderOf(h lease.Holding) controller.Leader {
	return controller.Leader{Name: h.Holder, Since: h.Since, Term: h.Number}
}

// alone reports whether the store is down and no other process was alive when it was
// last seen.
func (l look) alone(self string) bool {
	if l.err == nil || l.at.IsZero() {
		return false
	}
	for _, r := range l.live {
		if r.Name != self {
			return false
		}
	}
	return true
}

// others reports whether another replica that serves the key lives.
func (l look) others(self, key string) bool {
	for _, name := range lease.Rank(key, l.live) {
		if name != self {
			return true
		}
	}
	return false
}

// move is what this replica should do about a key. leading is since when it leads it;
// zero if it does not.
func (r *replicas) move(l look, key string, leading time.Time) lease.Move {
	span := time.Duration(0)
	if at, ok := l.free[key]; ok {
		span = time.Since(at)
	}
	if !leading.IsZero() {
		span = time.Since(leading)
	}
	share := lease.Share{Self: r.self, Live: l.live, Patience: patience, Stint: stint}
	return share.Of(key, !leading.IsZero(), span)
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
