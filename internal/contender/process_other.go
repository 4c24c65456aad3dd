//go:build !linux

package contender

import (
	"os"
	"syscall"
)

// ownGroup leaves a process in the group of this one.
func ownGroup() *syscall.SysProcAttr { return nil }

// signalAll sends a signal to a process alone. Where there are no signals it is killed.
func signalAll(p *os.Process, s syscall.Signal) error {
	if err := p.Signal(s); err == nil {
		return nil
	}
	return p.Kill()
}
