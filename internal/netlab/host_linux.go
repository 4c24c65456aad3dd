package netlab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Host is one host of a network. Its methods may be called from several goroutines.
type Host struct {
	net    *Net
	name   string
	ns     netns.NsHandle
	handle *netlink.Handle // speaks to the kernel from inside

	mu      sync.RWMutex
	closed  bool
	keeper  *keeper
	links   map[string]far // by device
	tunnels map[string]*tunnel
	stops   []func() error // of wires and captures
}

// far is the other end of a link.
type far struct {
	host *Host
	dev  string
}

// Name returns what it was made with.
func (h *Host) Name() string { return h.name }

// Namespace returns the name that `ip netns` has for it.
func (h *Host) Namespace() string { return prefix + h.net.name + "-" + h.name }

// Do runs f on a thread that is inside, and returns its error. What f opens stays
// inside; goroutines that it starts do not run there.
func (h *Host) Do(f func() error) error {
	err := errEnded
	var wg sync.WaitGroup
	wg.Go(func() {
		var leave func()
		if leave, err = h.enter(); err != nil {
			return
		}
		defer leave()
		err = errEnded
		err = f()
	})
	wg.Wait()
	return err
}

// enter moves the calling goroutine's thread inside, until leave is called. If it does
// not come back, the thread is thrown away with the goroutine, which must be one that
// ends.
func (h *Host) enter() (leave func(), err error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.closed {
		return nil, h.gone()
	}
	runtime.LockOSThread()
	if err := netns.Set(h.ns); err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("enter host %q: %w", h.name, err)
	}
	return func() {
		if netns.Set(h.net.origin) == nil {
			runtime.UnlockOSThread()
		}
	}, nil
}

// gone is the error of a host whose network is closed.
func (h *Host) gone() error {
	return fmt.Errorf("host %q: the network %q is closed", h.name, h.net.name)
}

// Sysctl sets one of the host's own settings; the name is as in "net/ipv4/ip_forward".
func (h *Host) Sysctl(name, value string) error {
	if !strings.HasPrefix(name, "net/") || filepath.Clean(name) != name {
		return fmt.Errorf("setting %q of host %q: want a path that begins with net/", name, h.name)
	}
	return h.Do(func() error { return os.WriteFile("/proc/sys/"+name, []byte(value), 0) })
}

// onClose has a function called when the network is closed.
func (h *Host) onClose(stop func() error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return errors.Join(h.gone(), stop())
	}
	h.stops = append(h.stops, stop)
	return nil
}

// stop ends the wires and captures.
func (h *Host) stop() error {
	h.mu.Lock()
	h.closed = true
	stops := h.stops
	h.mu.Unlock()
	var errs []error
	for _, stop := range stops {
		errs = append(errs, stop())
	}
	return errors.Join(errs...)
}

// close deletes the devices and leaves the namespace. What the host has not come to have
// is not missed.
func (h *Host) close() error {
	var errs []error
	if h.handle != nil {
		errs = append(errs, h.deleteDevices())
		h.handle.Close()
	}
	if h.ns > 0 {
		errs = append(errs, h.ns.Close())
	}
	return errors.Join(errs...)
}

// deleteDevices deletes all that can be: an open socket would keep them alive.
func (h *Host) deleteDevices() error {
	links, err := h.handle.LinkList()
	errs := []error{err}
	for _, link := range links {
		switch link.Type() {
		case "veth", "vxlan", "gre", "ip6gre":
		default:
			continue // the loopback, and what the kernel gives every namespace
		}
		if name := link.Attrs().Name; name == "gre0" || name == "ip6gre0" || name == "gretap0" {
			continue
		}
		// It may have gone with its other end.
		if err := h.handle.LinkDel(link); err != nil && !errors.Is(err, unix.ENODEV) {
			errs = append(errs, fmt.Errorf("delete device %q of host %q: %w", link.Attrs().Name, h.name, err))
		}
	}
	return errors.Join(errs...)
}
