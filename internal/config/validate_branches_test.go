package config_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"hopguard/internal/config"
)

// tables makes changes of changes to a group whose new networks get route tables.
func tables(change func(*config.RouteTable, *config.Branches)) func(*config.Config) {
	return func(c *config.Config) {
		spokes(func(*config.Spokes) {})(c)
		g := &c.Groups[0]
		g.Spokes.RouteTable = config.RouteTable{Subnets: []string{"*"}, Name: "rt-{region}"}
		g.Branches = config.Branches{Prefixes: []netip.Prefix{netip.MustParsePrefix("172.16.0.0/12")}, RemoveAfter: time.Hour}
		change(&g.Spokes.RouteTable, &g.Branches)
	}
}

func TestValidateBranches(t *testing.T) {
	refuse(t, "rules-branches.txt", []rule{
		{name: "a-table-for-no-subnet", change: tables(func(r *config.RouteTable, b *config.Branches) {
			r.Subnets, r.ResourceGroup, r.Name, *b = nil, "", "rt", config.Branches{}
		})},
		{name: "branches-for-no-table", change: tables(func(r *config.RouteTable, b *config.Branches) { *r = config.RouteTable{} })},
		{name: "subnets-of-no-network", change: func(c *config.Config) {
			tables(func(*config.RouteTable, *config.Branches) {})(c)
			c.Groups[0].Spokes.Tag, c.Groups[0].Spokes.Interval = config.Tag{}, 0
		}},
		{name: "names-that-are-none", change: tables(func(r *config.RouteTable, _ *config.Branches) {
			r.Subnets, r.ResourceGroup, r.Name = []string{"", "a/b", "[a]", "app", "APP"}, "a.", "rt-{vnet}"
		})},
		{name: "a-name-that-ends-badly", change: tables(func(r *config.RouteTable, _ *config.Branches) { r.Name = "rt-" })},
		{name: "a-long-name", change: tables(func(r *config.RouteTable, _ *config.Branches) { r.Name = strings.Repeat("a", 81) })},
		{name: "no-name", change: tables(func(r *config.RouteTable, _ *config.Branches) { r.Name = "" })},
		{name: "no-prefixes", change: tables(func(_ *config.RouteTable, b *config.Branches) { b.Prefixes = nil })},
		{name: "bad-prefixes", change: tables(func(_ *config.RouteTable, b *config.Branches) {
			b.Prefixes = []netip.Prefix{{}, netip.MustParsePrefix("10.0.0.1/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
		})},
		{name: "a-role-that-is-none", change: tables(func(_ *config.RouteTable, b *config.Branches) { b.Role = "a b" })},
		{name: "a-role-that-no-member-has", change: func(c *config.Config) {
			tables(func(_ *config.RouteTable, b *config.Branches) { b.Role = "wan" })(c)
			members(func(a, b *config.Member) {
				a.Hops, b.Hops = []config.Hop{{Role: "LAN", NIC: "x"}}, []config.Hop{{Role: "lan", NIC: "x"}}
			})(c)
		}},
		{name: "removed-too-soon", change: tables(func(_ *config.RouteTable, b *config.Branches) { b.RemoveAfter = time.Minute - 1 })},
	})
	for name, change := range map[string]func(*config.Config){
		"a-name-without-anything-in-it": tables(func(r *config.RouteTable, _ *config.Branches) { r.Name = "rt" }),
		"one-table-for-each-network":    tables(func(r *config.RouteTable, _ *config.Branches) { r.Name = "{network}-{group}" }),
		"a-role-of-both": func(c *config.Config) {
			tables(func(_ *config.RouteTable, b *config.Branches) { b.Role = "Lan" })(c)
			members(func(a, b *config.Member) {
				a.Hops, b.Hops = []config.Hop{{Role: "LAN", NIC: "x"}}, []config.Hop{{Role: "lan", NIC: "x"}}
			})(c)
		},
	} {
		c := valid()
		change(&c)
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTablesAreCompletedAndShown(t *testing.T) {
	c := valid()
	tables(func(r *config.RouteTable, b *config.Branches) { r.Name, b.RemoveAfter = "", 0 })(&c)
	c = c.Complete()
	g := c.Groups[0]
	if g.Spokes.RouteTable.Name != "rt-hopguard-{group}-{region}" || g.Branches.RemoveAfter != 24*time.Hour {
		t.Errorf("completed: %+v, %+v", g.Spokes.RouteTable, g.Branches)
	}
	text, err := c.YAML()
	if err != nil || strings.Contains(string(text), "rt-hopguard") || strings.Contains(string(text), "24h") {
		t.Errorf("YAML() = %s, %v\nwant what follows from the rest left out", text, err)
	}
}
