package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// run starts the command in a process group of its own, kills that when ctx or the
// command ends, and waits. It returns the first maxOutput bytes of its output. An
// error says that the command did not run or that its end is not known; otherwise
// cmd.ProcessState is set.
func run(ctx context.Context, cmd *exec.Cmd) ([]byte, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("not started: %w", err)
	}
	defer func() { _ = r.Close() }()
	cmd.Stdout, cmd.Stderr = w, w
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	_ = w.Close() // from here on, the writers are the group's
	if err != nil {
		return nil, fmt.Errorf("not started: %w", err)
	}
	output := reader{pipe: r}
	var wg sync.WaitGroup
	wg.Go(output.drain)
	err = endGroup(ctx, cmd.Process.Pid)
	if wait := cmd.Wait(); cmd.ProcessState == nil {
		err = errors.Join(err, wait)
	}
	_ = r.SetReadDeadline(time.Now()) // somebody outside the group may hold the other end
	wg.Wait()
	output.rest()
	return output.first, err
}

// endGroup waits for the end of the command and kills its group, sooner if ctx ends.
// The command's own process is left for cmd.Wait: as long as that has not happened,
// no other group can have the number.
func endGroup(ctx context.Context, pid int) error {
	kill := func() { _ = syscall.Kill(-pid, syscall.SIGKILL) } // ESRCH says that nobody is left
	killed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(killed)
		kill()
	})
	var err error
	for {
		if err = unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if !stop() {
		<-killed
	}
	if err != nil {
		return fmt.Errorf("wait for the command: %w", err)
	}
	kill()
	return nil
}

// reader keeps the first bytes of a command's output and reads the rest away, so
// that the command never waits for it.
type reader struct {
	pipe  *os.File
	first []byte
}

// drain reads until the pipe is closed or its deadline has passed.
func (r *reader) drain() {
	_, _ = io.Copy(r, r.pipe) // that it has ended says all
}

// Write keeps what is among the first bytes. It never fails.
func (r *reader) Write(p []byte) (int, error) {
	r.first = append(r.first, p[:min(len(p), maxOutput-len(r.first))]...)
	return len(p), nil
}

// rest takes what the pipe still held when the deadline passed, without waiting.
func (r *reader) rest() {
	raw, err := r.pipe.SyscallConn()
	if err != nil || r.pipe.SetReadDeadline(time.Time{}) != nil {
		return
	}
	buf := make([]byte, maxOutput)
	_ = raw.Read(func(fd uintptr) bool {
		if n, err := syscall.Read(int(fd), buf); err == nil {
			_, _ = r.Write(buf[:n])
		}
		return true
	})
}
