package azure_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/azure"
	"hopguard/internal/azuresim"
)

// Whoever refuses, its Retry-After is kept to the second, by those whom it
// concerns, and by nobody else.
func TestRetryAfterIsKeptByThoseWhomItConcerns(t *testing.T) {
	const (
		retryAfter = 13 * time.Second
		requests   = 200 * time.Millisecond // the latency of some
	)
	tests := []struct {
		kind azuresim.FaultKind
		all  bool // the whole subscription waits
	}{
		{azuresim.FaultBusy429, false},
		{azuresim.Fault503, false},
		{azuresim.FaultNetwork429, true},
		{azuresim.FaultARM429, true},
	}
	for _, tt := range tests {
		fault := azuresim.Fault{Kind: tt.kind, Method: http.MethodPut, Path: "rt-spoke-001$", Count: 1, Params: map[string]string{"retryAfter": "13"}}
		t.Run(string(tt.kind)+" in one subscription", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, azuresim.TwoRegionsOptions{Spokes: 5}, azuresim.Options{})
				l.inject(t, fault)
				refused, accepted := l.refusedAndAccepted(t, l.client(t, func(s *azure.Settings) { s.Parallel = 2 }))
				if waits := accepted["rt-spoke-001"].Sub(refused); waits < retryAfter || waits > retryAfter+requests {
					t.Errorf("the refused write was repeated after %v, want %v", waits, retryAfter)
				}
				// The first two were sent together; the third when the second is done.
				want := 2 * time.Second
				if tt.all {
					want = retryAfter
				}
				if waits := accepted["rt-spoke-003"].Sub(refused); waits < want || waits > want+requests {
					t.Errorf("another table was written after %v, want %v", waits, want)
				}
			})
		})
		t.Run(string(tt.kind)+" and other subscriptions", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, azuresim.TwoRegionsOptions{Spokes: 3, Subscriptions: 3}, azuresim.Options{})
				l.inject(t, fault)
				refused, accepted := l.refusedAndAccepted(t, l.client(t))
				for _, name := range []string{"rt-spoke-002", "rt-spoke-003"} {
					if waits := accepted[name].Sub(refused); waits > requests {
						t.Errorf("%s of another subscription was written after %v", name, waits)
					}
				}
			})
		})
	}
}

// refusedAndAccepted applies, and returns when one write was refused and when
// each table's was accepted.
func (l *lab) refusedAndAccepted(t *testing.T, c *azure.Client) (refused time.Time, accepted map[string]time.Time) {
	t.Helper()
	term, stop := newTerm(t)
	defer stop()
	outcomes, err := l.apply(t.Context(), t, c, term, ignore)
	if err != nil || failures(outcomes) != "" {
		t.Fatalf("Apply() = %v %s", err, failures(outcomes))
	}
	l.mustHaveMoved(t)
	accepted = map[string]time.Time{}
	for _, call := range l.writes() {
		if call.Status == http.StatusOK {
			accepted[call.Path[strings.LastIndex(call.Path, "/")+1:]] = call.Time
		} else {
			refused = call.Time
		}
	}
	if refused.IsZero() {
		t.Fatal("nothing was refused")
	}
	return refused, accepted
}

// The same for reads: Retry-After in a read's 429 delays the reads of that
// subscription, not its writes and not other subscriptions.
func TestAThrottledReadDelaysOnlyItsLikes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, azuresim.TwoRegionsOptions{Spokes: 3, Tables: 3, Subscriptions: 3}, azuresim.Options{})
		l.inject(t, azuresim.Fault{
			Kind: azuresim.FaultARM429, Method: http.MethodGet, Path: "000000000001/providers/Microsoft.Network/routeTables$", Count: 1,
			Params: map[string]string{"retryAfter": "13"},
		})
		c := l.client(t)
		tables, err := c.Tables(t.Context(), selection())
		if err != nil || len(tables) != 3 {
			t.Fatalf("Tables() = %d tables, %v", len(tables), err)
		}
		var at []time.Duration
		calls := l.Calls()
		for _, call := range calls {
			at = append(at, call.Time.Sub(calls[0].Time))
		}
		if len(at) != 4 || at[2] != 0 || at[3] < 13*time.Second || at[3] > 13*time.Second+100*time.Millisecond {
			t.Errorf("lists were asked for after %v, want three at once and one 13 s later", at)
		}
	})
}

// ARM's buckets are real here: 450 writes, of which 200 go at once. We must not
// be refused, and not be much slower than the bucket.
func TestTheBudgetIsUsedUpAndNotExceeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, azuresim.TwoRegionsOptions{Spokes: 40, Tables: 390, RoutesPerTable: 1}, azuresim.Options{})
		term, stop := newTerm(t)
		defer stop()
		outcomes, err := l.apply(t.Context(), t, l.client(t), term, ignore)
		if err != nil || failures(outcomes) != "" {
			t.Fatalf("Apply() = %v %s", err, failures(outcomes))
		}
		calls := l.writes()
		for _, call := range calls {
			if call.Status != http.StatusOK {
				t.Errorf("%s: %d at %v", call.Path, call.Status, call.Time)
			}
		}
		if took := calls[len(calls)-1].Time.Sub(calls[0].Time); len(calls) != 390 || took > 20*time.Second || took < 18*time.Second {
			t.Errorf("%d writes in %v, want 390 in 19 s and a little", len(calls), took)
		}
	})
}

// Another controller has used up the bucket, which only ARM knows.
func TestABucketThatSomebodyElseEmptied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, azuresim.TwoRegionsOptions{Spokes: 40, Tables: 300, RoutesPerTable: 1}, azuresim.Options{})
		term, stop := newTerm(t)
		defer stop()
		if o, err := l.apply(t.Context(), t, l.client(t), term, ignore); err != nil || failures(o) != "" {
			t.Fatalf("Apply() = %v %s", err, failures(o))
		}
		n := len(l.writes())
		goal := goalB()
		goal.Active = "vmx-a"
		c := l.client(t) // another process with the same identity
		tables, err := c.Tables(t.Context(), selection())
		if err != nil {
			t.Fatalf("Tables() = %v", err)
		}
		outcomes := c.Apply(t.Context(), term, goal, goal.Plan(tables), ignore)
		if failures(outcomes) != "" {
			t.Errorf("Apply() = %s", failures(outcomes))
		}
		refused := 0
		for _, call := range l.writes()[n:] {
			if call.Status == http.StatusTooManyRequests {
				refused++
			}
		}
		// All that were sent before the first answer may be refused, and no others.
		if refused > 200 {
			t.Errorf("%d writes were refused, want at most those of the first burst", refused)
		}
		for _, id := range l.managed {
			if !l.at(t, id, hopA) {
				t.Errorf("%s did not return", id)
			}
		}
	})
}
