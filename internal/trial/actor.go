package trial

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"hopguard/internal/app"
	"hopguard/internal/config"
	"hopguard/internal/controller"
)

// way is what is between an actor and one side of the world.
type way int

const (
	connected way = iota
	// dropped: nothing arrives, and nobody says so.
	dropped
	// refused: the host knows at once that there is no way.
	refused
)

// actor is one process: an incarnation of a replica, or a person's command.
type actor struct {
	name string
	// replica is nil for a person's command.
	replica *replica
	stop    context.CancelFunc
	born    time.Time
	dead    bool // guarded by the turnstile

	// The rest is the driver's.
	paused bool
	cut    [sides]way
	crash  crash
	// order is a person's; nil for a replica.
	order *controller.Request
	sight sight
	// nudge tells production code that something is said to have happened.
	nudge func()
}

// crash ends a process at one of its calls. The zero value does not.
type crash struct {
	// in is how many calls are left; 0 if no crash is planned.
	in int
	// side is the only one whose calls count, and applied says that the last one is
	// carried out before the end.
	side    side
	applied bool
	do      func()
}

// now counts a call that is carried out, or was if done is set, and reports whether
// this is the end.
func (c *crash) now(of *call, done bool) bool {
	if c.in == 0 || of.side != c.side || c.applied != done {
		return false
	}
	c.in--
	return c.in == 0
}

// replica is a place where a process runs, again and again.
type replica struct {
	number int
	lives  int
	clock  *clock
	// now is the process that runs; nil if none does.
	now *actor
}

// report is what a tick has reported.
type report struct {
	actor *actor
	at    time.Time
	*controller.Report
}

// start starts a process of a replica.
func (w *world) start(r *replica) {
	r.lives++
	a := &actor{name: fmt.Sprintf("r%d.%d", r.number, r.lives), replica: r}
	conf := w.conf
	conf.Replicas.Name = a.name
	if w.sameNames {
		conf.Replicas.Name = fmt.Sprintf("r%d", r.number)
	}
	production, ctx, err := w.employ(a, conf, r.clock)
	if err != nil {
		w.broken(err)
		return
	}
	r.now = a
	w.say("%s starts", a.name)
	w.running.Go(func() {
		if err := production.Run(ctx); err != nil && ctx.Err() == nil {
			w.turn.note(report{actor: a, Report: &controller.Report{Errors: []error{fmt.Errorf("run: %w", err)}}})
		}
	})
}

// employ wires production code for an actor.
func (w *world) employ(a *actor, conf config.Config, c *clock) (*app.App, context.Context, error) {
	ctx, stop := context.WithCancelCause(context.Background())
	a.stop = func() { stop(errors.New("killed")) }
	a.born, a.crash.do = time.Now(), func() { w.kill(a) }
	p := &port{
		actor: a, turn: w.turn, azure: w.azure, arm: w.azure.Transport(), blobs: w.blobs.Transport(a.name), meraki: w.dashboard.Transport(),
		sending: w.judge.sending, served: w.judge.served,
	}
	production, err := app.New(app.Options{
		Config: conf, Logger: w.logger(a), Transport: p, Meraki: dashboardPort{p}, Dial: p.Dial, Ping: p.Ping, Now: c.now,
		Rand: w.fork(), Backoff: w.fork(),
		Reported: func(r *controller.Report) { w.turn.note(report{actor: a, at: time.Now(), Report: r}) },
	})
	if err == nil {
		a.nudge = production.Nudge
	}
	return production, ctx, err
}

// fork returns randomness of its own for one user.
func (w *world) fork() *rand.Rand { return rand.New(rand.NewPCG(w.rng.Uint64(), w.rng.Uint64())) }

// kill ends a process at once, and its replica begins another one later.
func (w *world) kill(a *actor) {
	w.driver.kill(w, a)
	r := a.replica
	if r == nil {
		return
	}
	r.now = nil
	w.judge.gone(a)
	w.after(time.Second+w.span(20*time.Second), func() {
		if r.now == nil {
			w.start(r)
		}
	})
}

// command runs a person's order as the command line does: a process of its own that
// makes one tick.
func (w *world) command(req controller.Request) {
	w.people++
	a := &actor{name: fmt.Sprintf("human%d", w.people), order: &req}
	conf := w.conf
	conf.Replicas.Name = a.name
	production, ctx, err := w.employ(a, conf, newClock(0, 1))
	if err != nil {
		w.broken(err)
		return
	}
	if w.rng.IntN(6) == 0 {
		a.crash = crash{in: 1 + w.rng.IntN(8), side: side(w.rng.IntN(2)), applied: w.rng.IntN(2) == 0, do: a.crash.do}
	}
	w.say("%s orders %s %s force=%t", a.name, req.Order.Kind, req.Order.To, req.Order.Force)
	w.running.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		r := production.Tick(ctx, groupName, req)
		w.turn.note(report{actor: a, at: time.Now(), Report: r})
	})
}
