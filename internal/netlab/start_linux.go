package netlab

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Start starts a command inside the host. The process dies when this one dies, however,
// and at the latest when the network is closed, with what it has started as far as that
// is still inside. Who calls Start calls cmd.Wait. With hosts, the process has an
// /etc/hosts of its own, which nobody else sees.
func (h *Host) Start(cmd *exec.Cmd, o Start) error {
	hosts, err := hostsFile(o.Hosts)
	if err != nil {
		return fmt.Errorf("start %s in host %q: %w", cmd.Path, h.name, err)
	}
	if cmd.Dir == "" { // a thread that changes its mounts loses its folder
		if cmd.Dir, err = os.Getwd(); err != nil {
			return err
		}
	}
	attr := syscall.SysProcAttr{}
	if cmd.SysProcAttr != nil {
		attr = *cmd.SysProcAttr
	}
	attr.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr = &attr
	k, err := h.keep()
	if err != nil {
		return err
	}
	h.mu.RLock() // the keeper stays until it is done
	defer h.mu.RUnlock()
	if h.closed {
		return h.gone()
	}
	return k.do(func() error {
		if len(o.Hosts) == 0 {
			return cmd.Start()
		}
		return k.withHosts(hosts, cmd.Start)
	})
}

// hostsFile returns the text of an /etc/hosts, sorted.
func hostsFile(hosts map[string]netip.Addr) (string, error) {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n::1 localhost\n")
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		if name == "" || strings.ContainsAny(name, " \t\r\n#") {
			return "", fmt.Errorf("name %q in its hosts: want one without spaces and #", name)
		}
		if !hosts[name].IsValid() {
			return "", fmt.Errorf("name %q in its hosts: want an address", name)
		}
		fmt.Fprintf(&b, "%s %s\n", hosts[name], name)
	}
	return b.String(), nil
}

// keeper is a thread inside a host that starts its processes. The kernel ends them when
// the thread that started them ends, so it lives as long as the host.
type keeper struct {
	work chan func()
	wg   sync.WaitGroup
	home int // the mounts that all others have
}

// keep returns the keeper, and starts it the first time.
func (h *Host) keep() (*keeper, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, h.gone()
	}
	if h.keeper == nil {
		k := &keeper{work: make(chan func())}
		ready := make(chan error)
		thread(&k.wg, func() { k.run(h.ns, ready) })
		if err := <-ready; err != nil {
			k.wg.Wait()
			return nil, fmt.Errorf("enter host %q: %w", h.name, err)
		}
		h.keeper = k
	}
	return h.keeper, nil
}

// dismiss ends the keeper, and with it the processes that it has started. No process is
// started from now on.
func (h *Host) dismiss() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	if h.keeper != nil {
		close(h.keeper.work)
		h.keeper.wg.Wait()
		h.keeper = nil
	}
}

// run moves its thread inside and does there what it is told, until there is no more.
func (k *keeper) run(ns netns.NsHandle, ready chan<- error) {
	err := unix.Unshare(unix.CLONE_FS)
	if err == nil {
		k.home, err = unix.Open("/proc/thread-self/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	}
	if err == nil {
		defer func() { _ = unix.Close(k.home) }() // nothing was written
		err = netns.Set(ns)
	}
	ready <- err
	if err != nil {
		return
	}
	for f := range k.work {
		f()
	}
}

// do runs f on the keeper's thread.
func (k *keeper) do(f func() error) error {
	done := make(chan error)
	k.work <- func() { done <- f() }
	return <-done
}

// withHosts runs f, which starts a process, while the thread has an /etc/hosts of its
// own; the process keeps it. The text lives in memory that goes with these mounts, so
// that nothing is left of it however this ends.
func (k *keeper) withHosts(text string, f func() error) (err error) {
	const path = "/etc/hosts"
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("make own mounts: %w", err)
	}
	defer func() {
		if back := unix.Setns(k.home, unix.CLONE_NEWNS); back != nil {
			err = errors.Join(err, fmt.Errorf("return to the common mounts: %w", back))
		}
	}()
	// Nothing that is mounted from here on is seen outside.
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("separate own mounts: %w", err)
	}
	if err := unix.Mount("hosts", folder, "tmpfs", 0, "size=1m"); err != nil {
		return fmt.Errorf("mount memory: %w", err)
	}
	source := filepath.Join(folder, "hosts")
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		return err
	}
	if err := unix.Mount(source, path, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount a file on %s: %w", path, err)
	}
	if err := unix.Unmount(folder, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount memory: %w", err)
	}
	return f()
}
