package azuresim

import (
	"context"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// Ping sends one echo request over the data plane and returns how long its reply took. A kernel answers while the programs above it
// hang, while ports are closed, and while it forwards nothing. Everything else is silence until ctx ends: a machine that is off,
// boots or has panicked, an address behind an appliance that does not forward or has no tunnel, an address that nobody has.
//
// source is the address of a NIC in the world, whose packets go where the fabric's routes take them; "" is an observer with a way to
// every machine and through every appliance.
func (s *Sim) Ping(ctx context.Context, target netip.Addr, source string) (time.Duration, error) {
	fail := func(err error) (time.Duration, error) {
		return 0, &net.OpError{Op: "ping", Net: "ip", Addr: dialAddr{"ip", target.String()}, Err: err}
	}
	ctx, forget := s.conns.dialing(ctx)
	defer forget()
	from, err := s.sourceOf(source)
	if err != nil {
		return fail(err)
	}
	if target = target.Unmap(); from.IsValid() && from.Is4() != target.Is4() {
		return fail(syscall.EAFNOSUPPORT)
	}
	start := time.Now()
	if err := sleep(ctx, s.profile.RequestLatency); err != nil {
		return fail(dialError(err))
	}
	answered, delay := s.echo(from, target)
	if !answered {
		<-ctx.Done()
		return fail(dialError(ctx.Err()))
	}
	if err := sleep(ctx, delay); err != nil {
		return fail(dialError(err))
	}
	return time.Since(start), nil
}

// sourceOf reads a source; the zero address is any.
func (s *Sim) sourceOf(text string) (netip.Addr, error) {
	if text == "" {
		return netip.Addr{}, nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}, err
	}
	s.enter()
	defer s.mu.Unlock()
	if addr = addr.Unmap(); len(s.fabric.addresses[addr]) == 0 {
		return netip.Addr{}, os.NewSyscallError("bind", syscall.EADDRNOTAVAIL)
	}
	return addr, nil
}

// echo decides whether an echo request is answered now.
func (s *Sim) echo(source, dst netip.Addr) (answered bool, delay time.Duration) {
	now := s.enter()
	defer s.mu.Unlock()
	if source.IsValid() && len(s.fabric.addresses[source]) == 0 {
		return false, 0 // the NIC has lost its address meanwhile
	}
	w := s.way(source, dst, now)
	if !w.open {
		return false, 0
	}
	if w.host != nil {
		if ok, _ := s.kernel(w.host, now); !ok {
			return false, 0
		}
	}
	lost, delay := w.lost()
	return !lost, delay
}
