package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/api"
	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// report is one that agrees, unless it is changed.
func report(group string, age time.Duration) *controller.Report {
	return &controller.Report{
		Group: appliance.GroupName(group), Started: noon.Add(-age - time.Second), Ended: noon.Add(-age),
		Health: decide.Health{Members: []decide.MemberHealth{{Member: "vmx-a", Verdict: appliance.Up, Since: noon}}},
	}
}

func server(groups ...api.Group) api.Server {
	return api.Server{
		Groups: func() []api.Group { return groups },
		Now:    func() time.Time { return noon },
		Log:    slog.New(slog.DiscardHandler),
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
			fmt.Fprintf(w, "up{query=%q} 1\n", r.URL.RawQuery)
		}),
	}
}

func group(name string, r *controller.Report) api.Group {
	return api.Group{Name: appliance.GroupName(name), Interval: 10 * time.Second, Report: r}
}

// ask makes one request, and decodes its JSON.
func ask(t *testing.T, s api.Server, method, path string) (*http.Response, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	resp := w.Result()
	var body map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		t.Fatalf("%s %s: not JSON: %v", method, path, err)
	}
	return resp, body
}

func TestReady(t *testing.T) {
	failed := report("emea", time.Second)
	failed.Errors = []error{errors.New("read route tables: 503")}
	degraded := report("emea", time.Second)
	degraded.Health.Members[0].Verdict = appliance.Down
	tests := []struct {
		name   string
		groups []api.Group
		status int
		detail string
	}{
		{"young-and-agreed", []api.Group{group("emea", report("emea", time.Second))}, 200, ""},
		{"degraded-is-looked-after", []api.Group{group("emea", degraded)}, 200, ""},
		{"just-younger-than-three-intervals", []api.Group{group("emea", report("emea", 30*time.Second-1))}, 200, ""},
		{"three-intervals-old", []api.Group{group("emea", report("emea", 30*time.Second))}, 503, "emea: the last tick ended 30s ago, which is 3 intervals or more (30s)"},
		{"failed", []api.Group{group("emea", failed)}, 503, "emea: the last tick failed: read route tables: 503"},
		{"not-begun", []api.Group{group("emea", nil)}, 503, "emea: no tick has ended yet"},
		{
			"one-of-two", []api.Group{group("emea", failed), group("apac", report("apac", time.Second))}, 503,
			"emea: the last tick failed: read route tables: 503",
		},
		{
			"both", []api.Group{group("emea", failed), group("apac", nil)}, 503,
			"emea: the last tick failed: read route tables: 503; apac: no tick has ended yet",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := ask(t, server(tt.groups...), http.MethodGet, "/readyz")
			if resp.StatusCode != tt.status {
				t.Errorf("status = %d, want %d: %v", resp.StatusCode, tt.status, body)
			}
			if groups, ok := body["groups"].([]any); !ok || len(groups) != len(tt.groups) {
				t.Errorf("groups = %v, want each of %d", body["groups"], len(tt.groups))
			}
			if tt.status == http.StatusOK {
				return
			}
			if got, want := resp.Header.Get("Content-Type"), "application/problem+json"; got != want {
				t.Errorf("Content-Type = %q, want %q", got, want)
			}
			if body["detail"] != tt.detail || body["title"] != "not ready" || body["status"] != float64(tt.status) {
				t.Errorf("problem = %v, want detail %q", body, tt.detail)
			}
		})
	}
}

func TestLiveWhateverTheTicksSay(t *testing.T) {
	if resp, body := ask(t, server(group("emea", nil)), http.MethodGet, "/livez"); resp.StatusCode != 200 || body["status"] != "alive" {
		t.Errorf("GET /livez = %d %v", resp.StatusCode, body)
	}
}

func TestStatusIsTheJournalsJSON(t *testing.T) {
	resp, body := ask(t, server(group("emea", report("emea", time.Second)), group("apac", nil)), http.MethodGet, "/v1/status")
	groups, _ := body["groups"].([]any)
	if resp.StatusCode != 200 || len(groups) != 1 {
		t.Fatalf("GET /v1/status = %d %v, want the one group that has a report", resp.StatusCode, body)
	}
	first, _ := groups[0].(map[string]any)
	if first["group"] != "emea" || first["state"] != "agreed" || first["version"] != 1.0 {
		t.Errorf("group = %v", first)
	}
	if got := resp.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control = %q", got)
	}
}

// Errors are problems as RFC 9457 has them, also for paths and methods that are not.
func TestProblems(t *testing.T) {
	tests := []struct {
		method, path string
		want         map[string]any
	}{
		{"GET", "/", map[string]any{"title": "not found", "status": 404.0, "detail": "there is /livez, /readyz, /metrics and /v1/status, but no /"}},
		{"GET", "/v1/switch", map[string]any{"title": "not found", "status": 404.0, "detail": "there is /livez, /readyz, /metrics and /v1/status, but no /v1/switch"}},
		{"POST", "/v1/status", map[string]any{"title": "method not allowed", "status": 405.0, "detail": "POST is not possible here: nothing can be changed"}},
		{"POST", "/metrics", map[string]any{"title": "method not allowed", "status": 405.0, "detail": "POST is not possible here: nothing can be changed"}},
		{"DELETE", "/livez", map[string]any{"title": "method not allowed", "status": 405.0, "detail": "DELETE is not possible here: nothing can be changed"}},
	}
	for _, tt := range tests {
		t.Run(tt.method+tt.path, func(t *testing.T) {
			resp, body := ask(t, server(), tt.method, tt.path)
			if diff := cmp.Diff(tt.want, body); diff != "" {
				t.Errorf("problem (-want +got):\n%s", diff)
			}
			if float64(resp.StatusCode) != tt.want["status"] || resp.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("status = %d, type %q", resp.StatusCode, resp.Header.Get("Content-Type"))
			}
			if allow := resp.Header.Get("Allow"); (allow != "") != (resp.StatusCode == 405) {
				t.Errorf("Allow = %q", allow)
			}
		})
	}
}

func TestServeEndsWithItsContextAndLetsRequestsFinish(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	entered, leave := make(chan struct{}), make(chan struct{})
	s := server()
	s.Groups = func() []api.Group {
		close(entered)
		<-leave
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	var all sync.WaitGroup
	all.Go(func() { ended <- s.Serve(ctx, ln) })
	var status int
	all.Go(func() {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, "http://"+ln.Addr().String()+"/readyz", nil)
		if err != nil {
			t.Error(err)
			return
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Error(err)
		}
		status = resp.StatusCode
	})
	<-entered
	cancel()
	close(leave)
	all.Wait()
	if err := <-ended; err != nil || status != http.StatusOK {
		t.Errorf("Serve() = %v, the open request got %d, want nil and 200", err, status)
	}
}

func TestServeSaysWhyItCannot(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if err := server().Serve(t.Context(), ln); err == nil || !strings.HasPrefix(err.Error(), "serve the API: ") {
		t.Errorf("Serve() on a closed listener = %v, want an error", err)
	}
}

// The metrics are handed on as they are, also what their reader asks of them.
func TestMetrics(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		srv := httptest.NewServer(server().Handler())
		defer srv.Close()
		req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+"/metrics?name[]=up", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{http.MethodGet: "up{query=\"name[]=up\"} 1\n", http.MethodHead: ""}[method]
		if resp.StatusCode != http.StatusOK || string(body) != want {
			t.Errorf("%s /metrics = %d %q, want 200 %q", method, resp.StatusCode, body, want)
		}
		for key, want := range map[string]string{"Content-Type": "text/plain; version=0.0.4", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
			if got := resp.Header.Get(key); got != want {
				t.Errorf("%s /metrics: %s = %q, want %q", method, key, got, want)
			}
		}
	}
}

// Ready is what /readyz says.
func TestReadyAgreesWithItsPage(t *testing.T) {
	failed := report("emea", time.Second)
	failed.Errors = []error{errors.New("read route tables: 503")}
	for _, g := range []api.Group{group("emea", nil), group("emea", failed), group("emea", report("emea", time.Second)), group("emea", report("emea", time.Minute))} {
		resp, body := ask(t, server(g), http.MethodGet, "/readyz")
		if got, want := g.Ready(noon), resp.StatusCode == http.StatusOK; got != want {
			t.Errorf("Ready() = %t, and /readyz = %d %v", got, resp.StatusCode, body)
		}
	}
}
