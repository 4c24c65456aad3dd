package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"hopguard/internal/decide"
)

// How often the world is looked at: where a time is measured, and where a controller
// is asked.
const (
	looks = 5 * time.Millisecond
	asks  = 100 * time.Millisecond
)

// stage is how far a switch was when its controller was caught.
type stage string

const (
	beforeRecord stage = "before the record"
	beforeWrites stage = "record stored, nothing written"
	amongWrites  stage = "some tables written"
	allWritten   stage = "all tables written, not read back"
	reported     stage = "reported"
)

func stages() []stage { return []stage{beforeRecord, beforeWrites, amongWrites, allWritten, reported} }

// start starts the controllers and waits until one leads and all is well.
func (w *world) start(ctx context.Context) error {
	for _, s := range w.slots {
		if err := s.begin(); err != nil {
			return err
		}
	}
	return w.calm(ctx, "vmx-a", "agreed", time.Now())
}

// begin starts the next controller of a place: under a new name, or under the old one
// again, as a pod has one or the other.
func (s *slot) begin() error {
	if s.runs == 0 || s.world.rng.IntN(2) == 0 {
		s.runs++
	}
	c, err := s.start(s.world.setup.program, fmt.Sprintf("%s-%d", s.name, s.runs), s.world.hears)
	if err == nil {
		s.now = c
	}
	return err
}

// hears checks what a controller says: that all routes are at a member must have been
// so at some moment of the tick.
func (w *world) hears(c *controller, l line, at time.Time) {
	if l.Msg != "tick" || l.State == "failed" || l.State == "degraded" && l.Changes == 0 {
		return
	}
	took, err := time.ParseDuration(l.Took)
	if err == nil && w.story.Was(hops()[l.Active], l.Time.Add(-took), at) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.damage.add(&w.damage.Claims, "%s: %s said that all routes are at %s, and they were not: %+v", w.name, c.name, l.Active, l)
}

// leader is the place whose controller leads; nil if there is none, or more than one.
func (w *world) leader() *slot {
	var found *slot
	for _, s := range w.slots {
		if _, leads := s.now.leading(); leads {
			if found != nil {
				return nil
			}
			found = s
		}
	}
	return found
}

func (w *world) other(s *slot) *slot {
	return w.slots[1-slices.Index(w.slots, s)]
}

// calm waits until a controller has looked after since, and finds all routes at a
// member and nothing to do; and until the other one, if it can speak, knows that.
func (w *world) calm(ctx context.Context, active, state string, since time.Time) error {
	return w.until(ctx, fmt.Sprintf("%s with all routes at %s", state, active), asks, func() bool {
		leads := w.leader()
		if leads == nil {
			return false
		}
		is, ok := leads.now.ask(ctx)
		if !ok || len(is.Groups) != 1 {
			return false
		}
		g := is.Groups[0]
		quiet := g.State == state && g.Active == active && len(g.Errors) == 0 && g.Started.After(since)
		for _, t := range g.Tables {
			quiet = quiet && len(t.Changes) == 0
		}
		other := w.other(leads).now
		if !quiet || !w.right(active) || !other.alive() {
			return false
		}
		if other.isPaused() {
			return true
		}
		knows, ok := other.ask(ctx)
		return ok && len(knows.Elsewhere) == 1 && knows.Elsewhere[0].Leader.Name == leads.now.name
	})
}

// break makes a member fail, in one of the ways that silence its data path.
func (w *world) breaks(member string) (how string, err error) {
	if w.rng.IntN(2) == 0 {
		return "power off", w.sim.PowerOff(member)
	}
	return "hang", w.sim.Hang(member)
}

// heal brings a member back, however it failed.
func (w *world) heal(member string) error {
	if err := w.sim.Unhang(member); err != nil {
		return err
	}
	return w.sim.PowerOn(member)
}

// standby is the member that is not active.
func standby(active string) string {
	if active == "vmx-a" {
		return "vmx-b"
	}
	return "vmx-a"
}

// calibrate makes one switch that nobody disturbs, and measures it.
func (w *world) calibrate(ctx context.Context) error {
	before, _, err := w.records.Load(ctx, groupName)
	if err != nil {
		return err
	}
	from := string(before.Active)
	to := standby(from)
	leads := w.leader()
	if leads == nil {
		return fmt.Errorf("nobody leads: %w", errStuck)
	}
	leads.gate.set(trap{})
	failed := time.Now()
	if _, err := w.breaks(from); err != nil {
		return err
	}
	if err := w.until(ctx, "a switch that nobody disturbs", looks, func() bool {
		if w.usual.right == 0 && w.right(to) {
			w.usual.right = time.Since(failed)
		}
		_, done := leads.now.tick(failed, moves(to))
		return done && w.usual.right > 0
	}); err != nil {
		return err
	}
	w.usual.took, w.usual.requests = time.Since(failed), leads.gate.count()
	if err := w.calm(ctx, to, "degraded", time.Now()); err != nil {
		return err
	}
	if _, err := w.judge(ctx, before, to, to); err != nil {
		return err
	}
	return w.restore(ctx, from, to)
}

// moves likes the report of a switch.
func moves(to string) func(line) bool {
	return func(l line) bool { return l.Active == to && l.Changes > 0 && l.State != "failed" }
}

// restore heals the member that failed and waits until all is well.
func (w *world) restore(ctx context.Context, failed, active string) error {
	if err := w.heal(failed); err != nil {
		return err
	}
	return w.calm(ctx, active, "agreed", time.Now())
}

// moment is when a controller is caught: at a request, at a write, or so long after
// the failure.
type moment struct {
	request int
	writes  bool // only writes of tables count
	carry   carry
	after   time.Duration
}

// draw draws a moment between the failure and the usual end of a switch. Most of that
// time is Azure's, while nobody asks for anything; so two of three moments are
// requests, and every other one of these is a write.
func (w *world) draw(carries ...carry) moment {
	m := moment{carry: carries[w.rng.IntN(len(carries))]}
	switch w.rng.IntN(3) {
	case 0:
		m.after = time.Duration(w.rng.Int64N(int64(w.usual.took)))
	case 1:
		m.request = 1 + w.rng.IntN(w.usual.requests)
	default:
		m.request, m.writes = 1+w.rng.IntN(w.managedTables()), true
	}
	return m
}

func (m moment) String() string {
	what := map[carry]string{carryNever: "lost", carryFirst: "carried out", carryLate: "late"}[m.carry]
	switch {
	case m.request == 0:
		return fmt.Sprintf("%.2f s after it", m.after.Seconds())
	case m.writes:
		return fmt.Sprintf("at write %d (%s)", m.request, what)
	default:
		return fmt.Sprintf("at request %d (%s)", m.request, what)
	}
}

// catch lets a member fail, and does something to the leader at the moment; at the
// latest when it has reported the switch. It returns when the member failed and when
// the leader was caught.
func (w *world) catch(ctx context.Context, leads *slot, from string, m moment, release <-chan struct{}, do func()) (failed, caught time.Time, how string, err error) {
	sprung := make(chan struct{})
	spring := func() {
		do()
		caught = time.Now()
		close(sprung)
	}
	leads.gate.set(trap{at: m.request, writes: m.writes, carry: m.carry, spring: spring, release: release})
	failed = time.Now()
	if how, err = w.breaks(from); err != nil {
		return
	}
	byItself := false
	err = w.until(ctx, "the moment "+m.String(), looks, func() bool {
		select {
		case <-sprung:
			byItself = true
			return true
		default:
		}
		_, done := leads.now.tick(failed, moves(standby(from)))
		return done || m.request == 0 && time.Since(failed) >= m.after
	})
	if err != nil || byItself {
		return
	}
	if !leads.gate.disarm() { // it springs now
		<-sprung
		return
	}
	spring()
	return
}

// stageOf finds out how far a switch was in which the leader was caught just now.
func (w *world) stageOf(ctx context.Context, leads *controller, before decide.Record, failed time.Time) (stage, error) {
	now, _, err := w.records.Load(ctx, groupName)
	if err != nil {
		return "", err
	}
	written := leads.slot.gate.carriedWrites()
	_, told := leads.tick(failed, moves(string(now.Active)))
	switch {
	case now.Epoch == before.Epoch:
		return beforeRecord, nil
	case written == 0:
		return beforeWrites, nil
	case written < w.managedTables():
		return amongWrites, nil
	case !told:
		return allWritten, nil
	default:
		return reported, nil
	}
}

func (w *world) managedTables() int {
	n := 0
	for id := range w.tables {
		if managed(id) {
			n++
		}
	}
	return n
}

// taken returns the damage of the round and the writes of the past that were refused
// in it, and begins anew.
func (w *world) taken() (d Damage, refused int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d, refused = w.damage, w.refused
	w.damage, w.refused = Damage{}, 0
	return d, refused
}

// logs are the ends of the logs of both controllers.
func (w *world) logs() string {
	var all []string
	for _, s := range w.slots {
		if s.now != nil {
			all = append(all, s.now.log()...)
		}
	}
	return strings.Join(all, "\n")
}
