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

func TestTermStandsWhileItsOrderDoes(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	term, err := lease.Local{Holder: "host-1"}.Acquire(ctx)
	if err != nil {
		t.Fatalf("Acquire() = %v", err)
	}
	if err := term.Stands(t.Context()); err != nil {
		t.Errorf("Stands() without an order = %v, want nil", err)
	}
	var overruled error
	asked := 0
	carrying := term.Carrying(func(context.Context) error { asked++; return overruled })
	if err := carrying.Stands(t.Context()); err != nil || asked != 1 {
		t.Errorf("Stands() = %v, asked %d times, want nil and once", err, asked)
	}
	overruled = errors.New("epoch 3 came")
	if err := carrying.Stands(t.Context()); !errors.Is(err, overruled) || errors.Is(err, lease.ErrLost) {
		t.Errorf("Stands() = %v, want that epoch 3 came, and no loss of the term", err)
	}
	overruled = nil
	if err := carrying.Err(); err == nil || err.Error() != "epoch 3 came" {
		t.Errorf("Err() = %v, want that epoch 3 came, for good", err)
	}
	if err := carrying.Stands(t.Context()); err == nil || asked != 2 {
		t.Errorf("Stands() = %v, asked %d times, want an error and nobody asked again", err, asked)
	}
	if err := term.Err(); err != nil {
		t.Errorf("Err() without the order = %v, want nil: the term is valid", err)
	}
	cancel()
	if err := carrying.Err(); !errors.Is(err, lease.ErrLost) {
		t.Errorf("Err() after the end = %v, want ErrLost", err)
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
