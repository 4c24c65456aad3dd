package azure

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"hopguard/internal/appliance"
	"hopguard/internal/lease"
	"hopguard/internal/peering"
)

// pairsAtOnce is how many pairs are begun and not ended. Their first halves are
// written side by side; a larger number makes more half-made peerings at a time, a
// smaller one leaves the members' networks idle in between.
const pairsAtOnce = 64

// ApplyPeerings makes the steps of the plan: of each pair one after the other, with
// the etag just read and never two on the peerings of one network at a time, and of
// many pairs side by side. It takes as long as Azure does, which can be an hour for
// hundreds of networks, and ends with ctx; the next run goes on.
//
// Everything it asks for is spare: a failover that starts meanwhile finds the budget
// full, and has all of it until it is done. Both networks of a pair are read and
// planned again before each write, so what others have done meanwhile counts. The
// term is checked before each write. An outcome is without error only after a read of
// both halves by their ids, or if the network is gone. saw is told of each stage, from
// several goroutines at once.
func (c *Client) ApplyPeerings(ctx context.Context, term lease.Term, want peering.Want, view peering.View, plan peering.Plan, saw func(peering.Progress)) []peering.Outcome {
	pairs := plan.Writes()
	outcomes := make([]peering.Outcome, len(pairs))
	run := &peeringRun{client: c, term: term, want: want, saw: saw, locks: newHalfLocks(), paces: map[string]*bucket{}, denied: map[string]error{}}
	slots := make(chan struct{}, pairsAtOnce)
	var all sync.WaitGroup
	for i, p := range pairs {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil || term.Err() != nil {
			outcomes[i] = peering.Outcome{Spoke: p.Spoke, Hub: p.Hub, Planned: p.Steps, Err: fmt.Errorf("not begun: %w", notBegun(ctx, term))}
			continue
		}
		all.Go(func() {
			defer func() { <-slots }()
			w := pairWriter{peeringRun: run, order: i, plan: p, whole: !p.Wanted}
			w.snapshot, _ = view.Network(p.Hub)
			outcomes[i] = w.run(ctx)
		})
	}
	all.Wait()
	return outcomes
}

// peeringRun is what the writers of one ApplyPeerings share.
type peeringRun struct {
	client *Client
	term   lease.Term
	want   peering.Want
	saw    func(peering.Progress)
	locks  *halfLocks

	mu     sync.Mutex
	paces  map[string]*bucket // by subscription
	denied map[string]error   // by right and network
}

// pace returns the bucket of the writes to peerings in the network's subscription.
func (r *peeringRun) pace(network appliance.ResourceID) *bucket {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := strings.ToLower(network.Subscription())
	if r.paces[key] == nil {
		r.paces[key] = newPace()
	}
	return r.paces[key]
}

// rights names the rights that a step needs: the one that is asked for on the network
// itself, and the one on the network at the other end.
func rights(p peering.PairPlan, s peering.Step) (local, remote string) {
	verb := "write "
	if s.Op == peering.OpDelete {
		verb = "delete "
	}
	return verb + p.Local(s).Key(), "peer " + p.Remote(s).Key()
}

// deny remembers that a right is missing. Each network of a member has hundreds of
// peerings, and a write for each of them would be refused like the first.
func (r *peeringRun) deny(p peering.PairPlan, s peering.Step, err error) {
	e, ok := errors.AsType[*APIError](err)
	if !ok {
		return
	}
	action, scope, ok := e.Missing()
	if !ok {
		return
	}
	local, remote := rights(p, s)
	r.mu.Lock()
	defer r.mu.Unlock()
	if strings.EqualFold(action, "Microsoft.Network/virtualNetworks/peer/action") {
		if p.Remote(s).Equal(appliance.ResourceID(scope)) {
			r.denied[remote] = err
		}
		return
	}
	r.denied[local] = err
}

// missingRight returns the error by which a right for the step was refused before.
func (r *peeringRun) missingRight(p peering.PairPlan, s peering.Step) error {
	local, remote := rights(p, s)
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.denied[local]
	if err == nil && s.Op != peering.OpDelete {
		err = r.denied[remote]
	}
	return err
}
