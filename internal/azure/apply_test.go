package azure_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"hopguard/internal/azure"
	"hopguard/internal/azuresim"
	"hopguard/internal/lease"
	"hopguard/internal/route"
)

func TestApplyMovesEveryManagedRoute(t *testing.T) {
	profiles := map[string]azuresim.Profile{"legacy-control-plane": azuresim.ProfileLegacy(), "fast-control-plane": azuresim.ProfileFast()}
	worlds := map[string]azuresim.TwoRegionsOptions{
		"legacy-control-plane": {RoutesPerTable: 50}, "fast-control-plane": {},
		"one-table":           {Spokes: 1, Tables: 1},
		"a-table-per-spoke":   {},
		"many-tables":         {Spokes: 5, Tables: 60, RoutesPerTable: 20},
		"three-subscriptions": {Spokes: 6, Tables: 12, Subscriptions: 3},
	}
	for name, w := range worlds {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				profile, ok := profiles[name]
				if !ok {
					profile = azuresim.ProfileDefault()
				}
				l := newLab(t, w, azuresim.Options{Profile: profile})
				term, stop := newTerm(t)
				defer stop()
				var mu sync.Mutex
				stages := map[string][]route.Stage{}
				outcomes, err := l.apply(t.Context(), t, l.client(t), term, func(p route.Progress) {
					mu.Lock()
					defer mu.Unlock()
					stages[string(p.Table)] = append(stages[string(p.Table)], p.Stage)
				})
				if err != nil || len(outcomes) != len(l.managed) {
					t.Fatalf("%d outcomes, %v; want %d", len(outcomes), err, len(l.managed))
				}
				l.mustBeHonest(t, outcomes)
				for _, o := range outcomes {
					want := []route.Stage{route.StageAccepted, route.StageSucceeded, route.StageReadBack}
					if !o.Done() || o.Writes != 1 || !slices.Equal(stages[string(o.Table)], want) {
						t.Errorf("%s: %d writes, stages %v, %v", o.Table, o.Writes, stages[string(o.Table)], o.Err)
					}
					if o.Accepted.Before(o.Started) || o.Succeeded.Sub(o.Accepted) < profile.WriteTime-50*time.Millisecond || o.ReadBack.Before(o.Succeeded) {
						t.Errorf("%s: times %v, %v, %v, %v", o.Table, o.Started, o.Accepted, o.Succeeded, o.ReadBack)
					}
				}
				l.mustHaveMoved(t)
				// D2: what is as it should be is not written again.
				n := len(l.writes())
				again, err := l.apply(t.Context(), t, l.client(t), term, ignore)
				if err != nil || len(again) != 0 || len(l.writes()) != n {
					t.Errorf("a second time: %v, %v, %d writes", again, err, len(l.writes())-n)
				}
			})
		})
	}
}

func TestP3EveryWriteNamesTheEtagThatWasRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, azuresim.TwoRegionsOptions{}, azuresim.Options{})
		// Writes that are refused, lost and raced must be conditional too.
		l.inject(t, azuresim.Fault{Kind: azuresim.FaultPrecondition, Method: http.MethodPut, Count: 2})
		l.inject(t, azuresim.Fault{Kind: azuresim.FaultReset, Method: http.MethodPut, Count: 2, Params: map[string]string{"applied": "true"}})
		l.inject(t, azuresim.Fault{Kind: azuresim.FaultFailedPoll, Method: http.MethodPut, Count: 1})
		term, stop := newTerm(t)
		defer stop()
		outcomes, err := l.apply(t.Context(), t, l.client(t), term, ignore)
		if err != nil || failures(outcomes) != "" {
			t.Errorf("Apply() = %v %s", err, failures(outcomes))
		}
		l.mustHaveMoved(t)
		if len(l.writes()) < 6 {
			t.Errorf("%d writes, want more than the tables", len(l.writes()))
		}
		for _, call := range l.writes() {
			if call.Method != http.MethodPut || !strings.HasPrefix(call.IfMatch, `W/"`) {
				t.Errorf("%s %s with If-Match %q", call.Method, call.Path, call.IfMatch)
			}
		}
	})
}

func TestP3ATableWithoutAnEtagIsNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, doer(func(r *http.Request) (*http.Response, error) {
			if r.Method != http.MethodGet {
				t.Errorf("%s %s", r.Method, r.URL.Path)
			}
			return answer(r, 200, tableJSON("rt-1", "", "Succeeded", hopA)), nil
		}))
		term, stop := newTerm(t)
		defer stop()
		plan := goalB().Plan([]route.Table{parseTable(t, tableJSON("rt-1", "", "Succeeded", hopA))})
		if o := c.Apply(t.Context(), term, goalB(), plan, ignore); len(o) != 1 || o[0].Done() || o[0].Writes != 0 || !strings.Contains(o[0].Err.Error(), "no etag") {
			t.Errorf("Apply() = %+v", o)
		}
	})
}

func TestP3NoWriteWithoutATerm(t *testing.T) {
	tests := []struct {
		name   string
		writes int // PUTs that may be made
		// lose returns the listener and the hook that lose the term.
		lose func(stop func()) (func(route.Progress), func(*http.Request))
	}{
		{"never-held", 0, func(stop func()) (func(route.Progress), func(*http.Request)) {
			stop()
			return ignore, nil
		}},
		{"lost-between-two-tables", 1, func(stop func()) (func(route.Progress), func(*http.Request)) {
			return func(p route.Progress) {
				if p.Stage == route.StageReadBack {
					stop()
				}
			}, nil
		}},
		{"lost-while-a-write-runs", 1, func(stop func()) (func(route.Progress), func(*http.Request)) {
			return func(p route.Progress) {
				if p.Stage == route.StageAccepted {
					stop()
				}
			}, nil
		}},
		{"lost-during-the-read-before-a-second-try", 1, func(stop func()) (func(route.Progress), func(*http.Request)) {
			return ignore, func(r *http.Request) {
				if r.Method == http.MethodGet && !strings.HasSuffix(r.URL.Path, "/routeTables") {
					stop()
				}
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, azuresim.TwoRegionsOptions{}, azuresim.Options{})
				if strings.Contains(tt.name, "second-try") {
					l.inject(t, azuresim.Fault{Kind: azuresim.FaultPrecondition, Method: http.MethodPut})
				}
				term, stop := newTerm(t)
				defer stop()
				saw, hook := tt.lose(stop)
				l.hook = hook
				began := time.Now()
				outcomes, err := l.apply(t.Context(), t, l.client(t, func(s *azure.Settings) { s.Parallel = 1 }), term, saw)
				if err != nil {
					t.Errorf("Tables() = %v", err)
				}
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("took %v: there is nothing to try again without a term", took)
				}
				if got := len(l.writes()); got != tt.writes {
					t.Errorf("%d writes, want %d", got, tt.writes)
				}
				if len(outcomes) != len(l.managed) {
					t.Errorf("%d outcomes, want one for each of %d tables", len(outcomes), len(l.managed))
				}
				l.mustBeHonest(t, outcomes)
				for _, o := range outcomes[tt.writes:] {
					if !errors.Is(o.Err, lease.ErrLost) {
						t.Errorf("%s: %v, want that the term was lost", o.Table, o.Err)
					}
				}
			})
		})
	}
}

// TestP3AnOverruledOrderIsNotWrittenAgain: after a refused write the stored record says
// something else. That table is not written again, and no other one is begun.
func TestP3AnOverruledOrderIsNotWrittenAgain(t *testing.T) {
	overruled := errors.New("epoch 3 came")
	tests := []struct {
		name     string
		parallel int
		fault    azuresim.FaultKind
		ask      func() error
		writes   int
	}{
		{"refused-by-the-etag", 1, azuresim.FaultPrecondition, func() error { return overruled }, 1},
		{"refused-in-other-ways", 1, azuresim.Fault503, func() error { return overruled }, 1},
		{"side-by-side", 3, azuresim.FaultPrecondition, func() error { return overruled }, 3},
		{"it-stands", 1, azuresim.FaultPrecondition, func() error { return nil }, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, azuresim.TwoRegionsOptions{}, azuresim.Options{})
				l.inject(t, azuresim.Fault{Kind: tt.fault, Method: http.MethodPut, Count: tt.parallel})
				term, stop := newTerm(t)
				defer stop()
				term = term.Carrying(func(context.Context) error { return tt.ask() })
				outcomes, err := l.apply(t.Context(), t, l.client(t, func(s *azure.Settings) { s.Parallel = tt.parallel }), term, ignore)
				if err != nil {
					t.Errorf("Tables() = %v", err)
				}
				if got := len(l.writes()); got != tt.writes {
					t.Errorf("%d writes, want %d", got, tt.writes)
				}
				l.mustBeHonest(t, outcomes)
				for _, o := range outcomes {
					if wanted := tt.ask(); !errors.Is(o.Err, wanted) {
						t.Errorf("%s: %v, want %v", o.Table, o.Err, wanted)
					}
				}
			})
		})
	}
}

// slowSignIn is a credential that takes a while, in which something happens.
type slowSignIn struct {
	identity
	meanwhile func()
}

// GetToken implements azcore.TokenCredential.
func (s slowSignIn) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	time.Sleep(5 * time.Second)
	s.meanwhile()
	return s.identity.GetToken(ctx, o)
}

// A token has to be got before a write, and the term ends while that lasts.
func TestP3ATermThatEndsWhileSigningInWritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, azuresim.TwoRegionsOptions{}, azuresim.Options{})
		term, stop := newTerm(t)
		defer stop()
		tables, err := l.client(t).Tables(t.Context(), selection())
		if err != nil {
			t.Fatalf("Tables() = %v", err)
		}
		c := l.client(t, func(s *azure.Settings) { s.TokenCredential = slowSignIn{identity{l.Sim, "hopguard"}, stop} })
		for _, o := range c.Apply(t.Context(), term, goalB(), goalB().Plan(tables), ignore) {
			if !errors.Is(o.Err, lease.ErrLost) || o.Writes != 0 {
				t.Errorf("%s: %d writes, %v; want none, because the term was lost", o.Table, o.Writes, o.Err)
			}
		}
		if n := len(l.writes()); n != 0 {
			t.Errorf("%d writes after the term had ended", n)
		}
	})
}

func TestP3TheZeroTermWritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, azuresim.TwoRegionsOptions{}, azuresim.Options{})
		outcomes, err := l.apply(t.Context(), t, l.client(t), lease.Term{}, ignore)
		if err != nil || len(l.writes()) != 0 || len(outcomes) != 3 || !errors.Is(outcomes[0].Err, lease.ErrLost) {
			t.Errorf("Apply() = %+v, %v; %d writes", outcomes, err, len(l.writes()))
		}
	})
}
