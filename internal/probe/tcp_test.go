package probe_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/probe"
)

// dialer returns a DialFunc with one answer, and checks what it is asked.
func dialer(t *testing.T, want string, conn net.Conn, err error) probe.DialFunc {
	t.Helper()
	return func(_ context.Context, network, address string) (net.Conn, error) {
		if network != "tcp" || address != want {
			t.Errorf("dialed %s %s, want tcp %s", network, address, want)
		}
		return conn, err
	}
}

// silentDrop is a dialer whose packets vanish.
func silentDrop(ctx context.Context, _, _ string) (net.Conn, error) {
	<-ctx.Done()
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
}

// known is an AddressFunc with one address.
func known(addr string) probe.AddressFunc {
	return func(name appliance.MemberName) (netip.Addr, bool) { return netip.MustParseAddr(addr), name == "a" }
}

// once makes one check of member a with a timeout of 2 s: for bubbles, and for
// dialers that answer at once.
func once(ctx context.Context, q probe.Question) appliance.Observation {
	return within(ctx, 2*time.Second, q)
}

// really makes one check of member a over real sockets, which may be slow on a
// busy machine.
func really(t *testing.T, q probe.Question) appliance.Observation {
	t.Helper()
	return within(t.Context(), time.Minute, q)
}

func within(ctx context.Context, timeout time.Duration, q probe.Question) appliance.Observation {
	set := probe.Set{Members: members("a"), Checks: []probe.Check{{Name: "c", Timeout: timeout, Question: q}}}
	return set.Probe(ctx, []string{"c"})[0]
}

// wantSeen compares an observation, the evidence by a part of it.
func wantSeen(t *testing.T, got appliance.Observation, outcome appliance.Outcome, part string) {
	t.Helper()
	if got.Outcome != outcome || !strings.Contains(got.Evidence, part) {
		t.Errorf("Probe() = %s, %q, want %s, ...%s...", got.Outcome, got.Evidence, outcome, part)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // a test may have closed it
	return l
}

func shut(t *testing.T, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Errorf("Close() = %v, want no error", err)
	}
}

func errno(e syscall.Errno) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", e)}
}

func TestTCPOutcomes(t *testing.T) {
	tests := []struct {
		name    string
		err     error
		outcome appliance.Outcome
		part    string
	}{
		{"refused", errno(syscall.ECONNREFUSED), appliance.Fail, "10.1.0.4:443: connection refused"},
		{"reset", errno(syscall.ECONNRESET), appliance.Fail, "connection reset by peer"},
		{"kernel-timeout", errno(syscall.ETIMEDOUT), appliance.Fail, "connection timed out"},
		{"no-route-to-host", errno(syscall.EHOSTUNREACH), appliance.Fail, "no route to host"},
		{"network-unreachable", errno(syscall.ENETUNREACH), appliance.Unknown, "network is unreachable"},
		{"no-local-address", errno(syscall.EADDRNOTAVAIL), appliance.Unknown, "not asked: dial tcp: connect: cannot assign requested address"},
		{"no-free-port", errno(syscall.EADDRINUSE), appliance.Unknown, "not asked"},
		{"too-many-open-files", errno(syscall.EMFILE), appliance.Unknown, "too many open files"},
		{"file-table-full", errno(syscall.ENFILE), appliance.Unknown, "not asked"},
		{"not-permitted", errno(syscall.EPERM), appliance.Unknown, "operation not permitted"},
		{"access-denied", errno(syscall.EACCES), appliance.Unknown, "permission denied"},
		{"own-network-down", errno(syscall.ENETDOWN), appliance.Unknown, "network is down"},
		{"name-not-found", &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "vmx", IsNotFound: true}}, appliance.Unknown, `the name "vmx" was not resolved: no such host`},
		{"resolver-refuses", &net.OpError{Op: "dial", Err: &net.DNSError{Err: "refused", Name: "vmx", UnwrapErr: errno(syscall.ECONNREFUSED)}}, appliance.Unknown, "was not resolved: refused"},
		{"resolver-is-silent", &net.OpError{Op: "dial", Err: &net.DNSError{Err: "i/o timeout", Name: "vmx", IsTimeout: true}}, appliance.Unknown, "was not resolved: i/o timeout"},
		{"something-new", errors.New("quantum noise"), appliance.Unknown, "not asked: quantum noise"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := once(t.Context(), probe.TCP{Port: 443, Address: known("10.1.0.4"), Dial: dialer(t, "10.1.0.4:443", nil, test.err)})
			wantSeen(t, got, test.outcome, test.part)
		})
	}
}

func TestTCPTargets(t *testing.T) {
	tests := []struct {
		name   string
		tcp    probe.TCP
		dialed string
	}{
		{"target-before-port", probe.TCP{Targets: map[appliance.MemberName]string{"a": "vmx-a.example:22"}, Port: 443}, "vmx-a.example:22"},
		{"port-on-ipv4", probe.TCP{Port: 443, Address: known("10.1.0.4")}, "10.1.0.4:443"},
		{"port-on-ipv6", probe.TCP{Port: 443, Address: known("fd00::4")}, "[fd00::4]:443"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			test.tcp.Dial = dialer(t, test.dialed, ours, nil)
			wantSeen(t, once(t.Context(), test.tcp), appliance.Pass, test.dialed+": connected")
			if n, err := theirs.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("the other end read %d bytes, %v, want the connection closed without a byte", n, err)
			}
		})
	}
}

func TestTCPWithoutATarget(t *testing.T) {
	dial := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("was dialed") }
	unknown := func(appliance.MemberName) (netip.Addr, bool) { return netip.Addr{}, false }
	invalid := func(appliance.MemberName) (netip.Addr, bool) { return netip.Addr{}, true }
	tests := []struct {
		name string
		tcp  probe.TCP
		part string
	}{
		{"no-port", probe.TCP{Address: known("10.1.0.4")}, "not asked: neither a target nor a port is configured for a"},
		{"address-not-known-yet", probe.TCP{Port: 1, Address: unknown}, "not asked: no next-hop address of a is known yet"},
		{"address-invalid", probe.TCP{Port: 1, Address: invalid}, "not asked: no next-hop address of a is known yet"},
		{"no-addresses-at-all", probe.TCP{Port: 1}, "not asked: no next-hop address of a is known yet"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.tcp.Dial = dial
			wantSeen(t, once(t.Context(), test.tcp), appliance.Unknown, test.part)
		})
	}
}

// D1: a refused connection is an answer, and the answer is no.
func TestD1RefusedIsFail(t *testing.T) {
	l := listen(t)
	address := l.Addr().String()
	shut(t, l)
	got := really(t, probe.TCP{Targets: map[appliance.MemberName]string{"a": address}})
	wantSeen(t, got, appliance.Fail, address+": connection refused")
}

// D1: packets that vanish are a fail after the timeout, not before and not later.
func TestD1SilentDropIsFailAfterTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := once(t.Context(), probe.TCP{Port: 443, Address: known("10.1.0.4"), Dial: silentDrop})
		wantSeen(t, got, appliance.Fail, "10.1.0.4:443: no answer within 2s")
		if got.Took != 2*time.Second {
			t.Errorf("Probe() took %s, want 2s", got.Took)
		}
	})
}

// D1: a kernel that accepts for a program that hangs passes this check. The one
// for HTTP fails on the same listener; see TestD1AcceptThenHangFailsHTTP.
func TestD1AcceptThenHangPassesTCP(t *testing.T) {
	l := listen(t) // nobody calls Accept
	got := really(t, probe.TCP{Targets: map[appliance.MemberName]string{"a": l.Addr().String()}})
	wantSeen(t, got, appliance.Pass, "connected")
}

// Only the check's own timeout is a fail; if the caller had no time, nothing is
// known of the member.
func TestTCPCallerWithoutTimeIsUnknown(t *testing.T) {
	atDeadline := func(ctx context.Context, _, _ string) (net.Conn, error) {
		deadline, _ := ctx.Deadline()
		time.Sleep(time.Until(deadline)) // a socket may notice before the context does
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
	}
	tests := []struct {
		name    string
		dial    probe.DialFunc
		limit   time.Duration
		outcome appliance.Outcome
		part    string
	}{
		{"socket-at-the-callers-deadline", atDeadline, time.Second, appliance.Unknown, "ended early: context deadline exceeded"},
		{"context-at-the-callers-deadline", silentDrop, time.Second, appliance.Unknown, "ended early: context deadline exceeded"},
		{"socket-at-its-own-deadline", atDeadline, time.Minute, appliance.Fail, "no answer within 2s"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), test.limit)
				defer cancel()
				wantSeen(t, once(ctx, probe.TCP{Port: 443, Address: known("10.1.0.4"), Dial: test.dial}), test.outcome, test.part)
			})
		})
	}
}

func TestTCPMalformedTargetIsUnknown(t *testing.T) {
	for _, target := range []string{"10.1.0.4", "127.0.0.1:99999"} {
		got := really(t, probe.TCP{Targets: map[appliance.MemberName]string{"a": target}})
		wantSeen(t, got, appliance.Unknown, fmt.Sprint(target, ": not asked"))
	}
}
