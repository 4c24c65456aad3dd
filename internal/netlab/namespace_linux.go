package netlab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// namespaces is where `ip netns` looks, prefix what our names begin with.
const (
	namespaces = "/run/netns"
	prefix     = "hopguard-"
)

// able returns an error if there can be no network, and says what is missing.
func able() error {
	if id := os.Geteuid(); id != 0 {
		return fmt.Errorf("the lab needs root: this is user %d: %w", id, ErrUnavailable)
	}
	return fresh(func() error { return nil })
}

// thread runs f on a thread of its own, which ends with f, so that nothing of what f does
// to it stays. It is never the main thread, which cannot end, and which /proc shows as the
// whole process.
func thread(wg *sync.WaitGroup, f func()) {
	wg.Go(func() {
		runtime.LockOSThread() // a goroutine that ends while it is locked takes its thread along
		if unix.Gettid() != unix.Getpid() {
			f()
			return
		}
		locked := make(chan struct{})
		wg.Go(func() { // on another thread, because this one is taken
			runtime.LockOSThread()
			close(locked)
			f()
		})
		<-locked
		runtime.UnlockOSThread()
	})
}

// fresh runs f in a namespace of its own.
func fresh(f func() error) error {
	err := errEnded
	var wg sync.WaitGroup
	thread(&wg, func() {
		switch err = unix.Unshare(unix.CLONE_NEWNET); {
		case errors.Is(err, unix.EPERM):
			err = fmt.Errorf("the lab needs root: it may not make a network namespace (CAP_SYS_ADMIN): %w", ErrUnavailable)
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
			err = fmt.Errorf("the kernel has no network namespaces: %w", ErrUnavailable)
		case err != nil:
			err = fmt.Errorf("make a network namespace: %w", err)
		default:
			err = f()
		}
	})
	wg.Wait()
	return err
}

// errEnded is the result of a function that did not return, as one that calls
// runtime.Goexit.
var errEnded = errors.New("the function did not return")

// quiet switches off, in the namespace of the calling thread, what would lose packets or
// send some that nobody asked for. Devices that come later take it from "default".
func quiet() error {
	settings := map[string]string{
		"ipv4/conf/*/rp_filter":            "0",
		"ipv4/conf/*/send_redirects":       "0",
		"ipv4/conf/*/accept_redirects":     "0",
		"ipv6/conf/*/accept_ra":            "0",
		"ipv6/conf/*/autoconf":             "0",
		"ipv6/conf/*/accept_redirects":     "0",
		"ipv6/conf/*/accept_dad":           "0",
		"ipv6/conf/*/dad_transmits":        "0",
		"ipv6/conf/*/addr_gen_mode":        "1", // no link-local address
		"ipv6/conf/*/keep_addr_on_down":    "1",
		"ipv6/conf/*/router_solicitations": "0",
	}
	for pattern, value := range settings {
		files, err := filepath.Glob("/proc/sys/net/" + pattern)
		if err != nil {
			return err
		}
		for _, file := range files { // none if the kernel has no IPv6
			if err := os.WriteFile(file, []byte(value), 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// publish gives the namespace of the calling thread a name for `ip netns`.
func publish(name string) error {
	if err := os.MkdirAll(namespaces, 0o755); err != nil {
		return err
	}
	path := filepath.Join(namespaces, name)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDONLY, 0o444)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount the namespace on %s: %w", path, err)
	}
	return nil
}

// unpublish takes the name away; it is no error if there is none, or nothing behind it.
func unpublish(name string) error {
	path := filepath.Join(namespaces, name)
	err := unix.Unmount(path, unix.MNT_DETACH)
	for err == nil {
		err = unix.Unmount(path, unix.MNT_DETACH)
	}
	if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) { // not mounted, not there
		return fmt.Errorf("unmount %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// published returns the namespaces of a network, or of all if the network is "".
func published(network string) ([]string, error) {
	entries, err := os.ReadDir(namespaces)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if of, ok := networkOf(e.Name()); ok && (network == "" || of == network) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// networkOf returns the network that a namespace belongs to, if it is one of ours.
func networkOf(namespace string) (string, bool) {
	rest, ours := strings.CutPrefix(namespace, prefix)
	network, host, ok := strings.Cut(rest, "-")
	return network, ours && ok && validNet(network) && validHost(host)
}

// removeNamespaces removes those of a network.
func removeNamespaces(network string) error {
	names, err := published(network)
	errs := []error{err}
	for _, name := range names {
		errs = append(errs, unpublish(name))
	}
	return errors.Join(errs...)
}
