package probe_test

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/probe"
)

// shell is a check by a shell script. Its first argument is $1.
func shell(script string, args ...string) probe.Exec {
	return probe.Exec{Command: "/bin/sh", Args: append([]string{"-c", script, "check"}, args...)}
}

func TestExecOutcomes(t *testing.T) {
	folder := t.TempDir()
	plain := filepath.Join(folder, "plain")
	if err := os.WriteFile(plain, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		exec     probe.Exec
		outcome  appliance.Outcome
		evidence string
	}{
		{"0-is-pass", shell("exit 0"), appliance.Pass, "/bin/sh: exit status 0"},
		{"1-is-fail", shell("exit 1"), appliance.Fail, "/bin/sh: exit status 1"},
		{"2-is-unknown", shell("exit 2"), appliance.Unknown, "/bin/sh: exit status 2"},
		{"127-is-unknown", shell("no-such-command-at-all 2>/dev/null"), appliance.Unknown, "/bin/sh: exit status 127"},
		{"255-is-unknown", shell("exit 255"), appliance.Unknown, "/bin/sh: exit status 255"},
		{"signal-is-unknown", shell("kill -SEGV $$"), appliance.Unknown, "/bin/sh: signal: segmentation fault"},
		{"kill-by-somebody-else-is-unknown", shell("echo so far; kill -KILL $$"), appliance.Unknown, "/bin/sh: signal: killed: so far"},
		{"output-of-both-kinds", shell("echo tunnel down; echo for 3 s >&2; exit 1"), appliance.Fail, "/bin/sh: exit status 1: tunnel down for 3 s"},
		{"output-is-cleaned", shell(`printf '\n a\tb\r\n\033[31mred\033[0m \377\303\244\000z  \n'`), appliance.Pass, "/bin/sh: exit status 0: a b [31mred [0m ä z"},
		{"output-is-cut", shell(`printf %0198d 0; printf 'ää'; exit 1`), appliance.Fail, "/bin/sh: exit status 1: " + strings.Repeat("0", 198) + "ä"},
		{"much-output-holds-nobody-up", shell("yes | head -c 1000000; exit 1"), appliance.Fail, "/bin/sh: exit status 1:" + strings.Repeat(" y", 100)},
		{"arguments-are-no-shell's-and-not-shown", shell(`test "$1" = '$(exit 3); *'`, "$(exit 3); *"), appliance.Pass, "/bin/sh: exit status 0"},
		{"no-input", shell("cat"), appliance.Pass, "/bin/sh: exit status 0"},
		{"found-in-PATH", probe.Exec{Command: "true"}, appliance.Pass, "true: exit status 0"},
		{"not-found", probe.Exec{Command: "no-such-command-at-all"}, appliance.Unknown, `no-such-command-at-all: not started: exec: "no-such-command-at-all": executable file not found in $PATH`},
		{"not-executable", probe.Exec{Command: plain}, appliance.Unknown, plain + ": not started: fork/exec " + plain + ": permission denied"},
		{"nothing", probe.Exec{}, appliance.Unknown, ": not started: exec: no command"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := really(t, test.exec)
			if got.Outcome != test.outcome || got.Evidence != test.evidence {
				t.Errorf("Probe() = %s, %q, want %s, %q", got.Outcome, got.Evidence, test.outcome, test.evidence)
			}
		})
	}
}

// The command learns of the member, and nothing of what hopguard was told.
func TestExecEnvironment(t *testing.T) {
	t.Setenv("HOPGUARD_TEST_SECRET", "geheim")
	q := shell(`test "$PATH" && env | grep -v -e ^PWD= -e ^PATH= -e ^SHLVL= -e ^_= | sort`)
	unknown := func(appliance.MemberName) (netip.Addr, bool) { return netip.Addr{}, false }
	tests := []struct {
		name    string
		address probe.AddressFunc
		outcome appliance.Outcome
		part    string
	}{
		{"IPv4", known("10.1.0.4"), appliance.Pass, ": HOPGUARD_ADDRESS=10.1.0.4 HOPGUARD_MEMBER=a HOPGUARD_VM=/vm/a"},
		{"IPv6", known("fd00::4"), appliance.Pass, ": HOPGUARD_ADDRESS=fd00::4 HOPGUARD_MEMBER=a HOPGUARD_VM=/vm/a"},
		{"not-needed", nil, appliance.Pass, ": HOPGUARD_ADDRESS= HOPGUARD_MEMBER=a HOPGUARD_VM=/vm/a"},
		{"not-known-yet", unknown, appliance.Unknown, "not asked: no next-hop address of a is known yet"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			q.Address = test.address
			got := really(t, q)
			wantSeen(t, got, test.outcome, test.part)
			if strings.Contains(got.Evidence, "geheim") {
				t.Errorf("Probe() = %q, want no secret", got.Evidence)
			}
		})
	}
}

// alive makes a named pipe whose reads end when the last process that has it open
// for writing is gone.
func alive(t *testing.T) (path string, r *os.File) {
	t.Helper()
	return fifo(t, os.O_RDONLY|syscall.O_NONBLOCK)
}

// gate makes a named pipe in which a byte waits for whoever reads it.
func gate(t *testing.T) (path string, rw *os.File) {
	t.Helper()
	return fifo(t, os.O_RDWR|syscall.O_NONBLOCK)
}

func fifo(t *testing.T, flags int) (path string, f *os.File) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, flags, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, f) })
	return path, f
}

// wantGone waits until nobody has the pipe open any more.
func wantGone(t *testing.T, r *os.File) {
	t.Helper()
	if err := r.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Errorf("a process is left behind: %v", err)
	}
}

// A command that hangs says nothing of the member. It and what it has started are
// killed, also what ignores the polite signals.
func TestExecTimeIsOver(t *testing.T) {
	tests := []struct {
		name  string
		cause error
		part  string
	}{
		{"its-own-timeout", &probe.TimeoutError{After: 2 * time.Second}, "/bin/sh: no answer within 2s: begun"},
		{"the-caller-ends-it", errors.New("shutting down"), "/bin/sh: shutting down: begun"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path, r := alive(t)
			ready, begun := gate(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			var wg sync.WaitGroup
			defer wg.Wait()
			wg.Go(func() { // the byte says that both processes run
				if _, err := begun.Read(make([]byte, 1)); err != nil {
					t.Errorf("Read() = %v, want the first byte", err)
				}
				cancel(test.cause)
			})
			got := within(ctx, time.Minute, shell(`exec 3>"$1"; trap '' TERM INT HUP; echo begun; (echo >"$2"; while :; do sleep 60; done) & wait; sleep 60`, path, ready))
			wantSeen(t, got, appliance.Unknown, test.part)
			wantGone(t, r)
		})
	}
	t.Run("before-it-has-begun", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("too late"))
		got := within(ctx, time.Minute, shell("exit 1"))
		wantSeen(t, got, appliance.Unknown, "/bin/sh: not started: no time was left: too late")
	})
}

// What a command leaves in the background ends with it, and does not hold up its
// answer, though it holds the output open.
func TestExecLeavesNothingBehind(t *testing.T) {
	path, r := alive(t)
	got := really(t, shell(`exec 3>"$1"; sleep 600 & echo answered; exit 1`, path))
	wantSeen(t, got, appliance.Fail, "/bin/sh: exit status 1: answered")
	wantGone(t, r)
}

// A process that has left the group still holds the output open. Nothing waits for
// it, and nothing that the command itself has said is lost.
func TestExecDoesNotWaitForWhoHasLeft(t *testing.T) {
	path, r := alive(t)
	left, _ := gate(t)
	end, release := gate(t)
	got := really(t, shell(`exec 3>"$1"; setsid sh -c 'echo >"$1"; read line <"$2"' away "$2" "$3" & read line <"$2"; echo answered`, path, left, end))
	wantSeen(t, got, appliance.Pass, "/bin/sh: exit status 0: answered")
	if _, err := release.WriteString("\n"); err != nil {
		t.Fatal(err)
	}
	wantGone(t, r)
}
