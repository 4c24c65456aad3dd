package azure

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/branch"
	"hopguard/internal/lease"
	"hopguard/internal/peering"
)

// branchWriter brings one table or one subnet to what is wanted: it reads, plans and
// writes until nothing is left to write.
type branchWriter struct {
	*branchRun
	kind      string // for rights
	out       branch.Outcome
	tries     int // in a row that brought no write to its end
	busySince time.Time
	failed    int // times that a write was accepted and failed
}

// mostFailed is how often what was accepted and failed is written again.
const mostFailed = 3

// again reports whether a resource must be written as it is, because its last write was
// accepted and failed: what it shows is not what is in force.
func (w *branchWriter) again(state string) (bool, error) {
	if state != "Failed" && state != "Canceled" {
		return false, nil
	}
	if w.failed++; w.failed > mostFailed {
		return false, &refusedError{&peering.Problem{Code: peering.CodeBusy, Text: "a write was accepted and failed, " + fmt.Sprint(mostFailed) + " times: its provisioning state is " + state}}
	}
	return true, nil
}

// step is what a look at the resource has shown.
type step struct {
	// done: it is as wanted, or gone.
	done bool
	// busy: Azure is still changing it.
	busy bool
	// etag is "*" for a resource that is to be made, in If-None-Match.
	etag string
	body []byte
}

// run looks and writes until a look shows that it is done, or until it must give up.
func (w *branchWriter) run(ctx context.Context, id appliance.ResourceID, look func(context.Context) (step, error)) branch.Outcome {
	w.out = branch.Outcome{Resource: id, Started: time.Now()}
	for {
		s, err := look(ctx)
		switch {
		case err != nil:
		case s.done:
			if w.out.Gone == "" {
				w.out.ReadBack = time.Now()
			}
			return w.out
		case s.busy:
			err = errBusy
		default:
			err = w.write(ctx, id, s)
		}
		if err != nil {
			if err = w.recover(ctx, err); err != nil {
				w.out.Err = err
				return w.out
			}
		}
	}
}

// write makes one conditional PUT. The next look tells what came of it.
func (w *branchWriter) write(ctx context.Context, id appliance.ResourceID, s step) error {
	if err := w.missingRight(w.kind, id); err != nil {
		return err
	}
	header := http.Header{"If-Match": {s.etag}}
	if s.etag == "*" {
		header = http.Header{"If-None-Match": {"*"}}
	}
	if s.etag == "" {
		return errHalfETag
	}
	if w.out.Writes >= writeTries {
		return fmt.Errorf("written %d times, and each time something else was read back", w.out.Writes)
	}
	if _, err := w.pace(id).take(ctx, virtualNetworkLane); err != nil {
		return fmt.Errorf("wait for the share of spokes: %w", err)
	}
	last := func() error {
		if err := w.Term.Err(); err != nil {
			return err
		}
		w.out.Writes++
		return nil
	}
	a, err := w.client.spare(ctx, last, http.MethodPut, providerNetwork, string(id), nil, header, s.body)
	if err != nil {
		w.deny(w.kind, id, err)
		return err
	}
	w.tries, w.busySince = 0, time.Time{}
	return sleep(ctx, min(cmp.Or(retryAfter(a.Header, time.Now()), pollEvery), longestPoll))
}

// recover decides after an error whether to go on, and waits. It returns nil to go on.
func (w *branchWriter) recover(ctx context.Context, err error) error {
	if errors.Is(err, lease.ErrLost) || ctx.Err() != nil {
		return with(err, context.Cause(ctx))
	}
	if errors.Is(err, errBusy) {
		if w.busySince.IsZero() {
			w.busySince = time.Now()
		}
		if time.Since(w.busySince) > peeringWait {
			return fmt.Errorf("given up after %s: %w", peeringWait, err)
		}
		return sleep(ctx, pollEvery)
	}
	_, refused := errors.AsType[*refusedError](err)
	w.tries++
	if refused || errors.Is(err, errHalfETag) || w.out.Writes >= writeTries || w.tries >= pairTries || w.missingRight(w.kind, w.out.Resource) != nil {
		return err
	}
	what, wait, _ := advise(err)
	if what == giveUp {
		return err
	}
	if wait == 0 && !conflict(err) {
		wait = w.client.jitter.backoff(w.tries)
	}
	return sleep(ctx, wait)
}

// refusedError is what stands in the way of a table, found by a look.
type refusedError struct{ *peering.Problem }

// Error is the problem's text.
func (p *refusedError) Error() string { return p.Text }

// table makes a table, or adds routes to it.
func (r *branchRun) table(ctx context.Context, plan branch.TablePlan) branch.Outcome {
	w := &branchWriter{branchRun: r, kind: "table"}
	return w.run(ctx, plan.Table, func(ctx context.Context) (step, error) {
		want, err := r.Want(ctx)
		if err != nil {
			return step{}, err
		}
		var now *branch.Table
		a, err := r.client.spareGet(ctx, providerNetwork, string(plan.Table), nil)
		if err == nil {
			var t branch.Table
			if t, err = branch.Parse(a.Body); t.ETag == "" {
				t.ETag = a.Header.Get("ETag")
			}
			now = &t
		}
		if err != nil && !missing(err) {
			return step{}, err
		}
		if now == nil && !plan.Create {
			w.out.Gone = "it does not exist any more"
			return step{done: true}, nil
		}
		p := want.Table(plan.Table, plan.Location, now)
		switch {
		case p.Problem != nil:
			return step{}, &refusedError{p.Problem}
		case now != nil && peering.Busy(p.State()):
			return step{busy: true}, nil
		}
		failed, err := w.again(p.State())
		if err != nil || !failed && !p.Write() {
			return step{done: err == nil}, err
		}
		s := step{etag: p.ETag()}
		if p.Create {
			s.etag = "*"
		}
		s.body, err = want.Body(p)
		return s, err
	})
}

// subnet gives a subnet that has no table the one of the plan.
func (r *branchRun) subnet(ctx context.Context, plan branch.SubnetPlan) branch.Outcome {
	w := &branchWriter{branchRun: r, kind: "subnet"}
	return w.run(ctx, plan.Subnet, func(ctx context.Context) (step, error) {
		network, err := r.client.network(ctx, plan.Network())
		if err != nil {
			return step{}, err
		}
		if network == nil || !r.Selects(*network) {
			w.out.Gone = "its network does not exist any more, or is not selected any more"
			return step{done: true}, nil
		}
		a, err := r.client.spareGet(ctx, providerNetwork, string(plan.Subnet), nil)
		if missing(err) {
			w.out.Gone = "it does not exist any more"
			return step{done: true}, nil
		}
		var now struct {
			ETag       string `json:"etag"`
			Properties struct {
				State string `json:"provisioningState"`
				Table struct {
					ID appliance.ResourceID `json:"id"`
				} `json:"routeTable"`
			} `json:"properties"`
		}
		if err == nil {
			err = json.Unmarshal(a.Body, &now)
		}
		if err != nil {
			return step{}, err
		}
		table := now.Properties.Table.ID
		switch {
		case peering.Busy(now.Properties.State) || peering.Busy(network.State):
			return step{busy: true}, nil
		case table != "" && !table.Equal(plan.Table):
			w.out.Gone = "somebody has given it the table " + table.Name() + " meanwhile"
			return step{done: true}, nil
		}
		failed, err := w.again(now.Properties.State)
		if err != nil || !failed && table != "" {
			return step{done: err == nil}, err
		}
		s := step{etag: cmp.Or(now.ETag, a.Header.Get("ETag"))}
		s.body, err = branch.Associate(a.Body, plan.Table)
		return s, err
	})
}
