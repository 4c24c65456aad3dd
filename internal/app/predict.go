package app

import (
	"time"

	"hopguard/internal/controller"
	"hopguard/internal/route"
)

// The budget that Azure Resource Manager gives writes, per subscription and
// principal: a burst, and what flows in per second
// (learn.microsoft.com, request-limits-and-throttling, since 2024).
const (
	writeBurst     = 200
	writePerSecond = 10
)

// Predict returns how long the writes of a report's plan will take under ARM's
// budget, if nobody else draws on it and one write takes the given time.
func (a *App) Predict(r *controller.Report, write time.Duration) time.Duration {
	return r.Plan.Predict(route.Budget{
		Burst: writeBurst, PerSecond: writePerSecond, Write: write, Parallel: a.config.Azure.Parallel,
	})
}
