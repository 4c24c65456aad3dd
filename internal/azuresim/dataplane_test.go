package azuresim_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"hopguard/internal/azuresim"
)

// get asks an appliance by HTTP through the in-memory data plane.
func get(t *testing.T, s *azuresim.Sim, url string, limit time.Duration) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Transport: &http.Transport{DialContext: s.DialContext}}).Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return res.Status + " " + string(body), err
}

func TestDialing(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		must := func(err error) {
			if err != nil {
				t.Helper()
				t.Fatal(err)
			}
		}
		ok := func(when, url string) {
			t.Helper()
			if got, err := get(t, s, url, 5*time.Second); err != nil || got != "200 OK ok vmx-a\n" {
				t.Errorf("%s: %q, %v", when, got, err)
			}
		}
		silent := func(when string) {
			t.Helper()
			start := time.Now()
			_, err := get(t, s, "http://10.1.0.4/", 5*time.Second)
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 5*time.Second {
				t.Errorf("%s: %v after %v, want silence", when, err, time.Since(start))
			}
		}
		ok("by address", "http://10.1.0.4/")
		ok("by name", "http://vmx-a.example/health")
		if _, err := get(t, s, "http://10.1.0.4:8080/", time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a closed port: %v", err)
		}
		must(s.SetPort("vmx-a", azuresim.PortRefused))
		if _, err := get(t, s, "http://10.1.0.4/", time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("refused: %v", err)
		}
		must(s.SetPort("vmx-a", azuresim.PortSilent))
		silent("silent port")
		must(s.SetPort("vmx-a", azuresim.PortHang))
		conn, err := s.DialContext(t.Context(), "tcp", "10.1.0.4:443")
		must(err)
		must(conn.Close())
		silent("hanging port")
		must(s.SetPort("vmx-a", azuresim.PortOpen))
		must(s.Hang("vmx-a"))
		silent("hung guest")
		must(s.Unhang("vmx-a"))
		must(s.PowerOff("vmx-a"))
		silent("off")
		must(s.PowerOn("vmx-a"))
		silent("booting for the whole time of the dial") // a SYN that is lost is not answered later here
		ok("booted", "http://10.1.0.4/")
		s.SetOutage("westeurope", true)
		silent("region gone")
		s.SetOutage("westeurope", false)
		if err := s.SetPort("vmx-a", "ajar"); err == nil {
			t.Error("an unknown mode must be refused")
		}
		must(s.Close())
	})
}

func TestDialErrorsAreThoseOfPackageNet(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		if err := s.PowerOff("vmx-a"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.DialContext(ctx, "tcp", "10.1.0.4:443")
		if op, ok := errors.AsType[*net.OpError](err); !ok || !op.Timeout() || op.Op != "dial" || op.Error() != "dial tcp 10.1.0.4:443: i/o timeout" {
			t.Errorf("a timeout: %v", err)
		}
		start := time.Now()
		if _, err := s.DialContext(t.Context(), "tcp", "10.1.0.4:443"); !errors.Is(err, syscall.ETIMEDOUT) || time.Since(start) < 2*time.Minute {
			t.Errorf("without a deadline: %v after %v", err, time.Since(start))
		}
		for _, bad := range []string{"10.1.0.4", "10.1.0.4:http", "nowhere.example:80"} {
			if _, err := s.DialContext(t.Context(), "tcp", bad); err == nil {
				t.Errorf("%q must fail", bad)
			}
		}
		if _, err := s.DialContext(t.Context(), "udp", "10.1.0.4:53"); err == nil {
			t.Error("UDP is not modelled")
		}
		if _, err := s.DialContext(ctx, "tcp", "10.77.0.1:80"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nobody's address: %v", err)
		}
	})
}

func TestCloseEndsOpenConnections(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		conn, err := s.DialContext(t.Context(), "tcp", "10.1.0.4:443")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("the connection is still open")
		}
		_ = conn.Close()
	})
}

// TestExposedPorts uses real sockets: an appliance's port answers, refuses, hangs and is silent.
func TestExposedPorts(t *testing.T) {
	s := newSim(t, azuresim.Options{Profile: azuresim.ProfileFast()})
	ctx, cancel := context.WithCancel(t.Context())
	addrs, wait, err := s.ExposePorts(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); wait(); _ = s.Close() }()
	if len(addrs) != 2 {
		t.Fatalf("%d ports, want one for each appliance", len(addrs))
	}
	ask := func() error {
		client := &http.Client{Timeout: 300 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := client.Get("http://" + addrs[vmxA].String())
		if err == nil {
			_ = res.Body.Close()
		}
		return err
	}
	steps := []struct {
		name string
		do   func() error
		want func(err error) bool
	}{
		{"open", func() error { return nil }, func(err error) bool { return err == nil }},
		{"refused", func() error { return s.SetPort(vmxA, azuresim.PortRefused) }, func(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }},
		{"open again", func() error { return s.SetPort(vmxA, azuresim.PortOpen) }, func(err error) bool { return err == nil }},
		{"hang", func() error { return s.SetPort(vmxA, azuresim.PortHang) }, os.IsTimeout},
		{"silent", func() error { return s.PowerOff(vmxA) }, os.IsTimeout},
		{"back", func() error { return errors.Join(s.SetPort(vmxA, azuresim.PortOpen), s.PowerOn(vmxA)) }, func(err error) bool { return err == nil }},
		{"cut off", func() error { s.SetObserver(azuresim.Observer{CutOff: true}); return nil }, os.IsTimeout},
		{"mended", func() error { s.SetObserver(azuresim.Observer{}); return nil }, func(err error) bool { return err == nil }},
		{"late", func() error { return s.SetLink(vmxA, azuresim.Link{Delay: time.Second}) }, os.IsTimeout},
		{"in time", func() error { return s.SetLink(vmxA, azuresim.Link{}) }, func(err error) bool { return err == nil }},
	}
	for _, st := range steps {
		if err := st.do(); err != nil {
			t.Fatal(err)
		}
		if err := ask(); !st.want(err) {
			t.Errorf("%s: %v", st.name, err)
		}
		if st.name == "silent" {
			// Not even the handshake is answered.
			conn, err := net.DialTimeout("tcp", addrs[vmxA].String(), 200*time.Millisecond)
			if err == nil {
				_ = conn.Close()
				t.Error("a dead appliance accepts connections")
			}
		}
	}
}
