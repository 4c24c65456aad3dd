package meraki_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hopguard/internal/meraki"
)

// kinds are what callers branch on.
func kinds() []error {
	return []error{meraki.ErrUnauthorized, meraki.ErrForbidden, meraki.ErrNotFound, meraki.ErrThrottled, meraki.ErrUnavailable, meraki.ErrNoKey}
}

func TestErrorsOfAnswers(t *testing.T) {
	const head = "read appliance vpn statuses of organization 1: GET /api/v1/organizations/1/appliance/vpn/statuses: "
	html := "<html>\r\n<h1>502 Bad Gateway</h1>"
	tests := []struct {
		name    string
		status  int
		body    string
		headers []string
		want    string
		kind    error // one of kinds, or nil
	}{
		{"bad-request", 400, `{"errors":["VLANs are not enabled for this network"]}`, nil, head + "400 Bad Request: VLANs are not enabled for this network", nil},
		{"unauthorized", 401, `{"errors":["Invalid API key"]}`, []string{"X-Request-Id", "abc123"}, head + "401 Unauthorized: Invalid API key [request abc123]", meraki.ErrUnauthorized},
		{"forbidden", 403, `{"errors":["one","two"]}`, nil, head + "403 Forbidden: one; two", meraki.ErrForbidden},
		{"not-found-without-a-body", 404, "", nil, head + "404 Not Found", meraki.ErrNotFound},
		{"throttled", 429, `{"errors":["API rate limit exceeded for organization"]}`, []string{"Retry-After", "120"}, head + "429 Too Many Requests: API rate limit exceeded for organization (retry after 2m0s)", meraki.ErrThrottled},
		{"server-error", 500, `{"errors":["Internal error"]}`, nil, head + "500 Internal Server Error: Internal error", meraki.ErrUnavailable},
		{"page-of-the-front", 502, html, nil, head + "502 Bad Gateway", meraki.ErrUnavailable},
		{"unknown-status", 599, "{}", nil, head + "599", meraki.ErrUnavailable},
		{"not-modified", 304, "", nil, head + "304 Not Modified", nil},
		{"page-as-a-success", 200, html, []string{"Content-Type", "text/html"}, head + `200 with a body that is not JSON (content type "text/html", begins "<html>  <h1>502 Bad Gateway</h1>")`, nil},
		{"nothing-as-a-success", 200, "", nil, head + `200 with a body that is not JSON (content type "application/json", begins "")`, nil},
		{"half-of-the-list", 200, `[{"networkId":"N_1"},{"netw`, nil, head + `200 with a body that is not JSON (content type "application/json", begins "[{\"networkId\":\"N_1\"},{\"netw")`, nil},
		{"two-lists", 200, "[][]", nil, head + `200 with a body that is not JSON (content type "application/json", begins "[][]")`, nil},
		{"errors-as-a-success", 200, `{"errors":["late"]}`, nil, head + `200 with a body that is no list (content type "application/json", begins "{\"errors\":[\"late\"]}")`, nil},
		{"null-as-a-success", 200, "null", nil, head + `200 with a body that is no list (content type "application/json", begins "null")`, nil},
		{"no-content", 204, "", nil, head + `204 with a body that is not JSON (content type "application/json", begins "")`, nil},
		{"no-end", 200, strings.Repeat(" ", 32<<20) + "[]", nil, head + `200 with a body of more than 32 MB (content type "application/json", begins "...")`, nil},
		{"long-garbage", 200, strings.Repeat("x", 200), nil, head + `200 with a body that is not JSON (content type "application/json", begins "` + strings.Repeat("x", 80) + `...")`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, server(func(*http.Request) *http.Response { return says(tt.status, tt.body, tt.headers...) }), meraki.Options{})
				got, err := c.VPNStatuses(t.Context(), "1")
				wantError(t, err, tt.want)
				if got != nil {
					t.Errorf("statuses = %v beside an error, want none", got)
				}
				for _, kind := range kinds() {
					if got, want := errors.Is(err, kind), errors.Is(tt.kind, kind); got != want {
						t.Errorf("errors.Is(err, %q) = %v, want %v", kind, got, want)
					}
				}
			})
		})
	}
}

func TestErrorTextsOfBodies(t *testing.T) {
	many := `{"errors":["1","2","3","4","5","6"]}`
	tests := []struct {
		body string
		want []string
	}{
		{`{"errors":["a","b"]}`, []string{"a", "b"}},
		{`{"errors":"a"}`, []string{"a"}},
		{`{"error":"a","message":"b"}`, []string{"a", "b"}},
		{`{"errors":[null,{},[],7,""," "]}`, []string{"7"}},
		{`{"errors":["line\nbreak\u0000\u001b[31m"]}`, []string{"line break  [31m"}},
		{`{"errors":["` + strings.Repeat("é", 201) + `"]}`, []string{strings.Repeat("é", 200) + "..."}},
		{many, []string{"1", "2", "3", "4", "5"}},
		{`["a"]`, nil}, {`null`, nil}, {`<html>`, nil}, {``, nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, meraki.ErrorTexts(tt.body), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("ErrorTexts(%s) differs (-want +got):\n%s", tt.body, diff)
		}
	}
}

func TestRetryAfterIsReadLeniently(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		header string
		want   time.Duration
	}{
		{"", 0}, {"1", time.Second}, {" 2 ", 2 * time.Second}, {"1.5", 1500 * time.Millisecond}, {"0", 0}, {"-5", 0},
		{"soon", 0}, {"NaN", 0}, {"Inf", 0}, {"1e99", 10 * time.Minute}, {"3600", 10 * time.Minute},
		{"Sun, 01 Mar 2026 12:00:30 GMT", 30 * time.Second}, {"Sun, 01 Mar 2026 11:00:00 GMT", 0}, {"Mon, 02 Mar 2026 12:00:00 GMT", 10 * time.Minute},
	}
	for _, tt := range tests {
		if got := meraki.RetryAfter(tt.header, now); got != tt.want {
			t.Errorf("RetryAfter(%q) = %s, want %s", tt.header, got, tt.want)
		}
	}
}

func TestErrorsOfTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := errors.New("connection refused")
		c := newClient(t, failing{lost}, meraki.Options{})
		_, err := c.VPNStatuses(t.Context(), "1")
		wantError(t, err, "read appliance vpn statuses of organization 1: GET /api/v1/organizations/1/appliance/vpn/statuses: send: connection refused")
		if e, ok := errors.AsType[*meraki.TransportError](err); !ok || !errors.Is(err, lost) || e.Method != "GET" {
			t.Errorf("error = %#v, want a TransportError that wraps the cause", err)
		}

		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("the tick is over"))
		_, err = c.VPNStatuses(ctx, "2")
		if err == nil || !strings.HasSuffix(err.Error(), ": the tick is over") {
			t.Errorf("error = %v, want the cause of the end", err)
		}

		// Ended in the wait before the repetition.
		ctx, cancel = context.WithCancelCause(t.Context())
		time.AfterFunc(100*time.Millisecond, func() { cancel(errors.New("the tick is over")) })
		start := time.Now()
		_, err = c.VPNStatuses(ctx, "3")
		if !errors.Is(err, lost) || time.Since(start) != 100*time.Millisecond {
			t.Errorf("error = %v after %s, want what happened before the end, at the end", err, time.Since(start))
		}
	})
}

type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

func TestErrorsInWords(t *testing.T) {
	tests := []struct {
		err  error
		want string
	}{
		{&meraki.BusyError{Limit: "organization 1", Wait: 1499*time.Millisecond + 900*time.Microsecond}, "not sent: the limit of organization 1 has no room for another 1.5s"},
		{&meraki.PingError{Serial: "Q1", ID: "12", Status: "failed"}, `ping "12" of device Q1 ended as "failed"`},
		{&meraki.UnlistedError{Organization: "1", What: "device", ID: "Q1"}, `organization 1: no status of device "Q1"`},
		{&meraki.APIError{Method: "GET", Path: "/x", Status: 404}, "GET /x: 404 Not Found"},
	}
	for _, tt := range tests {
		wantError(t, tt.err, tt.want)
	}
	if !errors.Is(fmt.Errorf("x: %w", tests[0].err), meraki.ErrThrottled) {
		t.Error("a BusyError is no ErrThrottled")
	}
}
