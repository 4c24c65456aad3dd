package probe

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"hopguard/internal/appliance"
)

// Timing says when one check is made.
type Timing struct {
	// Name is that of a check of the Set.
	Name string
	// Interval is the time from one start to the next. It is required.
	Interval time.Duration
	// Confirm is the time from one start to the next while the check is unsettled.
	// Nothing is confirmed if it is 0, or not shorter than Interval. A check never
	// overlaps itself, so one whose timeout is longer confirms at that pace.
	Confirm time.Duration
}

// Schedule makes each check of a group at its own times, until it is told to end.
// One Run may go on at a time; the fields must not change meanwhile.
type Schedule struct {
	Set    Set
	Checks []Timing
	// Limit bounds the rounds at one time, by its capacity: a round is one check of
	// all members, and the witness. All schedules of a process share it, and those
	// that wait are served in order. Nil is no limit.
	Limit chan struct{}
	// Rand gives each check its first start, so that thousands do not start at once.
	// It is used only when Run begins, and by nobody else at that time. Nil is a
	// source that is seeded by chance.
	Rand *rand.Rand

	late lateness
	rush rush
}

// Run makes the checks until ctx ends, and returns when none is running any more.
//
// Each check starts for the first time within one Interval, and then whole
// intervals after that: a late start moves no other one. A check that takes longer
// than its interval leaves starts out. After each round saw is called with its
// observations, and then unsettled with the name of the check; while that says true,
// the check starts again Confirm after its last start, whatever its interval, and
// after that at its old times. Both functions are called from several goroutines at
// once, and a check waits for its own calls. A round that was cut off by the end of
// ctx is not told.
func (s *Schedule) Run(ctx context.Context, unsettled func(check string) bool, saw func([]appliance.Observation)) {
	for _, t := range s.Checks {
		if t.Interval <= 0 {
			panic(fmt.Sprintf("probe: check %q has the interval %s", t.Name, t.Interval))
		}
	}
	began := time.Now()
	var wg sync.WaitGroup
	for i, t := range s.Checks {
		first := began.Add(s.jitter(t.Interval))
		if i == len(s.Checks)-1 { // thousands of groups would have a goroutine each that only waits
			s.repeat(ctx, t, first, unsettled, saw)
			break
		}
		wg.Go(func() { s.repeat(ctx, t, first, unsettled, saw) })
	}
	<-ctx.Done()
	wg.Wait()
}

// Hurry starts every check now, or Confirm after its last start if that is later,
// and after that at its old times. A check that is under way is not started again.
// It is safe for concurrent use.
func (s *Schedule) Hurry() { s.rush.call() }

// jitter is at least 0 and less than most.
func (s *Schedule) jitter(most time.Duration) time.Duration {
	if s.Rand == nil {
		return rand.N(most)
	}
	return time.Duration(s.Rand.Int64N(int64(most)))
}

// repeat makes one check again and again.
func (s *Schedule) repeat(ctx context.Context, t Timing, first time.Time, unsettled func(string) bool, saw func([]appliance.Observation)) {
	names := []string{t.Name}
	timer := time.NewTimer(time.Until(first))
	defer timer.Stop()
	var last time.Time // when it started last
	for due := first; ; {
		select {
		case <-ctx.Done():
			return
		case <-s.rush.called():
			if soon := latest(time.Now(), last.Add(t.Confirm)); soon.Before(due) {
				due = soon
				timer.Reset(time.Until(due))
			}
			continue
		case <-timer.C:
		}
		began, ok := s.enter(ctx)
		if !ok {
			return
		}
		s.late.add(began.Sub(due))
		last = began
		round := s.Set.Probe(ctx, names)
		s.leave()
		if ctx.Err() != nil {
			return
		}
		saw(round)
		due = t.next(first, began, time.Now(), unsettled(t.Name))
		timer.Reset(time.Until(due))
	}
}

// enter waits for a slot, and returns when the round begins. A channel serves its
// senders in the order in which they came.
func (s *Schedule) enter(ctx context.Context) (began time.Time, ok bool) {
	if s.Limit != nil {
		select {
		case <-ctx.Done():
			return time.Time{}, false
		case s.Limit <- struct{}{}:
		}
	}
	if ctx.Err() != nil { // a select takes any of two
		s.leave()
		return time.Time{}, false
	}
	return time.Now(), true
}

func (s *Schedule) leave() {
	if s.Limit != nil {
		<-s.Limit
	}
}

// next returns when a check is due again whose round began and ended then.
func (t Timing) next(first, began, ended time.Time, unsettled bool) time.Time {
	if unsettled && 0 < t.Confirm && t.Confirm < t.Interval {
		if due := began.Add(t.Confirm); due.After(ended) {
			return due
		}
		return ended
	}
	whole := ended.Sub(first).Truncate(t.Interval)
	due := first.Add(whole)
	if due.Before(ended) || !due.After(began) {
		due = due.Add(t.Interval)
	}
	return due
}

// Lateness returns how long after their times the checks have started, at worst and
// on average: because the machine was busy, or all slots were taken. Starts that
// were left out do not count. It is safe for concurrent use.
func (s *Schedule) Lateness() (worst, mean time.Duration) { return s.late.read() }

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// rush tells all who wait. The zero value is ready.
type rush struct {
	mu   sync.Mutex
	wait chan struct{}
}

// called is closed by the next call.
func (r *rush) called() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wait == nil {
		r.wait = make(chan struct{})
	}
	return r.wait
}

func (r *rush) call() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wait != nil {
		close(r.wait)
		r.wait = nil
	}
}

// lateness is a sum of delays.
type lateness struct {
	mu     sync.Mutex
	starts int64
	sum    time.Duration
	worst  time.Duration
}

func (l *lateness) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.starts++
	l.sum += d
	l.worst = max(l.worst, d)
}

func (l *lateness) read() (worst, mean time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.worst, l.sum / time.Duration(max(l.starts, 1))
}
