package azuresim

import (
	"container/heap"
	"time"
)

// event is something that will have happened at a time. Nobody waits for it: it happens when somebody looks at or after that time,
// in the order of the times, so the world is right for every observer without a goroutine.
type event struct {
	at  time.Time
	seq uint64
	run func(at time.Time)
}

// timeline is a heap of events, the next first; equal times keep the order in which they were planned.
type timeline struct {
	events  []event
	seq     uint64
	planned chan struct{} // closed by the next plan; nil if nobody follows
}

// Len, Less, Swap, Push and Pop are heap.Interface.
func (t *timeline) Len() int { return len(t.events) }

func (t *timeline) Less(i, j int) bool {
	a, b := &t.events[i], &t.events[j]
	if !a.at.Equal(b.at) {
		return a.at.Before(b.at)
	}
	return a.seq < b.seq
}

func (t *timeline) Swap(i, j int) { t.events[i], t.events[j] = t.events[j], t.events[i] }

func (t *timeline) Push(x any) { t.events = append(t.events, x.(event)) }

func (t *timeline) Pop() any {
	last := len(t.events) - 1
	e := t.events[last]
	t.events[last] = event{}
	t.events = t.events[:last]
	return e
}

// plan adds an event.
func (t *timeline) plan(at time.Time, run func(at time.Time)) {
	t.seq++
	heap.Push(t, event{at: at, seq: t.seq, run: run})
	if t.planned != nil {
		close(t.planned)
		t.planned = nil
	}
}

// settle runs what is due. An event may plan others, also due ones.
func (t *timeline) settle(now time.Time) {
	for len(t.events) > 0 && !t.events[0].at.After(now) {
		e := heap.Pop(t).(event)
		e.run(e.at)
	}
}

// enter takes the lock and brings the world up to the present. Every exported method and every request goes through it; the
// caller unlocks.
func (s *Sim) enter() time.Time {
	s.mu.Lock()
	now := time.Now()
	s.timeline.settle(now)
	return now
}
