package lease_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/lease"
)

const ttl = 15 * time.Second

func elector(l lease.Locks, holder string) *lease.Elector {
	return &lease.Elector{Locks: l, Key: "emea", Holder: holder, TTL: ttl}
}

// untilOver is work that lasts as long as the term, and says when it ended and why.
func untilOver(over *time.Duration, why *error) func(context.Context, lease.Term) error {
	return func(ctx context.Context, term lease.Term) error {
		begun := time.Now()
		<-ctx.Done()
		*over, *why = time.Since(begun), term.Err()
		return nil
	}
}

func TestLeadRenewsAndGivesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLocks()
		var kept lease.Term
		err := elector(l, "here").Lead(t.Context(), func(ctx context.Context, term lease.Term) error {
			kept = term
			for range 11 {
				time.Sleep(time.Second)
				if err := term.Err(); err != nil {
					t.Errorf("Err() after %s = %v, want nil", time.Since(l.born), err)
				}
			}
			return ctx.Err()
		})
		if err != nil {
			t.Fatalf("Lead() = %v", err)
		}
		if kept.Number() != 1 || kept.Holder() != "here" {
			t.Errorf("term %d of %q, want 1 of here", kept.Number(), kept.Holder())
		}
		if err := kept.Err(); !errors.Is(err, lease.ErrLost) || !errors.Is(err, lease.ErrReleased) {
			t.Errorf("Err() after Lead = %v, want ErrLost and ErrReleased", err)
		}
		want := []call{{"acquire", 0}, {"renew", 5 * time.Second}, {"renew", 10 * time.Second}, {"release", 11 * time.Second}}
		if diff := cmp.Diff(want, l.calls, cmp.AllowUnexported(call{})); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

func TestTermEndsBeforeTheLease(t *testing.T) {
	for _, test := range []struct {
		name   string
		renew  func(context.Context) error
		cause  string
		before time.Duration // the time that the first answer takes
	}{
		{"renewals-hang", hang, "no answer within 2.5s", 0},
		{"renewals-fail", func(context.Context) error { return errNet }, "connection reset", 0},
		{"the-time-of-the-answer-counts", hang, "no answer within 2.5s", 4 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLocks()
				l.before = func(ctx context.Context, name string) error {
					if name == "renew" {
						return test.renew(ctx)
					}
					return nil
				}
				l.after = func(_ context.Context, name string) error {
					if name == "acquire" {
						time.Sleep(test.before)
					}
					return nil
				}
				var warned int
				e := elector(l, "here")
				e.Warn = func(error) { warned++ }
				var over time.Duration
				var why error
				err := e.Lead(t.Context(), untilOver(&over, &why))
				if want := 12*time.Second - test.before; over != want {
					t.Errorf("the term lasted %s after the answer, want %s", over, want)
				}
				for what, err := range map[string]error{"Lead()": err, "Err()": why} {
					if !errors.Is(err, lease.ErrExpired) || !strings.Contains(err.Error(), test.cause) {
						t.Errorf("%s = %v, want ErrExpired with %q", what, err, test.cause)
					}
				}
				if !errors.Is(why, lease.ErrLost) {
					t.Errorf("Err() = %v, want ErrLost", why)
				}
				if warned < 2 {
					t.Errorf("%d warnings, want one for each of at least 2 renewals", warned)
				}
				if names := l.names(); names[len(names)-1] != "release" {
					t.Errorf("requests are %v, want a release at the end: the lease may still be ours", names)
				}
			})
		})
	}
}

func TestOneFailedRenewalIsMadeUpFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLocks()
		fails := 2
		l.before = func(_ context.Context, name string) error {
			if name == "renew" && fails > 0 {
				fails--
				return errNet
			}
			return nil
		}
		err := elector(l, "here").Lead(t.Context(), func(_ context.Context, term lease.Term) error {
			time.Sleep(time.Minute)
			return term.Err()
		})
		if err != nil {
			t.Errorf("Lead() = %v, want nil", err)
		}
	})
}

// The store's answer to a renewal was lost, but it was carried out: the term is
// counted from the last renewal whose answer came.
func TestLostAnswersAreNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLocks()
		l.after = func(_ context.Context, name string) error {
			if name == "renew" {
				return errNet
			}
			return nil
		}
		var over time.Duration
		var why error
		_ = elector(l, "here").Lead(t.Context(), untilOver(&over, &why)) // what it says is tested above
		if over != 12*time.Second {
			t.Errorf("the term lasted %s, want 12s", over)
		}
	})
}

func TestCausesOfLoss(t *testing.T) {
	for _, test := range []struct {
		name   string
		meddle func(*locks)
		want   error
	}{
		{"taken", func(l *locks) { l.with("emea", func(k *locked) { k.id = "another" }) }, lease.ErrTaken},
		{"broken", func(l *locks) { l.with("emea", func(k *locked) { k.broken = true }) }, lease.ErrBroken},
		{"released", func(l *locks) { l.with("emea", func(k *locked) { k.id = "" }) }, lease.ErrReleased},
		{"deleted", func(l *locks) { l.with("emea", func(*locked) { delete(l.leases, "emea") }) }, lease.ErrDeleted},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLocks()
				var over time.Duration
				var why error
				err := elector(l, "here").Lead(t.Context(), func(ctx context.Context, term lease.Term) error {
					test.meddle(l)
					return untilOver(&over, &why)(ctx, term)
				})
				if over != 5*time.Second {
					t.Errorf("the loss was noticed after %s, want 5s: at the next renewal", over)
				}
				if !errors.Is(err, test.want) || !errors.Is(why, test.want) || !errors.Is(why, lease.ErrLost) {
					t.Errorf("Lead() = %v, Err() = %v, want %v", err, why, test.want)
				}
				if slices.Contains(l.names(), "release") {
					t.Error("a lease was given back that is not ours")
				}
			})
		})
	}
}

func TestOnlyOneLeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLocks()
		work := errors.New("work is done")
		err := elector(l, "a").Lead(t.Context(), func(ctx context.Context, _ lease.Term) error {
			began := time.Now()
			err := elector(l, "b").Lead(ctx, func(context.Context, lease.Term) error {
				t.Error("two lead")
				return nil
			})
			held, ok := errors.AsType[*lease.HeldError](err)
			if !ok || !errors.Is(err, lease.ErrHeld) || held.Holder != "a" || !held.Since.Equal(began) {
				t.Errorf("Lead() of the other = %v, want ErrHeld by a", err)
			}
			if want := `acquire lease "emea": lease is held by a since ` + began.UTC().Format(time.RFC3339); err.Error() != want {
				t.Errorf("Lead() of the other = %q, want %q", err, want)
			}
			return work
		})
		if !errors.Is(err, work) {
			t.Errorf("Lead() = %v, want what work returned", err)
		}
		// Given back: the other takes over at once, with a higher number.
		now := time.Now()
		err = elector(l, "b").Lead(t.Context(), func(_ context.Context, term lease.Term) error {
			if term.Number() != 2 || !time.Now().Equal(now) {
				t.Errorf("term %d after %s, want 2 at once", term.Number(), time.Since(now))
			}
			return nil
		})
		if err != nil {
			t.Errorf("Lead() of the other = %v", err)
		}
	})
}

// An answer that was lost does not lock its own asker out.
func TestTheSameClaimIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLocks()
		lose := true
		l.after = func(context.Context, string) error {
			if lose {
				return errNet
			}
			return nil
		}
		e := elector(l, "a")
		work := func(context.Context, lease.Term) error { return nil }
		if err := e.Lead(t.Context(), work); !errors.Is(err, errNet) {
			t.Fatalf("Lead() = %v, want the lost answer", err)
		}
		first := l.leases["emea"].id
		if l.leases["emea"].claim.Again {
			t.Error("the first claim says that it was made before")
		}
		lose = false
		if err := e.Lead(t.Context(), func(context.Context, lease.Term) error {
			if k := l.leases["emea"]; k.id != first || !k.claim.Again {
				t.Errorf("the second claim is %+v, want the first one again", k.claim)
			}
			return nil
		}); err != nil {
			t.Errorf("Lead() = %v, want nil: the lease is ours", err)
		}
		if err := e.Lead(t.Context(), func(context.Context, lease.Term) error {
			if l.leases["emea"].id == first {
				t.Error("two terms have one ID: a late request of the first could end the second")
			}
			return nil
		}); err != nil {
			t.Errorf("Lead() = %v", err)
		}
		if guid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`); !guid.MatchString(first) {
			t.Errorf("the ID is %q, want a GUID", first)
		}
	})
}

// Who was refused makes a new claim, and does not say that it was made before.
func TestARefusedClaimIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLocks()
		b := elector(l, "b")
		_ = elector(l, "a").Lead(t.Context(), func(ctx context.Context, _ lease.Term) error {
			return b.Lead(ctx, nil)
		})
		if err := b.Lead(t.Context(), func(context.Context, lease.Term) error { return nil }); err != nil {
			t.Fatalf("Lead() = %v", err)
		}
		if l.leases["emea"].claim.Again {
			t.Error("the claim says that it was made before")
		}
	})
}

func TestAnAnswerAfterTheTermIsNoTerm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLocks()
		l.after = func(_ context.Context, name string) error {
			if name == "acquire" {
				time.Sleep(13 * time.Second)
			}
			return nil
		}
		err := elector(l, "a").Lead(t.Context(), func(context.Context, lease.Term) error {
			t.Error("work was called without a term")
			return nil
		})
		if !errors.Is(err, lease.ErrExpired) {
			t.Errorf("Lead() = %v, want ErrExpired", err)
		}
	})
}

func TestLeadGivesBackWhenItIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLocks()
		ctx, stop := context.WithCancelCause(t.Context())
		cause := errors.New("terminated signal received")
		time.AfterFunc(time.Minute, func() { stop(cause) })
		var over time.Duration
		var why error
		err := elector(l, "a").Lead(ctx, untilOver(&over, &why))
		if !errors.Is(err, cause) || !errors.Is(why, cause) || !errors.Is(why, lease.ErrLost) || over != time.Minute {
			t.Errorf("Lead() = %v after %s, Err() = %v", err, over, why)
		}
		if names := l.names(); names[len(names)-1] != "release" {
			t.Errorf("requests are %v, want a release at the end", names)
		}
	})
}

// Giving back takes no longer than its bound, and its failure is told.
func TestAReleaseThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLocks()
		l.before = func(ctx context.Context, name string) error {
			if name == "release" {
				return hang(ctx)
			}
			return nil
		}
		err := elector(l, "a").Lead(t.Context(), func(context.Context, lease.Term) error { return nil })
		if want := `release lease "emea": no answer within 5s`; err == nil || err.Error() != want {
			t.Errorf("Lead() = %v, want %q", err, want)
		}
		if time.Since(l.born) != 5*time.Second {
			t.Errorf("it took %s, want 5s", time.Since(l.born))
		}
	})
}

func TestSettingsOfAnElector(t *testing.T) {
	for _, test := range []struct {
		ttl         time.Duration
		key, holder string
		want        string
	}{
		{15 * time.Second, "k", "h", ""},
		{60 * time.Second, "k", "h", ""},
		{14 * time.Second, "k", "h", "lease TTL 14s: want whole seconds from 15s to 1m0s"},
		{61 * time.Second, "k", "h", "lease TTL 1m1s: want whole seconds from 15s to 1m0s"},
		{20*time.Second + 1, "k", "h", "lease TTL 20.000000001s: want whole seconds from 15s to 1m0s"},
		{15 * time.Second, "", "h", "a lease needs a key and a holder"},
		{15 * time.Second, "k", "", "a lease needs a key and a holder"},
	} {
		e := &lease.Elector{Locks: newLocks(), Key: test.key, Holder: test.holder, TTL: test.ttl}
		err := e.Lead(t.Context(), func(context.Context, lease.Term) error { return nil })
		if got := fmt.Sprint(err); got != test.want && (err != nil || test.want != "") {
			t.Errorf("Lead() with %v = %q, want %q", test, got, test.want)
		}
	}
}

func TestLocalLeadsUntilItReturns(t *testing.T) {
	var kept lease.Term
	err := lease.Local{Holder: "here"}.Lead(t.Context(), func(_ context.Context, term lease.Term) error {
		kept = term
		return term.Err()
	})
	if err != nil || !errors.Is(kept.Err(), lease.ErrReleased) {
		t.Errorf("Lead() = %v, Err() after it = %v, want nil and ErrReleased", err, kept.Err())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (lease.Local{}).Lead(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Lead() with a dead context = %v, want context.Canceled", err)
	}
}
