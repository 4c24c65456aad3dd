package azure_test

import (
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/azure"
)

// Thirty wait for tokens when five come that come first: they get the next five, and no
// token is lost by it.
func TestWhoComesFirstWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := azure.NewBudget(http.MethodPut)
		takeAll(t, b, tablePath, 200)
		began := time.Now()
		var all sync.WaitGroup
		for range 30 {
			all.Go(func() {
				if _, err := b.Take(t.Context(), tablePath); err != nil {
					t.Errorf("Take() = %v", err)
				}
			})
		}
		time.Sleep(time.Second + 50*time.Millisecond) // ten have theirs
		var first sync.WaitGroup
		for range 5 {
			first.Go(func() {
				if _, err := b.TakeFirst(t.Context(), tablePath); err != nil {
					t.Errorf("TakeFirst() = %v", err)
				}
			})
		}
		first.Wait()
		if took := time.Since(began); took > 1600*time.Millisecond {
			t.Errorf("the first five had theirs after %v, want 1.5 s", took)
		}
		all.Wait()
		if took := time.Since(began); took < 3500*time.Millisecond || took > 3600*time.Millisecond {
			t.Errorf("all 35 had theirs after %v, want 3.5 s", took)
		}
	})
}

// While there are tokens for all, nobody waits.
func TestWhoComesFirstHoldsUpNobodyWhileThereIsEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := azure.NewBudget(http.MethodPut)
		began := time.Now()
		var all sync.WaitGroup
		for i := range 190 {
			all.Go(func() {
				take := b.Take
				if i%2 == 0 {
					take = b.TakeFirst
				}
				if _, err := take(t.Context(), tablePath); err != nil {
					t.Errorf("take %d: %v", i, err)
				}
			})
		}
		all.Wait()
		if took := time.Since(began); took != 0 {
			t.Errorf("took %v, want no time", took)
		}
	})
}
