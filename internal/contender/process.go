package contender

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

const (
	// stopTime is how long a program that was told to end may take.
	stopTime = 10 * time.Second
	// drainTime is how long the output of a program is read after its end, which others
	// may have inherited.
	drainTime = time.Second
)

// process is a program that was started. It is safe for concurrent use.
type process struct {
	name    string
	cmd     *exec.Cmd
	log     *os.File
	running sync.WaitGroup
	done    chan struct{} // closed when it has been waited for; err is known then
	err     error
	told    sync.Once
	early   bool // it had ended before it was told to; known after told
	stuck   bool // it had to be killed
}

// start starts a program at a place, with its output in the file name.log of Dir, or only its standard
// error if somebody takes the other one; heard gets each line of that, one after the other,
// and must return soon. It may be nil.
func (p Place) start(name string, cmd *exec.Cmd, heard func(line []byte)) (*process, error) {
	log, err := os.OpenFile(filepath.Join(p.Dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	out := &lines{to: log, heard: heard}
	cmd.Stderr, cmd.WaitDelay = out, drainTime
	if cmd.Stdout == nil {
		cmd.Stdout = out // the same writer, so that exec gives both streams to one goroutine
	}
	cmd.SysProcAttr = ownGroup()
	if err := p.Start(cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, errors.Join(err, log.Close()))
	}
	p.say("%s started as process %d", name, cmd.Process.Pid)
	r := &process{name: name, cmd: cmd, log: log, done: make(chan struct{})}
	r.running.Go(func() {
		defer close(r.done)
		r.err = errors.Join(cmd.Wait(), log.Close())
		p.say("%s ended: %v", name, cmd.ProcessState)
	})
	return r, nil
}

func (r *process) ended() <-chan struct{} { return r.done }

// stop ends it and all that it has started. It may be called again.
func (r *process) stop() error {
	r.told.Do(func() {
		select {
		case <-r.done:
			r.early = true
		default:
			_ = signalAll(r.cmd.Process, syscall.SIGTERM) // it may have ended
			timer := time.NewTimer(stopTime)
			defer timer.Stop()
			select {
			case <-r.done:
			case <-timer.C:
				r.stuck = true
			}
		}
		_ = signalAll(r.cmd.Process, syscall.SIGKILL) // also what it has left behind
	})
	r.running.Wait()
	switch {
	case r.early:
		return fmt.Errorf("%s had ended by itself: %v; its log is %s", r.name, r.cmd.ProcessState, r.log.Name())
	case r.stuck:
		return fmt.Errorf("%s did not end within %s and was killed; its log is %s", r.name, stopTime, r.log.Name())
	default:
		return nil
	}
}

// gone is the error of what has to wait for a program that has ended.
func (r *process) gone() error {
	return fmt.Errorf("%s has ended: %v; its log is %s", r.name, r.cmd.ProcessState, r.log.Name())
}

// lines copies a stream, and hands out its lines.
type lines struct {
	to    io.Writer
	heard func([]byte)
	rest  []byte
}

// Write implements [io.Writer].
func (l *lines) Write(p []byte) (int, error) {
	n, err := l.to.Write(p)
	if l.heard == nil {
		return n, err
	}
	l.rest = append(l.rest, p...)
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok {
			return n, err
		}
		l.heard(line)
		l.rest = rest
	}
}

// say writes a line to the log of the place.
func (p Place) say(format string, args ...any) {
	if p.Log != nil {
		fmt.Fprintf(p.Log, format+"\n", args...)
	}
}
