package azuresim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"hopguard/internal/azuresim"
)

// answer is what a call got.
type answer struct {
	status int
	header http.Header
	raw    []byte
	body   any
}

// code is the error code of an ARM error.
func (a answer) code() string { return a.text("error", "code") }

// text follows member names (and "0" into a list) to a string.
func (a answer) text(path ...string) string {
	s, _ := dig(a.body, path...).(string)
	return s
}

// dig follows member names, and digits into lists.
func dig(v any, path ...string) any {
	for _, p := range path {
		switch x := v.(type) {
		case map[string]any:
			v = x[p]
		case []any:
			if i := strings.IndexByte("0123456789", p[0]); i < len(x) {
				v = x[i]
			} else {
				return nil
			}
		default:
			return nil
		}
	}
	return v
}

const (
	netAPI     = "?api-version=2025-07-01"
	computeAPI = "?api-version=2025-04-01"
	groupAPI   = "?api-version=2021-04-01"
)

// call makes one call as the principal "owner"; headers are name, value pairs.
func call(t *testing.T, s *azuresim.Sim, method, path, body string, headers ...string) answer {
	t.Helper()
	return callAs(t, s, "owner", method, path, body, headers...)
}

func callAs(t *testing.T, s *azuresim.Sim, who, method, path, body string, headers ...string) answer {
	t.Helper()
	token, _, err := s.Token(who)
	if err != nil {
		t.Fatal(err)
	}
	return send(t, s, method, path, body, append([]string{"Authorization", "Bearer " + token}, headers...)...)
}

// send makes one call without a token.
func send(t *testing.T, s *azuresim.Sim, method, path, body string, headers ...string) answer {
	t.Helper()
	url := path
	if strings.HasPrefix(path, "/") {
		url = "https://management.azure.com" + path
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body == "" {
		req.Body = nil
	} else {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := s.Transport().RoundTrip(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: res.StatusCode, header: res.Header, raw: raw}
	if len(raw) > 0 && strings.Contains(res.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(raw, &a.body); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, raw)
		}
	}
	return a
}

// want checks status and, for errors, the code.
func (a answer) want(t *testing.T, status int, code string) answer {
	t.Helper()
	if a.status != status || a.code() != code {
		t.Errorf("got %d %q, want %d %q: %.300s", a.status, a.code(), status, code, a.raw)
	}
	return a
}
