package azure_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"hopguard/internal/azure"
	"hopguard/internal/lease"
)

const (
	sub1   = "5b5c1a10-0000-4000-8000-000000000001"
	canary = "c4n4ry-value-that-must-never-print"
)

// doer answers requests in memory.
type doer func(*http.Request) (*http.Response, error)

// Do implements policy.Transporter.
func (d doer) Do(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return d(r)
}

// static is a credential whose token is the canary, so that any test that prints
// it fails.
type static struct{}

// GetToken implements azcore.TokenCredential.
func (static) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: canary, ExpiresOn: time.Now().Add(1000 * time.Hour)}, nil
}

// answer makes a response. Header is name, value, name, value.
func answer(r *http.Request, status int, body string, header ...string) *http.Response {
	h := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Header: h, Request: r,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), ProtoMajor: 1, ProtoMinor: 1,
	}
}

// newClient returns a client of the public cloud whose network is d.
func newClient(t *testing.T, d policy.Transporter, change ...func(*azure.Settings)) *azure.Client {
	t.Helper()
	s := azure.Settings{Transport: d, TokenCredential: static{}, Subscriptions: []string{sub1}}
	for _, f := range change {
		f(&s)
	}
	c, err := azure.New(s)
	if err != nil {
		t.Fatalf("New() = %v", err)
	}
	return c
}

// newTerm returns a term that ends with the test or with stop.
func newTerm(t *testing.T) (term lease.Term, stop context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	term, err := lease.Local{Holder: "test"}.Acquire(ctx)
	if err != nil {
		t.Fatalf("Acquire() = %v", err)
	}
	return term, cancel
}

// requests records what passes.
type requests struct {
	mu  sync.Mutex
	all []string
}

func (r *requests) add(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, s)
}

func (r *requests) list() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.all...)
}

// inBubble runs f in virtual time, with a minute to do its work.
func inBubble(t *testing.T, f func(ctx context.Context, t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		f(ctx, t)
	})
}

func readAll(r *http.Response) (string, error) {
	text, err := io.ReadAll(r.Body)
	return string(text), err
}

// members flattens JSON into the exact text of each leaf by its path.
func members(t *testing.T, raw []byte) map[string]string {
	t.Helper()
	out := map[string]string{}
	var walk func(path string, raw json.RawMessage)
	walk = func(path string, raw json.RawMessage) {
		var object map[string]json.RawMessage
		var list []json.RawMessage
		switch {
		case json.Unmarshal(raw, &object) == nil && object != nil:
			for name, v := range object {
				walk(path+"."+name, v)
			}
		case json.Unmarshal(raw, &list) == nil && list != nil:
			for i, v := range list {
				walk(fmt.Sprint(path, "[", i, "]"), v)
			}
		default:
			out[path] = string(raw)
		}
	}
	walk("", raw)
	return out
}

// cutMember returns an object whose properties lack one member.
func cutMember(t *testing.T, text, name string) string {
	t.Helper()
	var top, props map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &top); err != nil {
		t.Fatalf("decode %s: %v", text, err)
	}
	if err := json.Unmarshal(top["properties"], &props); err != nil {
		t.Fatalf("decode %s: %v", text, err)
	}
	delete(props, name)
	inner, err := json.Marshal(props)
	if err != nil {
		t.Fatal(err)
	}
	top["properties"] = inner
	out, err := json.Marshal(top)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// sleepSeconds lets virtual time pass.
func sleepSeconds(n int) { time.Sleep(time.Duration(n) * time.Second) }
