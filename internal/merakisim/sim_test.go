package merakisim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"hopguard/internal/merakisim"
)

const (
	vpnPath          = "/organizations/" + merakisim.ExampleOrganization + "/appliance/vpn/statuses"
	availabilityPath = "/organizations/" + merakisim.ExampleOrganization + "/devices/availabilities"
	pingDevicePath   = "/devices/" + merakisim.ExamplePrimary + "/liveTools/pingDevice"
	pingPath         = "/devices/" + merakisim.ExamplePrimary + "/liveTools/ping"
)

// instant is a cloud that knows everything at once.
func instant() merakisim.Profile { return merakisim.Profile{Ping: time.Second} }

// client asks a simulator in memory.
type client struct {
	t    *testing.T
	sim  *merakisim.Sim
	key  string
	base string
}

func newClient(t *testing.T, o merakisim.Options) client {
	t.Helper()
	sim, err := merakisim.New(merakisim.Example(), o)
	if err != nil {
		t.Fatal(err)
	}
	return client{t: t, sim: sim, key: merakisim.ExampleKey, base: "https://api.meraki.com/api/v1"}
}

// response is an answer that was read.
type response struct {
	status int
	header http.Header
	body   string
	err    error
}

func (r response) json(t *testing.T) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("body %q: %v", r.body, err)
	}
	return v
}

func (r response) object(t *testing.T) map[string]any {
	t.Helper()
	o, ok := r.json(t).(map[string]any)
	if !ok {
		t.Fatalf("body %q: want an object", r.body)
	}
	return o
}

// items returns a member of each item of a list, as text.
func (r response) items(t *testing.T, member string) []string {
	t.Helper()
	list, ok := r.json(t).([]any)
	if !ok {
		t.Fatalf("%d with body %q: want a list", r.status, r.body)
	}
	out := []string{}
	for _, item := range list {
		s, _ := item.(map[string]any)[member].(string)
		out = append(out, s)
	}
	return out
}

func (c client) get(path string) response { return c.do(http.MethodGet, path, "") }

func (c client) post(path, body string) response { return c.do(http.MethodPost, path, body) }

func (c client) do(method, path, body string) response {
	c.t.Helper()
	address := path
	if !strings.HasPrefix(path, "http") {
		address = c.base + path
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	return exchange(c.sim.Transport(), req)
}

func exchange(rt http.RoundTripper, req *http.Request) response {
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return response{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return response{status: resp.StatusCode, header: resp.Header, body: string(text), err: err}
}
