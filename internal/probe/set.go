// Package probe asks the members: one file for each kind of check, a Set that makes
// the checks of one group at once, and a Schedule that goes on making them.
//
// It guarantees that every test ends within its own timeout and with the
// caller's context, that nothing it started is still running when Probe or Run
// returns, and that the results come in the same order however the tests finish. A
// test that could not be made is unknown: only what a member did, or did not do
// within the check's own timeout, is a fail. It does not count or vote; decide does,
// and a Schedule repeats what its caller calls unsettled. app imports it, and the
// stand-ins that drive a tick.
package probe

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"hopguard/internal/appliance"
)

// Question is what a check asks of one member. Implementations are safe for
// concurrent use.
type Question interface {
	// Ask asks once and returns what it means, and what was seen, for a person.
	// It returns when ctx ends, and leaves no goroutine behind.
	Ask(ctx context.Context, m appliance.Member) (appliance.Outcome, string)
}

// Check is a named question. Name, Timeout and Question are required.
type Check struct {
	Name string
	// Timeout bounds one question of one member, everything included.
	Timeout  time.Duration
	Question Question
	// DataPath says that the observer sends something to the member itself or
	// through it, so that a failure may be the observer's own.
	DataPath bool
}

// Set makes the checks of one group. It is safe for concurrent use and must not
// be changed while it is used.
type Set struct {
	Members []appliance.Member
	Checks  []Check
	// Witness are questions of targets that depend on no member of the group: when
	// none of them answers either, the observer itself is cut off. They are asked of
	// the member without a name, with the fields of their targets to match. A round
	// waits for them, so their timeouts should not be longer than those of the checks.
	Witness []Check
	// Now is the clock that observations are dated by; nil is time.Now.
	Now func() time.Time
}

// Probe makes the named checks of all members at once. It returns one
// observation for each, member by member in the order of Members, and inside a
// member in the order of Checks. A name that no check has gives unknown
// observations, after the others of the member.
//
// If one of the checks is on the data path and the set has a witness, that is
// asked at the same time, and its one observation is the last.
func (s Set) Probe(ctx context.Context, names []string) []appliance.Observation {
	asked := s.named(names)
	size := len(s.Members) * len(asked)
	seen := make([]appliance.Observation, size, size+1)
	var wg sync.WaitGroup
	if len(s.Witness) > 0 && slices.ContainsFunc(asked, func(c Check) bool { return c.DataPath }) {
		seen = seen[:size+1]
		wg.Go(func() { seen[size] = witness(ctx, s.now(), s.Witness) })
	}
	for i, m := range s.Members {
		for j, check := range asked {
			at := &seen[i*len(asked)+j]
			wg.Go(func() { *at = check.observe(ctx, s.now(), m) })
		}
	}
	wg.Wait()
	return seen
}

func (s Set) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// named returns the checks with the given names, each once.
func (s Set) named(names []string) []Check {
	var out []Check
	for _, c := range s.Checks {
		if slices.Contains(names, c.Name) {
			out = append(out, c)
		}
	}
	for _, n := range names {
		if !slices.ContainsFunc(out, func(c Check) bool { return c.Name == n }) {
			out = append(out, Check{Name: n})
		}
	}
	return out
}

// observe asks one member; at is the time by the caller's clock.
func (c Check) observe(ctx context.Context, at time.Time, m appliance.Member) appliance.Observation {
	began := time.Now()
	o := appliance.Observation{Member: m.Name, Check: c.Name, At: at.UTC()}
	switch {
	case c.Question == nil:
		o.Evidence = fmt.Sprintf("no check is called %q", c.Name)
	case c.Timeout <= 0: // with none, every test would fail at once and say nothing of the member
		o.Evidence = "the check has no timeout"
	default:
		limited, cancel := context.WithTimeoutCause(ctx, c.Timeout, &TimeoutError{After: c.Timeout})
		defer cancel()
		o.Outcome, o.Evidence = c.Question.Ask(limited, m)
	}
	o.Took = time.Since(began)
	return o
}
