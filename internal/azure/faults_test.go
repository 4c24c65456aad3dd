package azure_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/azure"
	"hopguard/internal/azuresim"
	"hopguard/internal/lease"
)

// trouble is a kind of fault of Azure and what to expect of it.
type trouble struct {
	kind   azuresim.FaultKind
	params map[string]string
	// rides is set if a write outlives two of them within one Apply.
	rides bool
	// says is in the error of a write that meets it without end.
	says string
}

func troubles() []trouble {
	after := func(n string) map[string]string { return map[string]string{"retryAfter": n} }
	return []trouble{
		{kind: azuresim.FaultExpiredToken, says: "401 ExpiredAuthenticationToken"},
		{kind: azuresim.FaultForbidden, says: "the identity lacks the right Microsoft.Network/routeTables/write on /subscriptions/"},
		{kind: azuresim.FaultNotFound, says: "404 ResourceNotFound"},
		{kind: azuresim.FaultLocked, says: "409 ScopeLocked"},
		{kind: azuresim.FaultPrecondition, rides: true, says: "412 PreconditionFailed"},
		{kind: azuresim.FaultARM429, params: after("5"), rides: true, says: "429 SubscriptionRequestsThrottled"},
		{kind: azuresim.FaultNetwork429, params: after("7"), rides: true, says: "429 ResourceRequestsThrottled"},
		{kind: azuresim.FaultBusy429, params: after("11"), rides: true, says: "RetryableErrorDueToAnotherOperation"},
		{kind: azuresim.Fault500, rides: true, says: "500 InternalServerError"},
		{kind: azuresim.Fault502, rides: true, says: "502 Bad Gateway"},
		{kind: azuresim.Fault503, params: after("3"), rides: true, says: "503 ServiceUnavailable"},
		{kind: azuresim.Fault504, rides: true, says: "504"},
		{kind: azuresim.FaultReset, rides: true, says: "connection reset by peer"},
		{kind: azuresim.FaultReset, params: map[string]string{"applied": "true"}, rides: true},
		{kind: azuresim.FaultTimeout, rides: true, says: "not done within 1m40s; the next tick goes on"},
		{kind: azuresim.FaultTimeout, params: map[string]string{"applied": "true"}, rides: true},
		{kind: azuresim.FaultSlowBody, params: map[string]string{"delay": "1s"}, rides: true},
		{kind: azuresim.FaultSlowBody, params: map[string]string{"delay": "10s"}, rides: true},
		{kind: azuresim.FaultGarbage, says: "the answer is not Azure Resource Manager's: status 200"},
		{kind: azuresim.FaultFailedPoll, rides: true, says: "AnotherOperationInProgress"},
		{kind: azuresim.FaultFailedPoll, params: map[string]string{"content": "old"}, rides: true, says: "AnotherOperationInProgress"},
		{kind: azuresim.FaultFailedPoll, params: map[string]string{"code": "InternalServerError"}, says: "accepted, then failed: InternalServerError"},
	}
}

func (x trouble) String() string {
	words := []string{string(x.kind)}
	for _, k := range slices.Sorted(maps.Keys(x.params)) {
		words = append(words, k, x.params[k])
	}
	return strings.Join(words, "-")
}

// onTables makes the fault one of route tables.
func (x trouble) onTables(method string, count int) azuresim.Fault {
	return azuresim.Fault{Kind: x.kind, Method: method, Type: "Microsoft.Network/routeTables", Params: x.params, Count: count}
}

// ticks applies every half minute until all has moved, at most n times, and fails
// if anything that was said meanwhile was not so.
func (l *lab) ticks(t *testing.T, c *azure.Client, term lease.Term, n int) (took int, errs string) {
	t.Helper()
	for took = 1; took <= n; took++ {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		outcomes, err := l.apply(ctx, t, c, term, ignore)
		cancel()
		l.mustBeHonest(t, outcomes)
		errs += failures(outcomes)
		if err != nil {
			errs += err.Error()
		}
		moved := err == nil
		for _, id := range l.managed {
			moved = moved && l.at(t, id, hopB)
		}
		if moved {
			return took, errs
		}
		time.Sleep(30 * time.Second)
	}
	return took, errs
}

func TestP7WritesConvergeAfterEachFault(t *testing.T) {
	for _, x := range troubles() {
		t.Run(x.String()+" twice", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, azuresim.TwoRegionsOptions{}, azuresim.Options{})
				l.inject(t, x.onTables(http.MethodPut, 2))
				term, stop := newTerm(t)
				defer stop()
				most := 2
				if x.rides {
					most = 1
				}
				if took, errs := l.ticks(t, l.client(t), term, 5); took > most {
					t.Errorf("took %d ticks, want at most %d:\n%s", took, most, errs)
				}
				l.mustHaveMoved(t)
				l.mustWriteOneByOne(t)
			})
		})
		t.Run(x.String()+" without end", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, azuresim.TwoRegionsOptions{}, azuresim.Options{})
				l.inject(t, x.onTables(http.MethodPut, 0))
				term, stop := newTerm(t)
				defer stop()
				c := l.client(t)
				took, errs := l.ticks(t, c, term, 3)
				if x.says != "" && (took <= 3 || !strings.Contains(errs, x.says)) {
					t.Errorf("P9: after %d ticks errors are %q, want %q", took, errs, x.says)
				}
				l.ClearFaults()
				if took, errs := l.ticks(t, c, term, 5); took > 2 {
					t.Errorf("took %d ticks after the fault had ended, want at most 2:\n%s", took, errs)
				}
				l.mustHaveMoved(t)
				l.mustWriteOneByOne(t)
			})
		})
	}
}

func TestP7ReadsConvergeAfterEachFault(t *testing.T) {
	for _, x := range troubles() {
		if x.kind == azuresim.FaultFailedPoll {
			continue
		}
		for _, count := range []int{2, 0} { // twice, and without end
			t.Run(fmt.Sprint(x, " ", count), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := newLab(t, azuresim.TwoRegionsOptions{}, azuresim.Options{})
					term, stop := newTerm(t)
					defer stop()
					c := l.client(t)
					f := x.onTables(http.MethodGet, count)
					f.After = 1 // the list passes
					l.inject(t, f)
					if count > 0 {
						took, errs := l.ticks(t, c, term, 5)
						if most := map[bool]int{true: 1, false: 2}[x.rides]; took > most {
							t.Errorf("took %d ticks, want at most %d:\n%s", took, most, errs)
						}
					} else {
						l.ticks(t, c, term, 2)
						l.ClearFaults()
						if took, errs := l.ticks(t, c, term, 3); took > 2 {
							t.Errorf("took %d ticks after the fault had ended, want at most 2:\n%s", took, errs)
						}
					}
					l.mustHaveMoved(t)
					l.mustWriteOneByOne(t)
				})
			})
		}
	}
}

// Lists lag behind what was written: a table by its id does not.
func TestP7LaggingListsDoNotMislead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, azuresim.TwoRegionsOptions{}, azuresim.Options{})
		l.inject(t, azuresim.Fault{Kind: azuresim.FaultLaggingList, Params: map[string]string{"lag": "5m"}})
		term, stop := newTerm(t)
		defer stop()
		c := l.client(t)
		for range 4 {
			outcomes, err := l.apply(t.Context(), t, c, term, ignore)
			if err != nil || failures(outcomes) != "" {
				t.Errorf("Apply() = %v %s", err, failures(outcomes))
			}
			l.mustBeHonest(t, outcomes)
			time.Sleep(10 * time.Second)
		}
		l.mustHaveMoved(t)
		// A table at the goal is written once: what the list says is refused by its etag.
		accepted := map[string]int{}
		for _, call := range l.writes() {
			if call.Status == http.StatusOK {
				accepted[call.Path]++
			}
		}
		for path, n := range accepted {
			if n != 1 {
				t.Errorf("%s was written %d times", path, n)
			}
		}
	})
}

// mustWriteOneByOne fails if a table was asked to change while an accepted write
// of it ran: D7.
func (l *lab) mustWriteOneByOne(t *testing.T) {
	t.Helper()
	const writeTime = 2 * time.Second
	running := map[string]time.Time{}
	for _, call := range l.writes() {
		path := strings.ToLower(call.Path)
		if until := running[path]; call.Time.Before(until) && call.Status != 0 && call.Fault == "" {
			t.Errorf("%s was written at %v while a write ran until %v", call.Path, call.Time, until)
		}
		if call.Status == http.StatusOK && (call.Fault == "" || call.Fault == azuresim.FaultFailedPoll) {
			running[path] = call.Time.Add(writeTime)
		}
	}
}

// A write that Azure cannot take is tried again ever more slowly, and not for ever.
func TestFailingWritesAreSpacedAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, azuresim.TwoRegionsOptions{Spokes: 1}, azuresim.Options{})
		l.inject(t, azuresim.Fault{Kind: azuresim.Fault500, Method: http.MethodPut})
		term, stop := newTerm(t)
		defer stop()
		outcomes, err := l.apply(t.Context(), t, l.client(t), term, ignore)
		if err != nil || len(outcomes) != 1 || outcomes[0].Done() || outcomes[0].Writes != 12 {
			t.Errorf("Apply() = %+v, %v; want 12 writes", outcomes, err)
		}
		calls := l.writes()
		for i := 1; i < len(calls); i++ {
			least := min(100*time.Millisecond<<(i-1), 5*time.Second)
			if gap := calls[i].Time.Sub(calls[i-1].Time); gap < least || gap > 3*least+200*time.Millisecond {
				t.Errorf("try %d came %v after the one before, want between %v and three times that", i+1, gap, least)
			}
		}
	})
}

// D12: a peer reports a write when it is accepted.
func TestD12AcceptedIsNotDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		profile := azuresim.ProfileDefault()
		profile.WriteTime = 10 * time.Minute
		l := newLab(t, azuresim.TwoRegionsOptions{}, azuresim.Options{Profile: profile})
		term, stop := newTerm(t)
		defer stop()
		began := time.Now()
		outcomes, err := l.apply(t.Context(), t, l.client(t), term, ignore)
		if err != nil || len(outcomes) != 3 {
			t.Fatalf("Apply() = %v, %v", outcomes, err)
		}
		for _, o := range outcomes {
			if o.Done() || o.Accepted.IsZero() || !o.Succeeded.IsZero() || !strings.Contains(fmt.Sprint(o.Err), "wait for the write's end: not done within 1m40s; the next tick goes on") {
				t.Errorf("%s: accepted %v, succeeded %v, %v", o.Table, o.Accepted, o.Succeeded, o.Err)
			}
		}
		if took := time.Since(began); took > 101*time.Second {
			t.Errorf("took %v, want the limit of 100 s", took)
		}
	})
}
