package meraki_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"hopguard/internal/meraki"
	"hopguard/internal/merakisim"
)

func TestWhereTheKeyMayGo(t *testing.T) {
	tests := []struct{ address, want string }{
		{"https://api.meraki.com/api/v1/x", ""},
		{"/api/v1/x", ""},
		{"https://n143.meraki.com/api/v1/x", ""},
		{"https://N143.MERAKI.COM:443/x", ""},
		{"https://api.meraki.ca/x", ""},
		{"https://api.meraki.cn/x", ""},
		{"https://api.meraki.in/x", ""},
		{"https://api.gov-meraki.com/x", ""},
		{"https://sim.example:8443/x", ""}, // the base URL itself
		{"https://SIM.example:8443/x", ""},
		{"https://sim.example/x", "not a host of Meraki"},
		{"http://sim.example:8443/x", "not https"},
		{"http://api.meraki.com/x", "not https"},
		{"//example.com/x", "not a host of Meraki"},
		{"https://example.com/api.meraki.com", "not a host of Meraki"},
		{"https://meraki.com.example.com/x", "not a host of Meraki"},
		{"https://evilmeraki.com/x", "not a host of Meraki"},
		{"https://not-gov-meraki.com/x", "not a host of Meraki"},
		{"https://meraki.com@example.com/x", "an address with a user in it"},
		{"https://user@api.meraki.com/x", "an address with a user in it"},
		{"https://api.meraki.com:8443/x", "not the port of https"},
		{"https://api.meraki.de/x", "not a host of Meraki"},
		{"https://api.meraki.com./x", "not a host of Meraki"},
		{"https://[::1]/x", "not a host of Meraki"},
		{"ftp://api.meraki.com/x", "not https"},
		{"mailto:a@meraki.com", "not https"},
	}
	c := newClient(t, server(nil), meraki.Options{BaseURL: "https://sim.example:8443/api/v1"})
	for _, tt := range tests {
		got, err := c.Distrust(tt.address)
		if err != nil || got != tt.want {
			t.Errorf("Distrust(%q) = %q, %v, want %q", tt.address, got, err, tt.want)
		}
	}
}

func TestRedirectsKeepTheKeyAndTheMethod(t *testing.T) {
	tests := []struct {
		name   string
		params map[string]string
		read   string // the end of a read; "" is a success
		order  string // the end of an order
	}{
		{name: "302-to-a-shard", params: map[string]string{}, order: `not followed to "https://n143.meraki.com": the method would change`},
		{name: "301-to-a-shard", params: map[string]string{"status": "301"}, order: `not followed to "https://n143.meraki.com": the method would change`},
		{name: "303-to-a-shard", params: map[string]string{"status": "303"}, order: `not followed to "https://n143.meraki.com": the method would change`},
		{name: "307-to-a-shard", params: map[string]string{"status": "307"}},
		{name: "308-to-a-shard", params: map[string]string{"status": "308"}},
		{name: "308-to-another-country", params: map[string]string{"status": "308", "to": "https://api.meraki.ca"}},
		{name: "308-elsewhere", params: map[string]string{"status": "308", "to": "https://example.com"},
			read: `not followed to "https://example.com": not a host of Meraki`, order: `not followed to "https://example.com": not a host of Meraki`},
		{name: "302-without-tls", params: map[string]string{"to": "http://api.meraki.com"},
			read: `not followed to "http://api.meraki.com": not https`, order: `not followed to "http://api.meraki.com": not https`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, merakisim.Options{Profile: instant()})
				w.inject(merakisim.Fault{Kind: merakisim.FaultRedirect, Params: tt.params})
				_, err := w.VPNStatus(t.Context(), organization, primaryNet)
				end(t, "read", err, tt.read)
				p, err := w.PingDevice(t.Context(), organization, primary, 2)
				end(t, "order", err, tt.order)
				if err == nil && (p.Sent != 2 || p.Received != 2) {
					t.Errorf("ping = %+v, want what was ordered", p)
				}
				for _, call := range w.sim.Calls() {
					if !call.Authorized || !strings.Contains(call.Host, "meraki.") {
						t.Errorf("%s was asked with key %v, want Meraki's hosts with the key", call.Host, call.Authorized)
					}
				}
			})
		})
	}
}

// end checks how an error ends, and that it is a RedirectError.
func end(t *testing.T, what string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: error = %v, want none", what, err)
	case want != "" && (err == nil || !strings.HasSuffix(err.Error(), want)):
		t.Errorf("%s: error = %v\nwant one that ends in %s", what, err, want)
	case want != "":
		if _, ok := errors.AsType[*meraki.RedirectError](err); !ok {
			t.Errorf("%s: error is a %T, want a RedirectError", what, err)
		}
	}
}

func TestRedirectsThatLeadNowhere(t *testing.T) {
	const head = "read appliance vpn statuses of organization 1: GET /api/v1/"
	tests := []struct {
		name     string
		location string
		want     string
		requests int
	}{
		{"no-location", "", head + `organizations/1/appliance/vpn/statuses: not followed to "": no Location`, 1},
		{"round-and-round", "/api/v1/again", head + `again: not followed to "https://api.meraki.com": too many redirects`, 6},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				c := newClient(t, server(func(*http.Request) *http.Response {
					n++
					return says(302, "moved", "Location", tt.location)
				}), meraki.Options{})
				_, err := c.VPNStatuses(t.Context(), "1")
				wantError(t, err, tt.want)
				if n != tt.requests {
					t.Errorf("%d requests, want %d", n, tt.requests)
				}
			})
		})
	}
}

func TestARedirectedOrderKeepsItsBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bodies []string
		c := newClient(t, server(func(r *http.Request) *http.Response {
			text, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			bodies = append(bodies, r.Method+" "+r.URL.Host+" "+string(text))
			if r.URL.Host == "api.meraki.com" {
				return says(307, "", "Location", "https://n1.meraki.com"+r.URL.Path)
			}
			return says(400, `{"errors":["enough"]}`)
		}), meraki.Options{})
		_, err := c.PingFrom(t.Context(), "1", "Q1", "10.0.0.1", 3)
		wantError(t, err, "ping device Q1: POST /api/v1/devices/Q1/liveTools/ping: 400 Bad Request: enough")
		want := `POST api.meraki.com {"target":"10.0.0.1","count":3}, POST n1.meraki.com {"target":"10.0.0.1","count":3}`
		if got := strings.Join(bodies, ", "); got != want {
			t.Errorf("sent %s\nwant %s", got, want)
		}
	})
}
