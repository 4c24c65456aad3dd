package azuresim_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hopguard/internal/azuresim"
)

// served runs the simulator on real sockets and gives an HTTPS client and the two addresses.
func served(t *testing.T, s *azuresim.Sim) (client *http.Client, arm, identity string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tls")
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	listen := func() net.Listener {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return ln
	}
	ln, idLn := listen(), listen()
	if _, err := azuresim.Certificate(dir); err != nil {
		t.Fatal(err)
	}
	wg.Go(func() {
		if err := s.Serve(ctx, ln, dir); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		if err := s.ServeIdentity(ctx, idLn); err != nil {
			t.Error(err)
		}
	})
	ca, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		cancel()
		wg.Wait()
	})
	return &http.Client{Transport: transport}, "https://localhost:" + port(ln), "http://" + idLn.Addr().String()
}

func port(ln net.Listener) string {
	_, p, _ := net.SplitHostPort(ln.Addr().String())
	return p
}

func TestServingForReal(t *testing.T) {
	s := newSim(t, azuresim.Options{Profile: azuresim.ProfileFast()})
	client, arm, identity := served(t, s)
	do := func(method, url, body string, headers ...string) (*http.Response, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		data, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(data)
	}
	_, body := do("GET", identity+"/msi/token?api-version=2019-08-01&resource="+arm, "", "X-IDENTITY-HEADER", "identity-header")
	_, rest, _ := strings.Cut(body, `"access_token":"`)
	token, _, _ := strings.Cut(rest, `"`)
	auth := []string{"Authorization", "Bearer " + token, "Content-Type", "application/json"}
	if res, body := do("GET", arm+rt1+netAPI, "", auth...); res.StatusCode != 200 {
		t.Errorf("ARM: %d %s", res.StatusCode, body)
	}
	res, body := do("PUT", arm+rt1+netAPI, moved(t, s, rt1, "10.2.0.4"), auth...)
	if op := res.Header.Get("Azure-AsyncOperation"); res.StatusCode != 200 || !strings.HasPrefix(op, arm+"/subscriptions/") {
		t.Errorf("PUT: %d %s, operation at %.60s", res.StatusCode, body, op)
	} else if res, body := do("GET", op, "", auth...); res.StatusCode != 200 || !strings.Contains(body, `"status"`) {
		t.Errorf("poll: %d %s", res.StatusCode, body)
	}
	if res, _ := do("GET", identity+rt1+netAPI, "", auth...); res.StatusCode != 404 {
		t.Errorf("ARM over plain HTTP: %d", res.StatusCode)
	}
	if res, body := do("POST", arm+"/_sim/faults", `{"kind":"reset","type":"Microsoft.Network/routeTables","count":1}`); res.StatusCode != 200 || !strings.Contains(body, `"id":1`) {
		t.Errorf("inject: %d %s", res.StatusCode, body)
	}
	req, err := http.NewRequestWithContext(t.Context(), "PUT", arm+rt1+netAPI, strings.NewReader("{}")) // a PUT is not repeated by net/http
	if err != nil {
		t.Fatal(err)
	}
	if res, err := client.Do(req); err == nil {
		_ = res.Body.Close()
		t.Errorf("a reset connection answered %d", res.StatusCode)
	}
}

func TestTheCertificateIsKept(t *testing.T) {
	dir := t.TempDir()
	first, err := azuresim.Certificate(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := azuresim.Certificate(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Certificate[0], again.Certificate[0]) {
		t.Error("a good certificate was made anew")
	}
	if info, err := os.Stat(filepath.Join(dir, "server.key")); err != nil || info.Mode().Perm() != fs.FileMode(0o600) {
		t.Errorf("the key's mode is %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	other, err := azuresim.Certificate(dir)
	if err != nil || bytes.Equal(first.Certificate[0], other.Certificate[0]) {
		t.Errorf("a broken folder must be made anew: %v", err)
	}
	if _, err := azuresim.Certificate(filepath.Join(dir, "server.key")); err == nil {
		t.Error("a file is no folder")
	}
}

func TestServeReportsABrokenListener(t *testing.T) {
	s := newSim(t, azuresim.Options{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(t.Context(), ln, t.TempDir()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve() = %v, want a closed listener", err)
	}
}

func TestControlAPI(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		steps := []struct {
			method, path, body string
			status             int
			has                string
		}{
			{"POST", "/_sim/poweroff", `{"vm":"vmx-a"}`, 200, "{}"},
			{"GET", "/_sim/machines", "", 200, `"power":"stopped"`},
			{"POST", "/_sim/poweron", `{"vm":"vmx-a"}`, 200, "{}"},
			{"POST", "/_sim/deallocate", `{"vm":"vmx-b"}`, 200, "{}"},
			{"POST", "/_sim/hang", `{"vm":"vmx-a"}`, 200, "{}"},
			{"GET", "/_sim/forward?nic=" + nic1 + "&dst=172.16.0.9", "", 200, `"delivered":false`},
			{"POST", "/_sim/unhang", `{"vm":"vmx-a"}`, 200, "{}"},
			{"GET", "/_sim/ping?target=10.2.0.4", "", 400, "i/o timeout"}, // deallocated
			{"GET", "/_sim/ping?target=10.1.0.4", "", 400, "i/o timeout"}, // boots
			{"GET", "/_sim/ping?target=10.1.0.4", "", 400, "i/o timeout"},
			{"GET", "/_sim/ping?target=10.1.0.4", "", 200, `"took":"20ms"`},
			{"POST", "/_sim/link", `{"vm":"vmx-a","link":{"loss":0,"delay":"300ms"}}`, 200, "{}"},
			{"GET", "/_sim/ping?target=172.16.0.10&source=10.10.0.4", "", 200, `"took":"320ms"`},
			{"GET", "/_sim/machines", "", 200, `"link":{"delay":"300ms"}`},
			{"POST", "/_sim/tunnel", `{"vm":"vmx-a","on":false}`, 200, "{}"},
			{"GET", "/_sim/machines", "", 200, "tunnel is down"},
			{"POST", "/_sim/tunnel", `{"vm":"vmx-a","on":true}`, 200, "{}"},
			{"POST", "/_sim/forwarding", `{"vm":"vmx-a","on":false}`, 200, "{}"},
			{"GET", "/_sim/machines", "", 200, "does not forward"},
			{"POST", "/_sim/panic", `{"vm":"vmx-a"}`, 200, "{}"},
			{"GET", "/_sim/machines", "", 200, `"panicked":true`},
			{"POST", "/_sim/reboot", `{"vm":"vmx-a","time":"3m"}`, 200, "{}"},
			{"GET", "/_sim/machines", "", 200, "boots"},
			{"POST", "/_sim/observer", `{"cutOff":true}`, 200, "{}"},
			{"GET", "/_sim/observer", "", 200, `{"cutOff":true}`},
			{"POST", "/_sim/observer", `{}`, 200, "{}"},
			{"POST", "/_sim/observer", `{"blind":true}`, 400, "unknown field"},
			{"POST", "/_sim/reboot", `{"vm":"vmx-a","time":"soon"}`, 400, "soon"},
			{"POST", "/_sim/link", `{"vm":"vmx-a","link":{"loss":2}}`, 400, "0 to 1"},
			{"POST", "/_sim/link", `{"vm":"vmx-a","link":{"lost":1}}`, 400, "unknown field"},
			{"POST", "/_sim/link", `{"vm":"vmx-a","link":{"delay":"late"}}`, 400, "delay"},
			{"GET", "/_sim/ping?target=nobody", "", 400, "nobody"},
			{"GET", "/_sim/ping?target=10.1.0.4&source=10.1.0.9", "", 400, "cannot assign"},
			{"POST", "/_sim/port", `{"vm":"vmx-a","mode":"refused"}`, 200, "{}"},
			{"POST", "/_sim/redeploy", `{"vm":"vmx-a","address":"10.1.0.7"}`, 200, "{}"},
			{"POST", "/_sim/outage", `{"location":"westeurope","on":true}`, 200, "{}"},
			{"POST", "/_sim/outage", `{"location":"westeurope"}`, 200, "{}"},
			{"GET", "/_sim/effective?nic=" + nic1, "", 200, `"source":"User"`},
			{"GET", "/_sim/routetables", "", 200, "rt-spoke-001"},
			{"GET", "/_sim/routetable?id=" + rt1, "", 200, `"nva_ha_udr"`},
			{"GET", "/_sim/now", "", 200, `"now"`},
			{"POST", "/_sim/faults", `{"kind":"503","duration":"30s"}`, 200, `"id":1`},
			{"DELETE", "/_sim/faults", "", 200, "{}"},
			{"GET", "/_sim/calls", "", 200, "[]"},
			{"DELETE", "/_sim/calls", "", 200, "{}"},
			{"POST", "/_sim/poweroff", `{"vm":"nobody"}`, 400, "no machine"},
			{"POST", "/_sim/poweroff", `{"machine":"vmx-a"}`, 400, "unknown field"},
			{"POST", "/_sim/faults", `{"kind":"503","chance":1}`, 400, "chance"},
			{"POST", "/_sim/faults", `{"kind":"503","duration":"soon"}`, 400, "duration"},
			{"GET", "/_sim/forward?nic=x&dst=172.16.0.9", "", 400, "no network interface"},
			{"GET", "/_sim/forward?nic=x&dst=nowhere", "", 400, "error"},
			{"GET", "/_sim/effective?nic=x", "", 400, "no network interface"},
			{"GET", "/_sim/routetable?id=x", "", 400, "no route table"},
			{"GET", "/_sim/nothing", "", 404, ""},
		}
		for _, st := range steps {
			if a := send(t, s, st.method, st.path, st.body); a.status != st.status || !bytes.Contains(a.raw, []byte(st.has)) {
				t.Errorf("%s %s: %d %.300s, want %d and %s", st.method, st.path, a.status, a.raw, st.status, st.has)
			}
		}
	})
}

func TestPlainHTTPIsRefusedInMemory(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		for _, url := range []string{"http://management.azure.com" + rt1, "ftp://management.azure.com/"} {
			req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := s.Transport().RoundTrip(req)
			if err == nil {
				_ = res.Body.Close()
				t.Errorf("%s answered %d", url, res.StatusCode)
			}
			if refused := errors.Is(err, syscall.ECONNREFUSED); refused != strings.HasPrefix(url, "http:") {
				t.Errorf("%s: %v", url, err)
			}
		}
	})
}

func TestACancelledClientIsLetGo(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Millisecond, cancel) // in the middle of the latency
		start := time.Now()
		res, err := try(ctx, t, s, "10.2.0.4")
		if err == nil {
			_ = res.Body.Close()
		}
		if !errors.Is(err, context.Canceled) || time.Since(start) != 5*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestTheCertificateHasTheNames(t *testing.T) {
	dir := t.TempDir()
	plain, err := azuresim.Certificate(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"management.azure.com", "login.microsoftonline.com", "203.0.113.1", "fd00:1::1"}
	named, err := azuresim.Certificate(dir, names...)
	if err != nil || bytes.Equal(plain.Certificate[0], named.Certificate[0]) {
		t.Fatalf("a certificate that lacks names must be made anew: %v", err)
	}
	roots := x509.NewCertPool()
	if pem, err := os.ReadFile(filepath.Join(dir, "ca.pem")); err != nil || !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("ca.pem: %v", err)
	}
	for _, name := range append(names, "localhost", "127.0.0.1", "::1") {
		if _, err := named.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name}); err != nil {
			t.Errorf("a client does not believe %s: %v", name, err)
		}
	}
	for _, fewer := range [][]string{nil, names[1:3], names} {
		again, err := azuresim.Certificate(dir, fewer...)
		if err != nil || !bytes.Equal(named.Certificate[0], again.Certificate[0]) {
			t.Errorf("Certificate(%q) was made anew: %v", fewer, err)
		}
	}
	if _, err := azuresim.Certificate(dir, ""); err == nil || !strings.Contains(err.Error(), `name ""`) {
		t.Errorf("Certificate of no name = %v, want an error that names it", err)
	}
}
