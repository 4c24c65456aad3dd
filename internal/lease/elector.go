package lease

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// The shortest and the longest lease; those of Azure Blob Storage.
const (
	MinTTL = 15 * time.Second
	MaxTTL = 60 * time.Second
)

// Pause is how long to wait before the next try for a lease that somebody else
// holds. With it a lease that ends is taken within its TTL and a second.
const Pause = time.Second

// releaseTimeout bounds giving back: who waits for the lease waits for its TTL at
// the most, and nobody should wait longer for us to stop.
const releaseTimeout = 5 * time.Second

// Elector takes and keeps the lease of one key. One Lead at a time; any number of
// electors, in any number of processes, may compete for one key.
type Elector struct {
	// Locks, Key and Holder are required.
	Locks  Locks
	Key    string
	Holder string
	// Note is for others to read; see Claim.
	Note string
	// TTL is in whole seconds from MinTTL to MaxTTL. Required.
	TTL time.Duration
	// Warn is told of a renewal that failed and will be tried again; nil if nobody
	// listens. It is called from another goroutine while Lead runs.
	Warn func(error)
	// NewID makes the ID of a term; nil makes a random GUID.
	NewID func() string

	// id is of the claim that was made last and whose answer is not known.
	id string
}

// renew returns when the lease is renewed, counted from the last renewal. There is
// time for a second and a third try before the term ends.
func (e *Elector) renew() time.Duration { return e.TTL / 3 }

// retry is the time between two tries to renew.
func (e *Elector) retry() time.Duration { return e.TTL / 15 }

// try bounds one try to renew.
func (e *Elector) try() time.Duration { return e.TTL / 6 }

// life is how long a term lasts from the last renewal: not to the end of the lease,
// because clocks differ in rate and a write that has begun needs time to arrive.
func (e *Elector) life() time.Duration { return e.TTL - e.TTL/5 }

// Validate says what is wrong with the settings.
func (e *Elector) Validate() error {
	switch {
	case e.TTL < MinTTL || e.TTL > MaxTTL || e.TTL%time.Second != 0:
		return fmt.Errorf("lease TTL %s: want whole seconds from %s to %s", e.TTL, MinTTL, MaxTTL)
	case e.Key == "" || e.Holder == "":
		return errors.New("a lease needs a key and a holder")
	}
	return nil
}

// Lead tries once to take the lease. If it can, it calls work with the term and a
// context that ends with the term, renews the lease until work returns, gives it
// back and returns what work returned. If the term ended before, the error wraps
// the cause as well. If somebody else holds the lease, the error wraps ErrHeld and
// work is not called.
//
// ctx ends the term too. A caller that wants to finish what it does gives work
// another sign to stop.
func (e *Elector) Lead(ctx context.Context, work func(context.Context, Term) error) error {
	h, err := e.acquire(ctx)
	if err != nil {
		return err
	}
	return h.lead(ctx, work)
}

func (e *Elector) acquire(ctx context.Context) (*hold, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	again := e.id != ""
	if !again {
		e.id = e.newID()
	}
	sent := time.Now()
	limited, cancel := context.WithTimeoutCause(ctx, e.life(), fmt.Errorf("no answer within %s", e.life()))
	defer cancel()
	number, err := e.Locks.Acquire(limited, Claim{
		Key: e.Key, ID: e.id, Again: again, TTL: e.TTL, Holder: e.Holder, Since: sent.UTC().Round(0), Note: e.Note,
	})
	if err != nil {
		// The ID is kept: if the claim was granted after all, the next one fits it.
		if errors.Is(err, ErrHeld) {
			e.id = ""
		}
		return nil, fmt.Errorf("acquire lease %q: %w", e.Key, err)
	}
	h := &hold{elector: e, id: e.id, number: number}
	// A term has its own ID, so that a late request of an earlier one finds nothing.
	e.id = ""
	h.extend(sent)
	return h, nil
}

func (e *Elector) newID() string {
	if e.NewID != nil {
		return e.NewID()
	}
	var b [16]byte
	_, _ = rand.Read(b[:])                      // it never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // version 4, the usual variant
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// hold is a lease that was taken.
type hold struct {
	elector *Elector
	id      string
	number  uint64
	until   atomic.Pointer[time.Time]
	sent    time.Time // of the last renewal; owned by keep
	failed  atomic.Pointer[error]
}

// extend makes the term last for its life from the time a request was sent.
func (h *hold) extend(sent time.Time) {
	until := sent.Add(h.elector.life())
	h.sent = sent
	h.until.Store(&until)
}

func (h *hold) left() time.Duration { return time.Until(*h.until.Load()) }

func (h *hold) lead(ctx context.Context, work func(context.Context, Term) error) (err error) {
	// A caller that has stopped still gives the lease back.
	outer := context.WithoutCancel(ctx)
	ctx, end := context.WithCancelCause(ctx)
	expiry := time.AfterFunc(h.left(), func() { end(h.expired()) })
	renewing, stop := context.WithCancel(ctx)
	var keeper sync.WaitGroup
	keeper.Go(func() { h.keep(renewing, end, expiry) })
	defer func() {
		stop()
		keeper.Wait()
		expiry.Stop()
		cause := context.Cause(ctx)
		end(ErrReleased)
		if cause != nil && !errors.Is(err, cause) {
			err = errors.Join(err, fmt.Errorf("lease %q: %w", h.elector.Key, cause))
		}
		if cause == nil || !gone(cause) { // what a hand broke stays as the hand left it
			err = errors.Join(err, h.release(outer))
		}
	}()
	term := Term{number: h.number, holder: h.elector.Holder, ctx: ctx, until: &h.until}
	if err := term.Err(); err != nil {
		return err // the answer took as long as a term
	}
	return work(ctx, term)
}

// expired is the cause of a term that ended by the clock.
func (h *hold) expired() error {
	if last := h.failed.Load(); last != nil {
		return fmt.Errorf("%w: %w", ErrExpired, *last)
	}
	return ErrExpired
}

// keep renews the lease until the term is over.
func (h *hold) keep(ctx context.Context, end context.CancelCauseFunc, expiry *time.Timer) {
	wait := time.Until(h.sent.Add(h.elector.renew()))
	for sleep(ctx, wait) {
		sent := time.Now()
		err := h.renew(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			h.failed.Store(nil)
			h.extend(sent)
			// If the timer has fired in this instant, the term is over all the same.
			expiry.Reset(h.left())
			wait = time.Until(sent.Add(h.elector.renew()))
		case gone(err):
			end(err)
			return
		default:
			h.failed.Store(&err)
			if h.elector.Warn != nil {
				h.elector.Warn(fmt.Errorf("renew lease %q: %w", h.elector.Key, err))
			}
			wait = h.elector.retry()
		}
	}
}

func (h *hold) renew(ctx context.Context) error {
	limit := h.elector.try()
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %s", limit))
	defer cancel()
	return h.elector.Locks.Renew(ctx, h.elector.Key, h.id)
}

func (h *hold) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, releaseTimeout, fmt.Errorf("no answer within %s", releaseTimeout))
	defer cancel()
	if err := h.elector.Locks.Release(ctx, h.elector.Key, h.id); err != nil {
		return fmt.Errorf("release lease %q: %w", h.elector.Key, err)
	}
	return nil
}

// sleep waits for d and reports whether ctx lives.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
