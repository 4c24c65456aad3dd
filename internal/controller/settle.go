package controller

import (
	"context"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

// Rules say how the group's observations are judged.
func (c *Controller) Rules() decide.Rules {
	rules := decide.Rules{Group: c.Group, Vote: c.Vote, Witness: c.Witness}
	for _, check := range c.Checks {
		rules.Checks = append(rules.Checks, check.Check)
	}
	return rules
}

// settle observes until every check has counted to its end: a check that has
// begun to fall or to rise is repeated every Confirm, and the others with it, so
// that the verdict on the standby is as young as the one on the active member.
// Each check is repeated a bounded number of times, so that unknown outcomes end
// it too, and by itself, so that a fast one does not use up the tries of a slow one.
func (c *Controller) settle(ctx context.Context, before decide.Health) (decide.Health, []appliance.Observation) {
	rules := c.Rules()
	left := make([]int, len(c.Checks)) // how often each may still be repeated
	for i, check := range c.Checks {
		left[i] = check.Fall + check.Rise - 1
	}
	began := make([]time.Time, len(c.Checks))
	health, all := before, []appliance.Observation{}
	for {
		now := c.Now()
		var due []string
		for i, check := range c.Checks {
			if !began[i].IsZero() && now.Sub(began[i]) < check.Confirm {
				continue
			}
			if !began[i].IsZero() && health.Unsettled(check.Name) {
				left[i]--
			}
			due, began[i] = append(due, check.Name), now
		}
		round := c.Prober.Probe(ctx, due)
		for _, o := range round {
			c.tell(Event{Kind: EventObserved, Observation: o, At: o.At})
		}
		all = append(all, round...)
		health = decide.Judge(rules, health, round, c.Now())
		if !c.sleepUntilDue(ctx, health, began, left) {
			break
		}
	}
	for _, m := range health.Members {
		c.tell(Event{Kind: EventJudged, Health: m})
	}
	return health, all
}

// sleepUntilDue waits until the first unsettled check is due that may be repeated;
// false if there is none, or if ctx ended.
func (c *Controller) sleepUntilDue(ctx context.Context, health decide.Health, began []time.Time, left []int) bool {
	var next time.Time
	for i, check := range c.Checks {
		if left[i] <= 0 || !health.Unsettled(check.Name) {
			continue
		}
		if due := began[i].Add(check.Confirm); next.IsZero() || due.Before(next) {
			next = due
		}
	}
	if next.IsZero() {
		return false
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
