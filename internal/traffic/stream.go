package traffic

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"hopguard/internal/outage"
)

// Stream is one long TCP connection to a server of a meter, which moves a little both ways
// all the time. It ends when the kernel gives it up, as for any program.
type Stream struct {
	Name string
	// Expected is that of outage.Stream.
	Expected bool
	Dial     DialFunc
	// Address is where the server listens.
	Address netip.AddrPort
}

const (
	// A stream sends so many bytes, so often.
	streamChunk   = 1000
	streamSpacing = 5 * time.Millisecond
	// streamDial is how long one attempt to connect may take; the next follows at once.
	streamDial = time.Second
	// alive is how recently bytes must have arrived for a stream to move at the end.
	alive = time.Second
)

// Each connection says by its first byte what it is.
const (
	signStream  = 's'
	signConnect = 'c'
)

// stream is a Stream at work. It connects once; what happens then is what is measured.
type stream struct {
	Stream

	mu        sync.Mutex
	connected bool
	broke     time.Time // zero if it has not
	last      time.Time // when bytes have arrived, or the connection was made
	gaps      spans
}

// run keeps the stream until it breaks or ctx ends.
func (s *stream) run(ctx context.Context) {
	conn := s.connect(ctx)
	if conn == nil {
		return
	}
	defer conn.Close() //nolint:errcheck // what was to be measured has been
	// Both directions end with the connection, which ends with ctx or by itself.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() {
		s.receive(ctx, conn)
		cancel()
	})
	s.send(ctx, conn)
	cancel()
	wg.Wait()
}

// connect tries until it has a connection; nil if ctx ends first.
func (s *stream) connect(ctx context.Context) net.Conn {
	for ctx.Err() == nil {
		attempt, cancel := context.WithTimeout(ctx, streamDial)
		conn, err := s.Dial(attempt, "tcp", s.Address.String())
		if err == nil {
			cancel()
			s.began(conn)
			return conn
		}
		// A refusal comes at once; the rest of the attempt is waited for.
		<-attempt.Done()
		cancel()
	}
	return nil
}

// began notes that the connection was made.
func (s *stream) began(conn net.Conn) {
	forgetless(conn)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connected, s.last = true, time.Now()
}

// forgetless keeps a connection from being given up for silence alone, and from lingering
// after it was closed.
func forgetless(conn net.Conn) {
	if tcp, is := conn.(*net.TCPConn); is {
		// Neither fails on a connection that is alive, and another one is found out by its bytes.
		_ = tcp.SetKeepAlive(false)
		_ = tcp.SetLinger(0)
	}
}

// send writes a little at each tick. While the connection takes nothing, ticks are missed.
func (s *stream) send(ctx context.Context, conn net.Conn) {
	chunk := bytes.Repeat([]byte{signStream}, streamChunk)
	tick := time.NewTicker(streamSpacing)
	defer tick.Stop()
	for {
		if _, err := conn.Write(chunk); err != nil {
			s.ended(ctx)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// receive notes when bytes arrive.
func (s *stream) receive(ctx context.Context, conn net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		if _, err := conn.Read(buf); err != nil {
			s.ended(ctx)
			return
		}
		s.moved(time.Now())
	}
}

// moved notes that bytes have arrived.
func (s *stream) moved(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gaps.add(now.Sub(s.last), now)
	s.last = now
}

// ended notes that the connection has broken, unless it was the meter that ended it.
func (s *stream) ended(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broke.IsZero() {
		s.broke = time.Now()
	}
}

// stuck says why the stream cannot be measured yet; empty if it can.
func (s *stream) stuck() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.connected {
		return "not connected"
	}
	return ""
}

// result returns what has become of the stream, and the trouble.
func (s *stream) result(failed, ended time.Time) (outage.Stream, []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := outage.Stream{Name: s.Name, Expected: s.Expected}
	if !s.connected {
		return r, []string{"never connected"}
	}
	rest := ended.Sub(s.last)
	r.Survived = s.broke.IsZero() && rest < alive
	r.Stall = outage.Seconds(max(s.gaps.longest(failed), rest))
	if s.Expected && !s.broke.IsZero() && s.broke.Before(failed) {
		return r, []string{"broke before the failure"}
	}
	return r, nil
}
