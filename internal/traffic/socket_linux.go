package traffic

import (
	"encoding/binary"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// room is for seconds of packets in a socket, while this process is busy elsewhere.
const room = 8 << 20

// extraSize is enough for what the kernel adds to a datagram: when it came, and how many
// were dropped before it.
const extraSize = 128

// roomy gives a socket large buffers, larger than the machine's limit where that is allowed.
func roomy(c *net.UDPConn) error {
	return control(c, func(fd int) error {
		if err := grow(fd, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF); err != nil {
			return err
		}
		return grow(fd, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF)
	})
}

// grow sets the size of a buffer by force, or as far as the machine lets everybody.
func grow(fd, forced, plain int) error {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, forced, room) == nil {
		return nil
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, plain, room))
}

// observed makes a socket roomy, and the kernel say when each datagram came and how many
// were dropped because nobody read them.
func observed(c *net.UDPConn) error {
	if err := roomy(c); err != nil {
		return err
	}
	return control(c, func(fd int) error {
		for _, option := range []int{unix.SO_TIMESTAMPNS, unix.SO_RXQ_OVFL} {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 1); err != nil {
				return os.NewSyscallError("setsockopt", err)
			}
		}
		return nil
	})
}

// control calls f with the socket's descriptor.
func control(c *net.UDPConn, f func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var inside error
	if err := raw.Control(func(fd uintptr) { inside = f(int(fd)) }); err != nil {
		return err
	}
	return inside
}

// unpack returns how long ago the kernel received a datagram, and how many it has dropped
// from this socket until then. The kernel tells the time of day; only its distance from now
// is used, and nothing if it makes no sense, as when the clock was set meanwhile.
func unpack(extra []byte, now time.Time) (age time.Duration, dropped uint32) {
	for len(extra) >= unix.SizeofCmsghdr {
		header, data, rest, err := unix.ParseOneSocketControlMessage(extra)
		if err != nil {
			break
		}
		extra = rest
		if header.Level != unix.SOL_SOCKET {
			continue
		}
		switch {
		case header.Type == unix.SCM_TIMESTAMPNS && len(data) >= 16:
			seconds := int64(binary.NativeEndian.Uint64(data))
			nanos := int64(binary.NativeEndian.Uint64(data[8:]))
			if d := now.Sub(time.Unix(seconds, nanos)); d > 0 && d < time.Minute {
				age = d
			}
		case header.Type == unix.SO_RXQ_OVFL && len(data) >= 4:
			dropped = binary.NativeEndian.Uint32(data)
		}
	}
	return age, dropped
}
