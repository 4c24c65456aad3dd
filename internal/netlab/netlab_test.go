package netlab_test

import (
	"errors"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"testing"

	"hopguard/internal/netlab"
)

// networks counts those of this process.
var networks atomic.Int64

// freshName returns a name that no other network of this machine has, whoever tests
// meanwhile.
func freshName() string {
	return "t" + strconv.FormatInt(int64(os.Getpid()), 36) + strconv.FormatInt(networks.Add(1), 36)
}

// open makes a network that ends with the test. Where there can be none the test is
// skipped, or fails under CI.
func open(t testing.TB) *netlab.Net {
	t.Helper()
	n, err := netlab.Open(freshName())
	if errors.Is(err, netlab.ErrUnavailable) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, n.Close()) })
	return n
}

// host makes a host.
func host(t testing.TB, n *netlab.Net, name string) *netlab.Host {
	t.Helper()
	h, err := n.Host(name)
	must(t, err)
	return h
}

// must ends the test at the first error.
func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
