package azure_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"hopguard/internal/azure"
)

// sample is an answer that was recorded from Azure or quoted by its users.
type sample struct {
	Kind    string            `json:"kind"`
	HTTP    int               `json:"http"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
}

// readSamples returns the collected error answers. The folder lies beside the
// checkout; the table of TestAdvise states the same facts where it does not.
func readSamples(t *testing.T) []sample {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "facts", "azure-samples", "errors.json")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && os.Getenv("CI") == "" {
		t.Skipf("no recorded answers here: %v", err)
	}
	if err != nil {
		t.Fatalf("read recorded answers: %v", err)
	}
	var all struct {
		Errors []sample `json:"errors"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatalf("decode recorded answers: %v", err)
	}
	if len(all.Errors) < 15 {
		t.Fatalf("%d recorded answers, want at least 15", len(all.Errors))
	}
	return all.Errors
}

func TestRecordedErrorsAreUnderstood(t *testing.T) {
	want := map[string]string{
		"ExpiredAuthenticationToken":       "give up",
		"AuthorizationFailed":              "give up",
		"LinkedAuthorizationFailed":        "give up",
		"ResourceNotFound":                 "give up",
		"ResourceGroupNotFound":            "give up",
		"PreconditionFailed":               "reread",
		"RetryableError":                   "reread",
		"ReferencedResourceNotProvisioned": "reread",
		"AnotherOperationInProgress":       "reread",
		"SubscriptionRequestsThrottled":    "again",
		"ResourceRequestsThrottled":        "again",
		"OperationNotAllowed":              "again",
		"InvalidApiVersionParameter":       "give up",
		"NoRegisteredProviderFound":        "give up",
		"ScopeLocked":                      "give up",
		"MissingSubscriptionRegistration":  "give up",
	}
	for _, s := range readSamples(t) {
		var b struct {
			Error struct{ Code, Message string }
		}
		if err := json.Unmarshal(s.Body, &b); err != nil {
			t.Errorf("decode %s: %v", s.Body, err)
			continue
		}
		t.Run(b.Error.Code, func(t *testing.T) {
			header := http.Header{}
			for k, v := range s.Headers {
				header.Set(k, v)
			}
			var err error = &azure.OperationError{Code: b.Error.Code, Message: b.Error.Message}
			if s.HTTP >= 300 {
				err = azure.ReadError(s.HTTP, header, string(s.Body), noon())
				e, ok := errors.AsType[*azure.APIError](err)
				if !ok || e.Status != s.HTTP || e.Code != b.Error.Code || e.Message != b.Error.Message {
					t.Fatalf("ReadError(%s) = %#v", s.Body, err)
				}
				if _, _, known := e.Missing(); known != (s.HTTP == http.StatusForbidden) {
					t.Errorf("the missing right of %q: found %v", e.Message, known)
				}
			}
			if got := azure.Advise(err).What; got != want[b.Error.Code] {
				t.Errorf("Advise(%v) = %q, want %q", err, got, want[b.Error.Code])
			}
		})
	}
}
