package lease_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/lease"
)

func TestZeroTermProvesNothing(t *testing.T) {
	err := lease.Term{}.Err()
	if !errors.Is(err, lease.ErrLost) {
		t.Fatalf("Err() = %v, want ErrLost", err)
	}
	if got, want := err.Error(), "leadership lost: no term was taken"; got != want {
		t.Errorf("Err() = %q, want %q", got, want)
	}
}

func TestLocalTermEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	term, err := lease.Local{Holder: "host-1"}.Acquire(ctx)
	if err != nil {
		t.Fatalf("Acquire() = %v", err)
	}
	if term.Holder() != "host-1" || term.Number() != 1 {
		t.Errorf("Holder(), Number() = %q, %d, want host-1, 1", term.Holder(), term.Number())
	}
	copied := term
	if err := copied.Err(); err != nil {
		t.Errorf("Err() = %v, want nil while the context lives", err)
	}
	cause := errors.New("terminated signal received")
	cancel(cause)
	if err := copied.Err(); !errors.Is(err, lease.ErrLost) || !errors.Is(err, cause) {
		t.Errorf("Err() = %v, want ErrLost and its cause", err)
	}
	if _, err := (lease.Local{}).Acquire(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Acquire() with a dead context = %v, want context.Canceled", err)
	}
}

func TestTermEndsByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term := lease.TermUntil(t.Context(), time.Now().Add(15*time.Second))
		time.Sleep(15*time.Second - 1)
		if err := term.Err(); err != nil {
			t.Errorf("Err() a nanosecond before the end = %v, want nil", err)
		}
		time.Sleep(time.Nanosecond)
		err := term.Err()
		if !errors.Is(err, lease.ErrLost) {
			t.Fatalf("Err() at the end = %v, want ErrLost", err)
		}
		if got, want := err.Error(), "leadership lost: term 7 of here: lease was not renewed in time"; got != want {
			t.Errorf("Err() = %q, want %q", got, want)
		}
	})
}
