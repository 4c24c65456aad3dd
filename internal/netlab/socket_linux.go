package netlab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
)

// Listen is that of [net.ListenConfig], inside the host; the address is numeric.
func (h *Host) Listen(ctx context.Context, network, addr string) (net.Listener, error) {
	if err := numeric(addr); err != nil {
		return nil, err
	}
	var config net.ListenConfig
	config.SetMultipathTCP(false) // what is measured is TCP
	var listener net.Listener
	err := h.Do(func() (err error) {
		listener, err = config.Listen(ctx, network, addr)
		return err
	})
	return listener, err
}

// ListenPacket is that of [net.ListenConfig], inside the host; the address is numeric.
func (h *Host) ListenPacket(ctx context.Context, network, addr string) (net.PacketConn, error) {
	if err := numeric(addr); err != nil {
		return nil, err
	}
	var conn net.PacketConn
	err := h.Do(func() (err error) {
		conn, err = new(net.ListenConfig).ListenPacket(ctx, network, addr)
		return err
	})
	return conn, err
}

// DialContext is that of [net.Dialer], inside the host; the address is numeric. It holds
// no thread while it waits.
func (h *Host) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if err := numeric(addr); err != nil {
		return nil, err
	}
	var conn net.Conn
	err := errEnded
	var wg sync.WaitGroup
	wg.Go(func() { conn, err = h.dial(ctx, network, addr) })
	wg.Wait()
	return conn, err
}

// dial stays inside until the socket is made: from then on it belongs there. It is for a
// goroutine of its own.
func (h *Host) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	leave, err := h.enter()
	if err != nil {
		return nil, err
	}
	inside := true
	dialer := net.Dialer{Control: func(string, string, syscall.RawConn) error {
		if !inside { // a second try, as after a connection to itself, would be made outside
			return errors.New("the first socket came to nothing")
		}
		inside = false
		leave()
		return nil
	}}
	conn, err := dialer.DialContext(ctx, network, addr)
	if inside {
		leave()
	}
	return conn, err
}

// numeric refuses an address for which somebody would have to be asked.
func numeric(addr string) error {
	host := addr
	if h, _, err := net.SplitHostPort(addr); err == nil {
		host = h
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" {
		return fmt.Errorf("address %q: want a numeric one, as 10.0.0.1:80", addr)
	}
	return nil
}
