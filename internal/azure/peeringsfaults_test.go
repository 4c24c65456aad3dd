package azure_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/azure"
	"hopguard/internal/azuresim"
	"hopguard/internal/lease"
	"hopguard/internal/peering"
)

// onPeerings makes the fault one of peerings.
func (x trouble) onPeerings(method string, count int) azuresim.Fault {
	f := x.onTables(method, count)
	f.Type = "Microsoft.Network/virtualNetworks/virtualNetworkPeerings"
	return f
}

// scans looks every minute until all is peered, at most n times.
func (s *spokes) scans(t *testing.T, c *azure.Client, term lease.Term, n int) (took int, errs string) {
	t.Helper()
	for took = 1; took <= n; took++ {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		_, outcomes, err := s.scan(ctx, t, c, term, s.want())
		cancel()
		s.mustBePeeringHonest(t, outcomes)
		errs += peeringFailures(outcomes)
		if err != nil {
			errs += err.Error()
		}
		good := 0
		for _, state := range s.halves(t) {
			if state == goodHalf {
				good++
			}
		}
		if good == 2*len(s.hubs)*len(s.networks) {
			return took, errs
		}
		time.Sleep(time.Minute)
	}
	return took, errs
}

func TestP7PeeringsConvergeAfterEachFault(t *testing.T) {
	says := map[azuresim.FaultKind]string{
		azuresim.FaultForbidden: "the identity lacks the right Microsoft.Network/virtualNetworks/virtualNetworkPeerings/write on /subscriptions/",
		azuresim.FaultNotFound:  "404",
		azuresim.FaultTimeout:   "no answer within 30s",
	}
	for _, x := range troubles() {
		t.Run(x.String()+" twice", func(t *testing.T) {
			inSpokes(t, azuresim.TwoRegionsOptions{Spokes: 2}, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
				s.inject(t, x.onPeerings(http.MethodPut, 2))
				most := 2
				if x.rides {
					most = 1
				}
				if took, errs := s.scans(t, c, term, 5); took > most {
					t.Errorf("took %d scans, want at most %d:\n%s", took, most, errs)
				}
				s.mustBePeered(t)
			})
		})
		t.Run(x.String()+" without end", func(t *testing.T) {
			inSpokes(t, azuresim.TwoRegionsOptions{Spokes: 2}, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
				s.inject(t, x.onPeerings(http.MethodPut, 0))
				took, errs := s.scans(t, c, term, 2)
				want := x.says
				if w := says[x.kind]; w != "" && want != "" {
					want = w
				}
				if want != "" && (took <= 2 || !strings.Contains(errs, want)) {
					t.Errorf("P9: after %d scans errors are %q, want %q", took, errs, want)
				}
				s.ClearFaults()
				if took, errs := s.scans(t, c, term, 5); took > 2 {
					t.Errorf("took %d scans after the fault had ended, want at most 2:\n%s", took, errs)
				}
				s.mustBePeered(t)
			})
		})
	}
}

func TestP7ReadsOfPeeringsConvergeAfterEachFault(t *testing.T) {
	for _, x := range troubles() {
		if x.kind == azuresim.FaultFailedPoll {
			continue
		}
		for _, typ := range []string{"Microsoft.Network/virtualNetworks", "Microsoft.Network/virtualNetworks/virtualNetworkPeerings"} {
			t.Run(x.String()+" "+typ, func(t *testing.T) {
				inSpokes(t, azuresim.TwoRegionsOptions{Spokes: 1}, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
					f := x.onTables(http.MethodGet, 2)
					f.Type, f.After = typ, 1
					s.inject(t, f)
					if _, outcomes, err := s.scan(t.Context(), t, c, term, s.want()); x.rides && (err != nil || peeringFailures(outcomes) != "") {
						t.Errorf("scan: %v %s", err, peeringFailures(outcomes))
					}
					s.ClearFaults()
					time.Sleep(time.Minute)
					if took, errs := s.scans(t, c, term, 3); took > 2 {
						t.Errorf("took %d scans after the fault had ended, want at most 2:\n%s", took, errs)
					}
					s.mustBePeered(t)
				})
			})
		}
	}
}

// Anything at any time: what is said is so, nothing is written twice without need, and
// after the last fault everything is peered.
func TestP7P9PeeringsInAnyTrouble(t *testing.T) {
	kinds := troubles()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed-", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 7))
				s := newSpokes(t, azuresim.TwoRegionsOptions{Spokes: 8, Subscriptions: 2}, azuresim.Options{Seed: seed})
				term, stop := newTerm(t)
				defer stop()
				c := s.client(t)
				for range 4 {
					x := kinds[rng.IntN(len(kinds))]
					f := x.onPeerings([]string{http.MethodPut, http.MethodPut, ""}[rng.IntN(3)], 1+rng.IntN(12))
					f.Probability, f.After = 0.1+0.5*rng.Float64(), rng.IntN(10)
					s.inject(t, f)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				_, _, _ = s.scan(ctx, t, c, term, s.want()) // its faults are the point
				cancel()
				s.ClearFaults()
				time.Sleep(2 * time.Minute)
				if took, errs := s.scans(t, c, term, 4); took > 2 {
					t.Errorf("took %d scans after the faults had ended:\n%s", took, errs)
				}
				s.mustBePeered(t)
			})
		})
	}
}

// A list that is behind shows what is not so; each write is preceded by a read.
func TestLaggingListsDoNotMisleadPeerings(t *testing.T) {
	inSpokes(t, azuresim.TwoRegionsOptions{Spokes: 2}, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
		s.inject(t, azuresim.Fault{Kind: azuresim.FaultLaggingList, Params: map[string]string{"lag": "30m"}})
		time.Sleep(time.Hour)
		for range 3 {
			_, outcomes, err := s.scan(t.Context(), t, c, term, s.want())
			if err != nil || peeringFailures(outcomes) != "" || len(outcomes) != 4 {
				t.Errorf("%d outcomes, %v %s", len(outcomes), err, peeringFailures(outcomes))
			}
			s.mustBePeeringHonest(t, outcomes)
		}
		if n := len(s.peeringWrites()); n != 8 {
			t.Errorf("%d writes, want 8: the halves that the list does not show are there", n)
		}
		s.mustBePeered(t)
	})
}

// Each write is with the etag just read, or for what is not there.
func TestP3PeeringsAreWrittenWithTheEtagThatWasRead(t *testing.T) {
	inSpokes(t, azuresim.TwoRegionsOptions{Spokes: 2}, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
		conditional := func(r *http.Request) bool {
			return r.Header.Get("If-None-Match") == "*" || strings.HasPrefix(r.Header.Get("If-Match"), `W/"`)
		}
		s.hook = func(r *http.Request) {
			if r.Method != http.MethodGet && !conditional(r) {
				t.Errorf("%s %s is unconditional", r.Method, r.URL.Path)
			}
		}
		s.inject(t, azuresim.Fault{Kind: azuresim.FaultFailedPoll, Path: peerings, Method: http.MethodPut, Count: 3})
		s.inject(t, azuresim.Fault{Kind: azuresim.FaultReset, Path: peerings, Method: http.MethodPut, Count: 2, After: 2, Params: map[string]string{"applied": "true"}})
		s.inject(t, azuresim.Fault{Kind: azuresim.FaultPrecondition, Path: peerings, Method: http.MethodPut, Count: 2})
		if took, errs := s.scans(t, c, term, 3); took > 1 {
			t.Errorf("took %d scans:\n%s", took, errs)
		}
		if !slices.ContainsFunc(s.peeringWrites(), func(c azuresim.Call) bool { return c.IfMatch != "" }) {
			t.Error("no half was written again")
		}
	})
}

func TestP3NoPeeringIsWrittenWithoutATerm(t *testing.T) {
	inSpokes(t, azuresim.TwoRegionsOptions{Spokes: 3}, func(t *testing.T, s *spokes, c *azure.Client, _ lease.Term) {
		_, outcomes, err := s.scan(t.Context(), t, c, lease.Term{}, s.want())
		if err != nil || len(outcomes) != 6 || len(s.peeringWrites()) != 0 {
			t.Fatalf("%d outcomes, %v, %d writes", len(outcomes), err, len(s.peeringWrites()))
		}
		term, stop := newTerm(t)
		defer stop()
		view, err := c.Networks(t.Context(), s.want())
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		outcomes = c.ApplyPeerings(t.Context(), term, s.want(), view, s.want().Plan(view), func(p peering.Progress) {
			if p.Stage == peering.StageAccepted {
				stop()
			}
		})
		if n := len(s.peeringWrites()); n == 0 || n > 2 {
			t.Errorf("%d writes, want only those that were on their way when the term ended", n)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("took %v to stop", took)
		}
		s.mustBePeeringHonest(t, outcomes)
		for _, o := range outcomes {
			if o.Done() {
				t.Errorf("%s-%s is done", o.Spoke.Name(), o.Hub.Name())
			}
		}
	})
}

// When the time is over, what runs is left as it is, and the next run goes on.
func TestPeeringsEndWithTheContext(t *testing.T) {
	inSpokes(t, azuresim.TwoRegionsOptions{Spokes: 5}, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
		ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
		defer cancel()
		began := time.Now()
		_, outcomes, _ := s.scan(ctx, t, c, term, s.want())
		if took := time.Since(began); took > 41*time.Second || len(outcomes) != 10 {
			t.Errorf("%d outcomes after %v", len(outcomes), took)
		}
		s.mustBePeeringHonest(t, outcomes)
		time.Sleep(time.Minute)
		if took, errs := s.scans(t, c, term, 1); took > 1 {
			t.Errorf("took %d scans:\n%s", took, errs)
		}
		if n := len(s.peeringWrites()); n != 20 {
			t.Errorf("%d writes, want 20", n)
		}
	})
}
