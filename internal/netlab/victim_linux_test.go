package netlab_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"hopguard/internal/netlab"
)

// The test binary is also the program that is killed, and the one that runs in a host:
// these variables say which, and of what network it is.
const (
	roleVariable    = "NETLAB_TEST_ROLE"
	networkVariable = "NETLAB_TEST_NETWORK"
)

func TestMain(m *testing.M) {
	role, argument, _ := strings.Cut(os.Getenv(roleVariable), " ")
	out, complaints := os.Stdout, os.Stderr //nolint:forbidigo // the roles are programs, and this is their main
	var err error
	switch role {
	case "":
		os.Exit(m.Run())
	case "victim":
		err = victim(argument)
	case "owner":
		err = owner(out)
	case "turns":
		err = turns(out, argument)
	case "parent":
		err = parent(out)
	case "sit": // until somebody ends it
		signal.Ignore(unix.SIGTERM)
		fmt.Fprintln(out, "ready")
		select {}
	case "hosts":
		err = copyFile(out, "/etc/hosts")
	case "where":
		err = where(out)
	case "denied":
		_, err = netlab.Open("denied")
	default:
		err = fmt.Errorf("role %q", role)
	}
	if err != nil {
		fmt.Fprintln(complaints, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// again returns a command that runs the test binary in a role.
func again(t testing.TB, role, network string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, networkVariable+"="+network)
	return cmd
}

// parts are the steps of the victim's life, each of which can be its last.
func parts() []part {
	var n *netlab.Net
	var a, b *netlab.Host
	return []part{
		{"open", func() (err error) { n, err = netlab.Open(os.Getenv(networkVariable)); return err }},
		{"host", func() (err error) { a, err = n.Host("a"); return err }},
		{"second", func() (err error) { b, err = n.Host("b"); return err }},
		{"link", func() error { return n.Link(a, "eth0", b, "eth0") }},
		{"wire", func() error { _, err := a.AddWire("wire", netlab.Impairment{}, 1); return err }},
		{"capture", func() error { _, err := a.Capture("eth0", io.Discard); return err }},
		{"start", func() error { return startIn(a, "parent", netlab.Start{}) }},
		{"named", func() error {
			return startIn(b, "parent", netlab.Start{Hosts: names("10.0.0.1", "somewhere")})
		}},
		{"close", func() error { return n.Close() }},
	}
}

type part struct {
	name string
	run  func() error
}

// victim lives until a part, in which a system call ends it; if the part does without
// that call, it kills itself afterwards. The argument names both.
func victim(argument string) error {
	last, call, _ := strings.Cut(argument, " ")
	number, err := strconv.Atoi(call)
	if err != nil {
		return err
	}
	for _, p := range parts() {
		if p.name == last && number >= 0 {
			if err := dieAt(number); err != nil {
				return err
			}
		}
		err := p.run()
		if p.name == last && (err == nil || number >= 0) { // processes that it starts inherit the filter, and fail
			return unix.Kill(os.Getpid(), unix.SIGKILL)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return fmt.Errorf("part %q: there is none", last)
}

// dieAt has the kernel end this process, as SIGKILL does, before it makes a certain
// system call in any of its threads.
func dieAt(call int) error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // the number of the call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(call), Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_KILL_PROCESS},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(program)))
	runtime.KeepAlive(filter)
	if errno != 0 {
		return fmt.Errorf("install a filter of system calls: %w", errno)
	}
	return nil
}

// startIn starts the test binary in a host, and waits until it says that it runs.
func startIn(h *netlab.Host, role string, o netlab.Start) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(program) //nolint:noctx // it ends when this process does, which is what is tested
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := h.Start(cmd, o); err != nil {
		return err
	}
	_, err = bufio.NewReader(out).ReadString('\n')
	return err
}

// parent starts a child and sits; the child sits too, and outlives it.
func parent(out io.Writer) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(program) //nolint:noctx // it is to be left over
	cmd.Env = append(os.Environ(), roleVariable+"=sit")
	cmd.Stdout = out
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Wait()
}

// owner has a network until its input ends.
func owner(out io.Writer) error {
	n, err := netlab.Open(os.Getenv(networkVariable))
	if err != nil {
		return err
	}
	if _, err := n.Host("a"); err != nil {
		return err
	}
	fmt.Fprintln(out, "ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return n.Close()
}

// turns opens and closes networks as often as the argument says; one that is open
// already in another process is no error.
func turns(out io.Writer, argument string) error {
	count, err := strconv.Atoi(argument)
	if err != nil {
		return err
	}
	opened := 0
	for range count {
		n, err := netlab.Open(os.Getenv(networkVariable))
		if err != nil {
			if strings.Contains(err.Error(), "is open already, in process") {
				continue
			}
			return err
		}
		opened++
		_, err = n.Host("a")
		if err := errors.Join(err, n.Close()); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, opened)
	return nil
}

// copyFile prints a file.
func copyFile(out io.Writer, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, err = out.Write(data)
	return err
}

// where prints the folder and the namespace.
func where(out io.Writer) error {
	folder, err := os.Getwd()
	if err != nil {
		return err
	}
	space, err := os.Readlink("/proc/self/ns/net")
	fmt.Fprintln(out, folder, space)
	return err
}

// traces returns all that there is of a network: namespaces, its lock, and processes.
func traces(t testing.TB, network string) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"/run/netns/hopguard-" + network + "-*", "/run/hopguard-lab/" + network + "*"} {
		files, err := filepath.Glob(pattern)
		must(t, err)
		found = append(found, files...)
	}
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	must(t, err)
	for _, file := range files {
		environment, err := os.ReadFile(file)
		if err == nil && bytes.Contains(environment, []byte(networkVariable+"="+network+"\x00")) {
			found = append(found, file)
		}
	}
	return found
}
