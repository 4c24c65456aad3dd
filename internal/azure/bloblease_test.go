package azure_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hopguard/internal/azure"
	"hopguard/internal/blobsim"
	"hopguard/internal/lease"
)

const (
	idA = "aaaaaaaa-0000-4000-8000-000000000001"
	idB = "bbbbbbbb-0000-4000-8000-000000000002"
	ttl = 15 * time.Second
)

func writeFile(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func claim(key, id string) lease.Claim {
	return lease.Claim{Key: key, ID: id, TTL: ttl, Holder: "host-" + id[:1] + "/1", Since: time.Now().UTC(), Note: "emea,apac"}
}

// electorOf returns an elector for the group emea.
func electorOf(c *azure.Container, holder string) *lease.Elector {
	return &lease.Elector{Locks: azure.Leases{Container: c}, Key: "groups/emea", Holder: holder, TTL: ttl}
}

// tryEachSecond tries for the lease until work was called.
func tryEachSecond(ctx context.Context, e *lease.Elector, work func(context.Context, lease.Term) error) {
	for led := false; !led && ctx.Err() == nil; {
		err := e.Lead(ctx, func(ctx context.Context, term lease.Term) error {
			led = true
			return work(ctx, term)
		})
		if !led && err != nil {
			select {
			case <-ctx.Done():
			case <-time.After(lease.Pause):
			}
		}
	}
}

func TestElectionOnBlobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim()
		a, b := electorOf(opened(t, sim, "a"), "host-a/1"), electorOf(opened(t, sim, "b"), "host-b/1")
		began := time.Now()
		err := a.Lead(t.Context(), func(ctx context.Context, term lease.Term) error {
			if term.Number() != 1 {
				t.Errorf("term %d, want 1", term.Number())
			}
			time.Sleep(42 * time.Second)
			err := b.Lead(ctx, nil)
			held, ok := errors.AsType[*lease.HeldError](err)
			if !ok || held.Holder != "host-a/1" || !held.Since.Equal(began) || held.Number != 1 || !held.Held {
				t.Errorf("Lead() of b = %v, want that a holds it", err)
			}
			return term.Err()
		})
		if err != nil {
			t.Fatalf("Lead() of a = %v", err)
		}
		if n := count(sim, blobsim.OpRenewLease); n != 8 {
			t.Errorf("the lease was renewed %d times in 42s, want 8: every 5s", n)
		}
		if n := count(sim, blobsim.OpAcquireLease); n != 1 {
			t.Errorf("the lease was asked for %d times, want once: who waits only looks", n)
		}
		released := time.Now()
		err = b.Lead(t.Context(), func(_ context.Context, term lease.Term) error {
			if term.Number() != 2 || !time.Now().Equal(released) {
				t.Errorf("term %d, %s after the release, want 2 at once", term.Number(), time.Since(released))
			}
			return nil
		})
		if err != nil {
			t.Errorf("Lead() of b = %v", err)
		}
	})
}

// A killed leader, or one that is cut off, is followed within the time of the lease
// and a second; and its own term ends before that.
func TestTakeoverOnBlobs(t *testing.T) {
	for _, cut := range []time.Duration{time.Second, 7 * time.Second, 10 * time.Second} {
		t.Run(cut.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := newSim()
				began := time.Now()
				sim.SetFault(func(c blobsim.Call) blobsim.Fault {
					if c.Client == "a" && time.Since(began) >= cut {
						return blobsim.Fault{Kind: blobsim.Hang}
					}
					return blobsim.Fault{}
				})
				var all sync.WaitGroup
				var ended, taken time.Duration
				all.Go(func() {
					_ = electorOf(opened(t, sim, "a"), "host-a/1").Lead(t.Context(), func(ctx context.Context, _ lease.Term) error {
						<-ctx.Done()
						ended = time.Since(began)
						return nil
					}) // its release does not arrive
				})
				synctest.Wait()
				all.Go(func() {
					tryEachSecond(t.Context(), electorOf(opened(t, sim, "b"), "host-b/1"), func(context.Context, lease.Term) error {
						taken = time.Since(began)
						return nil
					})
				})
				all.Wait()
				if ended == 0 || ended >= taken {
					t.Errorf("a's term ended after %s and b's began after %s", ended, taken)
				}
				if taken > cut+ttl+lease.Pause {
					t.Errorf("b took over %s after the cut, want %s at the most", taken-cut, ttl+lease.Pause)
				}
			})
		})
	}
}

// ahead is a service whose clock is so many nanoseconds ahead of ours.
func ahead(clock *atomic.Int64) func(*blobsim.Options) {
	return func(o *blobsim.Options) {
		o.Clock = func() time.Time { return time.Now().Add(time.Duration(clock.Load())) }
	}
}

func TestLossOnBlobs(t *testing.T) {
	const blob = "/state/hopguard/leases/groups/emea"
	hand := func(t *testing.T, sim *blobsim.Sim, action string, headers ...string) {
		t.Helper()
		headers = append(headers, "x-ms-lease-action", action)
		if resp := raw(t, sim, http.MethodPut, blob+"?comp=lease", "", headers...); resp.StatusCode > 299 {
			t.Errorf("%s by hand: %d %s", action, resp.StatusCode, resp.Header.Get("x-ms-error-code"))
		}
	}
	for _, test := range []struct {
		name   string
		meddle func(t *testing.T, sim *blobsim.Sim, c *azure.Container, clock *atomic.Int64)
		want   error
		text   string
	}{
		{"broken-by-hand", func(t *testing.T, sim *blobsim.Sim, _ *azure.Container, _ *atomic.Int64) {
			hand(t, sim, "break", "x-ms-lease-break-period", "0")
		}, lease.ErrBroken, "LeaseIsBrokenAndCannotBeRenewed"},
		{"breaking", func(t *testing.T, sim *blobsim.Sim, _ *azure.Container, _ *atomic.Int64) {
			hand(t, sim, "break", "x-ms-lease-break-period", "60")
		}, lease.ErrBroken, ""},
		{"released-by-hand", func(t *testing.T, sim *blobsim.Sim, _ *azure.Container, _ *atomic.Int64) {
			hand(t, sim, "release", "x-ms-lease-id", idA)
		}, lease.ErrReleased, ""},
		{"changed-by-hand", func(t *testing.T, sim *blobsim.Sim, _ *azure.Container, _ *atomic.Int64) {
			hand(t, sim, "change", "x-ms-lease-id", idA, "x-ms-proposed-lease-id", idB)
		}, lease.ErrTaken, ""},
		{"taken-after-the-service's-clock-jumped", func(t *testing.T, _ *blobsim.Sim, c *azure.Container, clock *atomic.Int64) {
			clock.Add(int64(time.Hour))
			if _, err := (azure.Leases{Container: c}).Acquire(t.Context(), claim("groups/emea", idB)); err != nil {
				t.Errorf("Acquire() = %v", err)
			}
		}, lease.ErrTaken, "host-b/1"},
		{"deleted-with-its-container", func(t *testing.T, sim *blobsim.Sim, _ *azure.Container, _ *atomic.Int64) {
			raw(t, sim, http.MethodDelete, "/state?restype=container", "")
		}, lease.ErrDeleted, "ContainerNotFound"},
		{"deleted", func(t *testing.T, sim *blobsim.Sim, _ *azure.Container, _ *atomic.Int64) {
			raw(t, sim, http.MethodDelete, blob, "", "x-ms-lease-id", idA)
		}, lease.ErrDeleted, "BlobNotFound"},
		{"being-deleted", func(_ *testing.T, sim *blobsim.Sim, _ *azure.Container, _ *atomic.Int64) {
			sim.SetFault(faultOn(blobsim.OpRenewLease, 1, 9, blobsim.Fault{Kind: blobsim.Refuse, Status: 409, Code: "ContainerBeingDeleted"}))
		}, lease.ErrDeleted, "ContainerBeingDeleted"},
		{"forbidden", func(_ *testing.T, sim *blobsim.Sim, _ *azure.Container, _ *atomic.Int64) {
			sim.SetFault(faultOn(blobsim.OpRenewLease, 1, 9, blobsim.Fault{Kind: blobsim.Refuse, Status: 403, Code: "AuthorizationPermissionMismatch"}))
		}, lease.ErrExpired, "grant the role Storage Blob Data Contributor"},
		{"service-is-down", func(_ *testing.T, sim *blobsim.Sim, _ *azure.Container, _ *atomic.Int64) {
			sim.SetFault(faultOn(blobsim.OpRenewLease, 1, 9, blobsim.Fault{Kind: blobsim.Refuse, Status: 503, Code: "ServerBusy"}))
		}, lease.ErrExpired, "503 ServerBusy"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var clock atomic.Int64
				sim := newSim(ahead(&clock))
				e := electorOf(opened(t, sim, "a"), "host-a/1")
				e.NewID = func() string { return idA }
				var over time.Duration
				err := e.Lead(t.Context(), func(ctx context.Context, term lease.Term) error {
					test.meddle(t, sim, opened(t, sim, "b"), &clock)
					began := time.Now()
					<-ctx.Done()
					over = time.Since(began)
					if err := term.Err(); !errors.Is(err, test.want) || !errors.Is(err, lease.ErrLost) {
						t.Errorf("Err() = %v, want %v", err, test.want)
					}
					return nil
				})
				if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
					t.Errorf("Lead() = %v, want %v with %q", err, test.want, test.text)
				}
				most := 5 * time.Second // the next renewal
				if errors.Is(test.want, lease.ErrExpired) {
					most = 12 * time.Second // the end of the term
				}
				if over != most {
					t.Errorf("the term lasted %s, want %s", over, most)
				}
			})
		})
	}
}

// A jump of the service's clock ends the lease early; if nobody took it meanwhile it
// is renewed and goes on.
func TestAnExpiredLeaseIsRenewedIfNobodyTookIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var clock atomic.Int64
		sim := newSim(ahead(&clock))
		err := electorOf(opened(t, sim, "a"), "a").Lead(t.Context(), func(_ context.Context, term lease.Term) error {
			time.Sleep(time.Second)
			clock.Store(int64(time.Hour))
			time.Sleep(time.Minute)
			return term.Err()
		})
		if err != nil {
			t.Errorf("Lead() = %v", err)
		}
	})
}

// Each request of taking and giving back may lose its answer, be late or be refused
// for a moment.
func TestTakingAndGivingBackInTrouble(t *testing.T) {
	ops := []blobsim.Op{
		blobsim.OpCreateContainer, blobsim.OpHeadBlob, blobsim.OpPutBlob, blobsim.OpAcquireLease, blobsim.OpSetMetadata, blobsim.OpReleaseLease,
	}
	faults := map[string]blobsim.Fault{
		"reset": {Kind: blobsim.Reset}, "answer-lost": {Kind: blobsim.LoseAnswer}, "answer-hangs": {Kind: blobsim.HangAnswer},
		"late": {Kind: blobsim.Late, Delay: 2*time.Second + 1}, "busy": {Kind: blobsim.Refuse, Status: 503, Code: "ServerBusy"},
		"done-and-called-failed": {Kind: blobsim.FailAfter, Status: 500, Code: "InternalError"},
	}
	for _, op := range ops {
		for name, fault := range faults {
			t.Run(string(op)+"-"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					sim := newSim()
					sim.SetFault(faultOn(op, 1, 1, fault))
					var number uint64
					e := electorOf(opened(t, sim, "a"), "a")
					err := e.Lead(t.Context(), func(_ context.Context, term lease.Term) error {
						number = term.Number()
						return term.Err()
					})
					if err != nil || number != 1 {
						t.Errorf("Lead() = %v, term %d, want 1", err, number)
					}
					if took := count(sim, op); took < 1 {
						t.Errorf("%s was asked for %d times: the test tests nothing", op, took)
					}
					time.Sleep(5 * time.Second)
					err = electorOf(opened(t, sim, "b"), "b").Lead(t.Context(), func(_ context.Context, term lease.Term) error {
						number = term.Number()
						return nil
					})
					if err != nil || number != 2 {
						t.Errorf("Lead() of the next = %v, term %d, want 2", err, number)
					}
				})
			})
		}
	}
}

// The service is away until after the lease was taken: the next try is for the same
// lease, and need not wait for its end.
func TestALeaseThatWasTakenUnseen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim()
		e := electorOf(opened(t, sim, "a"), "a")
		sim.SetFault(faultOn(blobsim.OpAcquireLease, 1, 3, blobsim.Fault{Kind: blobsim.HangAnswer}))
		if err := e.Lead(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "no answer within") {
			t.Fatalf("Lead() = %v, want no answer", err)
		}
		sim.SetFault(nil)
		began := time.Now()
		if err := e.Lead(t.Context(), func(_ context.Context, term lease.Term) error { return term.Err() }); err != nil || time.Since(began) != 0 {
			t.Errorf("Lead() = %v after %s, want nil at once", err, time.Since(began))
		}
		// Another one's claim of before that was made again is refused as usual.
		b := electorOf(opened(t, sim, "b"), "b")
		sim.SetFault(faultOn(blobsim.OpAcquireLease, count(sim, blobsim.OpAcquireLease)+1, 99, blobsim.Fault{Kind: blobsim.Hang}))
		if err := b.Lead(t.Context(), nil); err == nil || errors.Is(err, lease.ErrHeld) {
			t.Fatalf("Lead() = %v, want no answer", err)
		}
		sim.SetFault(nil)
		err := e.Lead(t.Context(), func(ctx context.Context, _ lease.Term) error { return b.Lead(ctx, nil) })
		if held, ok := errors.AsType[*lease.HeldError](err); !ok || held.Holder != "a" {
			t.Errorf("Lead() of b = %v, want that a holds it", err)
		}
	})
}

// Another one is faster between the look and the attempt: it is the one that is named.
func TestTheFasterOneIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim()
		b := azure.Leases{Container: opened(t, sim, "b")}
		if _, err := b.Acquire(t.Context(), claim("groups/emea", idB)); err != nil {
			t.Fatal(err)
		}
		if err := b.Release(t.Context(), "groups/emea", idB); err != nil {
			t.Fatal(err)
		}
		sim.SetFault(func(c blobsim.Call) blobsim.Fault {
			if c.Client == "a" && c.Op == blobsim.OpAcquireLease {
				return blobsim.Fault{Kind: blobsim.Slow, Delay: time.Second}
			}
			return blobsim.Fault{}
		})
		var faster sync.WaitGroup
		faster.Go(func() {
			time.Sleep(time.Second / 2)
			if _, err := b.Acquire(t.Context(), lease.Claim{Key: "groups/emea", ID: idB, TTL: ttl, Holder: "host-c/1", Since: time.Now()}); err != nil {
				t.Errorf("Acquire() = %v", err)
			}
		})
		_, err := (azure.Leases{Container: opened(t, sim, "a")}).Acquire(t.Context(), claim("groups/emea", idA))
		faster.Wait()
		if held, ok := errors.AsType[*lease.HeldError](err); !ok || held.Holder != "host-c/1" {
			t.Errorf("Acquire() = %v, want that host-c/1 holds it", err)
		}
	})
}

func TestHoldings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(func(o *blobsim.Options) { o.PageSize = 2 })
		c := opened(t, sim, "a")
		l := azure.Leases{Container: c}
		if got, err := l.Holdings(t.Context(), ""); err != nil || len(got) != 0 {
			t.Errorf("Holdings() without a container = %v, %v, want none", got, err)
		}
		began := time.Now().UTC()
		odd := lease.Claim{Key: "replicas/b.2", ID: idB, TTL: ttl, Holder: "höst b/2 %20", Since: began, Note: "emea,a b,ü"}
		for _, cl := range []lease.Claim{claim("groups/emea", idA), claim("groups/apac", idA), claim("replicas/a.1", idA), odd} {
			if n, err := l.Acquire(t.Context(), cl); n != 1 || err != nil {
				t.Fatalf("Acquire() = %d, %v", n, err)
			}
		}
		raw(t, sim, http.MethodPut, "/state/hopguard/leases/replicas/by-hand", "", "x-ms-meta-since", "yesterday", "x-ms-meta-holder", "%zz")
		if err := l.Release(t.Context(), "groups/apac", idA); err != nil {
			t.Errorf("Release() = %v", err)
		}
		time.Sleep(10 * time.Second)
		if err := l.Renew(t.Context(), "replicas/b.2", idB); err != nil {
			t.Errorf("Renew() = %v", err)
		}
		time.Sleep(10 * time.Second)
		got, err := l.Holdings(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		want := []lease.Holding{
			{Key: "groups/apac", Holder: "host-a/1", Since: began, Number: 1, Note: "emea,apac"},
			{Key: "groups/emea", Holder: "host-a/1", Since: began, Number: 1, Note: "emea,apac"},
			{Key: "replicas/a.1", Holder: "host-a/1", Since: began, Number: 1, Note: "emea,apac"},
			{Key: "replicas/b.2", Held: true, Holder: "höst b/2 %20", Since: began, Number: 1, Note: "emea,a b,ü"},
			{Key: "replicas/by-hand", Holder: "%zz"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Holdings() (-want +got):\n%s", diff)
		}
		got, err = l.Holdings(t.Context(), "replicas/")
		if diff := cmp.Diff(want[2:], got); diff != "" || err != nil {
			t.Errorf("Holdings() of replicas: %v (-want +got):\n%s", err, diff)
		}
		for _, key := range []string{"replicas/b.2", "groups/apac", "groups/none"} {
			if err := l.Forget(t.Context(), key); err != nil {
				t.Errorf("Forget(%q) = %v", key, err)
			}
		}
		got, err = l.Holdings(t.Context(), "")
		if diff := cmp.Diff(want[1:], got); diff != "" || err != nil {
			t.Errorf("Holdings() after Forget(): %v (-want +got):\n%s", err, diff)
		}
		raw(t, sim, http.MethodDelete, "/state?restype=container", "")
		if got, err := l.Holdings(t.Context(), ""); err == nil || got != nil {
			t.Errorf("Holdings() of a deleted container = %v, %v, want an error", got, err)
		}
	})
}

func TestOddLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := azure.Leases{Container: opened(t, newSim(), "a")}
		for _, key := range []string{"", "/", "a/", "a//b", "../a", "a/./b", "a/..", "a b", "a?b", "ä", "a.", strings.Repeat("a", 600)} {
			_, e1 := l.Acquire(t.Context(), claim(key, idA))
			for _, err := range []error{e1, l.Renew(t.Context(), key, idA), l.Release(t.Context(), key, idA), l.Forget(t.Context(), key)} {
				if err == nil || !strings.Contains(err.Error(), "want letters, digits, dashes, dots, slashes") {
					t.Errorf("key %q: %v", key, err)
				}
			}
		}
		long := claim("groups/emea", idA)
		long.Note = strings.Repeat("ä", 1100)
		if _, err := l.Acquire(t.Context(), long); err == nil || err.Error() != "the note has 6600 bytes, and 6144 is the most" {
			t.Errorf("Acquire() = %v", err)
		}
	})
}

// Whatever happens to requests, no two terms are valid at once, their numbers
// ascend, and after the trouble somebody leads.
func TestNoTwoTermsAtOnceOnBlobs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		odds := rapid.IntRange(0, 5).Draw(rt, "trouble in ten")
		var err error
		synctest.Test(t, func(t *testing.T) { err = competeOnBlobs(t, seed, odds) })
		if err != nil {
			rt.Fatal(err)
		}
	})
}

func competeOnBlobs(t *testing.T, seed uint64, odds int) error {
	const length = 80 * time.Second
	rng := rand.New(rand.NewPCG(seed, 1))
	began := time.Now()
	healed := func() bool { return time.Since(began) > length }
	sim := newSim()
	kinds := []blobsim.Fault{
		{Kind: blobsim.Reset}, {Kind: blobsim.Hang}, {Kind: blobsim.LoseAnswer}, {Kind: blobsim.HangAnswer},
		{Kind: blobsim.FailAfter, Status: 500, Code: "InternalError"}, {Kind: blobsim.Refuse, Status: 403, Code: "AuthorizationFailure"},
		{Kind: blobsim.Refuse, Status: 503, Code: "ServerBusy", RetryAfter: time.Second}, {Kind: blobsim.Late}, {Kind: blobsim.Slow}, {Kind: blobsim.SlowAnswer},
	}
	sim.SetFault(func(blobsim.Call) blobsim.Fault {
		if healed() || rng.IntN(10) >= odds {
			return blobsim.Fault{}
		}
		f := kinds[rng.IntN(len(kinds))]
		f.Delay = time.Duration(rng.Int64N(int64(20 * time.Second)))
		return f
	})
	ctx, stop := context.WithTimeout(t.Context(), length+time.Minute)
	defer stop()
	var mu sync.Mutex
	var found error
	var last uint64
	led := false
	terms := make([]lease.Term, 2)
	var all sync.WaitGroup
	for i := range terms {
		c := opened(t, sim, fmt.Sprint(i))
		stays := rand.New(rand.NewPCG(seed, uint64(2+i)))
		all.Go(func() {
			e := electorOf(c, fmt.Sprint("host-", i))
			for ctx.Err() == nil {
				tryEachSecond(ctx, e, func(ctx context.Context, term lease.Term) error {
					mu.Lock()
					for j, other := range terms {
						if j != i && other.Err() == nil && term.Err() == nil {
							found = errors.Join(found, fmt.Errorf("after %s terms %d and %d are both valid", time.Since(began), term.Number(), other.Number()))
						}
					}
					if term.Number() <= last {
						found = errors.Join(found, fmt.Errorf("after %s term %d follows term %d", time.Since(began), term.Number(), last))
					}
					terms[i], last, led = term, term.Number(), led || healed()
					mu.Unlock()
					select {
					case <-ctx.Done():
					case <-time.After(time.Duration(stays.Int64N(int64(40 * time.Second)))):
					}
					return nil
				})
			}
		})
	}
	all.Wait()
	if !led {
		found = errors.Join(found, errors.New("nobody led within a minute after the trouble"))
	}
	return found
}
