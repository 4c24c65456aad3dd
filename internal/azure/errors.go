package azure

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// APIError is an answer of Azure Resource Manager that is not a success.
type APIError struct {
	Method, Path string
	Status       int
	Code         string
	Message      string
	// Details are the codes of the inner errors, which often say more.
	Details []string
	// RetryAfter is how long Azure wants to be left alone; 0 if it did not say.
	RetryAfter time.Duration
}

// Error says what was asked, what came back and, for missing rights, what to
// grant.
func (e *APIError) Error() string {
	what := fmt.Sprintf("%s %s: %d %s", e.Method, e.Path, e.Status, e.Code)
	if len(e.Details) > 0 {
		what += " (" + strings.Join(e.Details, ", ") + ")"
	}
	if action, scope, ok := e.Missing(); ok {
		return fmt.Sprintf("%s: the identity lacks the right %s on %s", what, action, scope)
	}
	if e.Message != "" {
		what += ": " + e.Message
	}
	return what
}

// missingRight finds what is lacking. The text of LinkedAuthorizationFailed names
// first a right that the identity has.
var missingRight = regexp.MustCompile(`does not have (?:authorization|permission) to perform action '([^']+)' (?:over|on) (?:the linked )?scope(?:\(s\))? '([^']+)'`)

// Missing returns the action that the identity may not do, and where.
func (e *APIError) Missing() (action, scope string, ok bool) {
	if e.Status != http.StatusForbidden {
		return "", "", false
	}
	m := missingRight.FindStringSubmatch(e.Message)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}

func (e *APIError) has(codes ...string) bool {
	return slices.Contains(codes, e.Code) || slices.ContainsFunc(e.Details, func(d string) bool { return slices.Contains(codes, d) })
}

// NotARMError says that the endpoint does not speak Azure Resource Manager.
type NotARMError struct {
	Method, URL string
	Status      int
	ContentType string
	Start       string
}

// Error shows the beginning of what came back.
func (e *NotARMError) Error() string {
	return fmt.Sprintf("%s %s: the answer is not Azure Resource Manager's: status %d, %q, begins %q; is azure.endpoint right?",
		e.Method, e.URL, e.Status, e.ContentType, e.Start)
}

// ask is what to do about an error.
type ask int

const (
	// giveUp: the same request would fail again.
	giveUp ask = iota
	// again: the request may be repeated after a while.
	again
	// reread: what we knew is no longer so; read, plan again, then write.
	reread
)

// advise classifies an error of a request and says how long to wait. scope is
// whom a wait concerns.
func advise(err error) (what ask, wait time.Duration, scope waitScope) {
	if failed, ok := errors.AsType[*OperationError](err); ok {
		if slices.Contains(supersededCodes(), failed.Code) {
			return reread, time.Second, waitTable
		}
		return giveUp, 0, waitTable
	}
	if _, ok := errors.AsType[*NotARMError](err); ok {
		return giveUp, 0, waitTable
	}
	e, ok := errors.AsType[*APIError](err)
	if !ok {
		// No answer: the request may have been carried out all the same.
		return reread, 0, waitTable
	}
	switch {
	case e.Status == http.StatusPreconditionFailed:
		return reread, 0, waitTable
	case e.Status == http.StatusTooManyRequests && e.has("RetryableError", "RetryableErrorDueToAnotherOperation", "ReferencedResourceNotProvisioned", "AnotherOperationInProgress"):
		return reread, cmp.Or(e.RetryAfter, 2*time.Second), waitTable
	case e.Status == http.StatusTooManyRequests && e.has("ResourceRequestsThrottled", "OperationNotAllowed", "TooManyRequests"):
		return again, cmp.Or(e.RetryAfter, 2*time.Second), waitLane
	case e.Status == http.StatusTooManyRequests:
		return again, cmp.Or(e.RetryAfter, 2*time.Second), waitSubscription
	case e.has("ReferencedResourceNotProvisioned", "AnotherOperationInProgress"):
		return reread, cmp.Or(e.RetryAfter, 2*time.Second), waitTable
	case e.Status == http.StatusRequestTimeout, e.Status >= 500:
		return reread, e.RetryAfter, waitTable
	default:
		return giveUp, 0, waitTable
	}
}

// waitScope is whom a wait concerns.
type waitScope int

const (
	// waitTable: only the resource that was asked for.
	waitTable waitScope = iota
	// waitLane: a provider's own limit, for the requests that it counts together.
	waitLane
	// waitSubscription: ARM's limit, for all requests of this kind.
	waitSubscription
)

// supersededCodes are those of an operation that failed because of another one.
func supersededCodes() []string {
	return []string{
		"AnotherOperationInProgress", "CanceledAndSupersededDueToAnotherOperation", "RetryableError",
		"RetryableErrorDueToAnotherOperation", "ReferencedResourceNotProvisioned", "Canceled", "OperationNotFound",
	}
}

// OperationError says that a write was accepted and failed afterwards.
type OperationError struct{ Code, Message string }

// Error repeats what the operation said.
func (e *OperationError) Error() string {
	return fmt.Sprintf("write was accepted, then failed: %s: %s", e.Code, e.Message)
}

// speaks reports whether the status alone says what to do.
func (e *APIError) speaks() bool {
	return e.Status >= 500 || e.Status == http.StatusTooManyRequests || e.Status == http.StatusRequestTimeout || e.Status == http.StatusPreconditionFailed
}

type errorBody struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Details []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"details"`
	} `json:"error"`
}

// apiError makes an error of an answer that is not a success.
func apiError(req *http.Request, resp *http.Response, body []byte, now time.Time) error {
	var b errorBody
	if err := json.Unmarshal(body, &b); err != nil || b.Error.Code == "" {
		// A gateway in between answers in its own words: no statement of ARM's, but a
		// status that says enough. Some services give the code in a header only.
		e := &APIError{Method: req.Method, Path: req.URL.Path, Status: resp.StatusCode, Code: clean(resp.Header.Get("X-Ms-Error-Code")), RetryAfter: retryAfter(resp.Header, now)}
		if e.Code != "" || e.speaks() {
			e.Code = cmp.Or(e.Code, http.StatusText(resp.StatusCode))
			return e
		}
		return &NotARMError{Method: req.Method, URL: req.URL.Scheme + "://" + req.URL.Host + req.URL.Path, Status: resp.StatusCode, ContentType: resp.Header.Get("Content-Type"), Start: start(body)}
	}
	e := &APIError{
		Method: req.Method, Path: req.URL.Path, Status: resp.StatusCode,
		Code: clean(b.Error.Code), Message: clean(b.Error.Message), RetryAfter: retryAfter(resp.Header, now),
	}
	for _, d := range b.Error.Details {
		e.Details = append(e.Details, clean(d.Code))
		if e.RetryAfter == 0 {
			e.RetryAfter = saidSeconds(d.Message)
		}
	}
	if e.RetryAfter == 0 && e.Status == http.StatusTooManyRequests {
		e.RetryAfter = saidSeconds(e.Message)
	}
	return e
}

// tokenInText finds a token that an endpoint sends back to us: a server that
// repeats requests, say, which azure.endpoint names by mistake.
var tokenInText = regexp.MustCompile(`(?i)\bbearer\s+[\w.~+/=-]+|\beyJ[\w-]+\.[\w.-]+`)

// clean returns a text of somebody else's without tokens.
func clean(text string) string { return tokenInText.ReplaceAllString(text, "<token>") }

func start(body []byte) string {
	const most = 60
	s := clean(strings.Join(strings.Fields(string(body)), " "))
	if len(s) > most {
		s = s[:most]
	}
	return s
}

// retryAfter reads the headers in the SDK's order: milliseconds, seconds, date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	for _, name := range []string{"Retry-After-Ms", "X-Ms-Retry-After-Ms"} {
		if n, err := strconv.Atoi(h.Get(name)); err == nil && n > 0 {
			return time.Duration(n) * time.Millisecond
		}
	}
	v := h.Get("Retry-After")
	if n, err := strconv.Atoi(v); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

var secondsInText = regexp.MustCompile(`(?:retried in|try again after) '?(\d{1,4})'? second`)

// saidSeconds finds the wait in a message's text, where some answers have it.
func saidSeconds(message string) time.Duration {
	m := secondsInText.FindStringSubmatch(message)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return time.Duration(n) * time.Second
}
