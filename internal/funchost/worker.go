package funchost

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
)

// Worker starts handlers.
type Worker interface {
	// Start starts a handler and returns at once.
	Start(c Command) (Instance, error)
}

// Command is how a handler is started.
type Command struct {
	Path string
	Args []string
	Dir  string
	// Env is the whole environment.
	Env []string
	// Port is where it shall listen, on the loopback.
	Port           int
	Stdout, Stderr io.Writer
}

// Instance is a handler that was started. All methods are safe for concurrent use.
type Instance interface {
	http.RoundTripper
	// Kill ends it at once; its end is seen by Wait. It may be called again.
	Kill()
	// Wait returns its exit code after its end; it is called once.
	Wait() int
}

// Process is the Worker that starts a real process and speaks to it over the loopback.
type Process struct{}

// Start implements [Worker].
func (Process) Start(c Command) (Instance, error) {
	cmd := exec.Command(c.Path, c.Args...) //nolint:noctx // it is killed, not cancelled
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.Dir, c.Env, c.Stdout, c.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{cmd: cmd, Transport: &http.Transport{}}, nil
}

type process struct {
	*http.Transport
	cmd *exec.Cmd
}

// Kill implements [Instance].
func (p *process) Kill() { _ = p.cmd.Process.Kill() } // it may have ended

// Wait implements [Instance].
func (p *process) Wait() int {
	defer p.CloseIdleConnections()
	if err := p.cmd.Wait(); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			return -1
		}
	}
	return p.cmd.ProcessState.ExitCode()
}

// freePort returns a port of the loopback that nobody listens on.
func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not block
	if err != nil {
		return 0, fmt.Errorf("find a port: %w", err)
	}
	port := ln.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it is one of tcp
	return port, ln.Close()
}

// newID returns a random GUID.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
