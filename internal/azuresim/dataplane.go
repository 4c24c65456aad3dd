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

// maxSilence is when Linux gives up a connection that nobody answers.
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

// receive says what a connection to an address and port meets now. An address that nobody has is silent.
func (s *Sim) receive(host string, port int) (vm *resource, got reception) {
	now := s.enter()
	defer s.mu.Unlock()
	r := s.machineAt(host)
	if r == nil {
		return nil, receivedSilence
	}
	return r, s.reception(r, port, now)
}

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

// machineAt finds the machine with an address or a host name; of several with one address an appliance comes first.
func (s *Sim) machineAt(host string) *resource {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		for _, r := range s.all(s.kinds[lower(typeVM)], "") {
			if !r.gone && r.vm.hostname != "" && strings.EqualFold(r.vm.hostname, host) {
				return r
			}
		}
		return nil
	}
	var found *resource
	for _, nic := range s.fabric.addresses[addr.Unmap()] {
		if r := s.lookup(nic.nic.vm); r != nil && (found == nil || r.vm.appliance && !found.vm.appliance) {
			found = r
		}
	}
	return found
}

// DialContext is the data plane for probes, in the form of net.Dialer's: a machine that works answers HTTP 200 on its open ports and
// refuses others with ECONNREFUSED; one that is off, hangs or boots is silent until ctx ends (or 127 s have passed). The far end of a
// connection answers one request and closes. The observer's own path is not modelled: every address is within its reach.
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
	if _, err := netip.ParseAddr(host); err != nil && !s.known(host) {
		return fail(&net.DNSError{Err: "no such host", Name: host, IsNotFound: true})
	}
	ctx, forget := s.conns.dialing(ctx)
	defer forget()
	if err := sleep(ctx, s.profile.RequestLatency); err != nil {
		return fail(dialError(err))
	}
	vm, got := s.receive(host, port)
	switch got {
	case receivedRefusal:
		return fail(syscall.ECONNREFUSED)
	case receivedSilence:
		if err := sleep(ctx, maxSilence); err != nil {
			return fail(dialError(err))
		}
		return fail(syscall.ETIMEDOUT)
	case receivedOpen, receivedHang:
		near, far := net.Pipe()
		s.conns.serve(far, func(conn net.Conn) { s.respond(conn, vm.id, port) })
		return near, nil
	default:
		panic(fmt.Sprintf("azuresim: reception %d", got))
	}
}

func (s *Sim) known(host string) bool {
	s.enter()
	defer s.mu.Unlock()
	return s.machineAt(host) != nil
}

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

// respond answers one HTTP request, if the machine still answers when it comes; else it reads and says nothing until the other side
// gives up.
func (s *Sim) respond(conn net.Conn, vm string, port int) {
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	if !s.answers(vm, port) {
		_, _ = io.Copy(io.Discard, conn) // ends when the client does
		return
	}
	body := "ok " + vm[strings.LastIndexByte(vm, '/')+1:] + "\n"
	proto := cmp.Or(req.Proto, "HTTP/1.1")
	_, _ = fmt.Fprintf(conn, "%s 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", proto, len(body), body)
}

func (s *Sim) answers(vm string, port int) bool {
	now := s.enter()
	defer s.mu.Unlock()
	r := s.lookup(vm)
	return r != nil && r.vm != nil && s.reception(r, port, now) == receivedOpen
}
