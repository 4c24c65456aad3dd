package netlab_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/netlab"
)

func TestTheMachineStaysAsItIs(t *testing.T) {
	must(t, open(t).Close())
	before := machine(t)
	l := newLine(t, netlab.Impairment{}, 1)
	must(t, l.left.AddTunnel(netlab.VXLAN, "tun", 1, addr("10.0.1.1"), addr("10.0.2.1")),
		l.left.AddNeighbour("eth0", addr("10.0.1.9"), net.HardwareAddr{2, 0, 0, 0, 0, 1}))
	stop, err := l.left.Capture("eth0", io.Discard)
	must(t, err)
	cmd := again(t, "hosts", "")
	must(t, l.left.Start(cmd, netlab.Start{Hosts: names("10.0.0.1", "one")}), cmd.Wait())
	echo(t, l.left, l.right, "10.0.2.1:80", []byte("hello"))
	if diff := cmp.Diff(before, machine(t)); diff != "" {
		t.Errorf("while a network is up (-before +now):\n%s", diff)
	}
	must(t, stop())
}

func TestTwoNetworksSideBySide(t *testing.T) {
	first, second := open(t), open(t)
	for i, n := range []*netlab.Net{first, second} {
		a, b := pair(t, n) // of the same names and addresses
		echo(t, a, b, "10.0.0.2:80", bytes.Repeat([]byte{byte(i)}, 1000))
	}
	must(t, first.Close())
	a, b := host(t, second, "c"), host(t, second, "d")
	must(t, second.Link(a, "eth0", b, "eth0"))
}

func TestANetworkIsOpenedOnce(t *testing.T) {
	must(t, open(t).Close())
	name := freshName()
	n, err := netlab.Open(name)
	must(t, err)
	if _, err := netlab.Open(name); err == nil || !strings.HasPrefix(err.Error(), `the network "`+name+`" is open already, in process `) {
		t.Errorf("a second Open = %v, want that it is open already", err)
	}
	h := host(t, n, "a")
	if got, want := h.Name()+" "+h.Namespace(), "a hopguard-"+name+"-a"; got != want {
		t.Errorf("the host is %q, want %q", got, want)
	}
	if _, err := os.Stat("/run/netns/" + h.Namespace()); err != nil {
		t.Errorf("ip netns will not show it: %v", err)
	}
	must(t, n.Close(), n.Close())
	if left := traces(t, name); len(left) > 0 {
		t.Errorf("after Close there is %v, want nothing", left)
	}
	for _, err := range []error{
		h.Do(func() error { return nil }), h.Sysctl("net/ipv4/ip_forward", "1"), lastError(n.Host("b")),
		lastError(h.Listen(t.Context(), "tcp", "127.0.0.1:0")), lastError(h.DialContext(t.Context(), "tcp", "127.0.0.1:1")),
	} {
		if err == nil || !strings.HasSuffix(err.Error(), `the network "`+name+`" is closed`) {
			t.Errorf("after Close: %v, want that it is closed", err)
		}
	}
	again, err := netlab.Open(name)
	must(t, err, again.Close())
}

// lastError drops what comes with an error.
func lastError[T any](_ T, err error) error { return err }

func TestBadNames(t *testing.T) {
	n := open(t)
	a, b := host(t, n, "a"), host(t, n, "b")
	for _, name := range []string{"", "ninechars", "Lab", "a-b", "a/b", "ä"} {
		if _, err := netlab.Open(name); err == nil || !strings.HasSuffix(err.Error(), "want 1 to 8 of a-z and 0-9") {
			t.Errorf("Open(%q) = %v, want what a name may be", name, err)
		}
	}
	for _, name := range []string{"", "-a", "a-", "a.b", "../a", strings.Repeat("a", 33)} {
		if _, err := n.Host(name); err == nil || !strings.HasSuffix(err.Error(), "want 1 to 32 of a-z, 0-9 and dashes, none at either end") {
			t.Errorf("Host(%q) = %v, want what a name may be", name, err)
		}
	}
	if _, err := n.Host("a"); err == nil || !strings.HasSuffix(err.Error(), "has one of that name") {
		t.Errorf("a second host of a name: %v", err)
	}
	if err := n.Link(a, "sixteencharslong", b, "eth0"); err == nil || !strings.HasSuffix(err.Error(), "want 1 to 15 bytes without spaces, slashes and colons") {
		t.Errorf("Link with a long name = %v", err)
	}
	if err := open(t).Link(a, "eth0", b, "eth0"); err == nil || !strings.Contains(err.Error(), "want two hosts of the network") {
		t.Errorf("Link by another network = %v", err)
	}
	for _, name := range []string{"kernel/panic", "net/../kernel/panic", "net/", "net//ipv4"} {
		if err := a.Sysctl(name, "0"); err == nil || !strings.HasSuffix(err.Error(), "want a path that begins with net/") {
			t.Errorf("Sysctl(%q) = %v, want what a setting is", name, err)
		}
	}
}

func TestAHostIsQuiet(t *testing.T) {
	n := open(t)
	a, _ := pair(t, n)
	_, err := a.AddWire("wire", netlab.Impairment{}, 1)
	must(t, err)
	for name, want := range map[string]string{
		"ipv4/conf/all/rp_filter": "0", "ipv4/conf/eth0/rp_filter": "0", "ipv4/conf/wire/rp_filter": "0",
		"ipv4/conf/eth0/send_redirects": "0", "ipv6/conf/eth0/accept_ra": "0", "ipv6/conf/eth0/autoconf": "0",
		"ipv6/conf/eth0/accept_dad": "0", "ipv6/conf/wire/addr_gen_mode": "1",
	} {
		must(t, a.Do(func() error {
			got, err := os.ReadFile("/proc/sys/net/" + name)
			if strings.TrimSpace(string(got)) != want {
				t.Errorf("%s is %q, want %s", name, got, want)
			}
			return err
		}))
	}
}

func TestDoReturnsWhateverHappensInside(t *testing.T) {
	h := host(t, open(t), "a")
	own, err := os.Readlink("/proc/thread-self/ns/net")
	must(t, err)
	wrong := errors.New("wrong")
	if err := h.Do(func() error { return wrong }); !errors.Is(err, wrong) {
		t.Errorf("Do = %v, want the function's error", err)
	}
	if err := h.Do(func() error { runtime.Goexit(); return nil }); err == nil {
		t.Error("Do = nil though the function did not return")
	}
	for range 100 { // whatever thread this is now, it is outside
		must(t, h.Do(func() error {
			space, err := os.Readlink("/proc/thread-self/ns/net")
			if space == own {
				t.Error("Do runs outside")
			}
			return err
		}))
		if space, err := os.Readlink("/proc/thread-self/ns/net"); err != nil || space != own {
			t.Fatalf("after Do the caller is in %s, want %s: %v", space, own, err)
		}
	}
}
