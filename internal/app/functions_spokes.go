package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"hopguard/internal/functions"
	"hopguard/internal/lease"
	"hopguard/internal/spoke"
)

// spokes is the timer that keeps the workload networks of all groups that have some. A
// scan that has not ended when the invocation must is left to the next one: what was
// accepted goes on in Azure.
func (f *Functions) spokes(ctx context.Context, a *App, in *functions.Invocation) (functions.Answer, error) {
	if _, err := in.Timer("timer"); err != nil {
		return functions.Answer{}, err
	}
	scans := make([]*spoke.Report, len(a.groups))
	var all sync.WaitGroup
	for i, g := range a.groups {
		if g.spokes == nil {
			continue
		}
		all.Go(func() {
			err := a.term.Lead(ctx, func(ctx context.Context, term lease.Term) error {
				scans[i] = a.scan(ctx, g, term, SpokesRequest{most: pairsPerScan})
				return nil
			})
			if scans[i] == nil {
				scans[i] = &spoke.Report{Group: g.controller.Group.Name, Errors: []error{err}}
			}
			a.logSpokes(ctx, scans[i])
		})
	}
	all.Wait()
	var words, failed []string
	for _, r := range scans {
		if r == nil {
			continue
		}
		words = append(words, fmt.Sprintf("%s %s", r.Group, r.State()))
		if err := r.Failures(); err != nil && ctx.Err() == nil { // cut short is no failure
			failed = append(failed, fmt.Sprintf("spokes of group %s: %v", r.Group, err))
		}
	}
	if len(failed) > 0 {
		return functions.Answer{}, errors.New(strings.Join(failed, "; "))
	}
	return functions.Answer{Value: strings.Join(words, ", ")}, nil
}
