package azuresim

import (
	"context"
	"time"
)

// Follow calls look at once, and then whenever something has happened that was planned: a write that has succeeded, a route that
// is in effect. look may call every method of s but this one. It returns when ctx ends, and keeps a goroutine of the caller's busy until
// then; several may follow. Changes by the methods of Sim that take effect at once, and what only becomes true with time (a peering
// that is old enough), are not told of.
func (s *Sim) Follow(ctx context.Context, look func(now time.Time)) {
	for ctx.Err() == nil {
		now := s.enter()
		next, planned := s.timeline.next(), s.timeline.follow()
		s.mu.Unlock()
		look(now)
		if !s.waitFor(ctx, next, planned) {
			return
		}
	}
}

// waitFor waits for a time (zero is never) or for another plan; it is false when ctx has ended.
func (s *Sim) waitFor(ctx context.Context, next time.Time, planned <-chan struct{}) bool {
	var due <-chan time.Time
	if !next.IsZero() {
		timer := time.NewTimer(time.Until(next))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-due:
	case <-planned:
	}
	return true
}

// next is the time of the next event, zero if none is planned.
func (t *timeline) next() time.Time {
	if len(t.events) == 0 {
		return time.Time{}
	}
	return t.events[0].at
}

// follow returns a channel that is closed when another event is planned.
func (t *timeline) follow() <-chan struct{} {
	if t.planned == nil {
		t.planned = make(chan struct{})
	}
	return t.planned
}
