package controller

import (
	"context"
	"slices"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

// settle observes until every check has counted to its end: a check that has
// begun to fall or to rise is repeated every Confirm, and the others with it, so
// that the verdict on the standby is as young as the one on the active member.
// The number of rounds is bounded, so that unknown outcomes end it too.
func (c *Controller) settle(ctx context.Context, before decide.Health) (decide.Health, []appliance.Observation) {
	checks := make([]decide.Check, len(c.Checks))
	rounds := 1
	for i, check := range c.Checks {
		checks[i] = check.Check
		rounds = max(rounds, check.Fall+check.Rise)
	}
	began := make([]time.Time, len(c.Checks))
	health, all := before, []appliance.Observation{}
	for {
		now := c.Now()
		var due []string
		for i, check := range c.Checks {
			if began[i].IsZero() || now.Sub(began[i]) >= check.Confirm {
				due, began[i] = append(due, check.Name), now
			}
		}
		round := c.Prober.Probe(ctx, due)
		for _, o := range round {
			c.tell(Event{Kind: EventObserved, Observation: o, At: o.At})
		}
		all = append(all, round...)
		health = decide.Judge(c.Group, checks, c.Vote, health, round, c.Now())
		if rounds--; rounds <= 0 || !health.Unsettled() || !c.sleepUntilDue(ctx, health, began) {
			break
		}
	}
	for _, m := range health.Members {
		c.tell(Event{Kind: EventJudged, Health: m})
	}
	return health, all
}

// sleepUntilDue waits until the first unsettled check is due; false if ctx ended.
func (c *Controller) sleepUntilDue(ctx context.Context, health decide.Health, began []time.Time) bool {
	var next time.Time
	for i, check := range c.Checks {
		unsettled := slices.ContainsFunc(health.Counters, func(x decide.Counter) bool {
			return x.Check == check.Name && x.Unsettled()
		})
		if due := began[i].Add(check.Confirm); unsettled && (next.IsZero() || due.Before(next)) {
			next = due
		}
	}
	timer := time.NewTimer(next.Sub(c.Now()))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
