package netlab_test

import (
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
)

// names makes the hosts of a Start.
func names(address string, hosts ...string) map[string]netip.Addr {
	m := map[string]netip.Addr{}
	for _, h := range hosts {
		m[h] = addr(address)
	}
	return m
}

// openToAll lets every user into the folders of tests.
func openToAll(folder string) error {
	for ; folder != "/" && folder != os.TempDir(); folder = filepath.Dir(folder) {
		if err := os.Chmod(folder, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// machine returns the links, addresses, routes, rules and settings of the namespace that
// the tests run in: what no network may change.
func machine(t testing.TB) []string {
	t.Helper()
	var lines []string
	links, err := netlink.LinkList()
	must(t, err)
	for _, l := range links {
		a := l.Attrs()
		lines = append(lines, fmt.Sprintf("link %d %s %s mtu %d %s %s master %d", a.Index, a.Name, a.Flags, a.MTU, a.HardwareAddr, a.OperState, a.MasterIndex))
	}
	addresses, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	must(t, err)
	for _, a := range addresses {
		lines = append(lines, fmt.Sprintf("address %s %d", a.IPNet, a.LinkIndex))
	}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := netlink.RouteListFiltered(family, &netlink.Route{}, netlink.RT_FILTER_TABLE)
		must(t, err)
		for _, r := range routes {
			lines = append(lines, "route "+r.String())
		}
		rules, err := netlink.RuleList(family)
		must(t, err)
		for _, r := range rules {
			lines = append(lines, "rule "+r.String())
		}
		neighbours, err := netlink.NeighList(0, family)
		must(t, err)
		for _, n := range neighbours {
			if n.State&netlink.NUD_PERMANENT != 0 {
				lines = append(lines, "neighbour "+n.String())
			}
		}
	}
	for _, root := range []string{"/proc/sys/net/ipv4/conf", "/proc/sys/net/ipv6/conf", "/proc/sys/net/core"} {
		must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			if value, err := os.ReadFile(path); err == nil { // some can only be written
				lines = append(lines, path+" "+strings.TrimSpace(string(value)))
			}
			return nil
		}))
	}
	forward, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward")
	must(t, err)
	hosts, err := os.ReadFile("/etc/hosts")
	must(t, err)
	slices.Sort(lines)
	return append(lines, "ip_forward "+string(forward), "hosts "+string(hosts))
}
