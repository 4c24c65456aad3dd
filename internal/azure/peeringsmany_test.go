package azure_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/azure"
	"hopguard/internal/azuresim"
	"hopguard/internal/lease"
)

// Two hundred new networks at once, or thirty in three subscriptions: every one is peered with both members, with not
// one write more than there are halves, none of them refused, and in little more time
// than the members' networks need, which take one write after the other.
func TestTwoHundredNewNetworks(t *testing.T) {
	for subscriptions, count := range map[int]int{1: 200, 3: 30} {
		t.Run(fmt.Sprint(count, "-in-", subscriptions, "-subscriptions"), func(t *testing.T) {
			inSpokes(t, azuresim.TwoRegionsOptions{Spokes: count, Tables: 1, Subscriptions: subscriptions}, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
				began := time.Now()
				_, outcomes, err := s.scan(t.Context(), t, c, term, s.want())
				took := time.Since(began)
				if err != nil || peeringFailures(outcomes) != "" || len(outcomes) != 2*count {
					t.Fatalf("%d outcomes, %v %s", len(outcomes), err, peeringFailures(outcomes))
				}
				s.mustBePeered(t)
				s.mustBePeeringHonest(t, outcomes)
				s.mustNotCollide(t, azuresim.ProfileDefault().PeeringTime)
				writes := s.peeringWrites()
				for _, w := range writes {
					if w.Status != http.StatusCreated {
						t.Errorf("%s %s: %d", w.Method, w.Path, w.Status)
					}
				}
				least := time.Duration(count+1) * azuresim.ProfileDefault().PeeringTime
				if len(writes) != 4*count || took > least*5/4+time.Minute {
					t.Errorf("%d writes in %v, want %d in little more than %v", len(writes), took, 4*count, least)
				}
				if most := busiest(writes, 5*time.Minute); most > 500 {
					t.Errorf("%d writes in 5 minutes, want half of the provider's 1000 left to others", most)
				}
				reads := 0
				for _, call := range s.Calls() {
					if call.Method == http.MethodGet && call.Principal == "hopguard" {
						reads++
					}
				}
				t.Logf("%d networks in %v (least %v): %d writes, %d reads", count, took.Round(time.Second), least, len(writes), reads)
			})
		})
	}
}

// busiest is the largest number of calls in a time of that length.
func busiest(calls []azuresim.Call, length time.Duration) int {
	most := 0
	for i, c := range calls {
		n, _ := slices.BinarySearchFunc(calls[i:], c.Time.Add(length), func(c azuresim.Call, at time.Time) int { return c.Time.Compare(at) })
		most = max(most, n)
	}
	return most
}

// failover moves all tables and returns how long that took.
func (s *spokes) failover(t *testing.T, c *azure.Client, term lease.Term) time.Duration {
	t.Helper()
	began := time.Now()
	outcomes, err := s.apply(t.Context(), t, c, term, ignore)
	took := time.Since(began)
	if err != nil || failures(outcomes) != "" || len(outcomes) != len(s.managed) {
		t.Errorf("%d of %d tables were written: %v %s", len(outcomes), len(s.managed), err, failures(outcomes))
	}
	return took
}

// A failover that starts while 200 networks are being peered is not slower than alone
// by more than 10 %, at any moment, with few tables and with as many as the bucket
// holds at once.
func TestPeeringsDoNotSlowAFailover(t *testing.T) {
	for tables, moments := range map[int][]time.Duration{3: {7 * time.Second}, 200: {3 * time.Minute}, 400: {7 * time.Second}} {
		alone := time.Duration(0)
		w := azuresim.TwoRegionsOptions{Spokes: 200, Tables: tables}
		inSpokes(t, w, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
			alone = s.failover(t, c, term)
		})
		for _, after := range moments {
			t.Run(fmt.Sprint(tables, "-tables-after-", after), func(t *testing.T) {
				inSpokes(t, w, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
					ctx, cancel := context.WithCancel(t.Context())
					var running sync.WaitGroup
					want := s.want()
					view, err := c.Networks(ctx, want)
					if err != nil {
						t.Fatalf("Networks() = %v", err)
					}
					time.Sleep(time.Minute)
					running.Go(func() { c.ApplyPeerings(ctx, term, want, view, want.Plan(view), ignorePeering) })
					time.Sleep(after)
					synctest.Wait()
					beside := s.failover(t, c, term)
					if beside > alone*11/10 {
						t.Errorf("a failover takes %v beside peerings, %v alone", beside, alone)
					}
					t.Logf("%d tables: %v beside peerings, %v alone", tables, beside, alone)
					before := len(s.peeringWrites())
					time.Sleep(2 * time.Minute)
					if len(s.peeringWrites()) == before {
						t.Errorf("no peering was written after the failover: %d before", before)
					}
					for _, id := range s.managed {
						if !s.at(t, id, hopB) {
							t.Errorf("%s has not moved", id)
						}
					}
					cancel()
					running.Wait()
				})
			})
		}
	}
}

// The provider's limit on peerings stops peerings, not the failover.
func TestThrottledPeeringsDoNotStopAFailover(t *testing.T) {
	inSpokes(t, azuresim.TwoRegionsOptions{Spokes: 3}, func(t *testing.T, s *spokes, c *azure.Client, term lease.Term) {
		alone := 5 * time.Second
		s.inject(t, azuresim.Fault{Kind: azuresim.FaultNetwork429, Path: peerings, Count: 1, Params: map[string]string{"retryAfter": "300"}})
		var running sync.WaitGroup
		running.Go(func() {
			if _, outcomes, err := s.scan(t.Context(), t, c, term, s.want()); err != nil || peeringFailures(outcomes) != "" {
				t.Errorf("scan: %v %s", err, peeringFailures(outcomes))
			}
		})
		time.Sleep(10 * time.Second)
		if took := s.failover(t, c, term); took > alone {
			t.Errorf("the failover took %v", took)
		}
		running.Wait()
		s.mustBePeered(t)
	})
}

// While a failover takes every token, peerings take none.
func TestSpareTokensAreOnlyThoseOfAFullBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := azure.NewBudget(http.MethodPut)
		began := time.Now()
		for range 3 {
			if _, err := b.TakeSpare(t.Context(), "x"); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took < 200*time.Millisecond || took > 210*time.Millisecond {
			t.Errorf("three spare tokens took %v, want the time in which two are refilled", took)
		}
		time.Sleep(time.Second)
		for range 200 {
			if _, err := b.Take(t.Context(), "x"); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 19*time.Second)
		defer cancel()
		if _, err := b.TakeSpare(ctx, "x"); err == nil || !strings.Contains(err.Error(), "deadline") {
			t.Errorf("TakeSpare() = %v from a bucket that is not full", err)
		}
		if _, err := b.TakeSpare(t.Context(), "x"); err != nil || time.Since(began) < 21*time.Second {
			t.Errorf("TakeSpare() = %v after %v", err, time.Since(began))
		}
	})
}
