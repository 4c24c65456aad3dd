package azure_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"hopguard/internal/azure"
)

const (
	tablePath = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/routeTables/rt-1"
	vmsPath   = "/subscriptions/s/providers/Microsoft.Compute/virtualMachines"
	vmPath    = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vmx-a"
)

// takeAll takes n tokens at once and returns when each was given, from the start.
func takeAll(t *testing.T, b azure.Budget, path string, n int) []time.Duration {
	t.Helper()
	began := time.Now()
	var mu sync.Mutex
	var given []time.Duration
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			if _, err := b.Take(t.Context(), path); err != nil {
				t.Errorf("Take() = %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			given = append(given, time.Since(began))
		})
	}
	all.Wait()
	return given
}

func TestTheBudgetIsThatOfARM(t *testing.T) {
	tests := []struct {
		method string
		burst  int
		rate   float64
	}{
		{http.MethodGet, 250, 25},
		{http.MethodPut, 200, 10},
		{http.MethodPost, 200, 10},
	}
	for _, tt := range tests {
		t.Run(tt.method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := azure.NewBudget(tt.method)
				takeAll(t, b, tablePath, 1)
				time.Sleep(time.Hour) // a bucket does not grow while nobody draws on it
				given := takeAll(t, b, tablePath, tt.burst+50)
				if at := given[tt.burst-1]; at != 0 {
					t.Errorf("token %d came after %v, want at once", tt.burst, at)
				}
				want := time.Duration(50 / tt.rate * float64(time.Second))
				if at := given[len(given)-1]; at < want || at > want+10*time.Millisecond {
					t.Errorf("50 tokens beyond the burst came after %v, want %v", at, want)
				}
			})
		})
	}
}

func TestBudgetsAreBySubscriptionAndKind(t *testing.T) {
	tests := []struct {
		subA, methodA, subB, methodB string
		want                         bool
	}{
		{"s1", "GET", "s1", "GET", true},
		{"s1", "GET", "S1", "GET", true},
		{"s1", "GET", "s2", "GET", false},
		{"s1", "GET", "s1", "PUT", false},
		{"s1", "POST", "s1", "PUT", true},
	}
	for _, tt := range tests {
		if got := azure.SharesBudget(tt.subA, tt.methodA, tt.subB, tt.methodB); got != tt.want {
			t.Errorf("%s %s and %s %s share a budget: %v, want %v", tt.subA, tt.methodA, tt.subB, tt.methodB, got, tt.want)
		}
	}
}

// Whatever callers do, no span of time has more tokens than the bucket held at its
// beginning and what came in meanwhile.
func TestNoSpanOfTimeHasMoreTokensThanTheBucket(t *testing.T) {
	const burst, perSecond = 200, 10
	rapid.Check(t, func(rt *rapid.T) {
		pauses := rapid.SliceOfN(rapid.IntRange(0, 3000), 1, 300).Draw(rt, "pauses")
		workers := rapid.IntRange(1, 8).Draw(rt, "workers")
		each := rapid.IntRange(1, 60).Draw(rt, "each")
		var given []time.Time
		synctest.Test(t, func(t *testing.T) {
			b := azure.NewBudget(http.MethodPut)
			var mu sync.Mutex
			var all sync.WaitGroup
			for w := range workers {
				path := []string{tablePath, vmPath}[w%2]
				all.Go(func() {
					for i := range each {
						time.Sleep(time.Duration(pauses[(w*each+i)%len(pauses)]) * time.Millisecond / 8)
						ticket, err := b.Take(t.Context(), path)
						if err != nil {
							return
						}
						mu.Lock()
						given = append(given, time.Now())
						mu.Unlock()
						b.Done(ticket, time.Now(), "")
					}
				})
			}
			all.Wait()
		})
		if len(given) != workers*each {
			rt.Fatalf("%d tokens were given, want %d", len(given), workers*each)
		}
		slices.SortFunc(given, time.Time.Compare)
		for i := range given {
			for j := i + burst; j < len(given); j++ {
				if most := burst + perSecond*given[j].Sub(given[i]).Seconds() + 1e-6; float64(j-i+1) > most {
					rt.Fatalf("%d tokens in %v, want at most %.1f", j-i+1, given[j].Sub(given[i]), most)
				}
			}
		}
	})
}

func TestTokensAreGivenInTheOrderOfAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := azure.NewBudget(http.MethodPut)
		takeAll(t, b, tablePath, 200)
		var mu sync.Mutex
		var order []int
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				if _, err := b.Take(t.Context(), tablePath); err != nil {
					t.Errorf("Take() = %v", err)
				}
				mu.Lock()
				defer mu.Unlock()
				order = append(order, i)
			})
		}
		all.Wait()
		if !slices.IsSorted(order) {
			t.Errorf("tokens were given in the order %v", order)
		}
	})
}

func TestARMsHeaderCorrectsTheBudget(t *testing.T) {
	tests := []struct {
		name      string
		flying    int // requests under way when the answer comes, beside its own
		remaining string
		want      int // tokens at once after it
	}{
		{"says-nothing", 0, "", 199},
		{"another-controller-draws-too", 0, "5", 5},
		{"nothing-is-left", 0, "0", 0},
		{"a-larger-bucket", 0, "799", 799},
		{"an-early-answer-of-ten-says-nothing-new", 9, "199", 190},
		{"a-late-answer-of-ten-says-nothing-new", 9, "190", 190},
		{"a-larger-bucket-and-others-under-way", 9, "799", 790},
		{"somebody-else-draws-and-others-are-under-way", 9, "100", 91},
		{"more-is-under-way-than-is-left", 9, "4", 0},
		{"garbage", 0, "many", 199},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := azure.NewBudget(http.MethodPut)
				ticket, err := b.Take(t.Context(), tablePath)
				if err != nil {
					t.Fatalf("Take() = %v", err)
				}
				takeAll(t, b, tablePath, tt.flying)
				b.Done(ticket, time.Now(), tt.remaining)
				at := takeAll(t, b, tablePath, tt.want+1)
				if tt.want > 0 && at[tt.want-1] != 0 {
					t.Errorf("token %d came after %v, want at once", tt.want, at[tt.want-1])
				}
				if last := at[tt.want]; last < 100*time.Millisecond || last > 110*time.Millisecond {
					t.Errorf("token %d came after %v, want 100ms", tt.want+1, last)
				}
			})
		})
	}
}

// server is ARM's side of a bucket.
type server struct {
	mu     sync.Mutex
	tokens float64
	at     time.Time
	least  float64
}

// serve counts a request and says how many remain.
func (s *server) serve() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.tokens = min(200, s.tokens+now.Sub(s.at).Seconds()*10) - 1
	s.at, s.least = now, min(s.least, s.tokens)
	return strconv.Itoa(int(max(0, s.tokens)))
}

// Requests and answers take their time and overtake each other. As long as nobody
// else draws on the bucket, nothing is ever refused, and the bucket is used up.
func TestAnswersInAnyOrderNeitherOverdrawNorStarve(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		there := rapid.SliceOfN(rapid.IntRange(0, 2000), 1, 50).Draw(rt, "there")
		back := rapid.SliceOfN(rapid.IntRange(0, 2000), 1, 50).Draw(rt, "back")
		requests := rapid.IntRange(1, 260).Draw(rt, "requests")
		var took time.Duration
		arm := &server{tokens: 200}
		synctest.Test(t, func(t *testing.T) {
			b := azure.NewBudget(http.MethodPut)
			arm.at = time.Now()
			began := time.Now()
			var all sync.WaitGroup
			for i := range requests {
				ticket, err := b.Take(t.Context(), tablePath)
				if err != nil {
					t.Errorf("Take() = %v", err)
				}
				took = time.Since(began)
				all.Go(func() {
					time.Sleep(time.Duration(there[i%len(there)]) * time.Millisecond)
					remaining := arm.serve()
					time.Sleep(time.Duration(back[i%len(back)]) * time.Millisecond)
					b.Done(ticket, time.Now(), remaining)
				})
			}
			all.Wait()
		})
		if arm.least < -1e-6 {
			rt.Fatalf("the bucket was overdrawn to %v", arm.least)
		}
		if want := time.Duration(max(0, requests-200)) * 100 * time.Millisecond; took > want+time.Second {
			rt.Fatalf("the last of %d tokens came after %v, want %v", requests, took, want)
		}
	})
}

func TestPauses(t *testing.T) {
	tests := []struct {
		name  string
		pause func(azure.Budget, time.Time)
		want  map[string]time.Duration
	}{
		{
			"everybody", func(b azure.Budget, until time.Time) { b.Pause(until) },
			map[string]time.Duration{tablePath: 17 * time.Second, vmsPath: 17 * time.Second, vmPath: 17 * time.Second},
		},
		{
			"the-shorter-of-two-does-not-shorten", func(b azure.Budget, until time.Time) { b.Pause(until); b.Pause(until.Add(-time.Second)) },
			map[string]time.Duration{tablePath: 17 * time.Second},
		},
		{
			"all-of-the-network", func(b azure.Budget, until time.Time) { b.PauseLane(tablePath+"0", until) },
			map[string]time.Duration{tablePath: 17 * time.Second, vmsPath: 0, vmPath: 0, "/subscriptions": 0},
		},
		{
			"only-the-list-of-machines", func(b azure.Budget, until time.Time) { b.PauseLane(vmsPath+"?statusOnly=true", until) },
			map[string]time.Duration{tablePath: 0, vmsPath: 17 * time.Second, vmPath: 0},
		},
		{
			"only-one-machine", func(b azure.Budget, until time.Time) { b.PauseLane(vmPath, until) },
			map[string]time.Duration{tablePath: 0, vmsPath: 0, vmPath: 17 * time.Second, vmPath + "2": 0},
		},
	}
	for _, tt := range tests {
		for path, want := range tt.want {
			t.Run(tt.name+" "+path[strings.LastIndex(path, "/")+1:], func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := azure.NewBudget(http.MethodGet)
					tt.pause(b, time.Now().Add(17*time.Second))
					if got := takeAll(t, b, path, 3)[2]; got != want {
						t.Errorf("tokens for %s came after %v, want exactly %v", path, got, want)
					}
				})
			})
		}
	}
}

func TestWhoWaitsForATokenLeavesWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := azure.NewBudget(http.MethodPut)
		b.Pause(time.Now().Add(time.Hour))
		why := errors.New("the tick is over")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, why)
		defer cancel()
		began := time.Now()
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if _, err := b.Take(ctx, tablePath); !errors.Is(err, why) {
					t.Errorf("Take() = %v, want %v", err, why)
				}
			})
		}
		all.Wait()
		if took := time.Since(began); took != time.Minute {
			t.Errorf("waited %v, want a minute", took)
		}
	})
}
