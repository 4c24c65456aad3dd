package azuresim_test

import (
	"context"
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"hopguard/internal/azuresim"
)

// The check of package probe takes the simulator's ping in this form.
var _ func(context.Context, netip.Addr, string) (time.Duration, error) = (*azuresim.Sim)(nil).Ping

const (
	app1        = "10.10.0.4"   // a workload, in vmx-a's region
	behindBoth  = "172.16.0.10" // a branch, to which routes lead
	behindVMXA  = "172.31.1.10"
	behindVMXB  = "172.31.2.10"
	nobody      = "10.1.0.99"
	usualAnswer = 20 * time.Millisecond // of the default profile
)

// pinged pings with 5 s of patience.
func pinged(t *testing.T, s *azuresim.Sim, target, source string) (time.Duration, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	start := time.Now()
	took, err := s.Ping(ctx, netip.MustParseAddr(target), source)
	switch spent := time.Since(start); {
	case err == nil && took != spent:
		t.Errorf("ping %s: says that it took %v, but it took %v", target, took, spent)
	case errors.Is(err, context.DeadlineExceeded) && spent != 5*time.Second:
		t.Errorf("ping %s: silent for %v, want until the end", target, spent)
	default:
	}
	return took, err
}

func answers(t *testing.T, s *azuresim.Sim, when string, targets ...string) {
	t.Helper()
	for _, target := range targets {
		if took, err := pinged(t, s, target, ""); err != nil || took != usualAnswer {
			t.Errorf("%s: ping %s: %v after %v, want a reply", when, target, err, took)
		}
	}
}

func silent(t *testing.T, s *azuresim.Sim, when string, targets ...string) {
	t.Helper()
	for _, target := range targets {
		if _, err := pinged(t, s, target, ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: ping %s: %v, want silence", when, target, err)
		}
	}
}

func do(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestPing(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		answers(t, s, "all well", "10.1.0.4", "10.2.0.4", app1, behindBoth, behindVMXA, behindVMXB, "::ffff:10.1.0.4")
		silent(t, s, "nobody has it", nobody, "192.0.2.1", "172.16.0.11")
	})
}

func TestPingOfATroubledMachine(t *testing.T) {
	tests := []struct {
		name    string
		do      func(s *azuresim.Sim) error
		itself  bool // answers still
		through bool // what is behind it answers still
		undo    func(s *azuresim.Sim) error
		wait    time.Duration // until all is well again
	}{
		{"ports-refuse", func(s *azuresim.Sim) error { return s.SetPort("vmx-a", azuresim.PortRefused) }, true, true, func(s *azuresim.Sim) error { return s.SetPort("vmx-a", azuresim.PortOpen) }, 0},
		{"program-hangs", func(s *azuresim.Sim) error { return s.SetPort("vmx-a", azuresim.PortHang) }, true, true, func(s *azuresim.Sim) error { return s.SetPort("vmx-a", azuresim.PortOpen) }, 0},
		{"guest-hangs", func(s *azuresim.Sim) error { return s.Hang("vmx-a") }, true, false, func(s *azuresim.Sim) error { return s.Unhang("vmx-a") }, 0},
		{"panic", func(s *azuresim.Sim) error { return s.Panic("vmx-a") }, false, false, func(s *azuresim.Sim) error { return s.Reboot("vmx-a", 0) }, 5 * time.Second},
		{"off", func(s *azuresim.Sim) error { return s.PowerOff("vmx-a") }, false, false, func(s *azuresim.Sim) error { return s.PowerOn("vmx-a") }, 5 * time.Second},
		{"deallocated", func(s *azuresim.Sim) error { return s.Deallocate("vmx-a") }, false, false, func(s *azuresim.Sim) error { return s.PowerOn("vmx-a") }, 5 * time.Second},
		{"firmware", func(s *azuresim.Sim) error { return s.Reboot("vmx-a", 3*time.Minute) }, false, false, func(*azuresim.Sim) error { return nil }, 3 * time.Minute},
		{"does-not-forward", func(s *azuresim.Sim) error { return s.SetForwarding("vmx-a", false) }, true, false, func(s *azuresim.Sim) error { return s.SetForwarding("vmx-a", true) }, 0},
		{"no-tunnel", func(s *azuresim.Sim) error { return s.SetTunnel("vmx-a", false) }, true, false, func(s *azuresim.Sim) error { return s.SetTunnel("vmx-a", true) }, 0},
		{"region-gone", func(s *azuresim.Sim) error { s.SetOutage("westeurope", true); return nil }, false, false, func(s *azuresim.Sim) error { s.SetOutage("westeurope", false); return nil }, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *azuresim.Sim) {
				do(t, tt.do(s))
				for target, want := range map[string]bool{"10.1.0.4": tt.itself, behindVMXA: tt.through} {
					if want {
						answers(t, s, "troubled", target)
					} else {
						silent(t, s, "troubled", target)
					}
				}
				answers(t, s, "the other one is well", "10.2.0.4", behindVMXB, behindBoth)
				do(t, tt.undo(s))
				time.Sleep(tt.wait)
				answers(t, s, "mended", "10.1.0.4", behindVMXA)
			})
		})
	}
}

func TestPingFromAWorkloadGoesByItsRoutes(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		expect := func(when, target string, want bool) {
			t.Helper()
			if _, err := pinged(t, s, target, app1); (err == nil) != want {
				t.Errorf("%s: ping %s from %s: %v, want a reply: %v", when, target, app1, err, want)
			}
		}
		expect("its routes lead to vmx-a", behindBoth, true)
		expect("a peer", "10.2.0.4", true)
		expect("no route leads there", behindVMXA, false)
		do(t, s.Hang("vmx-a"))
		expect("vmx-a hangs", behindBoth, false)
		expect("its kernel does not", "10.1.0.4", true)
		do(t, s.Unhang("vmx-a"), s.SetTunnel("vmx-a", false))
		expect("vmx-a has no tunnel", behindBoth, false)
		do(t, s.SetTunnel("vmx-a", true), s.SetForwarding("vmx-a", false))
		expect("vmx-a does not forward", behindBoth, false)
		call(t, s, "PUT", rt1+netAPI, moved(t, s, rt1, "10.2.0.4")).want(t, 200, "")
		time.Sleep(10 * time.Second)
		expect("its routes lead to vmx-b", behindBoth, true)
		do(t, s.PowerOff("app-1"))
		expect("the source is off", behindBoth, false)
		if _, err := pinged(t, s, behindBoth, nobody); !errors.Is(err, syscall.EADDRNOTAVAIL) {
			t.Errorf("from an address that the observer has not: %v", err)
		}
		if _, err := pinged(t, s, behindBoth, "eth0"); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("from no address: %v", err)
		}
	})
}

func TestPingOfIPv6(t *testing.T) {
	w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{IPv6: true})
	inWorld(t, w, func(t *testing.T, s *azuresim.Sim) {
		answers(t, s, "all well", "fd00:1::4", "fd00:8000::10", "fd00:9001::10", "fd00:9002::10")
		if _, err := pinged(t, s, "fd00:8000::10", "fd00:1000::4"); err != nil {
			t.Errorf("from a workload: %v", err)
		}
		if _, err := pinged(t, s, "fd00:8000::10", app1); !errors.Is(err, syscall.EAFNOSUPPORT) {
			t.Errorf("from another family: %v", err)
		}
	})
}

func TestPingEndsWithItsContextAndWithTheWorld(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		for _, target := range []string{"10.1.0.4", nobody} {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := s.Ping(ctx, netip.MustParseAddr(target), ""); err == nil || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a cancelled ping of %s: %v", target, err)
			}
		}
		time.AfterFunc(time.Hour, func() { _ = s.Close() })
		start := time.Now()
		if _, err := s.Ping(t.Context(), netip.MustParseAddr(nobody), ""); err == nil || time.Since(start) != time.Hour {
			t.Errorf("%v after %v, want it to last until the world is closed", err, time.Since(start))
		}
	})
}

func TestDialingThroughAnAppliance(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		ok := func(when, url string) {
			t.Helper()
			if got, err := get(t, s, url, 5*time.Second); err != nil || got != "200 OK ok "+behindVMXA+"\n" {
				t.Errorf("%s: %q, %v", when, got, err)
			}
		}
		ok("all well", "http://"+behindVMXA+"/")
		if _, err := get(t, s, "http://"+behindVMXA+":8080/", 5*time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a closed port: %v", err)
		}
		do(t, s.SetTunnel("vmx-a", false))
		if _, err := get(t, s, "http://"+behindVMXA+"/", 5*time.Second); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("no tunnel: %v", err)
		}
		if got, err := get(t, s, "http://10.1.0.4/", 5*time.Second); err != nil || got != "200 OK ok vmx-a\n" {
			t.Errorf("no tunnel, on itself: %q, %v", got, err)
		}
		do(t, s.SetTunnel("vmx-a", true))
		ok("mended", "http://"+behindVMXA+"/")
		do(t, s.Close())
	})
}
