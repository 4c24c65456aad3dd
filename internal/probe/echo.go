package probe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"syscall"
	"time"

	probing "github.com/prometheus-community/pro-bing"
)

// Socket is the kind of socket for ICMP.
type Socket int

const (
	// AnySocket is an unprivileged one if the system gives it, or else a raw one.
	AnySocket Socket = iota
	// UnprivilegedSocket needs no right of the process. On Linux, its group must be
	// in net.ipv4.ping_group_range.
	UnprivilegedSocket
	// RawSocket needs the rights of root; on Linux, CAP_NET_RAW.
	RawSocket
)

// String returns the words that the evidence uses.
func (s Socket) String() string {
	switch s {
	case AnySocket:
		return "any socket"
	case UnprivilegedSocket:
		return "an unprivileged socket"
	case RawSocket:
		return "a raw socket"
	default:
		panic("probe: socket " + strconv.Itoa(int(s)))
	}
}

// echo sends one request and waits for its reply. It returns the kind of socket
// that was used, or wanted if none was opened.
func echo(ctx context.Context, target netip.Addr, from From, want Socket) (used Socket, took time.Duration, err error) {
	if want != AnySocket {
		took, _, err = ping(ctx, target, from, want)
		return want, took, err
	}
	took, opened, err := ping(ctx, target, from, UnprivilegedSocket)
	if opened {
		return UnprivilegedSocket, took, err
	}
	took, opened, raw := ping(ctx, target, from, RawSocket)
	if opened {
		return RawSocket, took, raw
	}
	return AnySocket, 0, fmt.Errorf("unprivileged: %w; raw: %w", err, raw)
}

// ping sends one request through a socket of one kind, and reports whether that
// could be opened.
func ping(ctx context.Context, target netip.Addr, from From, kind Socket) (took time.Duration, opened bool, err error) {
	p := probing.New("")
	p.SetIPAddr(&net.IPAddr{IP: target.AsSlice(), Zone: target.Zone()})
	p.SetPrivileged(kind == RawSocket)
	p.Count = 1
	p.Source, p.InterfaceName = from.source(), from.Interface
	p.RecordRtts, p.RecordTTLs = false, false
	// pro-bing takes the time by the wall clock, which may jump.
	var sent time.Time
	replied := false
	p.OnSetup = func() { opened = true }
	p.OnSend = func(*probing.Packet) { sent = time.Now() }
	p.OnRecv = func(*probing.Packet) { took, replied = time.Since(sent), true }
	p.SetLogger(giveUp{})
	err = p.RunWithContext(ctx) // it waits for its goroutines, in which the callbacks run
	if replied {
		return took, true, nil
	}
	if err == nil { // the logger has ended it
		err = fmt.Errorf("send: %w", syscall.EACCES)
	}
	return 0, opened, err
}

// giveUp is a logger for pro-bing, which sends a packet that the observer's routes
// or its firewall forbid (EACCES) again and again without an end, because it takes
// the target for a broadcast address, and says so each time. No member has one, so
// the goroutine that sends is ended there.
type giveUp struct{ probing.NoopLogger }

// Infof is called by the goroutine that sends.
func (giveUp) Infof(string, ...any) { runtime.Goexit() }
