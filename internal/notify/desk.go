package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"hopguard/internal/appliance"
)

// Sender delivers messages to one target. Implementations are used by one goroutine at
// a time and may be slow.
type Sender interface {
	// Send delivers a message and returns nil when the target has taken it. An error
	// that wraps a *LaterError may pass; any other one is final. No error contains a
	// secret. It ends when ctx does.
	Send(ctx context.Context, m Message) error
}

// LaterError says that a delivery may succeed later.
type LaterError struct {
	// After is what the target asks to wait; 0 if it does not say.
	After time.Duration
	Err   error
}

// Error is the cause.
func (e *LaterError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *LaterError) Unwrap() error { return e.Err }

// Target is one place that messages go to.
type Target struct {
	// Name is unique.
	Name string
	// Min is the least severity that it wants.
	Min Severity
	// PerHour bounds the messages about one group, after the first few; more are folded.
	// It is above zero.
	PerHour int
	Sender  Sender
}

// Options are what NewDesk needs. All but Notebook are required.
type Options struct {
	Targets []Target
	Policy  Policy
	// GiveUp is the age at which a message is not tried again.
	GiveUp time.Duration
	// Notebook remembers over the end of the process; nil if nothing does.
	Notebook Notebook
	// Holder is this process among all that use the notebook.
	Holder string
	Now    func() time.Time
	Log    *slog.Logger
	// Rand spreads the waits before a delivery is tried again; nil is the runtime's
	// own source.
	Rand *rand.Rand
}

// mostWaiting bounds the situations of one group that wait for a slow notebook.
const mostWaiting = 16

// Desk takes situations and delivers what is news in them. It is safe for concurrent
// use; its zero value is not usable.
type Desk struct {
	options  Options
	couriers []*courier
	pages    map[appliance.GroupName]*page // of the one scribe that runs at a time

	mu sync.Mutex
	// inbox is what the scribe has not read yet, by group in the order of arrival.
	inbox map[appliance.GroupName]*letters
	order []appliance.GroupName
	// given are the groups that another process looks after now.
	given  map[appliance.GroupName]bool
	writes bool // a scribe runs
	closed bool
	// busy counts the goroutines that do something; one that waits to try again does
	// not. quiet is closed when it falls to zero.
	busy  int
	quiet chan struct{}
	stops map[int]context.CancelFunc
	next  int
	work  sync.WaitGroup
}

// letters are for the scribe.
type letters struct {
	situations []Situation
	settled    []settledAt
	giveBack   bool
}

// settledAt says that a target needs a message no more.
type settledAt struct{ id, target string }

// NewDesk returns a desk without a goroutine: they run only while there is work.
func NewDesk(o Options) *Desk {
	d := &Desk{
		options: o, pages: map[appliance.GroupName]*page{}, inbox: map[appliance.GroupName]*letters{}, given: map[appliance.GroupName]bool{}, stops: map[int]context.CancelFunc{},
	}
	for _, t := range o.Targets {
		d.couriers = append(d.couriers, newCourier(d, t))
	}
	return d
}

// Tell takes the situation that a tick has found, and returns at once. What follows is
// done after ctx too, until Close.
func (d *Desk) Tell(ctx context.Context, s Situation) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	d.given[s.Group] = false
	l := d.lettersOf(s.Group)
	// Of a slow scribe's backlog only the newest state matters, and what happens once.
	if n := len(l.situations); n > 0 && !l.situations[n-1].Moved && l.situations[n-1].RecordLost == "" {
		l.situations = l.situations[:n-1]
	}
	if l.situations = append(l.situations, s); len(l.situations) > mostWaiting {
		l.situations = slices.Delete(l.situations, 0, 1)
	}
	d.startScribe(ctx)
}

// GiveBack lets another process deliver what is left about a group: this one does not
// look after it any more, and both would deliver. It returns at once. The next Tell
// takes the group on again.
func (d *Desk) GiveBack(ctx context.Context, group appliance.GroupName) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	d.given[group] = true
	for _, c := range d.couriers {
		c.queue = slices.DeleteFunc(c.queue, func(p parcel) bool { return p.message.Group == group })
	}
	d.lettersOf(group).giveBack = true
	d.startScribe(ctx)
}

// settled tells the scribe that a target needs some messages no more. The caller holds mu.
func (d *Desk) settled(ctx context.Context, target string, messages ...Message) {
	for _, m := range messages {
		if m.Kind != KindTest {
			l := d.lettersOf(m.Group)
			l.settled = append(l.settled, settledAt{m.ID, target})
		}
	}
	d.startScribe(ctx)
}

// lettersOf returns the mail of a group. The caller holds mu.
func (d *Desk) lettersOf(group appliance.GroupName) *letters {
	if d.inbox[group] == nil {
		d.inbox[group] = &letters{}
		d.order = append(d.order, group)
	}
	return d.inbox[group]
}

// startScribe lets one scribe run if there is something to read. The caller holds mu.
func (d *Desk) startScribe(ctx context.Context) {
	if d.writes || d.closed || len(d.order) == 0 {
		return
	}
	d.writes = true
	d.start(ctx, d.scribe)
}

// start runs f until it returns or Close stops it. The caller holds mu, and has seen
// that the desk is not closed.
func (d *Desk) start(ctx context.Context, f func(context.Context)) {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	id := d.next
	d.next++
	d.stops[id] = stop
	d.begin()
	d.work.Go(func() {
		f(ctx)
		stop()
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.stops, id)
		d.end()
	})
}

// begin and end count who does something. The caller holds mu.
func (d *Desk) begin() {
	if d.busy++; d.busy == 1 {
		d.quiet = make(chan struct{})
	}
}

func (d *Desk) end() {
	if d.busy--; d.busy == 0 {
		close(d.quiet)
	}
}

// Flush waits until everything that was told has been delivered, or tried and put off,
// or ctx ends. What was put off is tried again while the process lives, and by the next
// one. The error says what is left.
func (d *Desk) Flush(ctx context.Context) error {
	d.mu.Lock()
	quiet, busy := d.quiet, d.busy > 0
	d.mu.Unlock()
	if busy {
		select {
		case <-quiet:
		case <-ctx.Done():
		}
	}
	if n := d.queued(); n > 0 {
		return fmt.Errorf("%s not delivered yet", count(n, "message"))
	}
	return nil
}

// queued counts the deliveries that are waiting or under way.
func (d *Desk) queued() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, c := range d.couriers {
		n += len(c.queue)
	}
	return n
}

// giveBack bounds what is done after the time of Close is over.
const giveBack = 2 * time.Second

// Close is Flush, and then the end: what is under way is cancelled and waited for, and
// what is not delivered is given back, so that the next process need not wait for it.
func (d *Desk) Close(ctx context.Context) error {
	err := d.Flush(ctx)
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return err
	}
	d.closed = true
	for _, stop := range d.stops {
		stop()
	}
	d.mu.Unlock()
	d.work.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBack)
	defer cancel()
	for group, mail := range d.unread() {
		d.write(ctx, group, func(m Memory) (Memory, []order) { return d.read(m, mail) })
	}
	return err
}

// unread is what the scribe has left, with an order for every group to give back.
func (d *Desk) unread() map[appliance.GroupName]letters {
	d.mu.Lock()
	defer d.mu.Unlock()
	for group := range d.pages {
		d.lettersOf(group)
	}
	all := map[appliance.GroupName]letters{}
	for group, l := range d.inbox {
		l.giveBack = true
		all[group] = *l
	}
	return all
}

// Result is what became of a test message.
type Result struct {
	Target string
	Took   time.Duration
	// Err is why it was not delivered; nil if it was.
	Err error
}

// Test sends a message to the named target, or to all, side by side and whatever they
// want to hear, and waits. It queues nothing and tries once. The error is for a name
// that no target has.
func (d *Desk) Test(ctx context.Context, m Message, name string) ([]Result, error) {
	var chosen []*courier
	var names []string
	for _, c := range d.couriers {
		names = append(names, c.Name)
		if name == "" || c.Name == name {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no target is called %q: want one of %v", name, names)
	}
	out := make([]Result, len(chosen))
	var all sync.WaitGroup
	for i, c := range chosen {
		all.Go(func() {
			began := d.options.Now()
			err := c.try(ctx, m)
			out[i] = Result{Target: c.Name, Took: d.options.Now().Sub(began), Err: err}
		})
	}
	all.Wait()
	return out, nil
}

// TestMessage is a message that says that it is one.
func TestMessage(group appliance.GroupName, now time.Time) Message {
	m := Message{
		Version: messageVersion, Kind: KindTest, Group: group, Condition: Healthy, Since: now.UTC(), At: now.UTC(),
		Members: []Member{}, Steps: []Step{}, Tables: []Table{}, Problems: []string{},
	}
	m.Sentence = m.meaning()
	m.Subject, m.Next, m.ID = m.subject(), m.next(Situation{}), m.id(Situation{})
	return m
}

// passing returns how long a target asks to wait, and whether the error may pass.
func passing(err error) (time.Duration, bool) {
	later, ok := errors.AsType[*LaterError](err)
	if !ok {
		return 0, false
	}
	return later.After, true
}
