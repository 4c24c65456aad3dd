package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// killRound lets the active member fail and kills the leader in the middle of the
// switch; a replacement is started some time later.
func (w *world) killRound(ctx context.Context) (Round, error) {
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
	victim, survivor := leads.now, w.other(leads).now
	m := w.draw(carryNever, carryFirst)
	wait := time.Duration(w.rng.Int64N(int64(12 * time.Second)))
	failed, killed, how, err := w.catch(ctx, leads, from, m, nil, victim.kill)
	if err != nil {
		return Round{}, err
	}
	r := Round{What: fmt.Sprintf("%s, SIGKILL %s", how, m)}
	if r.Stage, err = w.stageOf(ctx, victim, before, failed); err != nil {
		return r, err
	}
	// Where the dead one has told Azure everything, Azure alone brings it to its end.
	r.Done = r.Stage == allWritten || r.Stage == reported
	replaced := false
	var replaceErr error
	if err := w.until(ctx, "a takeover and right routes", looks, func() bool {
		if !replaced && time.Since(killed) >= wait {
			replaced = true
			replaceErr = leads.begin()
		}
		if r.Right == 0 && w.right(to) {
			r.Right, r.Outage = time.Since(killed), time.Since(failed)
		}
		for _, c := range []*controller{survivor, leads.now} {
			if at, ok := c.leading(); ok && r.Takeover == 0 && at.After(killed) {
				r.Takeover = at.Sub(killed)
			}
			if h, ok := c.tick(killed, func(line) bool { return true }); ok && r.Report == 0 {
				r.Report = h.at.Sub(killed)
			}
		}
		return replaceErr != nil || replaced && r.Takeover > 0 && r.Report > 0 && r.Right > 0
	}); err != nil || replaceErr != nil {
		return r, errors.Join(err, replaceErr)
	}
	since := time.Now()
	if err := w.calm(ctx, to, "degraded", since); err != nil {
		return r, err
	}
	if _, err := w.judge(ctx, before, to, to); err != nil {
		return r, err
	}
	return r, w.restore(ctx, from, to)
}
