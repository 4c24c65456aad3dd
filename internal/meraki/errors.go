package meraki

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// What callers branch on. They are found in an error with errors.Is.
var (
	// ErrUnauthorized says that the API does not know the key.
	ErrUnauthorized = errors.New("the API key is not accepted")
	// ErrForbidden says that the key has no right to what was asked.
	ErrForbidden = errors.New("the API key has no right to this")
	// ErrNotFound says that something does not exist or is hidden from the key.
	ErrNotFound = errors.New("not found, or hidden from the API key")
	// ErrThrottled says that there were too many requests: the API refused one, or
	// we held one back that would have been too many.
	ErrThrottled = errors.New("too many requests")
	// ErrUnavailable says that the API could not answer.
	ErrUnavailable = errors.New("the API is unavailable")
)

// APIError is an answer of the API, or of something in front of it, that is no
// success (page Errors).
type APIError struct {
	Method string
	Path   string
	Status int
	// Texts are those of the body's "errors"; none if the body is no JSON.
	Texts []string
	// RequestID is what Meraki's support asks for.
	RequestID string
	// RetryAfter is how long the answer asks to wait; 0 if it does not say.
	RetryAfter time.Duration
}

// Error gives the request, the status and the API's own words.
func (e *APIError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %d", e.Method, e.Path, e.Status)
	if text := http.StatusText(e.Status); text != "" {
		b.WriteString(" " + text)
	}
	if len(e.Texts) > 0 {
		b.WriteString(": " + strings.Join(e.Texts, "; "))
	}
	if e.RetryAfter > 0 {
		b.WriteString(" (retry after " + e.RetryAfter.String() + ")")
	}
	if e.RequestID != "" {
		b.WriteString(" [request " + e.RequestID + "]")
	}
	return b.String()
}

// Is gives the statuses names.
func (e *APIError) Is(target error) bool {
	switch {
	case e.Status == http.StatusUnauthorized:
		return target == ErrUnauthorized
	case e.Status == http.StatusForbidden:
		return target == ErrForbidden
	case e.Status == http.StatusNotFound:
		return target == ErrNotFound
	case e.Status == http.StatusTooManyRequests:
		return target == ErrThrottled
	case e.Status >= 500:
		return target == ErrUnavailable
	default:
		return false
	}
}

// BusyError is a request that was not sent: it would have been too many for a
// limit, and its context would have ended before its turn.
type BusyError struct {
	// Limit names what is limited.
	Limit string
	// Wait is how long the turn was away.
	Wait time.Duration
}

// Error says whose limit it is and how long the wait would have been.
func (e *BusyError) Error() string {
	return fmt.Sprintf("not sent: the limit of %s has no room for another %s", e.Limit, e.Wait.Round(time.Millisecond))
}

// Is makes it an ErrThrottled.
func (e *BusyError) Is(target error) bool { return target == ErrThrottled }

// TransportError is a request without an answer: no connection, a broken one, or
// no time left.
type TransportError struct {
	Method string
	Path   string
	Err    error
}

// Error gives the request and what happened to it.
func (e *TransportError) Error() string { return e.Method + " " + e.Path + ": " + e.Err.Error() }

// Unwrap returns what happened.
func (e *TransportError) Unwrap() error { return e.Err }

// AnswerError is a success that does not say what the API says: a page of a proxy,
// half an answer, another kind of value.
type AnswerError struct {
	Method      string
	Path        string
	Status      int
	ContentType string
	// Reason is what is wrong with the body.
	Reason string
	// Start is how the body begins.
	Start string
}

// Error gives the request, the reason and how the body begins.
func (e *AnswerError) Error() string {
	return fmt.Sprintf("%s %s: %d with %s (content type %q, begins %q)", e.Method, e.Path, e.Status, e.Reason, e.ContentType, e.Start)
}

// RedirectError is a redirect, or a link to a next page, that was not followed
// because the key must not go there or the request would become another one.
type RedirectError struct {
	Method string
	Path   string
	// To is the scheme and the host that was named.
	To string
	// Reason says why not.
	Reason string
}

// Error gives the request, where it was sent to, and why it did not go there.
func (e *RedirectError) Error() string {
	return fmt.Sprintf("%s %s: not followed to %q: %s", e.Method, e.Path, e.To, e.Reason)
}

// UnlistedError is an answer without what was asked for: the API knows no such
// thing, or hides it.
type UnlistedError struct {
	Organization OrganizationID
	// What is "network" or "device".
	What string
	ID   string
}

// Error names what is missing.
func (e *UnlistedError) Error() string {
	return fmt.Sprintf("organization %s: no status of %s %q", e.Organization, e.What, e.ID)
}

// PingError is a live ping that ended without a result. What that says of the
// device is not documented.
type PingError struct {
	Serial Serial
	ID     string
	// Status is the API's word.
	Status string
}

// Error names the ping and its end.
func (e *PingError) Error() string {
	return fmt.Sprintf("ping %q of device %s ended as %q", e.ID, e.Serial, e.Status)
}

// hurriedError is an error that another caller, with more time, might not have met.
type hurriedError struct{ error }

// Unwrap returns the error.
func (h *hurriedError) Unwrap() error { return h.error }
