package controller

import (
	"context"
	"slices"
	"sync"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/route"
)

// verifyPause is the time between two looks at an interface's effective routes.
const verifyPause = time.Second

// Effective says whether an interface was seen to use the new routes.
type Effective struct {
	NIC appliance.ResourceID `json:"nic"`
	// At is when its effective routes first agreed; zero if that was not observed.
	At time.Time `json:"at,omitzero"`
	// Note says why it was not observed.
	Note string `json:"note,omitzero"`
}

// verify waits until the effective routes of the chosen interfaces agree, after
// a write that was done only. It watches them side by side, so that one that never
// agrees keeps no other from being seen. What it does not see is reported as not
// observed; it changes nothing and undoes nothing.
func (c *Controller) verify(ctx context.Context, r *Report, goal route.Goal) {
	if !slices.ContainsFunc(r.Outcomes, route.Outcome.Done) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, c.Verify.Timeout)
	defer cancel()
	r.Effective = make([]Effective, len(c.Verify.NICs))
	var all sync.WaitGroup
	for i, nic := range c.Verify.NICs {
		all.Go(func() { r.Effective[i] = c.watchNIC(ctx, nic, goal) })
	}
	all.Wait()
}

func (c *Controller) watchNIC(ctx context.Context, nic appliance.ResourceID, goal route.Goal) Effective {
	seen := Effective{NIC: nic}
	ticker := time.NewTicker(verifyPause)
	defer ticker.Stop()
	for {
		routes, err := c.Cloud.Effective(ctx, nic)
		agrees := false
		if err != nil {
			seen.Note = err.Error()
		} else {
			agrees, seen.Note = goal.EffectiveAgrees(routes)
		}
		if agrees {
			seen.At = c.Now()
			c.tell(Event{Kind: EventProgress, At: seen.At, Progress: route.Progress{Table: nic, Stage: route.StageEffective, At: seen.At}})
			return seen
		}
		select {
		case <-ctx.Done():
			return seen
		case <-ticker.C:
		}
	}
}
