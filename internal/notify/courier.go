package notify

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"hopguard/internal/appliance"
)

const (
	// mostQueued bounds the messages that wait for one target.
	mostQueued = 100
	// burst is how many messages about one group a target gets at once.
	burst = 5
	// sendTimeout bounds one try.
	sendTimeout = 20 * time.Second
	// retryFirst is the wait before the second try; it doubles up to retryMost.
	retryFirst, retryMost = 2 * time.Second, time.Minute
)

// Outcome is what became of a message at a target. It is a label, so the list is
// bounded.
type Outcome string

// The outcomes.
const (
	// Sent: the target has taken it.
	Sent Outcome = "sent"
	// Retried: a try has failed, and there will be another.
	Retried Outcome = "retried"
	// Refused: the target does not take it, whatever is tried.
	Refused Outcome = "refused"
	// TooOld: it was tried until it was too old.
	TooOld Outcome = "too-old"
	// Dropped: it found no room.
	Dropped Outcome = "dropped"
	// Folded: a newer one about the same group stands for it.
	Folded Outcome = "folded"
)

// Outcomes lists every outcome, in the order of the reference.
func Outcomes() []Outcome { return []Outcome{Sent, Retried, Refused, TooOld, Dropped, Folded} }

// Counted is what a target has seen since the start of the process.
type Counted struct {
	Target string
	// Queued is how many messages wait now.
	Queued int
	// Sent is when the newest one was delivered; zero if none was.
	Sent time.Time
	// Outcomes has every outcome.
	Outcomes map[Outcome]uint64
}

// Counts returns what became of the messages of every target.
func (d *Desk) Counts() []Counted {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []Counted
	for _, c := range d.couriers {
		n := Counted{Target: c.Name, Queued: len(c.queue), Sent: c.sent, Outcomes: map[Outcome]uint64{}}
		for _, o := range Outcomes() {
			n.Outcomes[o] = c.counts[o]
		}
		out = append(out, n)
	}
	return out
}

// courier delivers to one target. Everything but the target is guarded by the desk's mu.
type courier struct {
	Target
	desk  *Desk
	queue []parcel
	// runs says that its goroutine does, and wake that it should look again.
	runs bool
	wake chan struct{}
	// until is when the next try may be made after one that failed, and failures how
	// many failed in a row.
	until    time.Time
	failures int
	buckets  map[appliance.GroupName]*bucket
	// dropped counts since the last delivery.
	dropped int
	sent    time.Time
	counts  map[Outcome]uint64
}

// parcel is a message in a queue. Nothing but folded changes.
type parcel struct {
	message Message
	// folded are the messages that it stands for.
	folded []Message
}

// bucket bounds the messages about one group.
type bucket struct {
	tokens float64
	at     time.Time
	// short says that a message had to wait: from now on they are folded.
	short bool
}

func newCourier(d *Desk, t Target) *courier {
	return &courier{Target: t, desk: d, wake: make(chan struct{}, 1), buckets: map[appliance.GroupName]*bucket{}, counts: map[Outcome]uint64{}}
}

// take queues a message. The caller holds the desk's mu.
func (c *courier) take(ctx context.Context, m Message) {
	if c.desk.closed {
		return
	}
	c.queue = append(c.queue, parcel{message: m})
	if len(c.queue) > mostQueued {
		i := leastOf(c.queue, func(p parcel) Severity { return p.message.Severity })
		gone := c.queue[i]
		c.queue = slices.Delete(c.queue, i, i+1)
		c.dropped++
		c.counts[Dropped]++
		c.desk.options.Log.WarnContext(ctx, "message dropped: too many wait", "target", c.Name, "group", gone.message.Group, "subject", gone.message.Subject)
		c.desk.settled(ctx, c.Name, append(gone.folded, gone.message)...)
	}
	if !c.runs {
		c.runs = true
		c.desk.start(ctx, c.run)
		return
	}
	select {
	case c.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// run delivers until the queue is empty or ctx ends.
func (c *courier) run(ctx context.Context) {
	for {
		c.desk.mu.Lock()
		p, wait, ok := c.pick(ctx)
		if !ok || ctx.Err() != nil {
			c.runs = false
			c.desk.mu.Unlock()
			return
		}
		if wait > 0 {
			c.desk.end() // waiting is not doing
			c.desk.mu.Unlock()
			c.sleep(ctx, wait)
			c.desk.mu.Lock()
			c.desk.begin()
			c.desk.mu.Unlock()
			continue
		}
		c.desk.mu.Unlock()
		err := c.try(ctx, p.message)
		c.desk.mu.Lock()
		c.done(ctx, p, err)
		c.desk.mu.Unlock()
	}
}

// sleep waits, or until there is something new.
func (c *courier) sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.wake:
	case <-ctx.Done():
	}
}

// try makes one delivery.
func (c *courier) try(ctx context.Context, m Message) error {
	ctx, cancel := context.WithTimeoutCause(ctx, sendTimeout, fmt.Errorf("no answer within %s", sendTimeout))
	defer cancel()
	return c.Sender.Send(ctx, m)
}

// pick returns what to deliver now, or how long to wait, or that there is nothing. The
// caller holds the desk's mu.
func (c *courier) pick(ctx context.Context) (p parcel, wait time.Duration, ok bool) {
	now := c.desk.options.Now()
	c.expire(ctx, now)
	if len(c.queue) == 0 {
		return parcel{}, 0, false
	}
	if wait := c.until.Sub(now); wait > 0 {
		return parcel{}, wait, true
	}
	least := time.Duration(-1)
	for i := range c.queue {
		b := c.bucket(c.queue[i].message.Group, now)
		if b.tokens >= 1 {
			if b.short {
				i = c.fold(i)
			}
			p := c.queue[i]
			p.message.Folded, p.message.Dropped = len(p.folded), c.dropped
			return p, 0, true
		}
		b.short = true
		if wait := c.untilToken(b); least < 0 || wait < least {
			least = wait
		}
	}
	return parcel{}, least, true
}

// expire drops what is too old.
func (c *courier) expire(ctx context.Context, now time.Time) {
	c.queue = slices.DeleteFunc(c.queue, func(p parcel) bool {
		if now.Sub(p.message.At) < c.desk.options.GiveUp {
			return false
		}
		c.counts[TooOld]++
		c.dropped++
		c.desk.options.Log.ErrorContext(ctx, "message given up: too old", "target", c.Name, "group", p.message.Group, "subject", p.message.Subject)
		c.desk.settled(ctx, c.Name, append(p.folded, p.message)...)
		return true
	})
}

// bucket returns that of a group, filled up to now.
func (c *courier) bucket(group appliance.GroupName, now time.Time) *bucket {
	most := float64(min(burst, c.PerHour))
	b := c.buckets[group]
	if b == nil {
		b = &bucket{tokens: most, at: now}
		c.buckets[group] = b
	}
	if since := now.Sub(b.at); since > 0 {
		b.tokens, b.at = min(most, b.tokens+since.Hours()*float64(c.PerHour)), now
	}
	return b
}

func (c *courier) untilToken(b *bucket) time.Duration {
	wait := time.Duration((1 - b.tokens) / float64(c.PerHour) * float64(time.Hour))
	return max(wait, 0) + time.Millisecond // a float may be a little short of the token
}

// fold makes one parcel of all those about the group of the i-th: the newest. It
// returns its place.
func (c *courier) fold(i int) int {
	group := c.queue[i].message.Group
	var all []parcel
	for _, p := range c.queue {
		if p.message.Group == group {
			all = append(all, p)
		}
	}
	newest := all[len(all)-1]
	for _, p := range all[:len(all)-1] {
		newest.folded = append(newest.folded, append(p.folded, p.message)...)
	}
	c.queue = slices.DeleteFunc(c.queue, func(p parcel) bool { return p.message.Group == group && p.message.ID != newest.message.ID })
	at := slices.IndexFunc(c.queue, func(p parcel) bool { return p.message.ID == newest.message.ID })
	c.queue[at] = newest
	c.buckets[group].short = false
	return at
}

// done takes what became of a try. The caller holds the desk's mu.
func (c *courier) done(ctx context.Context, p parcel, err error) {
	now, log := c.desk.options.Now(), c.desk.options.Log
	if err != nil && ctx.Err() != nil {
		return // the process ends; the message is given back
	}
	after, later := passing(err)
	if later {
		c.counts[Retried]++
		if c.desk.given[p.message.Group] {
			c.queue = slices.DeleteFunc(c.queue, func(q parcel) bool { return q.message.ID == p.message.ID })
			return
		}
		wait := max(backoff(c.failures, c.desk.options.Rand), after)
		c.failures++
		c.until = now.Add(wait)
		if c.failures == 1 {
			log.WarnContext(ctx, "message not delivered yet", "target", c.Name, "group", p.message.Group, "subject", p.message.Subject, "again-in", wait, "err", err)
		}
		return
	}
	c.failures, c.until = 0, time.Time{}
	if err != nil {
		c.counts[Refused]++
		log.ErrorContext(ctx, "message refused", "target", c.Name, "group", p.message.Group, "subject", p.message.Subject, "err", err)
	} else {
		c.counts[Sent]++
		c.counts[Folded] += uint64(len(p.folded))
		c.dropped, c.sent = c.dropped-p.message.Dropped, now
		c.bucket(p.message.Group, now).tokens--
	}
	c.queue = slices.DeleteFunc(c.queue, func(q parcel) bool { return q.message.ID == p.message.ID })
	c.desk.settled(ctx, c.Name, append(p.folded, p.message)...)
}

// backoff is the wait after a number of failures in a row, spread by a fifth.
func backoff(failures int, r *rand.Rand) time.Duration {
	d := min(retryFirst<<min(failures, 10), retryMost)
	spread := int64(d / 5)
	if r != nil {
		return d + time.Duration(r.Int64N(spread))
	}
	return d + time.Duration(rand.Int64N(spread))
}
