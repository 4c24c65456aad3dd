package main

import (
	"context"
	"io"
	"time"
)

// The outage, for its tests.
type (
	Need          = need
	OutageCase    = outageCase
	OutageResult  = outageResult
	OutageResults = []outageResult
)

// NewNeed makes a need.
func NewNeed(subscription, region string, from time.Duration) Need {
	return need{subscription: subscription, region: region, from: from}
}

// NewOutageCase is a world of groups with tables, checked every second.
func NewOutageCase(groups, subscriptions int) OutageCase {
	return outageCase{size: size{Groups: groups, Subscriptions: subscriptions, Tables: 10, Routes: 3}, Check: time.Second, Seed: 1}
}

// ResultOf is an empty result of a case.
func ResultOf(c OutageCase) OutageResult { return outageResult{outageCase: c} }

// ARMFloor calls armFloor.
func ARMFloor(needs []Need, write time.Duration) time.Duration { return armFloor(needs, write) }

// AzureFloor calls azureFloor.
func AzureFloor(needs []Need, write time.Duration) time.Duration { return azureFloor(needs, write) }

// RunOutage calls runOutage.
func RunOutage(ctx context.Context, c OutageCase, folder string, log func(string, ...any)) (OutageResult, error) {
	return runOutage(ctx, c, folder, log)
}

// TellOutages calls tellOutages.
func TellOutages(out io.Writer, r OutageResults) bool { return tellOutages(out, r) }

// KnownRatio calls known.
func (r outageResult) KnownRatio() float64 { return r.known() }
