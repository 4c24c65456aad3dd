package azuresim

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// gateInterval is how soon a real port follows a change that only time has brought (the end of a power action). Changes by the
// methods of Sim are followed before the method returns.
const gateInterval = 20 * time.Millisecond

// gate is a real TCP port on the loopback interface that behaves as an appliance's first open port does: it answers, refuses (nobody
// listens), accepts and hangs, or is silent (the kernel drops the handshake because the queue is full).
type gate struct {
	s    *Sim
	vm   *resource
	port int
	addr netip.AddrPort
	bind func(addr string) (net.Listener, error) // until ExposePorts' context ends
	dial func(addr string) (net.Conn, error)     // as long as the kernel needs to answer a handshake

	mu        sync.Mutex
	ln        *net.TCPListener
	accepting bool
	accept    sync.WaitGroup // the accept loop
	fillers   []net.Conn     // fill the queue while silent
	silent    bool
	closed    bool
}

// ExposePorts opens one loopback TCP port per appliance and gives their addresses by the machines' ids. They follow the simulation
// until ctx ends; wait returns when all of them are closed.
func (s *Sim) ExposePorts(ctx context.Context) (addrs map[string]netip.AddrPort, wait func(), err error) {
	bind := func(addr string) (net.Listener, error) { return new(net.ListenConfig).Listen(ctx, "tcp", addr) }
	dial := func(addr string) (net.Conn, error) {
		return (&net.Dialer{Timeout: 50 * time.Millisecond}).DialContext(ctx, "tcp", addr)
	}
	var gates []*gate
	s.enter()
	for _, r := range s.all(s.kinds[lower(typeVM)], "") {
		if !r.gone && r.vm.appliance && len(r.vm.ports) > 0 {
			gates = append(gates, &gate{s: s, vm: r, port: r.vm.ports[0], bind: bind, dial: dial})
		}
	}
	s.mu.Unlock()
	addrs = map[string]netip.AddrPort{}
	for _, g := range gates {
		if err := g.listen("127.0.0.1:0"); err != nil {
			for _, open := range gates {
				open.close()
			}
			return nil, nil, fmt.Errorf("azuresim: expose %s: %w", vmName(g.vm), err)
		}
		g.addr = netip.MustParseAddrPort(g.ln.Addr().String())
		addrs[g.vm.id] = g.addr
		g.follow()
	}
	s.setGates(gates)
	var following sync.WaitGroup
	following.Go(func() {
		tick := time.NewTicker(gateInterval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				s.setGates(nil)
				for _, g := range gates {
					g.close()
				}
				return
			case <-tick.C:
				s.followGates()
			}
		}
	})
	return addrs, following.Wait, nil
}

func (s *Sim) setGates(gates []*gate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gates = gates
}

// followGates brings the real ports up to the simulation. The caller does not hold the lock.
func (s *Sim) followGates() {
	s.mu.Lock()
	gates := s.gates
	s.mu.Unlock()
	for _, g := range gates {
		g.follow()
	}
}

func (g *gate) listen(addr string) error {
	ln, err := g.bind(addr)
	if err != nil {
		return err
	}
	g.ln = ln.(*net.TCPListener)
	return nil
}

// follow makes the port behave as the machine does now. A port that cannot be opened is tried again at the next time.
func (g *gate) follow() {
	now := g.s.enter()
	want := g.s.receptionAt(way{host: g.vm, open: !g.s.observer.CutOff}, g.port, now)
	g.s.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	switch want {
	case receivedRefusal:
		g.shut()
	case receivedSilence:
		g.silence()
	default:
		g.open()
	}
}

// open accepts; what a connection then meets is decided when it speaks.
func (g *gate) open() {
	if g.accepting {
		return
	}
	if g.ln == nil && g.listen(g.addr.String()) != nil {
		return
	}
	if g.silent {
		_ = setBacklog(g.ln, 128) // as it was; it worked the other way
		g.silent = false
	}
	g.empty()
	_ = g.ln.SetDeadline(time.Time{})
	ln := g.ln
	g.accepting = true
	g.accept.Go(func() { // until pause
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			g.s.conns.serve(conn, func(conn net.Conn) {
				g.s.respond(conn, func() answer { return g.s.answerOf(g.vm, g.port) })
			})
		}
	})
}

// pause ends the accept loop and waits for it.
func (g *gate) pause() {
	if g.accepting {
		_ = g.ln.SetDeadline(time.Unix(1, 0))
		g.accept.Wait()
		g.accepting = false
	}
}

// shut makes the kernel refuse.
func (g *gate) shut() {
	g.pause()
	g.empty()
	if g.ln != nil {
		_ = g.ln.Close()
		g.ln, g.silent = nil, false
	}
}

// silence makes the kernel drop: nobody accepts, and the queue is as short as can be and full. Where that cannot be done,
// connections are accepted by the kernel and meet nobody.
func (g *gate) silence() {
	if g.silent {
		return
	}
	if g.ln == nil && g.listen(g.addr.String()) != nil {
		return
	}
	g.pause()
	g.silent = true
	if err := setBacklog(g.ln, 0); err != nil {
		return
	}
	const full = 4 // more than a queue of length 0 ever takes
	for range full {
		conn, err := g.dial(g.addr.String())
		if err != nil {
			return // dropped: silent from now on
		}
		g.fillers = append(g.fillers, conn)
	}
}

func (g *gate) empty() {
	for _, c := range g.fillers {
		_ = c.Close()
	}
	g.fillers = nil
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut()
	g.closed = true
}
