//go:build !linux

package traffic

import (
	"net"
	"time"
)

// room is for seconds of packets in a socket, while this process is busy elsewhere.
const room = 8 << 20

// extraSize is that of what the kernel adds to a datagram, which is not asked here.
const extraSize = 1

// roomy gives a socket large buffers.
func roomy(c *net.UDPConn) error {
	if err := c.SetReadBuffer(room); err != nil {
		return err
	}
	return c.SetWriteBuffer(room)
}

// observed makes a socket roomy.
func observed(c *net.UDPConn) error { return roomy(c) }

// unpack knows nothing here: a datagram came when it was read.
func unpack([]byte, time.Time) (age time.Duration, dropped uint32) { return 0, 0 }
