package azure_test

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hopguard/internal/azure"
)

// These use the network of this machine, because certificates and redirects are
// the business of the transport that a simulator replaces.

func TestOnlyATrustedCertificateGetsTheToken(t *testing.T) {
	var seen requests
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.add(r.Header.Get("Authorization"))
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"value":[]}`)) // a client that has gone needs no answer
	}))
	// The refused handshake is what the test wants; it is not shown.
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	defer server.Close()
	ca := x509.NewCertPool()
	ca.AddCert(server.Certificate())
	for _, trusted := range []bool{true, false} {
		c := newClient(t, nil, func(s *azure.Settings) {
			s.Endpoint, s.Transport = server.URL, nil
			if trusted {
				s.CA = ca
			}
		})
		ctx, cancel := context.WithCancel(t.Context())
		_, err := c.PowerState(ctx, machineID("vmx-a"))
		cancel()
		if got := len(seen.list()) > 0; got != trusted {
			t.Errorf("with the authority trusted %v: %d requests arrived, %v", trusted, len(seen.list()), err)
		}
		if !trusted && (err == nil || !strings.Contains(err.Error(), "certificate")) {
			t.Errorf("PowerState() = %v, want that the certificate is refused", err)
		}
		seen.all = nil
	}
}

func TestP10NoTokenFollowsARedirect(t *testing.T) {
	var seen requests
	target := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen.add(r.Header.Get("Authorization"))
	}))
	defer target.Close()
	server := httptest.NewTLSServer(http.RedirectHandler(target.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	ca := x509.NewCertPool()
	ca.AddCert(server.Certificate())
	ca.AddCert(target.Certificate())
	c := newClient(t, nil, func(s *azure.Settings) { s.Endpoint, s.Transport, s.CA = server.URL, nil, ca })
	_, err := c.PowerState(t.Context(), machineID("vmx-a"))
	if err == nil || !strings.Contains(err.Error(), "Azure Resource Manager does not redirect") || len(seen.list()) != 0 {
		t.Errorf("PowerState() = %v; the target got %d requests", err, len(seen.list()))
	}
}
