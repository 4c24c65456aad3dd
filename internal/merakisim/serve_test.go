package merakisim_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"hopguard/internal/merakisim"
)

// certificate is one for the loopback addresses, and who trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s.TLS.Certificates[0], pool
}

func TestServingForReal(t *testing.T) {
	sim, err := merakisim.New(merakisim.Example(), merakisim.Options{Profile: merakisim.ProfileFast()})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cert, pool := certificate(t)
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	var served error
	serving.Go(func() { served = sim.Serve(ctx, ln, cert) })
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	ask := func(path string) (int, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+ln.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+merakisim.ExampleKey)
		res, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		return res.StatusCode, res.Body.Close()
	}
	for _, path := range []string{"/api/v1" + vpnPath, "/_sim/devices"} {
		if status, err := ask(path); status != 200 || err != nil {
			t.Errorf("GET %s: %d, %v", path, status, err)
		}
	}
	if err := sim.Inject(merakisim.Fault{Kind: merakisim.FaultReset}); err != nil { // also of what net/http repeats
		t.Fatal(err)
	}
	if status, err := ask("/api/v1" + vpnPath); err == nil {
		t.Errorf("a reset connection answered %d", status)
	}
	client.CloseIdleConnections()
	cancel()
	serving.Wait()
	if served != nil {
		t.Errorf("Serve() = %v, want nil at the end of its context", served)
	}
	if err := sim.Serve(t.Context(), ln, cert); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve() = %v, want a closed listener", err)
	}
}
