package netlab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// endTimeout bounds the wait for processes that were killed.
const endTimeout = 10 * time.Second

// inode says which namespace something is in.
type inode struct{ device, number uint64 }

// inodeOf returns the namespace at a path; false if there is none.
func inodeOf(path string) (inode, bool) {
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		return inode{}, false
	}
	return inode{stat.Dev, stat.Ino}, true
}

// endProcesses kills what runs in the namespaces of a network, and what that has
// started meanwhile, and waits for their end. It never ends the calling process, and
// nothing that is in the caller's own namespace.
func endProcesses(network string) error {
	names, err := published(network)
	if err != nil {
		return err
	}
	own, _ := inodeOf("/proc/thread-self/ns/net")
	inside := map[inode]bool{}
	for _, name := range names {
		// A file on which nothing is mounted has a number too, but no process is in it.
		if space, ok := inodeOf(filepath.Join(namespaces, name)); ok && space != own {
			inside[space] = true
		}
	}
	deadline := time.Now().Add(endTimeout)
	for {
		killed, err := kill(inside)
		for pid, fd := range killed {
			err = errors.Join(err, await(pid, fd, deadline))
		}
		if err != nil || len(killed) == 0 {
			return err
		}
	}
}

// kill kills the processes in the namespaces and returns a descriptor of each.
func kill(inside map[inode]bool) (map[int]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	killed := map[int]int{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		path := filepath.Join("/proc", e.Name(), "ns/net")
		if space, ok := inodeOf(path); !ok || !inside[space] {
			continue
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue // it has just ended
		}
		// Look again: only now the number cannot become another process's.
		if space, ok := inodeOf(path); !ok || !inside[space] {
			_ = unix.Close(fd) // nothing was written
			continue
		}
		if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			_ = unix.Close(fd) // nothing was written
			return killed, fmt.Errorf("end process %d: %w", pid, err)
		}
		killed[pid] = fd
	}
	return killed, nil
}

// await waits until a process has ended, and closes its descriptor.
func await(pid, fd int, deadline time.Time) error {
	defer func() { _ = unix.Close(fd) }() // nothing was written
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, max(0, int(time.Until(deadline).Milliseconds())))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("wait for process %d: %w", pid, err)
		case n == 0:
			return fmt.Errorf("process %d was killed and does not end within %s", pid, endTimeout)
		default:
			return nil
		}
	}
}
