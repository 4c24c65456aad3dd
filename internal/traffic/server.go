package traffic

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// server is the far end of streams and connects: it sends back what it gets.
type server struct {
	listener net.Listener

	mu      sync.Mutex
	open    map[net.Conn]struct{}
	ended   bool
	refusal string
}

const (
	// serverShort is how long a connection may last that is none of a stream: its end may
	// have been lost on the way.
	serverShort = 10 * time.Second
	// serverPause is waited after a connection could not be accepted.
	serverPause = 10 * time.Millisecond
)

// serve accepts until interrupt, and waits for all connections.
func (s *server) serve(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		conn, err := s.listener.Accept()
		if err == nil {
			wg.Go(func() { s.echo(conn) })
			continue
		}
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return
		}
		s.refuse(err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(serverPause):
		}
	}
}

// echo sends back what comes until the connection ends.
func (s *server) echo(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // the other end has what it asked for
	forgetless(conn)
	if !s.opened(conn) {
		return
	}
	defer s.closed(conn)
	buf := make([]byte, 4<<10)
	for first := true; ; first = false {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		if first && buf[0] == signStream {
			s.lasting(conn)
		}
		if _, err := conn.Write(buf[:n]); err != nil {
			return
		}
	}
}

// opened notes a connection, which is a short one until it shows otherwise. It reports
// false when the server has ended.
func (s *server) opened(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || conn.SetDeadline(time.Now().Add(serverShort)) != nil {
		return false
	}
	if s.open == nil {
		s.open = map[net.Conn]struct{}{}
	}
	s.open[conn] = struct{}{}
	return true
}

// lasting lets a connection last as long as the server.
func (s *server) lasting(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		// If this fails the connection has ended, as its next read says.
		_ = conn.SetDeadline(time.Time{})
	}
}

func (s *server) closed(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
}

// interrupt ends the listener and all connections.
func (s *server) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	// What is closed already needs no deadline.
	_ = s.listener.Close()
	for conn := range s.open {
		_ = conn.SetDeadline(time.Unix(1, 0))
	}
}

// refuse notes why a connection could not be accepted.
func (s *server) refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refusal == "" {
		s.refusal = word(err)
	}
}

// trouble says what kept connections from being accepted.
func (s *server) trouble() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refusal == "" {
		return nil
	}
	return []string{"could not accept: " + s.refusal}
}
