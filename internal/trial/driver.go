package trial

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing/synctest"
	"time"
)

// driver lets one call through at a time, chosen by the seed, and lets happen what is
// to happen at its time. All that it owns is used by its goroutine alone.
type driver struct {
	turn  *turnstile
	rng   *rand.Rand
	began time.Time
	// calls are in flight.
	calls  []*call
	events []event
	seq    int
	over   bool

	transcript transcript
	// latency is how long a request, or an answer, is on its way; set by faults.
	tail [sides]bool
	// admitted counts what was carried out.
	admitted int
}

// event is something that happens at a time.
type event struct {
	at  time.Time
	seq int
	do  func()
}

// after plans an event.
func (d *driver) after(wait time.Duration, do func()) {
	d.seq++
	d.events = append(d.events, event{time.Now().Add(wait), d.seq, do})
	slices.SortFunc(d.events, func(a, b event) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.seq, b.seq)) })
}

// say writes a line of the transcript.
func (d *driver) say(format string, args ...any) {
	d.transcript.add(time.Since(d.began), fmt.Sprintf(format, args...))
}

// hooks are what the world does around the calls.
type hooks interface {
	// arrived looks at a call that has left its caller.
	arrived(c *call)
	// carried looks at the world after something may have changed in it. by is nil if
	// it was an event, or time alone.
	carried(by *call)
	// reported takes a report.
	reported(r report)
}

// run drives until the end.
func (d *driver) run(h hooks) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for !d.over {
		now := time.Now()
		if next := d.next(now); next.After(now) {
			timer.Reset(next.Sub(now))
			select {
			case <-d.turn.bell:
			case <-timer.C:
			}
		}
		// Whatever can run has run: what is there now does not depend on chance.
		synctest.Wait()
		d.step(h)
	}
}

// step does one thing, if something is due.
func (d *driver) step(h hooks) {
	arrived, reports := d.turn.take()
	now := time.Now()
	for _, r := range reports {
		h.reported(r)
	}
	for _, c := range arrived {
		if c.actor.dead {
			d.release(c, errGone)
			continue
		}
		c.due = now.Add(d.latency(c.side))
		d.calls = append(d.calls, c)
		h.arrived(c)
	}
	if len(d.events) > 0 && !d.events[0].at.After(now) {
		e := d.events[0]
		d.events = d.events[1:]
		h.carried(nil)
		e.do()
		h.carried(nil)
		d.breathe()
		return
	}
	var due []*call
	for _, c := range d.calls {
		if !d.when(c, now).After(now) {
			due = append(due, c)
		}
	}
	if len(due) == 0 {
		return
	}
	c := due[0]
	if len(due) > 1 {
		c = due[d.rng.IntN(len(due))]
	}
	d.admit(h, c)
	d.breathe()
}

// breathe gives everything that happens an instant of its own, so that no timer of
// production code that was set by one thing fires together with one set by another.
func (d *driver) breathe() { time.Sleep(time.Duration(1 + d.rng.IntN(1000))) }

// never is later than the end of any world.
const never = 1000 * time.Hour

// when returns when a call can go on.
func (d *driver) when(c *call, now time.Time) time.Time {
	switch {
	case c.actor.paused:
		return now.Add(never)
	case d.turn.left(c):
		return now
	case c.progress == silent && c.due.IsZero():
		return now.Add(never)
	default:
		return c.due
	}
}

// next returns when something is to be done next.
func (d *driver) next(now time.Time) time.Time {
	next := now.Add(never)
	if len(d.events) > 0 {
		next = d.events[0].at
	}
	for _, c := range d.calls {
		if at := d.when(c, now); at.Before(next) {
			next = at
		}
	}
	return next
}

// admit takes a call one step further.
func (d *driver) admit(h hooks, c *call) {
	a := c.actor
	switch {
	case d.turn.left(c):
		d.leave(h, c)
	case c.inside:
		d.say("%s %s %s: %s", a.name, c.side, c.name, c.carryOut(false).words)
		d.release(c, nil)
	case c.progress == answered && a.cut[c.side] == dropped:
		d.say("%s %s %s: the answer is lost", a.name, c.side, c.name)
		c.progress, c.due = silent, time.Time{}
	case c.progress == answered:
		d.release(c, nil)
	case a.cut[c.side] != connected:
		d.unreach(c)
	case a.crash.now(c, false):
		d.say("%s %s %s: killed before it was sent", a.name, c.side, c.name)
		a.crash.do()
	default:
		d.carry(h, c)
	}
}

// troubled remembers that a call did not come to what it should.
func (d *driver) troubled(c *call) {
	if c.side != toMeraki {
		c.actor.sight.troubled = time.Now()
	}
	if c.side == toStore {
		c.actor.sight.offline = time.Now()
	}
}

// unreach lets a call vanish, or fail at once.
func (d *driver) unreach(c *call) {
	a := c.actor
	d.troubled(c)
	switch a.cut[c.side] {
	case dropped:
		c.progress, c.due = silent, time.Time{}
		if c.side != toMembers {
			d.say("%s %s %s: lost", a.name, c.side, c.name)
		}
	case connected, refused:
		d.release(c, errUnreachable)
	default:
		panic(fmt.Sprintf("trial: reach %d", a.cut[c.side]))
	}
}

// carry carries a call out.
func (d *driver) carry(h hooks, c *call) {
	h.carried(nil) // time alone may have changed something
	r := c.carryOut(false)
	d.admitted++
	if r.words != "" {
		d.say("%s %s %s: %s", c.actor.name, c.side, c.name, r.words)
	}
	h.carried(c)
	switch {
	case c.actor.crash.now(c, true):
		d.say("%s: killed before the answer came", c.actor.name)
		c.actor.crash.do()
	case r.silent:
		c.progress, c.due = silent, time.Time{}
		if r.again > 0 {
			c.due = time.Now().Add(r.again)
		}
	case d.rng.IntN(4) > 0:
		d.answer(c, time.Now())
	default:
		d.answer(c, time.Now().Add(d.latency(c.side)))
	}
}

// answer lets the answer of a call arrive, now or later.
func (d *driver) answer(c *call, at time.Time) {
	end, bounded := c.ctx.Deadline()
	switch {
	case c.side == toMeraki && bounded && end.Sub(at) < lastWords:
		c.progress, c.due = silent, time.Time{}
	case at.After(time.Now()):
		c.progress, c.due = answered, at
	default:
		d.release(c, nil)
	}
}

// leave lets the caller of a call go that has stopped to wait. A request that has not
// arrived yet may be on its way all the same, and arrive late.
func (d *driver) leave(h hooks, c *call) {
	if c.side != toMembers {
		d.troubled(c)
		d.say("%s %s %s: given up", c.actor.name, c.side, c.name)
	}
	if c.progress == onItsWay && c.side != toMembers && c.actor.cut[c.side] == connected && d.rng.IntN(2) == 0 {
		d.land(h, c, time.Duration(d.rng.Int64N(int64(lateMost))))
	}
	d.release(c, c.ctx.Err())
}

// lateMost is how late a request arrives at most whose sender has gone.
const lateMost = 15 * time.Second

// land carries a call out later, for nobody.
func (d *driver) land(h hooks, c *call, wait time.Duration) {
	d.after(wait, func() {
		r := c.carryOut(true)
		d.say("%s %s %s: arrived when its sender had gone: %s", c.actor.name, c.side, c.name, r.words)
		h.carried(c)
	})
}

// release gives the caller its answer; if err is not nil, that.
func (d *driver) release(c *call, err error) {
	if err != nil {
		c.giveUp(err)
	}
	if i := slices.Index(d.calls, c); i >= 0 {
		d.calls = slices.Delete(d.calls, i, i+1)
	}
	close(c.done)
}

// kill ends a process at once. What it had sent may still arrive.
func (d *driver) kill(h hooks, a *actor) {
	d.turn.kill(a)
	a.stop()
	for _, c := range slices.Clone(d.calls) {
		if c.actor != a {
			continue
		}
		if c.progress == onItsWay && c.side != toMembers && a.cut[c.side] == connected && d.rng.IntN(4) == 0 {
			d.land(h, c, time.Duration(d.rng.Int64N(int64(time.Second))))
		}
		d.release(c, errGone)
	}
}

// latency draws how long a request is on its way.
func (d *driver) latency(s side) time.Duration {
	usual := 30 * time.Millisecond
	if s == toMembers {
		usual = 10 * time.Millisecond
	}
	if d.tail[s] && d.rng.IntN(3) == 0 {
		usual = 8 * time.Second
	}
	return usual/10 + time.Duration(d.rng.Int64N(int64(usual)))
}
