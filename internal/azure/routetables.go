package azure

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"hopguard/internal/lease"
	"hopguard/internal/route"
)

const (
	// writeTries bounds the PUTs of one table in one Apply.
	writeTries = 12
	// applySlack is how much longer than predicted an Apply may take.
	applySlack = 90 * time.Second
	// pollEvery is the time between two reads of a table that is being written,
	// after the first wait that Azure asks for.
	pollEvery = time.Second
	// longestPoll bounds that first wait: recordings show 2 s and 10 s.
	longestPoll = 15 * time.Second
)

// usualBudget is what Apply expects to need, to bound itself.
func usualBudget() route.Budget {
	return route.Budget{Burst: writeBurst, PerSecond: writeRate, Write: 10 * time.Second}
}

// Apply makes one conditional PUT for each table of the plan that needs it. The
// tables of a subscription start in the plan's order, as fast as ARM's budget
// gives tokens, and then run side by side; subscriptions do not wait for each
// other. Of several calls at once each gets a token in turn, but the critical tables of
// all come before the rest of all. saw is told of each stage, from several goroutines at once.
//
// A table that somebody else changes meanwhile is read and planned again, so
// that only next hops of the goal are ever written. The term is checked before
// each PUT.
func (c *Client) Apply(ctx context.Context, term lease.Term, goal route.Goal, plan route.Plan, saw func(route.Progress)) []route.Outcome {
	limit := applySlack + plan.Predict(usualBudget())
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done within %s; the next tick goes on", limit))
	defer cancel()
	writes := plan.Writes()
	outcomes := make([]route.Outcome, len(writes))
	bySubscription := map[string][]int{}
	for i, t := range writes {
		key := strings.ToLower(t.Table.Subscription())
		bySubscription[key] = append(bySubscription[key], i)
	}
	slots := make(chan struct{}, orAll(c.parallel, len(writes)))
	var all sync.WaitGroup
	for subscription, tables := range bySubscription {
		all.Go(func() {
			defer c.tables.forget(subscription)
			budget := c.budgets.of(subscription, http.MethodPut)
			writers := make([]writer, len(tables))
			for n, i := range tables {
				writers[n] = writer{client: c, term: term, goal: goal, plan: writes[i], saw: saw}
			}
			applyInOrder(ctx, budget, writers, slots, func(n int, t ticket) {
				outcomes[tables[n]] = writers[n].run(ctx, budget, t)
			})
		})
	}
	all.Wait()
	for i, t := range writes {
		if outcomes[i].Table == "" {
			outcomes[i] = route.Outcome{Table: t.Table, Changes: t.Changes, Err: fmt.Errorf("not begun: %w", notBegun(ctx, term))}
		}
	}
	return outcomes
}

// applyInOrder starts the tables one after the other, each with its token.
func applyInOrder(ctx context.Context, budget *bucket, writers []writer, slots chan struct{}, write func(int, ticket)) {
	var running sync.WaitGroup
	defer running.Wait()
	for i := range writers {
		w := &writers[i]
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		if w.term.Err() != nil {
			<-slots
			return
		}
		t, err := w.take(ctx, budget)
		if err != nil {
			<-slots
			return // ctx says why
		}
		running.Go(func() {
			defer func() { <-slots }()
			write(i, t)
		})
	}
}

func notBegun(ctx context.Context, term lease.Term) error {
	return errors.Join(term.Err(), context.Cause(ctx))
}

func orAll(n, all int) int {
	if n <= 0 {
		return max(all, 1)
	}
	return n
}
