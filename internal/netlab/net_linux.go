package netlab

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Net is a network: hosts, and what is between them. Its methods may be called from
// several goroutines.
type Net struct {
	name   string
	lock   *os.File       // held as long as the network lives
	origin netns.NsHandle // where threads come from and go back to

	mu     sync.Mutex
	closed bool
	hosts  []*Host
}

// Open makes an empty network. The name is a short word of a-z and 0-9, at most 8 of
// them; a second living network of that name is refused, in whatever process it is. What
// dead processes have left, of whatever name, is removed first.
func Open(name string) (*Net, error) {
	if !validNet(name) {
		return nil, fmt.Errorf("network name %q: want 1 to 8 of a-z and 0-9", name)
	}
	if err := able(); err != nil {
		return nil, err
	}
	gate, err := enterGate()
	if err != nil {
		return nil, err
	}
	defer closeFile(gate)
	if _, err := sweep(); err != nil {
		return nil, fmt.Errorf("remove what dead processes have left: %w", err)
	}
	lock, err := take(name)
	if err != nil {
		return nil, err
	}
	origin, err := netns.Get()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the machine's own namespace: %w", err), release(name, lock))
	}
	return &Net{name: name, lock: lock, origin: origin}, nil
}

// Close ends the processes that are in the network, the wires and the captures, and
// removes the namespaces with all that is in them. Sockets that were opened in a host
// are closed by whoever opened them. What cannot be removed is in the error, and the
// rest is removed. A second call does nothing.
func (n *Net) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil
	}
	n.closed = true
	for _, h := range n.hosts {
		h.dismiss()
	}
	errs := []error{endProcesses(n.name)}
	for _, h := range n.hosts {
		errs = append(errs, h.stop())
	}
	for _, h := range n.hosts {
		errs = append(errs, h.close())
	}
	errs = append(errs, removeNamespaces(n.name), release(n.name, n.lock), n.origin.Close())
	return errors.Join(errs...)
}

// Host makes a host: a namespace that `ip netns` shows as hopguard-NAME-HOST. Its
// loopback is up; it filters no packet by its way back, sends no redirects and gives
// itself no IPv6 address. The name is of a-z, 0-9 and dashes.
func (n *Net) Host(name string) (*Host, error) {
	if !validHost(name) {
		return nil, fmt.Errorf("host name %q: want 1 to 32 of a-z, 0-9 and dashes, none at either end", name)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, fmt.Errorf("host %q: the network %q is closed", name, n.name)
	}
	if slices.ContainsFunc(n.hosts, func(h *Host) bool { return h.name == name }) {
		return nil, fmt.Errorf("host %q: the network %q has one of that name", name, n.name)
	}
	h, err := n.newHost(name)
	if err != nil {
		return nil, fmt.Errorf("host %q: %w", name, err)
	}
	n.hosts = append(n.hosts, h)
	return h, nil
}

// newHost makes the namespace ready before it has a name.
func (n *Net) newHost(name string) (*Host, error) {
	h := &Host{net: n, name: name, links: map[string]far{}, tunnels: map[string]*tunnel{}}
	err := fresh(func() error {
		if err := quiet(); err != nil {
			return err
		}
		var err error
		h.ns, err = netns.Get()
		if err != nil {
			return err
		}
		return publish(h.Namespace())
	})
	if err == nil {
		h.handle, err = netlink.NewHandleAt(h.ns, unix.NETLINK_ROUTE)
	}
	if err == nil {
		err = h.SetUp("lo", true)
	}
	if err != nil {
		return nil, errors.Join(err, h.stop(), h.close(), unpublish(h.Namespace()))
	}
	return h, nil
}

// validNet says whether a network may have the name. No dash: the namespaces' names have
// one behind it.
func validNet(name string) bool {
	return len(name) >= 1 && len(name) <= 8 && only(name, false)
}

// validHost says whether a host may have the name.
func validHost(name string) bool {
	return len(name) >= 1 && len(name) <= 32 && only(name, true) && name[0] != '-' && name[len(name)-1] != '-'
}

// only says whether there are only a-z, 0-9 and perhaps dashes.
func only(name string, dashes bool) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && (c != '-' || !dashes) {
			return false
		}
	}
	return true
}
