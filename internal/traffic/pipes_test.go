package traffic_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a network of in-memory connections, for bubbles. It is a listener and its dialer.
type pipes struct {
	began    time.Time
	incoming chan net.Conn
	closed   chan struct{}
	once     sync.Once

	// silent and refused are when dialing gets no answer, and a refusal.
	silent, refused during
	refusal         error
	// stalled is when the far end reads nothing; broken is when it hangs up.
	stalled, broken during

	mu            sync.Mutex
	dialing, most int
}

// during is a time from the beginning; the zero value is never.
type during struct{ from, until time.Duration }

func (d during) covers(at time.Duration) bool { return at >= d.from && at < d.until }

func newPipes() *pipes {
	return &pipes{began: time.Now(), incoming: make(chan net.Conn), closed: make(chan struct{})}
}

// bubble runs f in virtual time, with a network in it.
func bubble(t *testing.T, f func(t *testing.T, p *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newPipes()) })
}

// pause lets virtual time pass until so long after the beginning.
func (p *pipes) pause(until time.Duration) {
	time.Sleep(until - time.Since(p.began))
	synctest.Wait()
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	p.count(1)
	defer p.count(-1)
	at := time.Since(p.began)
	if p.silent.covers(at) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if p.refused.covers(at) {
		return nil, p.refusal
	}
	near, far := net.Pipe()
	select {
	case p.incoming <- &farEnd{far, p}:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.closed:
		return nil, errors.New("nobody listens")
	}
}

func (p *pipes) count(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialing += n
	p.most = max(p.most, p.dialing)
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.incoming:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return net.TCPAddrFromAddrPort(somewhere()) }

// somewhere is an address that the dialer does not look at.
func somewhere() netip.AddrPort { return netip.MustParseAddrPort("192.0.2.1:80") }

// farEnd is where a connection can stall and break.
type farEnd struct {
	net.Conn
	p *pipes
}

func (f *farEnd) Read(b []byte) (int, error) {
	at := time.Since(f.p.began)
	if f.p.stalled.covers(at) {
		time.Sleep(f.p.stalled.until - at)
	}
	if f.p.broken.covers(at) {
		return 0, errors.New("hung up")
	}
	return f.Conn.Read(b)
}
