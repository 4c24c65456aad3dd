package app_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/app"
	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/merakisim"
)

// recorder carries requests to the stand-in and keeps the last one.
type recorder struct {
	to   http.RoundTripper
	last *http.Request
	n    int
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.last = req
	r.n++
	return r.to.RoundTrip(req)
}

// withMeraki adds the example organization to a world.
func (w *world) withMeraki(t *testing.T) *merakisim.Sim {
	t.Helper()
	s, err := merakisim.New(merakisim.Example(), merakisim.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	w.meraki = s.Transport()
	w.config.Meraki.Organization, w.config.Meraki.Key = merakisim.ExampleOrganization, merakisim.ExampleKey
	return s
}

func TestMerakiSettingsReachTheCloud(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("of-the-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	key := func(r *recorder) any { return r.last.Header.Get("Authorization") }
	without := func(c *config.Meraki) { c.Key = "" }
	for _, tt := range []struct {
		path   string
		change func(*config.Meraki)
		got    func(*recorder) any
		want   any
	}{
		{"baseURL", func(c *config.Meraki) { c.BaseURL = "https://api.meraki.cn/api/v1" }, func(r *recorder) any { return r.last.URL.Host }, "api.meraki.cn"},
		{"organization", func(c *config.Meraki) { c.Organization = "77" }, func(r *recorder) any { return strings.Contains(r.last.URL.Path, "/organizations/77/") }, true},
		{"key", func(c *config.Meraki) { c.Key = "of-the-setting" }, key, "Bearer of-the-setting"},
		{"keyEnv", func(c *config.Meraki) { without(c); c.KeyEnv = "MERAKI_KEY" }, key, "Bearer of-MERAKI_KEY"},
		{"keyFile", func(c *config.Meraki) { without(c); c.KeyFile = file }, key, "Bearer of-the-file"},
	} {
		t.Run(tt.path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, azuresim.TwoRegionsOptions{})
				r := &recorder{to: w.withMeraki(t).Transport()}
				tt.change(&w.config.Meraki)
				a, err := app.New(app.Options{Config: w.config, Transport: w.Transport(), Meraki: r, Getenv: func(name string) string { return "of-" + name }})
				if err != nil {
					t.Fatal(err)
				}
				_, _, _ = a.Devices().Reachability(t.Context(), merakisim.ExamplePrimary)
				if r.last == nil {
					t.Fatal("nothing was asked")
				}
				if diff := cmp.Diff(tt.want, tt.got(r)); diff != "" {
					t.Errorf("meraki.%s did not arrive (-want +got):\n%s", tt.path, diff)
				}
			})
		})
	}
	t.Run("requestsPerSecond", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			sent := func(perSecond float64) int {
				w := newWorld(t, azuresim.TwoRegionsOptions{})
				r := &recorder{to: w.withMeraki(t).Transport()}
				w.meraki, w.config.Meraki.RequestsPerSecond = r, perSecond
				devices := w.open(t).Devices()
				for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
					if _, _, err := devices.Ping(t.Context(), merakisim.ExamplePrimary); err != nil {
						t.Fatal(err)
					}
				}
				return r.n
			}
			if slow, quick := sent(0.5), sent(5); slow > 20 || quick < 2*slow {
				t.Errorf("%d requests in 30 s at 0.5 a second, %d at 5", slow, quick)
			}
		})
	})
}

// vaulted carries requests to a key vault that holds one secret, and all others on.
type vaulted struct {
	http.RoundTripper
	mu     sync.Mutex
	secret string
	asked  int
	down   bool
}

func (v *vaulted) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host != "kv.vault.azure.net" {
		return v.RoundTripper.RoundTrip(req)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	w := httptest.NewRecorder()
	switch {
	case v.down:
		w.WriteHeader(http.StatusServiceUnavailable)
	case req.Header.Get("Authorization") == "":
		w.Header().Set("WWW-Authenticate", `Bearer authorization="https://login.microsoftonline.com/`+azuresim.DefaultTenant+`", resource="https://vault.azure.net"`)
		w.WriteHeader(http.StatusUnauthorized)
	default:
		v.asked++
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"value":"`+v.secret+`","id":"https://kv.vault.azure.net/secrets/s/1","attributes":{"enabled":true}}`)
	}
	resp := w.Result()
	resp.Request = req
	return resp, nil
}

// keep changes the secret.
func (v *vaulted) keep(secret string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.secret = secret
}

// A key in a vault is read with the identity that hopguard has in Azure, kept for a
// while, and read again; a vault that is down does not end what works.
func TestMerakiKeyInAVault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, azuresim.TwoRegionsOptions{})
		r := &recorder{to: w.withMeraki(t).Transport()}
		vault := &vaulted{RoundTripper: w.Transport(), secret: "one-of-the-vault"}
		w.config.Meraki.Key, w.config.Meraki.KeyVault = "", "https://kv.vault.azure.net/secrets/s"
		w.config.Events.EventGrid.SecretVault = "https://kv.vault.azure.net/secrets/s"
		a, err := app.New(app.Options{Config: w.config, Transport: vault, Meraki: r, Dial: w.dial})
		if err != nil {
			t.Fatal(err)
		}
		ask := func() string {
			t.Helper()
			r.last = nil
			if _, _, err := a.Devices().Reachability(t.Context(), merakisim.ExamplePrimary); r.last == nil {
				t.Fatalf("nothing was asked: %v", err)
			}
			return r.last.Header.Get("Authorization")
		}
		if got := ask(); got != "Bearer one-of-the-vault" {
			t.Errorf("Authorization = %q", got)
		}
		vault.keep("two-of-the-vault")
		time.Sleep(time.Minute)
		if got := ask(); got != "Bearer one-of-the-vault" || vault.asked != 1 {
			t.Errorf("a minute later Authorization = %q after %d questions, want the one that was kept", got, vault.asked)
		}
		time.Sleep(5 * time.Minute)
		if got := ask(); got != "Bearer two-of-the-vault" {
			t.Errorf("six minutes later Authorization = %q, want the new one", got)
		}
		vault.down = true
		time.Sleep(time.Hour)
		if got := ask(); got != "Bearer two-of-the-vault" {
			t.Errorf("with the vault down Authorization = %q, want the old one", got)
		}
		vault.down = false

		if got := a.EventSecrets()["event-grid"]; got != "" {
			t.Errorf("the secret of events is %q before Run", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = a.Run(ctx) })
		time.Sleep(10 * time.Second)
		if got := a.EventSecrets()["event-grid"]; got != "two-of-the-vault" {
			t.Errorf("the secret of events is %q", got)
		}
		vault.keep("three-of-the-vault")
		time.Sleep(6 * time.Minute)
		cancel()
		running.Wait()
		if got := a.EventSecrets()["event-grid"]; got != "three-of-the-vault" {
			t.Errorf("six minutes later the secret of events is %q, want the new one", got)
		}
	})
}

// A cloud with a certificate of its own, over a real connection.
func TestMerakiCAFile(t *testing.T) {
	w := newWorld(t, azuresim.TwoRegionsOptions{})
	server := httptest.NewUnstartedServer(w.withMeraki(t))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	server.StartTLS()
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	w.meraki, w.config.Meraki.BaseURL = nil, server.URL+"/api/v1"
	if _, _, err := w.open(t).Devices().Reachability(t.Context(), merakisim.ExamplePrimary); err == nil {
		t.Error("a certificate that nobody vouches for was accepted")
	}
	w.config.Meraki.CAFile = file
	word, seen, err := w.open(t).Devices().Reachability(t.Context(), merakisim.ExamplePrimary)
	if word != "online" || seen.IsZero() || err != nil {
		t.Errorf("Reachability() = %q, %v, %v, want online", word, seen, err)
	}
}

func TestMerakiDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, azuresim.TwoRegionsOptions{})
		s := w.withMeraki(t)
		devices := w.open(t).Devices()
		if word, _, err := devices.Reachability(t.Context(), merakisim.ExampleSecondary); word != "online" || err != nil {
			t.Errorf("Reachability() = %q, %v, want online", word, err)
		}
		if sent, received, err := devices.Ping(t.Context(), merakisim.ExampleSecondary); sent != 5 || received != 5 || err != nil {
			t.Errorf("Ping() = %d, %d, %v, want 5 of 5", sent, received, err)
		}
		if word, _, err := devices.Reachability(t.Context(), "Q2XX-ZZZZ-9999"); err == nil || !strings.Contains(err.Error(), "Q2XX-ZZZZ-9999") {
			t.Errorf("Reachability() of a device that is not = %q, %v, want an error that names it", word, err)
		}
		if err := s.Set(merakisim.ExampleSecondary, merakisim.Offline); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if word, _, err := devices.Reachability(t.Context(), merakisim.ExampleSecondary); word != "offline" || err != nil {
			t.Errorf("Reachability() an hour after = %q, %v, want offline", word, err)
		}
	})
}

// D8: "offline" in the dashboard moves nothing while the appliance answers, and its
// trouble is no death; beside a failure it completes the quorum.
func TestMerakiOfflineAloneMovesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, azuresim.TwoRegionsOptions{})
		s := w.withMeraki(t)
		fast(&w.config, time.Second)
		k := config.DefaultCheck(config.KindMeraki)
		k.Targets = map[string]string{"vmx-a": merakisim.ExamplePrimary, "vmx-b": merakisim.ExampleSecondary}
		g := &w.config.Groups[0]
		g.Checks, g.Vote, g.Quorum = append(g.Checks, k), config.VoteQuorum, 2
		w.config = w.config.Complete()
		d := w.run(t)
		time.Sleep(time.Minute)
		if err := s.Set(merakisim.ExamplePrimary, merakisim.Offline); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Minute)
		if got := w.hops(t); got["10.1.0.4"] != 15 {
			t.Errorf("next hops = %v, want none moved while the appliance answers", got)
		}
		if err := w.Hang("vmx-a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		if err := d.stop(); err != nil {
			t.Error(err)
		}
		if got := w.hops(t); got["10.2.0.4"] != 15 {
			t.Errorf("next hops = %v, want all moved after a failure on the data path", got)
		}
		for _, r := range d.reports[:len(d.reports)-1] {
			if r.Decision.Moved() && r.Decision.Reason != decide.ReasonActiveDown && r.Decision.Reason != decide.ReasonAdopted {
				t.Errorf("reason = %s", r.Decision.Reason)
			}
		}
	})
}

func TestEventSecretsAreRead(t *testing.T) {
	dir := t.TempDir()
	file := func(text string) string {
		path := filepath.Join(dir, text)
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tt := range []struct {
		name   string
		change func(*config.Events)
		want   map[string]string
	}{
		{"themselves", func(e *config.Events) {
			e.Meraki.Secret, e.AzureMonitor.Secret, e.EventGrid.Secret = "one", "two", "three"
		}, map[string]string{"meraki": "one", "azure-monitor": "two", "event-grid": "three"}},
		{"environment", func(e *config.Events) {
			e.Meraki.SecretEnv, e.AzureMonitor.SecretEnv, e.EventGrid.SecretEnv = "ONE", "TWO", "THREE"
		}, map[string]string{"meraki": "of-ONE", "azure-monitor": "of-TWO", "event-grid": "of-THREE"}},
		{"files", func(e *config.Events) {
			e.Meraki.SecretFile, e.AzureMonitor.SecretFile, e.EventGrid.SecretFile = file("f1"), file("f2"), file("f3")
		}, map[string]string{"meraki": "f1", "azure-monitor": "f2", "event-grid": "f3"}},
		{"one-alone", func(e *config.Events) { e.EventGrid.Secret = "three" }, map[string]string{"event-grid": "three"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, azuresim.TwoRegionsOptions{})
			tt.change(&w.config.Events)
			a, err := app.New(app.Options{Config: w.config, Transport: w.Transport(), Getenv: func(name string) string { return "of-" + name }})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, a.EventSecrets()); diff != "" {
				t.Errorf("secrets (-want +got):\n%s", diff)
			}
		})
	}
	w := newWorld(t, azuresim.TwoRegionsOptions{})
	w.config.Events.Meraki.SecretFile = filepath.Join(dir, "missing")
	if _, err := app.New(app.Options{Config: w.config, Transport: w.Transport()}); err == nil || !strings.Contains(err.Error(), "events from meraki") || !strings.Contains(err.Error(), "secretFile") {
		t.Errorf("New() with a secret file that is not = %v, want an error that names the source and the setting", err)
	}
}

// The key is in no report, log or error, whatever the cloud says.
func TestMerakiKeyIsNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const canary = "canary-of-the-meraki-key"
		w := newWorld(t, azuresim.TwoRegionsOptions{})
		w.withMeraki(t)
		w.config.Meraki.Key = canary
		k := config.DefaultCheck(config.KindMeraki)
		k.Targets = map[string]string{"vmx-a": merakisim.ExamplePrimary, "vmx-b": merakisim.ExampleSecondary}
		g := &w.config.Groups[0]
		g.Checks, g.Vote = append(g.Checks, k), config.VoteAll
		w.config = w.config.Complete()
		var text bytes.Buffer
		a, err := app.New(app.Options{
			Config: w.config, Transport: w.Transport(), Meraki: w.meraki,
			Logger: slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
		if err != nil {
			t.Fatal(err)
		}
		r := a.Tick(t.Context(), "emea", controller.Request{})
		if !strings.Contains(evidence(r), "401") || strings.Contains(evidence(r)+text.String(), canary) {
			t.Errorf("a key that is not accepted gives %s\n%s", evidence(r), text.String())
		}
	})
}

// evidence is everything that a report says.
func evidence(r *controller.Report) string {
	var b strings.Builder
	for _, o := range r.Observations {
		b.WriteString(o.Evidence + "\n")
	}
	return b.String() + fmt.Sprint(r.Err(), r.Warnings)
}
