package probe_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/probe"
)

// pinger returns a PingFunc with one answer, and checks what it is asked.
func pinger(t *testing.T, target, source string, took time.Duration, err error) probe.PingFunc {
	t.Helper()
	return func(_ context.Context, to netip.Addr, from string) (time.Duration, error) {
		if to.String() != target || from != source {
			t.Errorf("pinged %s from %q, want %s from %q", to, from, target, source)
		}
		return took, err
	}
}

func TestICMPOutcomes(t *testing.T) {
	tests := []struct {
		name    string
		err     error
		outcome appliance.Outcome
		part    string
	}{
		{"reply", nil, appliance.Pass, "ping 10.1.0.4: reply after 1.5ms"},
		{"unreachable", errno(syscall.EHOSTUNREACH), appliance.Fail, "ping 10.1.0.4: no route to host"},
		{"own-network-unreachable", errno(syscall.ENETUNREACH), appliance.Unknown, "ping 10.1.0.4: not asked: "},
		{"not-permitted", os.NewSyscallError("socket", syscall.EPERM), appliance.Unknown, "ping 10.1.0.4: not asked: socket: operation not permitted"},
		{"something-new", errors.New("quantum noise"), appliance.Unknown, "ping 10.1.0.4: not asked: quantum noise"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := once(t.Context(), probe.ICMP{Address: known("10.1.0.4"), Ping: pinger(t, "10.1.0.4", "", 1500*time.Microsecond+1, test.err)})
			wantSeen(t, got, test.outcome, test.part)
		})
	}
}

func TestICMPTargets(t *testing.T) {
	at := func(s string) map[appliance.MemberName]netip.Addr {
		return map[appliance.MemberName]netip.Addr{"a": netip.MustParseAddr(s)}
	}
	from := func(s string) probe.From { return probe.From{Source: netip.MustParseAddr(s)} }
	tests := []struct {
		name           string
		icmp           probe.ICMP
		target, source string // what is pinged; none if target is ""
		part           string
	}{
		{"target-before-address", probe.ICMP{Targets: at("10.9.1.10"), Address: known("10.1.0.4")}, "10.9.1.10", "", "ping 10.9.1.10: reply"},
		{"address", probe.ICMP{Address: known("10.1.0.4")}, "10.1.0.4", "", "ping 10.1.0.4: reply"},
		{"IPv6", probe.ICMP{Address: known("fd00::4")}, "fd00::4", "", "ping fd00::4: reply"},
		{"IPv4-in-IPv6", probe.ICMP{Targets: at("::ffff:10.1.0.4")}, "10.1.0.4", "", "ping 10.1.0.4: reply"},
		{"source", probe.ICMP{Address: known("10.1.0.4"), From: from("10.0.0.9")}, "10.1.0.4", "10.0.0.9", "ping 10.1.0.4 from 10.0.0.9: reply"},
		{"IPv6-source", probe.ICMP{Address: known("fd00::4"), From: from("fd00::9")}, "fd00::4", "fd00::9", "ping fd00::4 from fd00::9: reply"},
		{"IPv4-in-IPv6-source", probe.ICMP{Address: known("10.1.0.4"), From: from("::ffff:10.0.0.9")}, "10.1.0.4", "10.0.0.9", "ping 10.1.0.4 from 10.0.0.9: reply"},
		{"source-of-another-family", probe.ICMP{Address: known("10.1.0.4"), From: from("fd00::9")}, "", "", "not asked: 10.1.0.4 is of another family than the source fd00::9"},
		{"address-not-known", probe.ICMP{Address: func(appliance.MemberName) (netip.Addr, bool) { return netip.Addr{}, false }}, "", "", "not asked: no next-hop address of a is known yet"},
		{"nothing", probe.ICMP{}, "", "", "not asked: no next-hop address of a is known yet"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			outcome := appliance.Pass
			if test.target == "" {
				outcome = appliance.Unknown
			}
			test.icmp.Ping = pinger(t, test.target, test.source, time.Millisecond, nil)
			wantSeen(t, once(t.Context(), test.icmp), outcome, test.part)
		})
	}
}

// D1: silence is a fail after the timeout; a caller who ends it has learned nothing.
func TestD1ICMPSilence(t *testing.T) {
	silent := func(ctx context.Context, _ netip.Addr, _ string) (time.Duration, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	synctest.Test(t, func(t *testing.T) {
		q := probe.ICMP{Address: known("10.1.0.4"), Ping: silent}
		got := once(t.Context(), q)
		wantSeen(t, got, appliance.Fail, "ping 10.1.0.4: no answer within 2s")
		if got.Took != 2*time.Second {
			t.Errorf("Probe() took %s, want 2s", got.Took)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errors.New("shutting down")) })
		wantSeen(t, once(ctx, q), appliance.Unknown, "ping 10.1.0.4: the probe was ended early: shutting down")
		wantSeen(t, once(ctx, q), appliance.Unknown, "ping 10.1.0.4: not asked: no time was left: shutting down")
	})
}

func TestImpossibleSocketPanics(t *testing.T) {
	defer func() {
		if got := fmt.Sprint(recover()); got != "probe: socket 3" {
			t.Errorf("String() panics with %q, want probe: socket 3", got)
		}
	}()
	_ = probe.Socket(3).String()
}
