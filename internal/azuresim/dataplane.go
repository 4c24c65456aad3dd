package azuresim

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// connections are the open ends and the waiting dials of the data plane; Close ends them.
type connections struct {
	mu      sync.Mutex
	wg      sync.WaitGroup
	open    map[net.Conn]bool
	waiting map[*context.CancelFunc]bool
}

func newConnections() *connections {
	return &connections{open: map[net.Conn]bool{}, waiting: map[*context.CancelFunc]bool{}}
}

// dialing gives a context that Close ends too; forget must be called.
func (c *connections) dialing(ctx context.Context) (_ context.Context, forget func()) {
	ctx, cancel := context.WithCancel(ctx)
	key := &cancel
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting[key] = true
	return ctx, func() {
		cancel()
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.waiting, key)
	}
}

// serve runs the far end of a connection until either side closes it.
func (c *connections) serve(conn net.Conn, run func(net.Conn)) {
	c.mu.Lock()
	c.open[conn] = true
	c.mu.Unlock()
	c.wg.Go(func() {
		run(conn)
		_ = conn.Close() // an end of a pipe: closing cannot fail
		c.mu.Lock()
		delete(c.open, conn)
		c.mu.Unlock()
	})
}

// Close ends the connections that DialContext has made, and the dials that still wait, and waits for the connections' far ends.
// Listeners end with their contexts. A bubble in which net/http dials should end with it: http.Transport lets a dial outlive the
// request that wanted it, and a dial to a dead machine waits for long.
func (s *Sim) Close() error {
	s.conns.mu.Lock()
	for cancel := range s.conns.waiting {
		(*cancel)()
	}
	for conn := range s.conns.open {
		_ = conn.Close()
	}
	s.conns.mu.Unlock()
	s.conns.wg.Wait()
	return nil
}

// maxSilence is when nobody waits any longer.
const maxSilence = 127 * time.Second

// dialTimeoutError is the error of a dialer whose context's deadline has passed, as package net has it.
type dialTimeoutError struct{}

func (dialTimeoutError) Error() string        { return "i/o timeout" }
func (dialTimeoutError) Timeout() bool        { return true }
func (dialTimeoutError) Temporary() bool      { return true }
func (dialTimeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// reception is what a TCP connection attempt meets.
type reception int

const (
	receivedSilence reception = iota
	receivedRefusal
	receivedOpen
	receivedHang
)

func (s *Sim) reception(r *resource, port int, now time.Time) reception {
	if ok, _ := s.alive(r, now); !ok {
		return receivedSilence
	}
	if !slices.Contains(r.vm.ports, port) {
		return receivedRefusal
	}
	switch r.vm.port {
	case PortOpen:
		return receivedOpen
	case PortRefused:
		return receivedRefusal
	case PortHang:
		return receivedHang
	case PortSilent:
		return receivedSilence
	default:
		panic("azuresim: port mode " + string(r.vm.port))
	}
}

// DialContext is the data plane for probes, in the form of net.Dialer's: a machine that works answers HTTP 200 on its open ports and
// refuses others with ECONNREFUSED; one that is off, hangs, boots or has panicked is silent until ctx ends (or 127 s have passed, with
// the repetitions that Linux makes). Addresses behind an appliance answer on ports 80 and 443, through it. The far end of a
// connection answers one request and closes. The observer has a way to every machine and through every appliance, unless SetObserver
// says otherwise.
func (s *Sim) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	fail := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: dialAddr{network, addr}, Err: err}
	}
	if !strings.HasPrefix(network, "tcp") {
		return fail(net.UnknownNetworkError(network))
	}
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return fail(err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return fail(&net.AddrError{Err: "unknown port", Addr: addr})
	}
	ctx, forget := s.conns.dialing(ctx)
	defer forget()
	if err := sleep(ctx, s.profile.RequestLatency); err != nil {
		return fail(dialError(err))
	}
	dst, err := s.resolve(ctx, host)
	if err != nil {
		return fail(err)
	}
	for try := range synTries {
		switch got, delay := s.meet(dst, port); got {
		case receivedRefusal, receivedOpen, receivedHang:
			if err := sleep(ctx, delay); err != nil {
				return fail(dialError(err))
			}
			if got == receivedRefusal {
				return fail(syscall.ECONNREFUSED)
			}
			near, far := net.Pipe()
			s.conns.serve(far, func(conn net.Conn) { s.respond(conn, func() answer { return s.answerAt(dst, port) }) })
			return near, nil
		case receivedSilence:
			if err := sleep(ctx, time.Second<<try); err != nil {
				return fail(dialError(err))
			}
		default:
			panic(fmt.Sprintf("azuresim: reception %d", got))
		}
	}
	return fail(syscall.ETIMEDOUT)
}

// synTries is how often Linux asks for a connection, after 1, 2, 4 ... seconds each; it gives up after 127 s.
const synTries = 7

// meet is what one attempt to connect meets, and how much longer than usual its answer takes.
func (s *Sim) meet(dst netip.Addr, port int) (got reception, delay time.Duration) {
	now := s.enter()
	defer s.mu.Unlock()
	w := s.way(netip.Addr{}, dst, now)
	lost, delay := w.lost()
	if lost {
		return receivedSilence, 0
	}
	return s.receptionAt(w, port, now), delay
}

// resolve finds the address of a host.
func (s *Sim) resolve(ctx context.Context, host string) (netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap(), nil
	}
	switch o := s.Observer(); {
	case o.CutOff:
		if err := sleep(ctx, maxLookup); err != nil {
			return netip.Addr{}, &net.DNSError{UnwrapErr: err, Err: dialError(err).Error(), Name: host, IsTimeout: errors.Is(err, context.DeadlineExceeded)}
		}
		return netip.Addr{}, &net.DNSError{Err: "i/o timeout", Name: host, IsTimeout: true, IsTemporary: true}
	case o.DNSBroken:
		return netip.Addr{}, &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}
	}
	s.enter()
	defer s.mu.Unlock()
	if r := s.machineAt(host); r != nil {
		if nic := s.primaryNIC(r); nic != nil {
			return nic.nic.configs[0].addr, nil
		}
	}
	return netip.Addr{}, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// maxLookup is when the resolver of a program gives up: two tries of 5 s.
const maxLookup = 10 * time.Second

// dialError turns a context's end into the error of package net.
func dialError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return dialTimeoutError{}
	}
	return errors.New("operation was canceled")
}

// dialAddr is the address in a dial error.
type dialAddr struct{ network, addr string }

func (a dialAddr) Network() string { return a.network }
func (a dialAddr) String() string  { return a.addr }

// answer is what a request meets on a connection.
type answer struct {
	given bool
	name  string        // who answers
	late  time.Duration // how much longer than usual it takes
}

// respond answers one HTTP request, if there is an answer when it comes; else it reads and says nothing until the other side gives up.
func (s *Sim) respond(conn net.Conn, ask func() answer) {
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	a := ask()
	if !a.given {
		_, _ = io.Copy(io.Discard, conn) // ends when the client does
		return
	}
	if a.late > 0 {
		if err := conn.SetReadDeadline(time.Now().Add(a.late)); err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, conn); !errors.Is(err, os.ErrDeadlineExceeded) {
			return // the client did not wait
		}
	}
	body := "ok " + a.name + "\n"
	proto := cmp.Or(req.Proto, "HTTP/1.1")
	_, _ = fmt.Fprintf(conn, "%s 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", proto, len(body), body)
}

// answerAt is the answer of an address and port.
func (s *Sim) answerAt(dst netip.Addr, port int) answer {
	now := s.enter()
	defer s.mu.Unlock()
	w := s.way(netip.Addr{}, dst, now)
	name := dst.String()
	if w.host != nil {
		name = w.host.name
	}
	return s.answer(w, port, name, now)
}

// answerOf is the answer of a machine's port.
func (s *Sim) answerOf(r *resource, port int) answer {
	now := s.enter()
	defer s.mu.Unlock()
	return s.answer(way{host: r, open: !s.observer.CutOff}, port, r.name, now)
}

func (s *Sim) answer(w way, port int, name string, now time.Time) answer {
	return answer{given: s.receptionAt(w, port, now) == receivedOpen, name: name, late: w.repeated()}
}

// repeated is how much longer than usual a packet on an open connection takes until it is answered, with its repetitions. A way that
// loses everything loses this too.
func (w way) repeated() time.Duration {
	var late time.Duration
	for wait := firstRepetition; ; wait *= 2 {
		lost, delay := w.lost()
		if !lost {
			return late + delay
		}
		if late += wait; late > maxSilence {
			return late
		}
	}
}

// firstRepetition is when Linux sends again what is not acknowledged on an open connection, at the least.
const firstRepetition = 200 * time.Millisecond
