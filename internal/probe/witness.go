package probe

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"hopguard/internal/appliance"
)

// The names under which decide looks for the witness.
const (
	witnessMember appliance.MemberName = ""
	witnessCheck  string               = "witness"
)

// errAnswered ends the other questions as soon as one target of the witness has
// answered: a target that is dead would make every round last its timeout.
var errAnswered = errors.New("another target has answered")

// witness asks all targets at once. One that answers is enough to know that the
// observer is not cut off; that all of them fail says that it may be.
func witness(ctx context.Context, at time.Time, targets []Check) appliance.Observation {
	o := appliance.Observation{Member: witnessMember, Check: witnessCheck}
	began := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	seen := make([]appliance.Observation, len(targets))
	var wg sync.WaitGroup
	for i, target := range targets {
		wg.Go(func() {
			seen[i] = target.observe(ctx, at, appliance.Member{Name: witnessMember})
			if seen[i].Outcome == appliance.Pass {
				cancel(errAnswered)
			}
		})
	}
	wg.Wait()
	o.At, o.Took = at.UTC(), time.Since(began)
	o.Outcome, o.Evidence = sum(seen)
	return o
}

// sum is pass if any target passes, fail if all fail, and otherwise unknown, with
// the evidence of each.
func sum(seen []appliance.Observation) (appliance.Outcome, string) {
	passed, failed := 0, 0
	words := make([]string, len(seen))
	for i, o := range seen {
		words[i] = o.Check + " " + o.Outcome.String() + ", " + o.Evidence
		switch o.Outcome {
		case appliance.Pass:
			passed++
		case appliance.Fail:
			failed++
		case appliance.Unknown:
		default:
			panic("probe: outcome " + o.Outcome.String())
		}
	}
	outcome := appliance.Unknown
	if passed > 0 {
		outcome = appliance.Pass
	} else if failed == len(seen) {
		outcome = appliance.Fail
	}
	return outcome, strings.Join(words, "; ")
}
