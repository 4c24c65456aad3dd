package trial

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
)

// side is what a call goes to.
type side int

const (
	toAzure side = iota
	toStore
	toMembers
	toMeraki
	sides = iota // how many there are
)

// String returns the word of the transcript.
func (s side) String() string {
	switch s {
	case toAzure:
		return "azure"
	case toStore:
		return "store"
	case toMembers:
		return "path"
	case toMeraki:
		return "meraki"
	default:
		panic("trial: side")
	}
}

// progress is how far a call has come.
type progress int

const (
	// onItsWay: what was asked has not arrived, and has had no effect.
	onItsWay progress = iota
	// answered: it was carried out, and the answer is on its way.
	answered
	// silent: it was carried out or has vanished, and no answer will come.
	silent
)

// result is what carrying a call out has come to.
type result struct {
	// words are for the transcript. They are the same in every run of the seed.
	words string
	// silent says that there is no answer; again is after which time the caller asks
	// again by itself, 0 if never.
	silent bool
	again  time.Duration
}

// call is one request of production code to the world around it. It waits at the
// turnstile until the driver carries it out, and again until its answer arrives.
type call struct {
	actor *actor
	side  side
	// name is the same in every run of the seed.
	name string
	// inside says that the call goes nowhere: it only waits for its turn.
	inside bool
	// tries counts how often it was sent, for those that are repeated.
	tries int
	// carryOut does what is asked, in the simulated world; the driver calls it. late
	// says that the caller has gone.
	carryOut func(late bool) result
	// giveUp makes the answer of a call whose context has ended.
	giveUp func(error)
	// sent tells the judges that the call has left the caller; nil if they do not care.
	sent func()

	progress progress
	due      time.Time
	// ctx is the caller's. gone says that it has ended while the call waited; it is
	// guarded by the turnstile.
	ctx  context.Context //nolint:containedctx // the life of the call itself
	gone bool
	done chan struct{}
}

// errGone is what a dead process hears, which nobody listens to.
var errGone = errors.New("this process is dead")

// turnstile holds every call until the driver lets it through. Nothing that comes from
// it depends on the order in which goroutines happen to run: it sorts what waits.
type turnstile struct {
	bell chan struct{}

	mu      sync.Mutex
	arrived []*call
	reports []report
}

func newTurnstile() *turnstile { return &turnstile{bell: make(chan struct{}, 1)} }

func (t *turnstile) ring() {
	select {
	case t.bell <- struct{}{}:
	default:
	}
}

// pass waits until the call has its answer. A dead actor's calls have none. A call
// whose context has ended already is not made: whether production code comes as far as
// making it may be a matter of chance.
func (t *turnstile) pass(ctx context.Context, c *call) {
	if err := ended(ctx); err != nil {
		c.giveUp(err)
		return
	}
	c.ctx, c.done = ctx, make(chan struct{})
	t.mu.Lock()
	if c.actor.dead {
		t.mu.Unlock()
		c.giveUp(errGone)
		return
	}
	t.arrived = append(t.arrived, c)
	t.mu.Unlock()
	t.ring()
	select {
	case <-c.done:
	case <-ctx.Done():
		t.mu.Lock()
		c.gone = true
		t.mu.Unlock()
		t.ring()
		<-c.done
	}
}

// take returns what has arrived since, in an order that does not depend on that of
// arrival.
func (t *turnstile) take() ([]*call, []report) {
	t.mu.Lock()
	defer t.mu.Unlock()
	calls, reports := t.arrived, t.reports
	t.arrived, t.reports = nil, nil
	slices.SortStableFunc(calls, func(a, b *call) int {
		return cmp.Or(strings.Compare(a.actor.name, b.actor.name), cmp.Compare(a.side, b.side), strings.Compare(a.name, b.name))
	})
	slices.SortStableFunc(reports, func(a, b report) int { return strings.Compare(a.actor.name, b.actor.name) })
	return calls, reports
}

// ended returns why a context is over: it has ended, or ends in this instant.
func ended(ctx context.Context) error {
	if at, ok := ctx.Deadline(); ok && !time.Now().Before(at) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// left reports whether the caller has stopped to wait.
func (t *turnstile) left(c *call) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return c.gone
}

// kill makes an actor one whose calls come to nothing.
func (t *turnstile) kill(a *actor) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a.dead = true
}

// gone reports whether an actor is dead.
func (t *turnstile) gone(a *actor) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return a.dead
}

// note keeps what a living actor has reported, until the driver looks.
func (t *turnstile) note(r report) {
	t.mu.Lock()
	if !r.actor.dead {
		t.reports = append(t.reports, r)
	}
	t.mu.Unlock()
	t.ring()
}
