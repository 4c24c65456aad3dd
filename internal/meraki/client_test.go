package meraki_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hopguard/internal/meraki"
	"hopguard/internal/merakisim"
)

const (
	organization = meraki.OrganizationID(merakisim.ExampleOrganization)
	primary      = meraki.Serial(merakisim.ExamplePrimary)
	secondary    = meraki.Serial(merakisim.ExampleSecondary)
	primaryNet   = meraki.NetworkID(merakisim.ExamplePrimaryNet)
	secondaryNet = meraki.NetworkID(merakisim.ExampleSecondaryNet)
)

// instant is a cloud that knows everything at once.
func instant() merakisim.Profile { return merakisim.Profile{Ping: time.Second} }

// world is a client and the stand-in that it asks.
type world struct {
	*meraki.Client
	t   *testing.T
	sim *merakisim.Sim
}

func newWorld(t *testing.T, o merakisim.Options) world {
	t.Helper()
	sim, err := merakisim.New(merakisim.Example(), o)
	if err != nil {
		t.Fatal(err)
	}
	return world{t: t, sim: sim, Client: newClient(t, sim.Transport(), meraki.Options{})}
}

// newClient makes a client without jitter.
func newClient(t *testing.T, rt http.RoundTripper, o meraki.Options) *meraki.Client {
	t.Helper()
	o.HTTP = &http.Client{Transport: rt}
	if o.Key == nil {
		o.Key = meraki.FixedKey(merakisim.ExampleKey)
	}
	if o.Jitter == nil {
		o.Jitter = func() float64 { return 0 }
	}
	c, err := meraki.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (w world) inject(faults ...merakisim.Fault) {
	w.t.Helper()
	for _, f := range faults {
		if err := w.sim.Inject(f); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w world) set(serial string, s merakisim.State) {
	w.t.Helper()
	if err := w.sim.Set(serial, s); err != nil {
		w.t.Fatal(err)
	}
}

// asked lists the requests so far, in short.
func (w world) asked() []string {
	out := []string{}
	for _, c := range w.sim.Calls() {
		var line strings.Builder
		line.WriteString(c.Method + " " + c.Path[strings.LastIndex(c.Path, "/")+1:])
		for _, name := range slices.Sorted(maps.Keys(c.Query)) {
			if name != "perPage" {
				line.WriteString(" " + name + "=" + strings.Join(c.Query[name], ","))
			}
		}
		out = append(out, fmt.Sprintf("%s %d", line.String(), c.Status))
	}
	return out
}

func (w world) wantAsked(want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.asked(), cmpopts.EquateEmpty()); diff != "" {
		w.t.Errorf("requests differ (-want +got):\n%s", diff)
	}
}

// server answers requests from memory.
type server func(*http.Request) *http.Response

func (s server) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return s(r), nil
}

// says is an answer with a body.
func says(status int, body string, headers ...string) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

// within runs f with a deadline.
func within(t *testing.T, d time.Duration, f func(context.Context) error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	return f(ctx)
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("error = %v\nwant    %s", err, want)
	}
}

func TestNewRefuses(t *testing.T) {
	key := meraki.FixedKey("0123456789abcdef")
	tests := []struct {
		name string
		o    meraki.Options
		want string
	}{
		{"nothing", meraki.Options{}, "no source of an API key"},
		{"plain-http", meraki.Options{Key: key, BaseURL: "http://api.meraki.com/api/v1"}, `base URL "http://api.meraki.com/api/v1": want https, because the key is sent there`},
		{"another-scheme", meraki.Options{Key: key, BaseURL: "ftp://127.0.0.1/"}, `base URL "ftp://127.0.0.1/": want https, because the key is sent there`},
		{"not-an-address", meraki.Options{Key: key, BaseURL: "https://api.meraki.com:port"}, `base URL: parse "https://api.meraki.com:port": invalid port ":port" after host`},
		{"no-host", meraki.Options{Key: key, BaseURL: "/api/v1"}, `base URL "/api/v1": want one such as https://api.meraki.com/api/v1`},
		{"query", meraki.Options{Key: key, BaseURL: "https://api.meraki.com/api/v1?a=b"}, `base URL "https://api.meraki.com/api/v1?a=b": want one such as https://api.meraki.com/api/v1`},
		{"password", meraki.Options{Key: key, BaseURL: "https://u:p@api.meraki.com/api/v1"}, "base URL: want no user or password in it"},
		{"negative-share", meraki.Options{Key: key, Share: -1}, "share -1: want more than 0 and at most 10 requests per second"},
		{"whole-limit-and-more", meraki.Options{Key: key, Share: 10.5}, "share 10.5: want more than 0 and at most 10 requests per second"},
		{"everything-at-once", meraki.Options{BaseURL: "http://example.com", Share: 11}, "base URL \"http://example.com\": want https, because the key is sent there\nno source of an API key\nshare 11: want more than 0 and at most 10 requests per second"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := meraki.New(tt.o)
			wantError(t, err, tt.want)
		})
	}
}

func TestRequestsGoWhereTheBaseURLSays(t *testing.T) {
	tests := []struct{ base, want string }{
		{"", "https://api.meraki.com/api/v1/organizations/a%2Fb%2E%2E/appliance/vpn/statuses?perPage=300"},
		{"https://api.meraki.ca/api/v1/", "https://api.meraki.ca/api/v1/organizations/a%2Fb%2E%2E/appliance/vpn/statuses?perPage=300"},
		{"http://localhost:8080", "http://localhost:8080/organizations/a%2Fb%2E%2E/appliance/vpn/statuses?perPage=300"},
		{"http://[::1]:8080/x", "http://[::1]:8080/x/organizations/a%2Fb%2E%2E/appliance/vpn/statuses?perPage=300"},
	}
	for _, tt := range tests {
		t.Run(tt.base, func(t *testing.T) {
			var got *http.Request
			c := newClient(t, server(func(r *http.Request) *http.Response { got = r; return says(200, "[]") }), meraki.Options{BaseURL: tt.base})
			if _, err := c.VPNStatuses(t.Context(), "a/b.."); err != nil {
				t.Fatal(err)
			}
			if got.URL.String() != tt.want {
				t.Errorf("asked %s, want %s", got.URL, tt.want)
			}
			want := map[string]string{"Authorization": "Bearer " + merakisim.ExampleKey, "Accept": "application/json", "User-Agent": "Hopguard/1.0 Hopguard"}
			for name, value := range want {
				if got.Header.Get(name) != value {
					t.Errorf("header %s = %q, want %q", name, got.Header.Get(name), value)
				}
			}
		})
	}
}

func TestEmptyIDsAreNotSent(t *testing.T) {
	c := newClient(t, server(func(*http.Request) *http.Response { t.Error("a request was sent"); return says(200, "[]") }), meraki.Options{})
	_, err := c.VPNStatuses(t.Context(), "")
	wantError(t, err, "ask for statuses: an id is empty")
	_, err = c.VPNStatus(t.Context(), "1", "")
	wantError(t, err, "ask for statuses: an id is empty")
	_, err = c.Availability(t.Context(), "1", "")
	wantError(t, err, "ask for statuses: an id is empty")
	_, err = c.PingDevice(t.Context(), "1", "", 1)
	wantError(t, err, "ping: an id is empty")
	_, err = c.PingDevice(t.Context(), "1", "Q1", 6)
	wantError(t, err, "ping: count 6: want 1 to 5")
	_, err = c.PingFrom(t.Context(), "1", "Q1", "", 1)
	wantError(t, err, "ping from a device: no target")
}

// TestItsOwnClient goes over a real connection, with everything that is optional left
// out.
func TestItsOwnClient(t *testing.T) {
	sim, err := merakisim.New(merakisim.Example(), merakisim.Options{Profile: instant()})
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.Inject(merakisim.Fault{Kind: merakisim.FaultThrottled, Count: 1, Params: map[string]string{"retryAfter": "0"}}); err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(sim)
	defer front.Close()
	c, err := meraki.New(meraki.Options{BaseURL: front.URL + "/api/v1", Key: meraki.FixedKey(merakisim.ExampleKey)})
	if err != nil {
		t.Fatal(err)
	}
	// The 429 asks for no wait; a context that has no time for the wait that we make
	// all the same shows it without waiting.
	err = within(t, 900*time.Millisecond, func(ctx context.Context) error {
		_, err := c.VPNStatus(ctx, organization, primaryNet)
		return err
	})
	if !errors.Is(err, meraki.ErrThrottled) {
		t.Errorf("error = %v, want ErrThrottled", err)
	}
	if got, err := c.VPNStatus(t.Context(), "another", primaryNet); !errors.Is(err, meraki.ErrNotFound) {
		t.Errorf("another organization = %+v, %v, want ErrNotFound", got, err)
	}
	devices, err := meraki.New(meraki.Options{BaseURL: front.URL + "/api/v1", Key: meraki.FixedKey(merakisim.ExampleKey)})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := devices.Availability(t.Context(), organization, primary); err != nil || got.Reachability != meraki.Online {
		t.Errorf("Availability() = %+v, %v, want online", got, err)
	}
}
