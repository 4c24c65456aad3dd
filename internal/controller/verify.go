package controller

import (
	"context"
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
// a write only. What it does not see is reported as not observed; it changes
// nothing and undoes nothing.
func (c *Controller) verify(ctx context.Context, r *Report, goal route.Goal) {
	if len(r.Outcomes) == 0 || len(c.Verify.NICs) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, c.Verify.Timeout)
	defer cancel()
	for _, nic := range c.Verify.NICs {
		r.Effective = append(r.Effective, c.watchNIC(ctx, nic, goal))
	}
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
