package azure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"hopguard/internal/appliance"
	"hopguard/internal/branch"
	"hopguard/internal/lease"
	"hopguard/internal/peering"
)

// branchesAtOnce is how many tables, and then how many networks, are written at a time.
const branchesAtOnce = 32

// BranchTables reads the route tables that the group has made, and those with the ids
// that hopguard would give to the tables of these networks. It costs one list per
// subscription, with requests that nobody else needs. What could be read is returned
// together with an error for the rest.
func (c *Client) BranchTables(ctx context.Context, want branch.Want, networks []peering.Network) ([]branch.Table, error) {
	subscriptions, err := c.Subscriptions(ctx)
	if err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	for _, n := range networks {
		ids[want.TableID(n).Key()] = true
	}
	found := make([][]branch.Table, len(subscriptions))
	failed := make([]error, len(subscriptions))
	var g errgroup.Group
	for i, s := range subscriptions {
		g.Go(func() error {
			path := "/subscriptions/" + s + "/providers/Microsoft.Network/routeTables"
			failed[i] = c.list(ctx, c.spareGet, providerNetwork, path, nil, func(raw json.RawMessage) error {
				t, err := branch.Parse(raw)
				switch {
				case t.ID != "" && !ids[t.ID.Key()] && !want.Owned(t):
				case err != nil:
					failed[i] = errors.Join(failed[i], err)
				default:
					found[i] = append(found[i], t)
				}
				return nil
			})
			if failed[i] != nil {
				failed[i] = fmt.Errorf("list route tables of subscription %s: %w", s, failed[i])
			}
			return nil
		})
	}
	_ = g.Wait() // the errors are in failed
	return slices.Concat(found...), errors.Join(failed...)
}

// Branches says what the writers of tables and subnets need beside the plan.
type Branches struct {
	Term lease.Term
	// Want returns what is wanted now: the active member may have changed since the plan
	// was made. It is asked before each write of a table, from several goroutines at once.
	Want func(context.Context) (branch.Want, error)
	// Selects reports whether a network is still to be routed, as it was just read.
	Selects func(peering.Network) bool
	Plan    branch.Plan
}

// ApplyBranches makes the tables and routes of the plan, and then gives the subnets
// their tables: of one network one after the other, because Azure takes one write to a
// network at a time. Everything is read and planned again before it is written, with the
// etag just read, and everything it asks for is spare. A table whose write failed is
// given to no subnet. An outcome is without error only after a read by its id, or if the
// subnet is gone.
func (c *Client) ApplyBranches(ctx context.Context, b Branches) []branch.Outcome {
	run := &branchRun{client: c, Branches: b, paces: map[string]*bucket{}, denied: map[string]error{}}
	var tables []branch.TablePlan
	for _, t := range b.Plan.Tables {
		if t.Write() {
			tables = append(tables, t)
		}
	}
	outcomes := make([]branch.Outcome, len(tables))
	together(ctx, len(tables), func(i int) { outcomes[i] = run.table(ctx, tables[i]) })
	bad := map[string]error{}
	for i, o := range outcomes {
		c.tables.forget(tables[i].Table.Subscription())
		if o.Err != nil && tables[i].Create {
			bad[tables[i].Table.Key()] = o.Err
		}
	}
	networks, order := map[string][]branch.SubnetPlan{}, []string(nil)
	for _, s := range b.Plan.Subnets {
		if !s.Associate {
			continue
		}
		key := s.Network().Key()
		if networks[key] == nil {
			order = append(order, key)
		}
		networks[key] = append(networks[key], s)
	}
	subnets := make([][]branch.Outcome, len(order))
	together(ctx, len(order), func(i int) {
		for _, s := range networks[order[i]] {
			if err := bad[s.Table.Key()]; err != nil {
				subnets[i] = append(subnets[i], branch.Outcome{Resource: s.Subnet, Err: fmt.Errorf("not tried, because its table was not made: %w", err)})
				continue
			}
			subnets[i] = append(subnets[i], run.subnet(ctx, s))
		}
	})
	for i := range outcomes {
		if outcomes[i].Resource == "" {
			outcomes[i] = branch.Outcome{Resource: tables[i].Table, Err: fmt.Errorf("not begun: %w", notBegun(ctx, b.Term))}
		}
	}
	for i, list := range subnets {
		for _, s := range networks[order[i]][len(list):] {
			subnets[i] = append(subnets[i], branch.Outcome{Resource: s.Subnet, Err: fmt.Errorf("not begun: %w", notBegun(ctx, b.Term))})
		}
	}
	return slices.Concat(outcomes, slices.Concat(subnets...))
}

// together calls do for each number, some at a time, until ctx ends.
func together(ctx context.Context, n int, do func(int)) {
	slots := make(chan struct{}, branchesAtOnce)
	var all sync.WaitGroup
	defer all.Wait()
	for i := range n {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil { // of two that are ready, select takes any
			return
		}
		all.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
}

// branchRun is what the writers of one ApplyBranches share.
type branchRun struct {
	Branches
	client *Client

	mu     sync.Mutex
	paces  map[string]*bucket // by subscription
	denied map[string]error   // by action and resource group
}

func (r *branchRun) pace(id appliance.ResourceID) *bucket {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := strings.ToLower(id.Subscription())
	if r.paces[key] == nil {
		r.paces[key] = newPace()
	}
	return r.paces[key]
}

// placeOf names where a right is usually given: a resource group.
func placeOf(kind string, id appliance.ResourceID) string {
	return kind + " " + strings.ToLower(id.Subscription()+"/"+id.ResourceGroup())
}

// deny remembers that writes of that kind are refused in a resource group, so that not
// each of hundreds is refused by itself.
func (r *branchRun) deny(kind string, id appliance.ResourceID, err error) {
	if e, ok := errors.AsType[*APIError](err); ok {
		if _, _, missing := e.Missing(); missing {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.denied[placeOf(kind, id)] = err
		}
	}
}

func (r *branchRun) missingRight(kind string, id appliance.ResourceID) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.denied[placeOf(kind, id)]; err != nil {
		return fmt.Errorf("not tried, because the same was refused before: %w", err)
	}
	return nil
}
