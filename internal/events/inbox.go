package events

import (
	"container/list"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// maxAge is how old a message may be that still starts a tick. Within it every
	// group has been looked at by the clock many times.
	maxAge = 15 * time.Minute
	// maxSkew is how far the sender's clock may be ahead.
	maxSkew = 5 * time.Minute
	// keep is how long an event is remembered. Event Grid repeats for a day.
	keep = 24 * time.Hour
	// remembered bounds the memory of one source. It holds more than the largest
	// batch, so that a batch cannot make room for its own repetition.
	remembered = 8192
	// A source may nudge burst times at once and then nudgesPerSecond times a second:
	// enough for every member of a region at once, too little to keep a controller
	// busy with nothing else.
	burst           = 32
	nudgesPerSecond = 2
)

// key tells two events apart, and has one size whatever the sender calls them.
type key [sha256.Size]byte

// keyOf makes a key of everything that an event is told apart by.
func keyOf(parts ...string) key { return sha256.Sum256(fmt.Appendf(nil, "%q", parts)) }

// message is an event and what decides whether it is taken.
type message struct {
	Event
	key key
	// sent is when it left the sender, in UTC, which is what its age is measured by:
	// Meraki waits for minutes before it says that a device is down.
	sent time.Time
	// known says that its kind is one that this package was made for.
	known bool
}

// inbox decides about the messages of one source, and counts. It is safe for
// concurrent use.
type inbox struct {
	mu      sync.Mutex
	n       map[Outcome]uint64
	limiter *rate.Limiter
	// The events seen, least recently seen first.
	order *list.List // of memory
	at    map[key]*list.Element
}

type memory struct {
	key   key
	first time.Time
}

func newInbox() *inbox {
	return &inbox{
		n: make(map[Outcome]uint64), limiter: rate.NewLimiter(nudgesPerSecond, burst),
		order: list.New(), at: map[key]*list.Element{},
	}
}

// judge decides about the messages in their order and counts each. Of the copies of
// one event that come at the same time, one nudges.
func (b *inbox) judge(now time.Time, messages []message) []Outcome {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Outcome, 0, len(messages))
	for _, m := range messages {
		o := b.outcome(now, m)
		b.n[o]++
		out = append(out, o)
	}
	return out
}

// outcome decides about one message. What came too early is not remembered: it may
// come again when it is time.
func (b *inbox) outcome(now time.Time, m message) Outcome {
	switch {
	case b.seen(now, m.key):
		return Replayed
	case now.Sub(m.sent) > maxAge:
		return Stale
	case m.sent.Sub(now) > maxSkew:
		return Early
	}
	b.remember(now, m.key)
	switch {
	case !b.limiter.AllowN(now, 1):
		return Limited
	case !m.known:
		return UnknownKind
	}
	return Nudged
}

// seen reports whether the event came before. It counts as used now, so that what is
// repeated often is not forgotten for what is not.
func (b *inbox) seen(now time.Time, k key) bool {
	e, ok := b.at[k]
	if !ok {
		return false
	}
	if now.Sub(e.Value.(memory).first) >= keep {
		b.order.Remove(e)
		delete(b.at, k)
		return false
	}
	b.order.MoveToBack(e)
	return true
}

// remember adds an event, and forgets the one that was not seen for the longest time
// when there are too many.
func (b *inbox) remember(now time.Time, k key) {
	b.at[k] = b.order.PushBack(memory{k, now})
	if b.order.Len() > remembered {
		oldest := b.order.Remove(b.order.Front()).(memory)
		delete(b.at, oldest.key)
	}
}

// count adds one request without an event.
func (b *inbox) count(o Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n[o]++
}

// counts returns a copy of the numbers.
func (b *inbox) counts(s Source) []Count {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []Count
	for _, o := range Outcomes() {
		out = append(out, Count{s, o, b.n[o]})
	}
	return out
}
