package netlab_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"hopguard/internal/netlab"
)

// deadly are the system calls that change something outside the process, at each of
// which a victim dies, and -1 for the end of the part.
func deadly() map[string]int {
	return map[string]int{
		"end": -1, "flock": unix.SYS_FLOCK, "ftruncate": unix.SYS_FTRUNCATE, "unshare": unix.SYS_UNSHARE,
		"setns": unix.SYS_SETNS, "mount": unix.SYS_MOUNT, "umount2": unix.SYS_UMOUNT2, "unlinkat": unix.SYS_UNLINKAT,
		"sendto": unix.SYS_SENDTO, "ioctl": unix.SYS_IOCTL, "clone": unix.SYS_CLONE,
		"pidfd_send_signal": unix.SYS_PIDFD_SEND_SIGNAL,
	}
}

func TestSweepRemovesWhatADeadProcessLeaves(t *testing.T) {
	must(t, open(t).Close()) // skips where there can be none
	before := machine(t)
	died := make(chan syscall.Signal)
	var left atomic.Int64
	work := make(chan func(), 8*len(parts()))
	var wg sync.WaitGroup
	for range 8 { // most of it is waiting for the kernel
		wg.Go(func() {
			for f := range work {
				f()
			}
		})
	}
	wg.Go(func() {
		defer close(work)
		for _, p := range parts() {
			for name, call := range deadly() {
				work <- func() { died <- killAndSweep(t, p.name, name, call, &left) }
			}
		}
	})
	signals := map[syscall.Signal]int{}
	for range len(parts()) * len(deadly()) {
		signals[<-died]++
	}
	wg.Wait()
	if diff := cmp.Diff(before, machine(t)); diff != "" {
		t.Errorf("the machine's own namespace has changed (-before +after):\n%s", diff)
	}
	// Both ways to die must have been met, or the filter did nothing.
	if signals[syscall.SIGKILL] == 0 || signals[syscall.SIGSYS] < 20 {
		t.Errorf("victims by signal: %v, want many of both", signals)
	}
	// Each may be swept by somebody else before it is looked at, but not all.
	if left.Load() < 20 {
		t.Errorf("%d victims left something, want many", left.Load())
	}
}

// killAndSweep lets a victim die in a part at a system call, sweeps, and returns what it
// died of. It counts those that have left something.
func killAndSweep(t *testing.T, part, name string, call int, remains *atomic.Int64) syscall.Signal {
	network := freshName()
	cmd := again(t, fmt.Sprintf("victim %s %d", part, call), network)
	out, err := cmd.CombinedOutput()
	exit, _ := errors.AsType[*exec.ExitError](err)
	if exit == nil || !exit.Sys().(syscall.WaitStatus).Signaled() {
		t.Errorf("victim of %s in %s: %v, want that it was killed; it said %q", name, part, err, out)
		return 0
	}
	if len(traces(t, network)) > 0 {
		remains.Add(1)
	}
	if _, err := netlab.Sweep(); err != nil {
		t.Errorf("after %s in %s: %v", name, part, err)
	}
	if left := traces(t, network); len(left) > 0 {
		t.Errorf("after %s in %s, Sweep left %v, want nothing", name, part, left)
	}
	return exit.Sys().(syscall.WaitStatus).Signal()
}

func TestSweepNamesWhatItRemoves(t *testing.T) {
	must(t, open(t).Close())
	// Another process that sweeps in the same moment may be the one that removes it.
	for range 50 {
		network := freshName()
		must(t, os.WriteFile("/run/hopguard-lab/"+network, []byte("1\n"), 0o600))
		removed, err := netlab.Sweep()
		must(t, err)
		if left := traces(t, network); len(left) > 0 {
			t.Errorf("after Sweep there is %v, want nothing", left)
		}
		if slices.Contains(removed, network) {
			return
		}
	}
	t.Error("Sweep never says what it has removed")
}

func TestSweepKeepsTheNetworksOfTheLiving(t *testing.T) {
	n := open(t)
	h := host(t, n, "a")
	network := freshName()
	cmd := again(t, "owner", network)
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err, cmd.Start())
	_, err = bufio.NewReader(out).ReadString('\n')
	must(t, err)

	removed, err := netlab.Sweep()
	must(t, err)
	if slices.Contains(removed, network) || slices.ContainsFunc(removed, func(name string) bool {
		return strings.HasPrefix(h.Namespace(), "hopguard-"+name+"-")
	}) {
		t.Errorf("Sweep() = %v, want none whose owner lives", removed)
	}
	if got := len(traces(t, network)); got < 2 {
		t.Errorf("there are %d traces of the other process's network, want its namespace and its lock", got)
	}
	if _, err := netlab.Open(network); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("in process %d", cmd.Process.Pid)) {
		t.Errorf("Open of the same name = %v, want an error with process %d", err, cmd.Process.Pid)
	}
	must(t, h.Do(func() error { return nil }), in.Close(), cmd.Wait())
	if left := traces(t, network); len(left) > 0 {
		t.Errorf("after its owner's Close there is %v, want nothing", left)
	}
}

func TestProcessesOpenAndSweepAtTheSameTime(t *testing.T) {
	must(t, open(t).Close())
	shared, total := freshName(), 0
	var wg sync.WaitGroup
	var mu sync.Mutex
	for i := range 6 {
		network := shared // four of six want the same name
		if i%3 == 0 {
			network = freshName()
		}
		cmd := again(t, "turns 15", network)
		wg.Go(func() {
			var complaints bytes.Buffer
			cmd.Stderr = &complaints
			out, err := cmd.Output()
			var opened int
			if _, scanErr := fmt.Sscan(string(out), &opened); err != nil || scanErr != nil {
				t.Errorf("network %s: %v: %s", network, err, complaints.Bytes())
			}
			if network != shared && opened != 15 {
				t.Errorf("network %s: opened %d times of 15, though nobody else wanted it", network, opened)
			}
			mu.Lock()
			defer mu.Unlock()
			total += opened
		})
	}
	wg.Wait()
	if total < 31 {
		t.Errorf("all together opened %d networks, want the 30 of their own and some of the shared", total)
	}
	if left := traces(t, shared); len(left) > 0 {
		t.Errorf("afterwards there is %v, want nothing", left)
	}
}

func TestOpenSaysWhatIsMissing(t *testing.T) {
	must(t, open(t).Close()) // it is root that runs this
	program, err := os.Executable()
	must(t, err)
	copied := t.TempDir() + "/test"
	data, err := os.ReadFile(program)
	must(t, err, os.WriteFile(copied, data, 0o755), openToAll(t.TempDir()))
	cmd := again(t, "denied", "denied")
	cmd.Path, cmd.Dir = copied, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	want := "the lab needs root: this is user 65534: network namespaces are unavailable\n"
	if got := string(out); err == nil || got != want {
		t.Errorf("Open as nobody = %v, %q, want %q", err, got, want)
	}
}
