package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// process is this command in another role. It ends when its input does, which also
// happens when this process is killed.
type process struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
}

// start starts this command in a role.
func start(ctx context.Context, stderr io.Writer, role string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{name: role, cmd: exec.CommandContext(ctx, self, append([]string{"-as", role}, args...)...)}
	p.cmd.Stderr = stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	return p, nil
}

// read waits for the next line.
func (p *process) read(to any) error {
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("%s said nothing more: %w", p.name, err)
	}
	if err := json.Unmarshal(line, to); err != nil {
		return fmt.Errorf("%s said %.80q: %w", p.name, line, err)
	}
	return nil
}

// ask sends an empty line and waits for the answer.
func (p *process) ask(to any) error {
	if _, err := io.WriteString(p.in, "\n"); err != nil {
		return fmt.Errorf("ask %s: %w", p.name, err)
	}
	return p.read(to)
}

// stop ends the process and waits for it.
func (p *process) stop() error {
	err := p.in.Close()
	_, _ = io.Copy(io.Discard, p.out) // what it said meanwhile
	return errors.Join(err, p.cmd.Wait())
}
