package contender

import (
	"os"
	"syscall"
)

// ownGroup makes a process the head of a group of its own, so that it can be ended
// together with what it starts. It does not end with its parent thread: whoever starts
// it in a namespace does so on a thread that ends soon.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// signalAll sends a signal to a process and all of its group.
func signalAll(p *os.Process, s syscall.Signal) error { return syscall.Kill(-p.Pid, s) }
