package azure

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"hopguard/internal/appliance"
)

// Advice is what advise says about an error, in words.
type Advice struct {
	What  string
	Wait  time.Duration
	Scope string
}

// Advise calls advise.
func Advise(err error) Advice {
	what, wait, scope := advise(err)
	return Advice{
		What:  [...]string{giveUp: "give up", again: "again", reread: "reread"}[what],
		Wait:  wait,
		Scope: [...]string{waitTable: "table", waitLane: "lane", waitSubscription: "subscription"}[scope],
	}
}

// ReadError makes an error of an answer to GET /subscriptions/s/x that came at now.
func ReadError(status int, header http.Header, body string, now time.Time) error {
	req := &http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "https", Host: "arm.example", Path: "/subscriptions/s/x"}}
	if header == nil {
		header = http.Header{}
	}
	return apiError(req, &http.Response{StatusCode: status, Header: header}, []byte(body), now)
}

// RetryAfter calls retryAfter.
func RetryAfter(h http.Header, now time.Time) time.Duration { return retryAfter(h, now) }

// SaidSeconds calls saidSeconds.
func SaidSeconds(message string) time.Duration { return saidSeconds(message) }

// Place maps the interfaces, given as ARM answers them, to a member's place.
func Place(m appliance.Member, nics []WireNIC) (appliance.Place, error) { return place(m, nics) }

// WireNIC is an interface as ARM answers it.
type WireNIC = wireNIC

// Budget is one bucket of a subscription.
type Budget struct{ bucket *bucket }

// NewBudget returns the bucket of a new subscription for a method.
func NewBudget(method string) Budget {
	var b budgets
	return Budget{b.of("s", method)}
}

// Ticket is a token that was taken.
type Ticket = ticket

// Take waits for a token for a request to path.
func (b Budget) Take(ctx context.Context, path string) (Ticket, error) {
	return b.bucket.take(ctx, laneOf(path))
}

// TakeFirst waits for a token before all others.
func (b Budget) TakeFirst(ctx context.Context, path string) (Ticket, error) {
	return b.bucket.takeFirst(ctx, laneOf(path))
}

// TakeSpare waits for a token that nobody else needs.
func (b Budget) TakeSpare(ctx context.Context, path string) (Ticket, error) {
	return b.bucket.takeSpare(ctx, laneOf(path))
}

// Done ends a request whose answer says how many remain; "" if it does not.
func (b Budget) Done(t Ticket, now time.Time, remaining string) {
	h := http.Header{}
	if remaining != "" {
		h.Set(b.bucket.header, remaining)
	}
	b.bucket.done(t, now, h)
}

// Pause keeps everybody from taking a token until then.
func (b Budget) Pause(until time.Time) { b.bucket.pause(until) }

// PauseLane keeps requests that are throttled together with path from taking one.
func (b Budget) PauseLane(path string, until time.Time) { b.bucket.pauseLane(laneOf(path), until) }

// SharesBudget reports whether two requests count against the same bucket.
func SharesBudget(subscriptionA, methodA, subscriptionB, methodB string) bool {
	var b budgets
	return b.of(subscriptionA, methodA) == b.of(subscriptionB, methodB)
}

// Ours reports whether a client of that endpoint sends its token to link.
func Ours(endpoint, link string) bool {
	return (&Client{endpoint: strings.TrimSuffix(endpoint, "/")}).ours(link)
}

// HalfLocks are the networks in use by writes to peerings.
type HalfLocks struct{ locks *halfLocks }

// NewHalfLocks returns locks of networks that nobody uses.
func NewHalfLocks() HalfLocks { return HalfLocks{newHalfLocks()} }

// Acquire calls acquire.
func (l HalfLocks) Acquire(ctx context.Context, order int, local, remote string) error {
	return l.locks.acquire(ctx, order, local, remote)
}

// Release calls release.
func (l HalfLocks) Release(local, remote string, collided, clean bool) {
	l.locks.release(local, remote, collided, clean)
}

// ReadPage reads a page of a list.
func ReadPage(from io.Reader) (items []string, next string, err error) {
	next, _, err = readPage(from, &sync.Pool{}, func(item []byte) error {
		items = append(items, string(item))
		return nil
	})
	return items, next, err
}
