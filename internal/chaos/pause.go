package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// pauseRound lets the active member fail and stops the leader in the middle of the
// switch. When another controller has finished it, and in half of the rounds has moved
// traffic back, the first one goes on where it was, with a request that was on its way
// all the time.
func (w *world) pauseRound(ctx context.Context) (r Round, err error) {
	before, _, err := w.records.Load(ctx, groupName)
	if err != nil {
		return Round{}, err
	}
	from := string(before.Active)
	to := standby(from)
	leads := w.leader()
	if leads == nil {
		return Round{}, fmt.Errorf("nobody leads: %w", errStuck)
	}
	sleeper, next := leads.now, w.other(leads).now
	m := w.draw(carryNever, carryFirst, carryLate)
	release := make(chan struct{})
	var stopErr error
	failed, stopped, how, err := w.catch(ctx, leads, from, m, release, func() { stopErr = sleeper.stop() })
	if err != nil || stopErr != nil {
		return r, errors.Join(err, stopErr)
	}
	awake := false
	wake := func() error {
		if awake {
			return nil
		}
		awake = true
		close(release)
		return sleeper.goOn()
	}
	defer func() {
		if wakeErr := wake(); err == nil {
			err = wakeErr
		}
		leads.stale.Store(false)
	}()
	r = Round{What: fmt.Sprintf("%s, SIGSTOP %s", how, m)}
	if r.Stage, err = w.stageOf(ctx, sleeper, before, failed); err != nil {
		return r, err
	}
	r.Done = r.Stage == allWritten || r.Stage == reported
	if err := w.until(ctx, "a takeover and right routes", looks, func() bool {
		if r.Right == 0 && w.right(to) {
			r.Right, r.Outage = time.Since(stopped), time.Since(failed)
		}
		if at, ok := next.leading(); ok && r.Takeover == 0 && at.After(stopped) {
			r.Takeover = at.Sub(stopped)
		}
		if h, ok := next.tick(stopped, func(l line) bool { return l.Active == to && l.State != "failed" }); ok && r.Report == 0 {
			r.Report = h.at.Sub(stopped)
		}
		return r.Takeover > 0 && r.Report > 0 && r.Right > 0
	}); err != nil {
		return r, err
	}
	if err := w.calm(ctx, to, "degraded", time.Now()); err != nil {
		return r, err
	}
	leads.stale.Store(true) // what it writes from now on is of the past
	active, dead, went := to, from, []string{to}
	if w.rng.IntN(2) == 0 {
		r.What += ", moved back meanwhile"
		if err := w.restore(ctx, from, to); err != nil {
			return r, err
		}
		if _, err := w.breaks(to); err != nil {
			return r, err
		}
		active, dead, went = from, to, []string{to, from}
		if err := w.calm(ctx, active, "degraded", time.Now()); err != nil {
			return r, err
		}
	}
	r.Paused = time.Since(stopped)
	woken := time.Now()
	if err := wake(); err != nil {
		return r, err
	}
	// It says that it leads no longer, knows who does, and the leader has looked twice.
	if err := w.calm(ctx, active, "degraded", woken.Add(lookAgain)); err != nil {
		return r, err
	}
	if _, err := w.judge(ctx, before, active, went...); err != nil {
		return r, err
	}
	leads.stale.Store(false)
	return r, w.restore(ctx, dead, active)
}

// lookAgain is how long after a pause the world must be right, at the least: longer
// than a write of the one that was paused would take, with all its tries.
const lookAgain = 10 * time.Second
