//go:build !linux

package probe

import (
	"fmt"
	"runtime"
	"syscall"
)

// bindTo refuses: other systems have no way to choose the interface that does not
// depend on their routes.
func bindTo(device string) func(network, address string, c syscall.RawConn) error {
	return func(string, string, syscall.RawConn) error {
		return fmt.Errorf("bind to interface %q: not possible on %s", device, runtime.GOOS)
	}
}
