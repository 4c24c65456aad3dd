package probe

import (
	"fmt"
	"syscall"
)

// bindTo returns what a dialer does with a socket before it connects.
func bindTo(device string) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var bind error
		if err := c.Control(func(fd uintptr) { bind = syscall.BindToDevice(int(fd), device) }); err != nil {
			return err
		}
		if bind != nil {
			return fmt.Errorf("bind to interface %q: %w", device, bind)
		}
		return nil
	}
}
