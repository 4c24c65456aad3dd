package netlab_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/netlab"
)

// table prints the routes of a table, one a line.
func table(t testing.TB, h *netlab.Host, number int) string {
	t.Helper()
	routes, err := h.Routes(number)
	must(t, err)
	var b strings.Builder
	for _, r := range routes {
		fmt.Fprintln(&b, r)
	}
	return b.String()
}

func TestRoutesAreSetReplacedAndDropped(t *testing.T) {
	n := open(t)
	a, _ := pair(t, n)
	for _, r := range []netlab.Route{
		{Prefix: prefix("0.0.0.0/0"), Via: addr("10.0.0.2")},
		{Prefix: prefix("0.0.0.0/0"), Via: addr("192.0.2.1"), Dev: "eth0", Metric: 50},
		{Prefix: prefix("10.1.0.0/16"), Dev: "eth0", Source: addr("10.0.0.1")},
		{Prefix: prefix("10.2.0.0/16"), Kind: netlab.Blackhole},
		{Prefix: prefix("10.3.0.0/16"), Kind: netlab.Unreachable, Metric: 7},
		{Prefix: prefix("::/0"), Via: addr("fd00::2"), Dev: "eth0"},
		{Prefix: prefix("fd01::/64"), Kind: netlab.Blackhole},
		{Table: 1000, Prefix: prefix("10.4.0.0/16"), Kind: netlab.Throw},
		{Table: 1000, Prefix: prefix("fd04::/64"), Kind: netlab.Throw},
		{Table: 1000, Prefix: prefix("0.0.0.0/0"), Dev: "eth0"},
		{Table: 1000, Prefix: prefix("0.0.0.0/0"), Kind: netlab.Blackhole},         // in its place
		{Table: 254, Prefix: prefix("10.2.0.0/16"), Via: addr("10.0.0.2")},         // the main table too
		{Table: 0, Prefix: prefix("fd01::/64"), Via: addr("fd00::2"), Dev: "eth0"}, // in place of a blackhole
	} {
		must(t, a.SetRoute(r))
	}
	want := `0.0.0.0/0 via 10.0.0.2 dev eth0
0.0.0.0/0 via 192.0.2.1 dev eth0 metric 50
10.0.0.0/24 dev eth0 src 10.0.0.1
10.1.0.0/16 dev eth0 src 10.0.0.1
10.2.0.0/16 via 10.0.0.2 dev eth0
unreachable 10.3.0.0/16 metric 7
::/0 via fd00::2 dev eth0
::1/128 dev lo metric 256
fd00::/64 dev eth0 metric 256
fd01::/64 via fd00::2 dev eth0
`
	if diff := cmp.Diff(want, table(t, a, 0)); diff != "" {
		t.Errorf("main table (-want +got):\n%s", diff)
	}
	want = `blackhole 0.0.0.0/0 table 1000
throw 10.4.0.0/16 table 1000
throw fd04::/64 table 1000
`
	if diff := cmp.Diff(want, table(t, a, 1000)); diff != "" {
		t.Errorf("table 1000 (-want +got):\n%s", diff)
	}

	must(t, a.DropRoute(netlab.Route{Prefix: prefix("0.0.0.0/0"), Metric: 50}),
		a.DropRoute(netlab.Route{Prefix: prefix("fd01::/64")}),
		a.DropRoute(netlab.Route{Table: 1000, Prefix: prefix("0.0.0.0/0")}))
	if got := table(t, a, 0) + table(t, a, 1000); strings.Contains(got, "metric 50") || strings.Contains(got, "fd01") || strings.Contains(got, "blackhole 0.0.0.0/0") {
		t.Errorf("after three were dropped there is\n%s", got)
	}
	for _, r := range []netlab.Route{
		{Prefix: prefix("0.0.0.0/0"), Metric: 50}, // gone already; that with another metric must stay
		{Table: 1000, Prefix: prefix("10.4.0.0/17")},
	} {
		if err := a.DropRoute(r); err == nil || !strings.HasSuffix(err.Error(), "there is none") {
			t.Errorf("DropRoute(%s) = %v, want that there is none", r, err)
		}
	}
	if got := table(t, a, 0); !strings.Contains(got, "0.0.0.0/0 via 10.0.0.2 dev eth0\n") {
		t.Errorf("a route that nobody dropped is gone:\n%s", got)
	}
}

func TestBadRoutesAndRules(t *testing.T) {
	n := open(t)
	a, _ := pair(t, n)
	for _, c := range []struct {
		r    netlab.Route
		want string
	}{
		{netlab.Route{Prefix: prefix("10.0.0.1/24"), Dev: "eth0"}, "set route 10.0.0.1/24 dev eth0 of host \"a\": prefix 10.0.0.1/24: want a network, without bits of a host"},
		{netlab.Route{Prefix: prefix("10.0.0.0/24")}, "set route 10.0.0.0/24 of host \"a\": want a next hop or a device"},
		{netlab.Route{Prefix: prefix("10.0.0.0/24"), Via: addr("fd00::2")}, "set route 10.0.0.0/24 via fd00::2 of host \"a\": address fd00::2: want the family of the prefix"},
		{netlab.Route{Prefix: prefix("10.0.0.0/24"), Kind: netlab.Throw, Dev: "eth0"}, "set route throw 10.0.0.0/24 dev eth0 of host \"a\": want no next hop, device or source with throw"},
		{netlab.Route{Prefix: prefix("10.0.0.0/24"), Dev: "eth9"}, "set route 10.0.0.0/24 dev eth9 of host \"a\": device \"eth9\" of host \"a\": Link not found"},
		{netlab.Route{Prefix: prefix("10.8.0.0/24"), Via: addr("10.9.9.9")}, "set route 10.8.0.0/24 via 10.9.9.9 of host \"a\": network is unreachable"},
	} {
		if err := a.SetRoute(c.r); err == nil || err.Error() != c.want {
			t.Errorf("SetRoute(%+v) = %v, want %s", c.r, err, c.want)
		}
	}
	rule := netlab.Rule{Priority: 5, In: "eth0", From: prefix("10.0.0.0/8"), Table: 7}
	must(t, a.AddRule(rule))
	if err := a.AddRule(rule); err == nil || err.Error() != `add rule "5: from 10.0.0.0/8 iif eth0 lookup 7" of host "a": file exists` {
		t.Errorf("the same rule again: %v, want that it exists", err)
	}
	must(t, a.DropRule(rule))
	if err := a.DropRule(rule); err == nil {
		t.Error("a rule can be dropped twice")
	}
	if err := a.AddRule(netlab.Rule{Table: 7}); err == nil || !strings.Contains(err.Error(), "want a priority above 0") {
		t.Errorf("a rule without a priority: %v", err)
	}
}

// TestNoPacketMeetsAGap sends packets, one after the other, while their route moves from
// one link to another and back as fast as it can.
func TestNoPacketMeetsAGap(t *testing.T) {
	n := open(t)
	a, b := host(t, n, "a"), host(t, n, "b")
	must(t, n.Link(a, "one", b, "one"), n.Link(a, "two", b, "two"),
		a.AddAddress("lo", prefix("10.0.0.1/32")), a.AddAddress("lo", prefix("fd00::1/128")),
		b.AddAddress("lo", prefix("10.0.0.2/32")), b.AddAddress("lo", prefix("fd00::2/128")))
	for _, target := range []string{"10.0.0.2", "fd00::2"} {
		t.Run(strings.ReplaceAll(target, ":", "-"), func(t *testing.T) {
			to := addr(target)
			from := map[bool]string{true: "10.0.0.1", false: "fd00::1"}[to.Is4()]
			route := netlab.Route{Table: 100, Prefix: prefix(fmt.Sprintf("%s/%d", to, to.BitLen())), Source: addr(from), Dev: "one"}
			rule := netlab.Rule{Priority: 1, Table: 100, From: prefix(fmt.Sprintf("%s/%d", from, to.BitLen()))}
			must(t, a.SetRoute(route), a.SetRoute(netlab.Route{Prefix: route.Prefix, Dev: "one", Source: addr(from)}), a.AddRule(rule))
			conn := listenUDP(t, b, "["+target+"]:7")
			var enough atomic.Bool
			var moves atomic.Int64
			var wg sync.WaitGroup
			defer wg.Wait()
			defer enough.Store(true)
			wg.Go(func() {
				for ; !enough.Load(); moves.Add(1) {
					route.Dev = []string{"one", "two"}[moves.Load()%2]
					if err := a.SetRoute(route); err != nil {
						t.Error(err)
						return
					}
				}
			})
			// Gone from table 100 the main one would be asked: a gap must be a loss.
			must(t, a.DropRoute(netlab.Route{Prefix: route.Prefix}))
			sender, err := dialFrom(t, a, "udp", from, "["+target+"]:7")
			must(t, err)
			for i := 0; i < 1000 || moves.Load() < 1000 && !t.Failed(); i++ {
				send(t, sender, fmt.Sprint(i))
				if got, want := receive(t, conn), fmt.Sprint(i); got != want {
					t.Fatalf("got packet %s, want %s", got, want)
				}
			}
		})
	}
}

func TestRulesAndKindsDecideWhereAPacketGoes(t *testing.T) {
	n := open(t)
	a, router, b, c := host(t, n, "a"), host(t, n, "router"), host(t, n, "b"), host(t, n, "c")
	must(t, n.Link(a, "eth0", router, "a"), n.Link(b, "eth0", router, "b"), n.Link(c, "eth0", router, "c"),
		a.AddAddress("eth0", prefix("10.0.1.1/32")), a.AddAddress("eth0", prefix("10.0.1.2/32")),
		a.SetRoute(netlab.Route{Prefix: prefix("0.0.0.0/0"), Dev: "eth0"}),
		router.Sysctl("net/ipv4/ip_forward", "1"),
		router.SetRoute(netlab.Route{Prefix: prefix("10.9.0.0/16"), Dev: "b"}),
		router.AddAddress("lo", prefix("10.0.9.9/32")),
		router.SetRoute(netlab.Route{Prefix: prefix("10.0.1.0/24"), Dev: "a"}))
	for _, h := range []*netlab.Host{b, c} { // both have the address
		must(t, h.AddAddress("lo", prefix("10.9.0.1/32")), h.SetRoute(netlab.Route{Prefix: prefix("0.0.0.0/0"), Dev: "eth0"}))
	}
	atB, atC := listenUDP(t, b, "10.9.0.1:7"), listenUDP(t, c, "10.9.0.1:7")
	first := dial(t, a, "udp", "10.9.0.1:7")
	second, err := dialFrom(t, a, "udp", "10.0.1.2", "10.9.0.1:7")
	must(t, err)

	send(t, first, "main")
	if got := receive(t, atB); got != "main" {
		t.Errorf("by the main table came %q", got)
	}
	toC := netlab.Route{Table: 5, Prefix: prefix("10.9.0.0/24"), Dev: "c"}
	must(t, router.SetRoute(toC), router.AddRule(netlab.Rule{Priority: 20, In: "a", From: prefix("10.0.1.2/32"), Table: 5}))
	send(t, second, "by its source")
	if got := receive(t, atC); got != "by its source" {
		t.Errorf("by the rule came %q", got)
	}
	send(t, first, "not by the rule")
	if got := receive(t, atB); got != "not by the rule" {
		t.Errorf("by the main table came %q", got)
	}
	must(t, router.SetRoute(netlab.Route{Table: 5, Prefix: prefix("10.9.0.1/32"), Kind: netlab.Throw}))
	send(t, second, "thrown")
	if got := receive(t, atB); got != "thrown" {
		t.Errorf("after a throw came %q", got)
	}
	must(t, router.SetRoute(netlab.Route{Table: 5, Prefix: prefix("10.9.0.1/32"), Kind: netlab.Blackhole}))
	send(t, second, "into the hole")
	must(t, router.SetRoute(netlab.Route{Table: 5, Prefix: prefix("10.9.0.1/32"), Kind: netlab.Unreachable}))
	if _, err := dialFrom(t, a, "tcp", "10.0.1.2", "10.9.0.1:80"); err == nil || !strings.Contains(err.Error(), "no route to host") {
		t.Errorf("by an unreachable route: %v, want that there is no route", err)
	}
	must(t, router.DropRoute(netlab.Route{Table: 5, Prefix: prefix("10.9.0.1/32")}))
	send(t, second, "again")
	if got := receive(t, atC); got != "again" {
		t.Errorf("by the rule came %q, want neither what went into the hole nor what was refused", got)
	}
}
