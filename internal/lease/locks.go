package lease

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// How a lease is refused or lost. An implementation of Locks returns errors that
// wrap them; the cause with which a term ends wraps one of them too, or is the
// cause with which the caller ended it.
var (
	// ErrHeld says that somebody else holds the lease. It is not taken.
	ErrHeld = errors.New("lease is held by somebody else")
	// ErrExpired says that the lease was not renewed in time. The store may have
	// given it to somebody else, or may do so at any moment.
	ErrExpired = errors.New("lease was not renewed in time")
	// ErrTaken says that the lease is somebody else's now.
	ErrTaken = errors.New("lease was taken by somebody else")
	// ErrBroken says that somebody broke the lease by hand.
	ErrBroken = errors.New("lease was broken by hand")
	// ErrReleased says that the lease was given back, by us if nobody meddled.
	ErrReleased = errors.New("lease was released")
	// ErrDeleted says that what the lease was on does not exist any more.
	ErrDeleted = errors.New("lease was deleted")
)

// HeldError says who holds the lease. It wraps ErrHeld.
type HeldError struct{ Holding }

// Error names the holder.
func (e *HeldError) Error() string {
	if e.Holder == "" {
		return ErrHeld.Error()
	}
	return fmt.Sprintf("lease is held by %s since %s", e.Holder, e.Since.UTC().Format(time.RFC3339))
}

// Unwrap returns ErrHeld.
func (e *HeldError) Unwrap() error { return ErrHeld }

// Claim asks for a lease.
type Claim struct {
	Key string
	// ID tells this holding from all others; the same claim may be made again.
	ID string
	// Again says that the claim was made before and its answer is not known: the
	// lease may be held by this ID.
	Again bool
	// TTL is how long the lease lasts from the moment the store grants or renews it.
	TTL time.Duration
	// Holder, Since and Note are for others to read. Since is by the holder's own
	// clock: show it, never compare it.
	Holder string
	Since  time.Time
	Note   string
}

// Holding is what others may know of a lease.
type Holding struct {
	Key string
	// Held says that the store counts the lease as taken now. The rest is of the last
	// one who has signed it, and empty if nobody did: a new holder signs a moment
	// after it has the lease.
	Held   bool
	Holder string
	Since  time.Time
	Number uint64
	Note   string
}

// Locks keeps leases, one per key, which end by the store's clock. Implementations
// are safe for concurrent use and return when ctx ends.
type Locks interface {
	// Acquire takes the lease if nobody or the same ID holds it, and returns the
	// number of the term, which is above that of every earlier one of the key. If
	// somebody else holds it, the error wraps ErrHeld. After any other error the
	// lease may be taken or not.
	Acquire(ctx context.Context, claim Claim) (uint64, error)
	// Renew makes the lease last for its TTL from now. If it is not the holder's
	// any more, the error wraps ErrTaken, ErrBroken, ErrReleased or ErrDeleted;
	// other errors say nothing about the lease.
	Renew(ctx context.Context, key, id string) error
	// Release ends the lease, if the ID still holds it. It is no error if it does not.
	Release(ctx context.Context, key, id string) error
}

// gone reports whether an error of Renew says that the lease is not ours.
func gone(err error) bool {
	for _, loss := range []error{ErrTaken, ErrBroken, ErrReleased, ErrDeleted} {
		if errors.Is(err, loss) {
			return true
		}
	}
	return false
}
