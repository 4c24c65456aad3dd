package azuresim_test

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"hopguard/internal/azuresim"
)

// What the fabric, the ports and Compute say of the troubles of a guest.
func TestTroublesOfAGuest(t *testing.T) {
	tests := []struct {
		name   string
		do     func(s *azuresim.Sim) error
		reason string // why a workload's packets to a branch are lost
		dial   bool   // its port answers
		alive  bool
	}{
		{"nothing", func(*azuresim.Sim) error { return nil }, "", true, true},
		{"hang", func(s *azuresim.Sim) error { return s.Hang("vmx-a") }, "NVA hung", false, false},
		{"panic", func(s *azuresim.Sim) error { return s.Panic("vmx-a") }, "NVA panicked", false, false},
		{"hang-and-panic", func(s *azuresim.Sim) error { return errors.Join(s.Hang("vmx-a"), s.Panic("vmx-a")) }, "NVA panicked", false, false},
		{"firmware", func(s *azuresim.Sim) error { return s.Reboot("vmx-a", time.Minute) }, "NVA boots", false, false},
		{"does-not-forward", func(s *azuresim.Sim) error { return s.SetForwarding("vmx-a", false) }, "NVA does not forward", true, true},
		{"no-tunnel", func(s *azuresim.Sim) error { return s.SetTunnel("vmx-a", false) }, "NVA's tunnel is down", true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *azuresim.Sim) {
				do(t, tt.do(s))
				if h := forward(t, s, nic1, behindBoth); h.Delivered != (tt.reason == "") || h.Reason != tt.reason {
					t.Errorf("Forward() = %+v, want reason %q", h, tt.reason)
				}
				if _, err := get(t, s, "http://10.1.0.4/", 5*time.Second); (err == nil) != tt.dial {
					t.Errorf("its port: %v, want an answer: %v", err, tt.dial)
				}
				if got := powerOf(t, s, vmxA); got != "running" {
					t.Errorf("instance view: %s, want running", got)
				}
				machines := s.Machines()
				i := slices.IndexFunc(machines, func(m azuresim.Machine) bool { return m.ID == vmxA })
				if m := machines[i]; m.Alive != tt.alive || m.Works != (tt.reason == "") || m.Reason != tt.reason {
					t.Errorf("Machines() = %+v, want alive %v and reason %q", m, tt.alive, tt.reason)
				}
				do(t, s.Close())
			})
		})
	}
}

func TestWithoutTunnelsNetworksOfAzureAreStillReached(t *testing.T) {
	w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{})
	w.RouteTables[0].Routes = append(w.RouteTables[0].Routes, azuresim.Route{
		Name: "to-spoke-2", AddressPrefix: "10.11.0.0/16", NextHopType: "VirtualAppliance", NextHopIPAddress: "10.1.0.4",
	})
	inWorld(t, w, func(t *testing.T, s *azuresim.Sim) {
		do(t, s.SetTunnel("vmx-a", false))
		if h := forward(t, s, nic1, "10.11.0.4"); !h.Delivered {
			t.Errorf("to another spoke: %+v", h)
		}
		if _, err := pinged(t, s, "10.11.0.4", app1); err != nil {
			t.Errorf("ping of another spoke: %v", err)
		}
		do(t, s.PowerOff("app-2"))
		if _, err := pinged(t, s, "10.11.0.4", app1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ping of another spoke that is off: %v", err)
		}
	})
}

func TestAnApplianceGetsNoPacketsWithoutIPForwarding(t *testing.T) {
	w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{})
	w.VirtualMachines[0].NICs[0].EnableIPForwarding = false
	inWorld(t, w, func(t *testing.T, s *azuresim.Sim) {
		silent(t, s, "IP forwarding is off", behindVMXA)
		answers(t, s, "IP forwarding is off", "10.1.0.4")
	})
}

func TestARestartMendsTheGuestAndNothingElse(t *testing.T) {
	restarts := map[string]func(t *testing.T, s *azuresim.Sim){
		"reboot":     func(t *testing.T, s *azuresim.Sim) { do(t, s.Reboot("vmx-a", 0)) },
		"off-and-on": func(t *testing.T, s *azuresim.Sim) { do(t, s.PowerOff("vmx-a"), s.PowerOn("vmx-a")) },
		"ARM-restarts": func(t *testing.T, s *azuresim.Sim) {
			call(t, s, "POST", vmxA+"/restart"+computeAPI, "").want(t, 202, "")
		},
	}
	for name, restart := range restarts {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *azuresim.Sim) {
				do(t, s.Hang("vmx-a"), s.Panic("vmx-a"), s.SetForwarding("vmx-a", false), s.SetTunnel("vmx-a", false),
					s.SetLink("vmx-a", azuresim.Link{Delay: time.Second}))
				do(t, s.Unhang("vmx-a"))
				silent(t, s, "a panic is no hang", "10.1.0.4")
				restart(t, s)
				time.Sleep(30 * time.Second)
				if took, err := pinged(t, s, "10.1.0.4", ""); err != nil || took < time.Second {
					t.Errorf("%v, %v, want a late reply", took, err)
				}
				if h := forward(t, s, nic1, behindBoth); h.Reason != "NVA's tunnel is down" {
					t.Errorf("Forward() = %+v, want no tunnel", h)
				}
				do(t, s.SetTunnel("vmx-a", true))
				if h := forward(t, s, nic1, behindBoth); !h.Delivered {
					t.Errorf("Forward() = %+v", h)
				}
			})
		})
	}
}

// The VM agent is a program of the guest; that of a workload is seen to be silent.
func TestTheAgentIsSilentInAPanic(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		agent := func() string {
			vm := strings.Replace(nic1, "Microsoft.Network/networkInterfaces/nic-app-1", "Microsoft.Compute/virtualMachines/app-1", 1)
			view := call(t, s, "GET", vm+"/instanceView"+computeAPI, "")
			if got := power(dig(view.body, "statuses")); got != "running" {
				t.Errorf("power state %s, want running", got)
			}
			return view.text("vmAgent", "statuses", "0", "displayStatus")
		}
		if got := agent(); got != "Ready" {
			t.Errorf("agent %q, want Ready", got)
		}
		do(t, s.Panic("app-1"))
		if got := agent(); got != "Not Ready" {
			t.Errorf("agent %q, want Not Ready", got)
		}
	})
}

func TestTroublesOfTheObserver(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		s.SetObserver(azuresim.Observer{DNSBroken: true})
		answers(t, s, "no names", "10.1.0.4")
		if _, err := get(t, s, "http://10.1.0.4/", 5*time.Second); err != nil {
			t.Errorf("no names, by address: %v", err)
		}
		_, err := get(t, s, "http://vmx-a.example/", 5*time.Second)
		if dns, ok := errors.AsType[*net.DNSError](err); !ok || dns.Name != "vmx-a.example" || dns.IsNotFound {
			t.Errorf("no names, by name: %v", err)
		}
		s.SetObserver(azuresim.Observer{CutOff: true})
		silent(t, s, "cut off", "10.1.0.4", "10.2.0.4", behindVMXA)
		if _, err := pinged(t, s, "10.2.0.4", app1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cut off, with a source: %v", err)
		}
		if _, err := get(t, s, "http://10.1.0.4/", 5*time.Second); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cut off, by address: %v", err)
		}
		for _, limit := range []time.Duration{5 * time.Second, 20 * time.Second} {
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			_, err = s.DialContext(ctx, "tcp", "vmx-a.example:80")
			cancel()
			if dns, ok := errors.AsType[*net.DNSError](err); !ok || !dns.IsTimeout || time.Since(start) > limit || time.Since(start) < 5*time.Second {
				t.Errorf("cut off, by name: %v after %v", err, time.Since(start))
			}
		}
		if got := powerOf(t, s, vmxA); got != "running" {
			t.Errorf("cut off, ARM: %s", got)
		}
		if h := forward(t, s, nic1, behindBoth); !h.Delivered {
			t.Errorf("the observer is cut off, not the workload: %+v", h)
		}
		s.SetObserver(azuresim.Observer{})
		answers(t, s, "mended", "10.1.0.4", behindVMXA)
		if got, err := get(t, s, "http://vmx-a.example/", 5*time.Second); err != nil || got != "200 OK ok vmx-a\n" {
			t.Errorf("mended, by name: %q, %v", got, err)
		}
		do(t, s.Close())
	})
}

// A connection that is open when trouble comes meets it too.
func TestAnOpenConnectionMeetsTrouble(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		conn, err := s.DialContext(t.Context(), "tcp", behindVMXA+":80")
		do(t, err)
		do(t, s.SetTunnel("vmx-a", false))
		_, err = conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
		do(t, err, conn.SetReadDeadline(time.Now().Add(time.Minute)))
		if n, err := conn.Read(make([]byte, 100)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d bytes, %v, want silence", n, err)
		}
		do(t, conn.Close(), s.Close())
	})
}

func TestNobodyHasTrouble(t *testing.T) {
	inBubble(t, func(t *testing.T, s *azuresim.Sim) {
		for name, err := range map[string]error{
			"panic": s.Panic("vmx-z"), "reboot": s.Reboot("vmx-z", 0), "forwarding": s.SetForwarding("vmx-z", false),
			"tunnel": s.SetTunnel("vmx-z", false), "link": s.SetLink("vmx-z", azuresim.Link{}), "negative time": s.Reboot("vmx-a", -1),
		} {
			if err == nil {
				t.Errorf("%s must be refused", name)
			}
		}
	})
}

func TestAddressesBehindAreChecked(t *testing.T) {
	for _, behind := range []string{"10.10.0.4", "branch", "172.16.0.0/24"} {
		w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{})
		w.VirtualMachines[0].Behind = []string{behind}
		if _, err := azuresim.New(w, azuresim.Options{}); err == nil || !strings.Contains(err.Error(), behind) {
			t.Errorf("behind %q: %v, want it refused", behind, err)
		}
	}
	w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{})
	w.VirtualMachines[2].Behind = []string{behindVMXA}
	if _, err := azuresim.New(w, azuresim.Options{}); err == nil {
		t.Error("nothing is behind a workload")
	}
}
