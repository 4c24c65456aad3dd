package azure_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"hopguard/internal/azure"
)

// noon is when the answers of these tests come.
func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// refusal is one answer that is not a success, and what to do about it.
type refusal struct {
	name   string
	status int
	header http.Header
	body   string
	want   azure.Advice
	text   string // of the error, somewhere
}

// refusals are the answers of Azure that are known, in the words of these tests.
func refusals() []refusal {
	body := func(code, message string, details ...string) string {
		var list []string
		for i := 0; i+1 < len(details); i += 2 {
			list = append(list, fmt.Sprintf(`{"code":%q,"message":%q}`, details[i], details[i+1]))
		}
		return fmt.Sprintf(`{"error":{"code":%q,"message":%q,"details":[%s]}}`, code, message, strings.Join(list, ","))
	}
	after := func(s string) http.Header { return http.Header{"Retry-After": {s}} }
	wait := func(n int) time.Duration { return time.Duration(n) * time.Second }
	giveUp := azure.Advice{What: "give up", Scope: "table"}
	return []refusal{
		{name: "expired-token", status: 401, body: body("ExpiredAuthenticationToken", "the token ended an hour ago"), want: giveUp, text: "401 ExpiredAuthenticationToken: the token ended"},
		{name: "bad-token", status: 401, body: body("InvalidAuthenticationToken", "not a token"), want: giveUp, text: "401 InvalidAuthenticationToken"},
		{
			name: "missing-right", status: 403, want: giveUp,
			body: body("AuthorizationFailed", "The client 'o' with object id 'o' does not have authorization to perform action 'Microsoft.Network/routeTables/write' over scope '/subscriptions/s/rt'. Ask somebody."),
			text: "403 AuthorizationFailed: the identity lacks the right Microsoft.Network/routeTables/write on /subscriptions/s/rt",
		},
		{
			name: "missing-linked-right", status: 403, want: giveUp,
			body: body("LinkedAuthorizationFailed", "The client 'o' with object id 'o' has permission to perform action 'Microsoft.Network/routeTables/write' on scope '/subscriptions/s/rt'; however, it does not have permission to perform action 'Microsoft.Network/virtualNetworks/subnets/join/action' on the linked scope(s) '/subscriptions/s/subnet' or the linked scope(s) are invalid."),
			text: "the identity lacks the right Microsoft.Network/virtualNetworks/subnets/join/action on /subscriptions/s/subnet",
		},
		{name: "forbidden-otherwise", status: 403, body: body("RequestDisallowedByPolicy", "policy says no"), want: giveUp, text: "403 RequestDisallowedByPolicy: policy says no"},
		{name: "no-such-table", status: 404, body: body("ResourceNotFound", "not there"), want: giveUp, text: "404 ResourceNotFound: not there"},
		{name: "no-such-group", status: 404, body: body("ResourceGroupNotFound", "not there"), want: giveUp, text: "404 ResourceGroupNotFound"},
		{name: "locked", status: 409, body: body("ScopeLocked", "the following scopes are locked: '/subscriptions/s'"), want: giveUp, text: "409 ScopeLocked: the following scopes"},
		{name: "not-registered", status: 409, body: body("MissingSubscriptionRegistration", "register"), want: giveUp, text: "409 MissingSubscriptionRegistration"},
		{
			name: "etag-of-network", status: 412, body: body("PreconditionFailed", "Precondition failed.", "PreconditionFailedEtagMismatch", `W/"a" is not W/"b"`),
			want: azure.Advice{What: "reread", Scope: "table"}, text: "412 PreconditionFailed (PreconditionFailedEtagMismatch)",
		},
		{name: "etag-of-compute", status: 412, body: body("PreconditionFailed", "etag"), want: azure.Advice{What: "reread", Scope: "table"}, text: "412 PreconditionFailed: etag"},
		{
			name: "another-operation-says-when", status: 429, body: body("RetryableError", "A retryable error occurred.", "RetryableErrorDueToAnotherOperation", "busy. The call can be retried in 11 seconds."),
			want: azure.Advice{What: "reread", Wait: wait(11), Scope: "table"}, text: "429 RetryableError (RetryableErrorDueToAnotherOperation)",
		},
		{
			name: "another-operation-header-wins", status: 429, header: after("3"), body: body("RetryableError", "x", "RetryableErrorDueToAnotherOperation", "can be retried in 11 seconds"),
			want: azure.Advice{What: "reread", Wait: wait(3), Scope: "table"},
		},
		{
			name: "another-operation-says-nothing", status: 429, body: body("RetryableError", "A retryable error occurred."),
			want: azure.Advice{What: "reread", Wait: wait(2), Scope: "table"},
		},
		{
			name: "subnet-busy", status: 429, body: body("RetryableError", "A retryable error occurred.", "ReferencedResourceNotProvisioned", "X is Updating"),
			want: azure.Advice{What: "reread", Wait: wait(2), Scope: "table"},
		},
		{name: "subnet-busy-400", status: 400, body: body("ReferencedResourceNotProvisioned", "X is Updating"), want: azure.Advice{What: "reread", Wait: wait(2), Scope: "table"}},
		{name: "another-operation-409", status: 409, header: after("5"), body: body("AnotherOperationInProgress", "wait"), want: azure.Advice{What: "reread", Wait: wait(5), Scope: "table"}},
		{
			name: "arm-bucket", status: 429, header: after("7"), body: body("SubscriptionRequestsThrottled", "Number of 'write' requests exceeded. Please try again after '1' seconds after additional tokens are available."),
			want: azure.Advice{What: "again", Wait: wait(7), Scope: "subscription"},
		},
		{
			name: "arm-bucket-in-text-only", status: 429, body: body("SubscriptionRequestsThrottled", "exceeded. Please try again after '17' seconds after additional tokens are available."),
			want: azure.Advice{What: "again", Wait: wait(17), Scope: "subscription"},
		},
		{
			name: "provider-limit", status: 429, body: body("ResourceRequestsThrottled", "Number of requests for action 'a' exceeded the limit of '50' for time interval '00:05:00'. Please try again after '372' seconds."),
			want: azure.Advice{What: "again", Wait: wait(372), Scope: "lane"},
		},
		{
			name: "compute-limit", status: 429, header: after("40"), body: body("OperationNotAllowed", "too many requests", "TooManyRequests", `{"operationGroup":"HighCostGet3Min"}`),
			want: azure.Advice{What: "again", Wait: wait(40), Scope: "lane"}, text: "429 OperationNotAllowed (TooManyRequests): too many requests",
		},
		{name: "throttled-without-saying-by-whom", status: 429, body: body("TooManyRequests", "The request is being throttled."), want: azure.Advice{What: "again", Wait: wait(2), Scope: "lane"}},
		{name: "gateway-429", status: 429, body: "<html>slow down</html>", want: azure.Advice{What: "again", Wait: wait(2), Scope: "subscription"}, text: "429 Too Many Requests"},
		{name: "etag-without-a-word", status: 412, want: azure.Advice{What: "reread", Scope: "table"}, text: "412 Precondition Failed"},
		{name: "code-in-the-header-only", status: 404, header: http.Header{"X-Ms-Error-Code": {"ResourceNotFound"}}, want: giveUp, text: "404 ResourceNotFound"},
		{name: "error-500", status: 500, body: body("InternalServerError", "oops"), want: azure.Advice{What: "reread", Scope: "table"}, text: "500 InternalServerError: oops"},
		{name: "error-503-says-when", status: 503, header: after("9"), body: body("ServiceUnavailable", "oops"), want: azure.Advice{What: "reread", Wait: wait(9), Scope: "table"}},
		{name: "gateway-502", status: 502, body: "<html>bad gateway</html>", want: azure.Advice{What: "reread", Scope: "table"}, text: "502 Bad Gateway"},
		{name: "gateway-504-empty", status: 504, want: azure.Advice{What: "reread", Scope: "table"}, text: "504 Gateway Timeout"},
		{name: "timeout-408", status: 408, body: body("RequestTimeout", "late"), want: azure.Advice{What: "reread", Scope: "table"}},
		{name: "bad-request", status: 400, body: body("InvalidRequestFormat", "JSON"), want: giveUp, text: "400 InvalidRequestFormat: JSON"},
		{name: "html-404", status: 404, body: "<!DOCTYPE html><title>Not Found</title>", want: giveUp, text: `the answer is not Azure Resource Manager's: status 404`},
		{name: "empty-401", status: 401, want: giveUp, text: `not Azure Resource Manager's: status 401`},
		{name: "null-400", status: 400, body: "null", want: giveUp, text: `begins "null"`},
		{name: "other-json-400", status: 400, body: `{"message":"kubernetes"}`, want: giveUp, text: `begins "{\"message\":\"kubernetes\"}"`},
	}
}

func TestAdvise(t *testing.T) {
	for _, r := range refusals() {
		t.Run(r.name, func(t *testing.T) {
			err := azure.ReadError(r.status, r.header, r.body, noon())
			if got := azure.Advise(err); got != r.want {
				t.Errorf("Advise(%v) = %+v, want %+v", err, got, r.want)
			}
			if got := azure.Advise(fmt.Errorf("write: %w", err)); got != r.want {
				t.Errorf("Advise of the wrapped error = %+v, want %+v", got, r.want)
			}
			if !strings.Contains(err.Error(), r.text) {
				t.Errorf("error is %q, want it to contain %q", err, r.text)
			}
			if want := "GET "; !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "/subscriptions/s/x: ") {
				t.Errorf("error is %q, want it to begin with what was asked", err)
			}
		})
	}
}

func TestAdviseOnWhatIsNoAnswer(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want azure.Advice
	}{
		{"connection-reset", errors.New("read: connection reset by peer"), azure.Advice{What: "reread", Scope: "table"}},
		{"poll-another-operation", &azure.OperationError{Code: "AnotherOperationInProgress"}, azure.Advice{What: "reread", Wait: time.Second, Scope: "table"}},
		{"poll-superseded", &azure.OperationError{Code: "CanceledAndSupersededDueToAnotherOperation"}, azure.Advice{What: "reread", Wait: time.Second, Scope: "table"}},
		{"poll-retryable", &azure.OperationError{Code: "RetryableError"}, azure.Advice{What: "reread", Wait: time.Second, Scope: "table"}},
		{"poll-failed", &azure.OperationError{Code: "InternalServerError", Message: "no"}, azure.Advice{What: "give up", Scope: "table"}},
		{"poll-failed-beside-another-error", errors.Join(errors.New("x"), &azure.OperationError{Code: "Canceled"}), azure.Advice{What: "reread", Wait: time.Second, Scope: "table"}},
		{"not-arm", &azure.NotARMError{}, azure.Advice{What: "give up", Scope: "table"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := azure.Advise(tt.err); got != tt.want {
				t.Errorf("Advise(%v) = %+v, want %+v", tt.err, got, tt.want)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	tests := []struct {
		name   string
		header map[string]string
		want   time.Duration
	}{
		{"none", nil, 0},
		{"seconds", map[string]string{"Retry-After": "17"}, 17 * time.Second},
		{"milliseconds", map[string]string{"Retry-After-Ms": "250"}, 250 * time.Millisecond},
		{"milliseconds-of-microsoft", map[string]string{"X-Ms-Retry-After-Ms": "1500"}, 1500 * time.Millisecond},
		{"milliseconds-win", map[string]string{"Retry-After-Ms": "250", "Retry-After": "17"}, 250 * time.Millisecond},
		{"date", map[string]string{"Retry-After": "Sun, 22 Nov 2026 12:00:30 GMT"}, 30 * time.Second},
		{"date-in-the-past", map[string]string{"Retry-After": "Sun, 22 Nov 2026 11:59:59 GMT"}, 0},
		{"zero", map[string]string{"Retry-After": "0"}, 0},
		{"negative", map[string]string{"Retry-After": "-5"}, 0},
		{"garbage", map[string]string{"Retry-After": "soon", "Retry-After-Ms": "x"}, 0},
		{"broken-milliseconds-do-not-hide-seconds", map[string]string{"Retry-After-Ms": "x", "Retry-After": "4"}, 4 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			for k, v := range tt.header {
				h.Set(k, v)
			}
			if got := azure.RetryAfter(h, noon()); got != tt.want {
				t.Errorf("RetryAfter(%v) = %v, want %v", tt.header, got, tt.want)
			}
		})
	}
}

func TestSaidSeconds(t *testing.T) {
	tests := []struct {
		text string
		want time.Duration
	}{
		{"The call can be retried in 11 seconds.", 11 * time.Second},
		{"Please try again after '6' seconds.", 6 * time.Second},
		{"Please try again after '1' seconds after additional tokens are available.", time.Second},
		{"Please try again after '372' seconds.", 372 * time.Second},
		{"Please try again after '1' second.", time.Second},
		{"the limit of '50' for time interval '00:05:00'", 0},
		{"try again after '99999' seconds", 0},
		{"", 0},
	}
	for _, tt := range tests {
		if got := azure.SaidSeconds(tt.text); got != tt.want {
			t.Errorf("SaidSeconds(%q) = %v, want %v", tt.text, got, tt.want)
		}
	}
}

func TestMissingRight(t *testing.T) {
	for _, text := range []string{
		"The client 'o' does not have authorization to perform action 'A/write' over scope '/s'.",
		"The client 'o' does not have authorization to perform action 'A/write' over scope '/s' or the scope is invalid. If access was recently granted, please refresh your credentials.",
	} {
		action, scope, ok := (&azure.APIError{Status: 403, Message: text}).Missing()
		if action != "A/write" || scope != "/s" || !ok {
			t.Errorf("Missing(%q) = %q, %q, %v", text, action, scope, ok)
		}
	}
	if action, scope, ok := (&azure.APIError{Status: 404, Message: "does not have authorization to perform action 'A/write' over scope '/s'"}).Missing(); ok {
		t.Errorf("Missing() of a 404 = %q, %q, true", action, scope)
	}
}
