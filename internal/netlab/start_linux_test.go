package netlab_test

import (
	"bufio"
	"bytes"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/netlab"
)

func TestAProcessHasItsOwnHosts(t *testing.T) {
	n := open(t)
	h := host(t, n, "a")
	outside, err := os.ReadFile("/etc/hosts")
	must(t, err)
	hosts := map[string]netip.Addr{"two.example": addr("fd00::2"), "one.example": addr("10.0.0.1")}
	for range 2 { // the second finds the thread as the first did
		cmd := again(t, "hosts", "")
		var out bytes.Buffer
		cmd.Stdout = &out
		must(t, h.Start(cmd, netlab.Start{Hosts: hosts}), cmd.Wait())
		want := "127.0.0.1 localhost\n::1 localhost\n10.0.0.1 one.example\nfd00::2 two.example\n"
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("/etc/hosts of the process (-want +got):\n%s", diff)
		}
		cmd = again(t, "hosts", "")
		out.Reset()
		cmd.Stdout = &out
		must(t, h.Start(cmd, netlab.Start{}), cmd.Wait())
		if diff := cmp.Diff(string(outside), out.String()); diff != "" {
			t.Errorf("/etc/hosts of a process without any (-want +got):\n%s", diff)
		}
	}
	after, err := os.ReadFile("/etc/hosts")
	must(t, err)
	if !bytes.Equal(outside, after) {
		t.Errorf("/etc/hosts of the machine has changed to %q", after)
	}
	for name, want := range map[string]string{
		"two words": `name "two words" in its hosts: want one without spaces and #`,
		"":          `name "" in its hosts: want one without spaces and #`,
	} {
		err := h.Start(again(t, "hosts", ""), netlab.Start{Hosts: names("10.0.0.1", name)})
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("Start with the host %q = %v, want %s", name, err, want)
		}
	}
}

func TestAProcessRunsInTheHostAndInTheSameFolder(t *testing.T) {
	h := host(t, open(t), "a")
	for _, o := range []netlab.Start{{}, {Hosts: names("10.0.0.1", "one")}} {
		cmd := again(t, "where", "")
		var out bytes.Buffer
		cmd.Stdout = &out
		must(t, h.Start(cmd, o), cmd.Wait())
		folder, err := os.Getwd()
		must(t, err)
		var space string
		must(t, h.Do(func() (err error) {
			space, err = os.Readlink("/proc/thread-self/ns/net")
			return err
		}))
		if got, want := out.String(), folder+" "+space+"\n"; got != want {
			t.Errorf("with %v the process says %q, want %q", o, got, want)
		}
	}
}

func TestCloseEndsProcessesAndTheirChildren(t *testing.T) {
	n := open(t)
	h := host(t, n, "a")
	network := freshName() // only to be found by
	for _, o := range []netlab.Start{{}, {Hosts: names("10.0.0.1", "one")}} {
		cmd := again(t, "parent", network)
		out, err := cmd.StdoutPipe()
		must(t, err, h.Start(cmd, o))
		_, err = bufio.NewReader(out).ReadString('\n')
		must(t, err)
		defer func() {
			exit, _ := errors.AsType[*exec.ExitError](cmd.Wait())
			if exit == nil || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Errorf("the process ended with %v, want that it was killed", exit)
			}
		}()
	}
	if got := len(traces(t, network)); got != 4 {
		t.Errorf("%d processes run, want 2 with a child each", got)
	}
	must(t, n.Close())
	if left := traces(t, network); len(left) > 0 {
		t.Errorf("after Close there is %v, want nothing", left)
	}
	if err := h.Start(again(t, "sit", network), netlab.Start{}); err == nil || !strings.HasSuffix(err.Error(), "is closed") {
		t.Errorf("Start after Close = %v, want that the network is closed", err)
	}
}

func TestStartReportsWhatCannotBeStarted(t *testing.T) {
	h := host(t, open(t), "a")
	for _, o := range []netlab.Start{{}, {Hosts: names("10.0.0.1", "one")}} {
		if err := h.Start(exec.CommandContext(t.Context(), "/nowhere/program"), o); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("Start of nothing with %v = %v, want that it does not exist", o, err)
		}
	}
}
