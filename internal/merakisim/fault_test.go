package merakisim_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/merakisim"
)

func TestFaults(t *testing.T) {
	page := func(text string) string {
		return "<html>\r\n<head><title>" + text + "</title></head>\r\n<body>\r\n<center><h1>" + text + "</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
	}
	tests := []struct {
		kind   merakisim.FaultKind
		params map[string]string
		status int
		body   string
		header http.Header
		took   time.Duration
	}{
		{kind: merakisim.FaultUnauthorized, status: 401, body: `{"errors":["Invalid API key"]}`},
		{kind: merakisim.FaultForbidden, status: 403, body: `{"errors":["You do not have permission to do this"]}`},
		{kind: merakisim.FaultNotFound, status: 404, body: `{"errors":["Not found"]}`},
		{kind: merakisim.FaultThrottled, params: map[string]string{"retryAfter": "7"}, status: 429, body: `{"errors":["API rate limit exceeded for organization"]}`, header: http.Header{"Retry-After": {"7"}}},
		{kind: merakisim.FaultThrottledBare, status: 429, body: page("429 Too Many Requests")},
		{kind: merakisim.Fault500, status: 500, body: `{"errors":["Internal error"]}`},
		{kind: merakisim.Fault502, status: 502, body: page("502 Bad Gateway")},
		{kind: merakisim.Fault503, status: 503, body: `{"errors":["Internal error"]}`},
		{kind: merakisim.Fault504, status: 504, body: page("504 Gateway Timeout")},
		{kind: merakisim.FaultGarbage, status: 200, body: page("200 OK")},
		{kind: merakisim.FaultSlow, params: map[string]string{"delay": "8s"}, status: 200, body: "[]", took: 8 * time.Second},
		{kind: merakisim.FaultRedirect, params: map[string]string{"status": "308"}, status: 308, body: page("308 Permanent Redirect"), header: http.Header{"Location": {"https://n143.meraki.com/api/v1" + vpnPath + "?startingAfter=z"}}},
	}
	for _, tt := range tests {
		t.Run(string(tt.kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, merakisim.Options{Profile: instant()})
				if err := c.sim.Inject(merakisim.Fault{Kind: tt.kind, Path: "vpn/statuses$", Method: "GET", Count: 1, Params: tt.params}); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				got := c.get(vpnPath + "?startingAfter=z")
				if got.err != nil || got.status != tt.status || got.body != tt.body {
					t.Errorf("answer = %d %q %v, want %d %q", got.status, got.body, got.err, tt.status, tt.body)
				}
				for name := range tt.header {
					if got.header.Get(name) != tt.header.Get(name) {
						t.Errorf("%s = %q, want %q", name, got.header.Get(name), tt.header.Get(name))
					}
				}
				if took := time.Since(start); took != tt.took {
					t.Errorf("took %s, want %s", took, tt.took)
				}
				if got := c.get(vpnPath); got.status != 200 {
					t.Errorf("after it was spent: %d, want 200", got.status)
				}
			})
		})
	}
}

func TestFaultsThatBreakTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, merakisim.Options{Profile: instant()})
		inject := func(f merakisim.Fault) {
			t.Helper()
			c.sim.Heal()
			if err := c.sim.Inject(f); err != nil {
				t.Fatal(err)
			}
		}
		whole := c.get(vpnPath).body

		inject(merakisim.Fault{Kind: merakisim.FaultTruncated})
		if got := c.get(vpnPath); got.body != whole[:len(whole)/2] {
			t.Errorf("truncated = %q, want half of %q", got.body, whole)
		}

		inject(merakisim.Fault{Kind: merakisim.FaultSlowBody, Params: map[string]string{"delay": "2s"}})
		start := time.Now()
		if got := c.get(vpnPath); got.body != whole || time.Since(start) != 6*time.Second {
			t.Errorf("slow body took %s, want the same body in 6s", time.Since(start))
		}

		inject(merakisim.Fault{Kind: merakisim.FaultQuirks})
		if got := c.get(vpnPath); got.body == whole || len(got.json(t).([]any)) != 5 {
			t.Errorf("quirks = %s, want another list of five", got.body)
		}

		inject(merakisim.Fault{Kind: merakisim.FaultReset})
		if got := c.post(pingDevicePath, ""); !errors.Is(got.err, syscall.ECONNRESET) {
			t.Errorf("reset = %v, want ECONNRESET", got.err)
		}

		inject(merakisim.Fault{Kind: merakisim.FaultHang})
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+vpnPath, nil)
		if err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		if got := exchange(c.sim.Transport(), req); !errors.Is(got.err, context.DeadlineExceeded) || time.Since(start) != 9*time.Second {
			t.Errorf("hang = %v after %s, want the deadline after 9s", got.err, time.Since(start))
		}
	})
}

// A reset says nothing about what was done before it.
func TestAResetMayComeAfterTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			applied string
			want    int // orders that the device's limit still has
		}{{"", 5}, {"true", 4}} {
			c := newClient(t, merakisim.Options{Profile: instant()})
			if err := c.sim.Inject(merakisim.Fault{Kind: merakisim.FaultReset, Count: 1, Params: map[string]string{"applied": tt.applied}}); err != nil {
				t.Fatal(err)
			}
			c.post(pingDevicePath, "")
			if n, _ := burst(9, func() response { return c.post(pingDevicePath, "") }); n != tt.want {
				t.Errorf("applied=%q: %d orders are left, want %d", tt.applied, n, tt.want)
			}
		}
	})
}

func TestFaultsAreSelectedAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, merakisim.Options{Profile: instant()})
		for _, f := range []merakisim.Fault{
			{Kind: merakisim.Fault503, Method: "POST"},
			{Kind: merakisim.Fault500, Path: "availabilities", After: 1, Count: 1},
			{Kind: merakisim.FaultForbidden, Path: "VPN"},
			{Kind: merakisim.FaultUnauthorized, Path: "vpn", Duration: time.Minute},
		} {
			if err := c.sim.Inject(f); err != nil {
				t.Fatal(err)
			}
		}
		got := []int{
			c.get(availabilityPath).status, c.get(availabilityPath).status, c.get(availabilityPath).status,
			c.post(pingDevicePath, "").status, c.get(vpnPath).status,
		}
		time.Sleep(time.Minute)
		got = append(got, c.get(vpnPath).status)
		if diff := cmp.Diff([]int{200, 500, 200, 503, 401, 200}, got); diff != "" {
			t.Errorf("statuses differ (-want +got):\n%s", diff)
		}
		var faults []merakisim.FaultKind
		for _, call := range c.sim.Calls() {
			faults = append(faults, call.Fault)
		}
		if diff := cmp.Diff([]merakisim.FaultKind{"", "500", "", "503", "401", ""}, faults); diff != "" {
			t.Errorf("faults of the calls differ (-want +got):\n%s", diff)
		}
	})
}

func TestTheSeedDecides(t *testing.T) {
	run := func(seed uint64) string {
		var b strings.Builder
		synctest.Test(t, func(t *testing.T) {
			c := newClient(t, merakisim.Options{Seed: seed, Profile: instant()})
			for _, f := range []merakisim.Fault{
				{Kind: merakisim.Fault502, Probability: 0.3}, {Kind: merakisim.FaultQuirks, Probability: 0.5},
			} {
				if err := c.sim.Inject(f); err != nil {
					t.Fatal(err)
				}
			}
			for range 30 {
				r := c.get(vpnPath)
				fmt.Fprintln(&b, r.status, r.header.Get("X-Request-Id"), r.body, c.post(pingDevicePath, "").body)
				time.Sleep(6 * time.Second)
			}
		})
		return b.String()
	}
	one, again, other := run(1), run(1), run(2)
	if diff := cmp.Diff(one, again); diff != "" {
		t.Errorf("one seed gave two worlds:\n%s", diff)
	}
	if one == other {
		t.Error("two seeds gave one world")
	}
}

// TestOverARealConnection shows that a server answers as the transport does.
func TestOverARealConnection(t *testing.T) {
	c := newClient(t, merakisim.Options{Profile: instant()})
	server := httptest.NewServer(c.sim)
	defer server.Close()
	ask := func() response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/v1"+vpnPath+"?perPage=3", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+c.key)
		return exchange(server.Client().Transport, req)
	}
	plain := ask()
	if plain.status != 200 || len(plain.items(t, "networkId")) != 3 {
		t.Fatalf("answer = %d %s, want three rows", plain.status, plain.body)
	}
	if link := plain.header.Get("Link"); !strings.Contains(link, "<"+server.URL+"/api/v1"+vpnPath+"?perPage=3&startingAfter=N_2001>; rel=next") {
		t.Errorf("Link = %s, want addresses of the server", link)
	}
	if err := c.sim.Inject(merakisim.Fault{Kind: merakisim.FaultSlowBody, Count: 1, Params: map[string]string{"delay": "1ms"}}); err != nil {
		t.Fatal(err)
	}
	if got := ask(); got.body != plain.body || got.header.Get("Content-Length") != "" {
		t.Errorf("slow body = %q, want the same in pieces", got.body)
	}
	// More than once: Go asks again by itself when a connection that it kept is reset.
	if err := c.sim.Inject(merakisim.Fault{Kind: merakisim.FaultReset}); err != nil {
		t.Fatal(err)
	}
	if got := ask(); got.err == nil {
		t.Errorf("reset = %d %s, want no answer", got.status, got.body)
	}
}
