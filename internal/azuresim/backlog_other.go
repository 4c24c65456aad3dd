//go:build !linux

package azuresim

import (
	"errors"
	"net"
)

// errNoBacklog says that this system gives no way to shorten a listener's queue.
var errNoBacklog = errors.New("azuresim: no way to shorten the queue of a listener")

// setBacklog is only possible on Linux.
func setBacklog(*net.TCPListener, int) error { return errNoBacklog }
