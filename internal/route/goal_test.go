package route_test

import (
	"net/netip"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"hopguard/internal/appliance"
	"hopguard/internal/route"
)

func hops(pairs ...string) []appliance.Hop {
	var out []appliance.Hop
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, appliance.Hop{Role: pairs[i], Addr: addr(pairs[i+1])})
	}
	return out
}

func subnetID(name string) appliance.ResourceID {
	return appliance.ResourceID(network + "/virtualNetworks/hub/subnets/" + name)
}

// emea is the goal that most tests start from: two members with two roles, the
// traffic at b.
func emea() route.Goal {
	return route.Goal{
		Group: "emea", Active: "b",
		Members: []route.MemberHops{
			{Member: "a", Hops: hops("lan", "10.1.0.4", "wan", "10.1.1.4", "lan/ipv6", "fd01::4"), Subnets: []appliance.ResourceID{subnetID("a-lan")}},
			{Member: "b", Hops: hops("lan", "10.2.0.4", "wan", "10.2.1.4", "lan/ipv6", "fd02::4"), Subnets: []appliance.ResourceID{subnetID("b-lan")}},
		},
		Selection: route.Selection{TagName: "nva_ha_udr", TagValue: "emea"},
	}
}

// table is a managed table whose routes r0, r1, ... point at the hops.
func table(to ...string) route.Table {
	t := route.Table{ID: rtID("spoke"), ETag: `W/"1"`, State: "Succeeded", Tags: map[string]string{"nva_ha_udr": "emea"}, Raw: []byte("{}")}
	for i, s := range to {
		r := route.Route{Name: "r" + strconv.Itoa(i), Prefix: "10.20." + strconv.Itoa(i) + ".0/24", HopType: "VirtualAppliance"}
		r.Hop, _ = netip.ParseAddr(s)
		t.Routes = append(t.Routes, r)
	}
	return t
}

// D15: a value that only begins alike is another group's.
func TestD15SelectionOfTables(t *testing.T) {
	s := route.Selection{TagName: "nva_ha_udr", TagValue: "vMX1"}
	tests := []struct {
		name string
		tags map[string]string
		want bool
	}{
		{"name-and-value", map[string]string{"nva_ha_udr": "vMX1"}, true},
		{"among-others", map[string]string{"owner": "net", "nva_ha_udr": "vMX1", "z": ""}, true},
		{"tag-name-in-other-casing", map[string]string{"NVA_HA_UDR": "vMX1"}, true},
		{"P8-value-in-other-casing", map[string]string{"nva_ha_udr": "vmx1"}, false},
		{"P8-value-that-begins-alike", map[string]string{"nva_ha_udr": "vMX10"}, false},
		{"P8-value-that-is-the-beginning", map[string]string{"nva_ha_udr": "vMX"}, false},
		{"P8-value-with-a-space", map[string]string{"nva_ha_udr": "vMX1 "}, false},
		{"P8-value-in-another-tag", map[string]string{"nva": "vMX1", "nva_ha_udr_old": "vMX1"}, false},
		{"P8-no-tags", nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := s.Table(tt.tags); got != tt.want {
				t.Errorf("Table(%v) = %v, want %v", tt.tags, got, tt.want)
			}
		})
	}
}

func TestSelectionOfRoutes(t *testing.T) {
	prefixes := func(s ...string) (out []netip.Prefix) {
		for _, p := range s {
			out = append(out, netip.MustParsePrefix(p))
		}
		return out
	}
	tests := []struct {
		name      string
		selection route.Selection
		route     route.Route
		want      bool
	}{
		{"all", route.Selection{}, route.Route{Name: "r", Prefix: "10.0.0.0/8"}, true},
		{"all-includes-service-tags", route.Selection{}, route.Route{Name: "r", Prefix: "AzureMonitor"}, true},
		{"name", route.Selection{Names: []string{"x", "to-branch"}}, route.Route{Name: "to-branch", Prefix: "10.0.0.0/8"}, true},
		{"name-in-other-casing", route.Selection{Names: []string{"To-Branch"}}, route.Route{Name: "to-branch"}, true},
		{"name-that-begins-alike", route.Selection{Names: []string{"to-branch"}}, route.Route{Name: "to-branch-2"}, false},
		{"same-prefix", route.Selection{Prefixes: prefixes("10.0.0.0/8")}, route.Route{Name: "r", Prefix: "10.0.0.0/8"}, true},
		{"prefix-inside", route.Selection{Prefixes: prefixes("10.0.0.0/8")}, route.Route{Name: "r", Prefix: "10.20.0.0/16"}, true},
		{"prefix-around", route.Selection{Prefixes: prefixes("10.20.0.0/16")}, route.Route{Name: "r", Prefix: "10.0.0.0/8"}, false},
		{"prefix-beside", route.Selection{Prefixes: prefixes("10.20.0.0/16")}, route.Route{Name: "r", Prefix: "10.21.0.0/16"}, false},
		{"second-prefix", route.Selection{Prefixes: prefixes("10.20.0.0/16", "10.21.0.0/16")}, route.Route{Name: "r", Prefix: "10.21.7.0/24"}, true},
		{"prefix-around-that-begins-alike", route.Selection{Prefixes: prefixes("10.0.0.0/16")}, route.Route{Name: "r", Prefix: "10.0.0.0/8"}, false},
		{"v6-inside", route.Selection{Prefixes: prefixes("fd00::/8")}, route.Route{Name: "r", Prefix: "fd20::/16"}, true},
		{"v6-is-not-inside-all-of-v4", route.Selection{Prefixes: prefixes("0.0.0.0/0")}, route.Route{Name: "r", Prefix: "::/0"}, false},
		{"v4-is-not-inside-all-of-v6", route.Selection{Prefixes: prefixes("::/0")}, route.Route{Name: "r", Prefix: "10.0.0.0/8"}, false},
		{"service-tag-is-inside-nothing", route.Selection{Prefixes: prefixes("0.0.0.0/0", "::/0")}, route.Route{Name: "r", Prefix: "AzureMonitor"}, false},
		{"name-and-prefix", route.Selection{Names: []string{"r"}, Prefixes: prefixes("10.0.0.0/8")}, route.Route{Name: "r", Prefix: "10.1.0.0/16"}, true},
		{"name-without-prefix", route.Selection{Names: []string{"r"}, Prefixes: prefixes("10.0.0.0/8")}, route.Route{Name: "r", Prefix: "11.0.0.0/16"}, false},
		{"prefix-without-name", route.Selection{Names: []string{"r"}, Prefixes: prefixes("10.0.0.0/8")}, route.Route{Name: "s", Prefix: "10.1.0.0/16"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.selection.Route(tt.route); got != tt.want {
				t.Errorf("Route(%+v) = %v, want %v", tt.route, got, tt.want)
			}
		})
	}
}

// What becomes of a table: where each route goes, written as from>to, and what
// is wrong with it.
func TestDiff(t *testing.T) {
	toA := emea()
	toA.Active = "a"
	nobody := emea()
	nobody.Active = "c"
	redeployed := emea()
	redeployed.Members[1].Hops = hops("lan", "10.2.0.9")
	redeployed.Members[1].Former = hops("lan", "10.2.0.4")
	dead := toA
	dead.Members = slices.Clone(redeployed.Members)
	oneRole := emea()
	oneRole.Members[1].Hops = hops("lan", "10.2.0.4")
	oneRoleAtA := oneRole
	oneRoleAtA.Active = "a"
	unlike := emea()
	unlike.Members[1].Hops = hops("lan", "10.2.0.4", "dmz", "10.2.2.4")
	twice := emea()
	twice.Members[0].Hops, twice.Members[1].Hops = hops("lan", "10.1.0.4"), hops("lan", "10.2.0.4", "lan", "10.2.0.4")
	fewer := emea()
	fewer.Members[0].Hops, fewer.Members[0].Former = hops("lan", "10.1.0.4"), hops("wan", "10.1.1.4")
	otherFamily := emea()
	otherFamily.Members[1].Hops = hops("lan", "fd02::4")
	dual := emea()
	dual.Members[0].Hops, dual.Members[1].Hops = hops("lan", "10.1.0.4", "lan", "fd01::4"), hops("lan", "fd02::4", "lan", "10.2.0.4")
	several := emea()
	several.Members[1].Hops = hops("lan", "10.2.0.4", "lan", "10.2.0.5")
	named := emea()
	named.Selection.Names = []string{"R1"}
	tagless := table("10.1.0.4")
	tagless.Tags = map[string]string{"nva_ha_udr": "emea2"}
	own := table("10.1.0.4")
	own.Subnets = []appliance.ResourceID{subnetID("work"), "/SUBSCRIPTIONS/5a1f/resourcegroups/RG/providers/Microsoft.Network/virtualNetworks/HUB/subnets/B-lan"}
	others := table("10.1.0.4", "10.1.0.4", "10.1.0.4")
	others.Routes[0].HopType, others.Routes[1].HopType, others.Routes[2].HopType = "Internet", "None", "VIRTUALAPPLIANCE"
	tests := []struct {
		name    string
		goal    route.Goal
		table   route.Table
		managed []appliance.MemberName
		moves   []string
		problem *route.Problem
	}{
		{"a-route-moves-to-the-same-role", emea(), table("10.1.0.4", "10.1.1.4"), []appliance.MemberName{"a", "a"}, []string{"r0 a 10.1.0.4>b 10.2.0.4", "r1 a 10.1.1.4>b 10.2.1.4"}, nil},
		{"and-back", toA, table("10.2.0.4", "10.2.1.4"), []appliance.MemberName{"b", "b"}, []string{"r0 b 10.2.0.4>a 10.1.0.4", "r1 b 10.2.1.4>a 10.1.1.4"}, nil},
		{"D2-nothing-to-do", emea(), table("10.2.0.4", "10.2.1.4"), []appliance.MemberName{"b", "b"}, nil, nil},
		{"half-done", emea(), table("10.2.0.4", "10.1.1.4"), []appliance.MemberName{"b", "a"}, []string{"r1 a 10.1.1.4>b 10.2.1.4"}, nil},
		{"v6", emea(), table("fd01::4"), []appliance.MemberName{"a"}, []string{"r0 a fd01::4>b fd02::4"}, nil},
		{"D13-routes-of-other-appliances-stay", emea(), table("10.1.0.4", "10.9.0.4", "10.1.0.40"), []appliance.MemberName{"a"}, []string{"r0 a 10.1.0.4>b 10.2.0.4"}, nil},
		{"only-appliance-routes-move", emea(), others, []appliance.MemberName{"a"}, []string{"r2 a 10.1.0.4>b 10.2.0.4"}, nil},
		{"only-selected-routes-move", named, table("10.1.0.4", "10.1.0.4"), []appliance.MemberName{"a"}, []string{"r1 a 10.1.0.4>b 10.2.0.4"}, nil},
		{"a-route-without-a-hop-is-nobodys", emea(), table("", "10.1.0.4"), []appliance.MemberName{"a"}, []string{"r1 a 10.1.0.4>b 10.2.0.4"}, nil},
		{"a-redeployed-active-member-takes-its-routes-along", redeployed, table("10.2.0.4", "10.1.0.4"), []appliance.MemberName{"b", "a"}, []string{"r0 b 10.2.0.4>b 10.2.0.9", "r1 a 10.1.0.4>b 10.2.0.9"}, nil},
		{"a-former-address-is-left-for-the-other-member", dead, table("10.2.0.4", "10.2.0.9"), []appliance.MemberName{"b", "b"}, []string{"r0 b 10.2.0.4>a 10.1.0.4", "r1 b 10.2.0.9>a 10.1.0.4"}, nil},
		{
			"a-role-that-the-active-one-lacks-is-refused", oneRole, table("10.1.1.4", "10.1.0.4"), []appliance.MemberName{"a", "a"}, nil,
			&route.Problem{Refused: true, Text: `route r0 points at 10.1.1.4, role "wan" of a, for which b has no address`},
		},
		{
			"a-role-that-the-active-one-has-in-another-family-only-is-refused", otherFamily, table("10.1.0.4"), []appliance.MemberName{"a"}, nil,
			&route.Problem{Refused: true, Text: `route r0 points at 10.1.0.4, role "lan" of a, for which b has no address`},
		},
		{"each-family-goes-to-its-own", dual, table("10.1.0.4", "fd01::4"), []appliance.MemberName{"a", "a"}, []string{"r0 a 10.1.0.4>b 10.2.0.4", "r1 a fd01::4>b fd02::4"}, nil},
		{
			"a-role-in-which-the-active-one-has-several-addresses-is-refused", several, table("10.1.0.4"), []appliance.MemberName{"a"}, nil,
			&route.Problem{Refused: true, Text: `route r0 points at 10.1.0.4, role "lan" of a, for which b has 2 addresses`},
		},
		{"an-address-listed-twice-is-one", twice, table("10.1.0.4"), []appliance.MemberName{"a"}, []string{"r0 a 10.1.0.4>b 10.2.0.4"}, nil},
		{"a-route-at-one-of-several-addresses-stays", several, table("10.2.0.4", "10.2.0.5"), []appliance.MemberName{"b", "b"}, nil, nil},
		{
			"an-active-member-without-addresses-is-refused", nobody, table("10.1.0.4"), []appliance.MemberName{"a"}, nil,
			&route.Problem{Refused: true, Text: `route r0 points at 10.1.0.4, role "lan" of a, for which c has no address`},
		},
		{
			"a-role-that-the-standby-lacks-is-known-before-the-failover", oneRoleAtA, table("10.1.1.4"), []appliance.MemberName{"a"}, nil,
			&route.Problem{Text: `route r0 points at 10.1.1.4, role "wan" of a, for which b has no address`},
		},
		{
			"a-dead-member-with-an-interface-fewer-does-not-keep-its-routes", fewer, table("10.1.1.4", "10.1.0.4"), []appliance.MemberName{"a", "a"},
			[]string{"r0 a 10.1.1.4>b 10.2.1.4", "r1 a 10.1.0.4>b 10.2.0.4"},
			&route.Problem{Text: `route r0 points at 10.1.1.4, role "wan" of a, for which a has no address`},
		},
		{
			"what-is-refused-stays-refused-whatever-else-is-wrong", unlike, table("10.1.1.4", "10.2.2.4", "10.1.0.4"), []appliance.MemberName{"a", "b", "a"}, nil,
			&route.Problem{Refused: true, Text: `route r0 points at 10.1.1.4, role "wan" of a, for which b has no address`},
		},
		{
			"and-whatever-came-before", unlike, table("10.2.2.4", "10.1.1.4", "10.1.0.4"), []appliance.MemberName{"b", "a", "a"}, nil,
			&route.Problem{Refused: true, Text: `route r1 points at 10.1.1.4, role "wan" of a, for which b has no address`},
		},
		{"P8-another-groups-table-is-refused", emea(), tagless, nil, nil, &route.Problem{Refused: true, Text: "does not have the tag nva_ha_udr=emea"}},
		{
			"a-members-own-table-is-refused", emea(), own, nil, nil,
			&route.Problem{Refused: true, Text: "is used by subnet " + string(own.Subnets[1]) + " of member b: its own traffic would loop"},
		},
		{
			"no-route-points-at-a-member", emea(), table("10.9.0.4", ""), nil, nil,
			&route.Problem{Text: "has the tag nva_ha_udr=emea, but no managed route in it points at a member (a 10.1.0.4, a 10.1.1.4, a fd01::4, b 10.2.0.4, b 10.2.1.4, b fd02::4)"},
		},
		{
			"no-route-at-all", oneRole, table(), nil, nil,
			&route.Problem{Text: "has the tag nva_ha_udr=emea, but no managed route in it points at a member (a 10.1.0.4, a 10.1.1.4, a fd01::4, b 10.2.0.4)"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.goal.Diff(tt.table)
			var managed []appliance.MemberName
			for _, m := range got.Managed {
				managed = append(managed, m.Member)
			}
			if d := diff(tt.managed, managed); d != "" {
				t.Errorf("managed routes differ (-want +got):\n%s", d)
			}
			if d := diff(tt.moves, moves(got)); d != "" {
				t.Errorf("changes differ (-want +got):\n%s", d)
			}
			if d := diff(tt.problem, got.Problem); d != "" {
				t.Errorf("problem differs (-want +got):\n%s", d)
			}
			if got.Table != tt.table.ID || got.ETag != tt.table.ETag || got.State != tt.table.State || string(got.Raw) != string(tt.table.Raw) {
				t.Errorf("plan = %+v, want the table's id, etag, state and JSON", got)
			}
		})
	}
}

func moves(p route.TablePlan) []string {
	var out []string
	for _, c := range p.Changes {
		out = append(out, c.Route+" "+string(c.FromMember)+" "+c.From.String()+">"+string(c.ToMember)+" "+c.To.String())
	}
	return out
}

// A change names the route by its prefix too, for a person.
func TestDiffNamesPrefixes(t *testing.T) {
	p := emea().Diff(table("10.1.0.4"))
	if p.Changes[0].Prefix != "10.20.0.0/24" || p.Managed[0].Prefix != "10.20.0.0/24" || p.Managed[0].Route != "r0" {
		t.Errorf("Diff() = %+v, want the prefix 10.20.0.0/24 of r0", p)
	}
}

// anyGoal draws two members in a few roles, some of them in several addresses of
// one role or with one address in several roles, some roles missing.
func anyGoal(t *rapid.T) route.Goal {
	roles := []string{"lan", "wan", "dmz"}
	v6 := func(m, i int) netip.Addr { return netip.AddrFrom16([16]byte{0: 0xfd, 1: byte(m), 15: byte(i)}) }
	v4 := func(m, i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(m), 0, byte(i)}) }
	g := route.Goal{Group: "emea", Active: rapid.SampledFrom([]appliance.MemberName{"a", "b"}).Draw(t, "active"), Selection: emea().Selection}
	draw := func(m, least int, label string) []appliance.Hop {
		return rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) appliance.Hop {
			h := appliance.Hop{Role: rapid.SampledFrom(roles).Draw(t, "role"), Addr: v4(m, rapid.IntRange(1, 3).Draw(t, "host"))}
			if rapid.IntRange(0, 4).Draw(t, "v6") == 0 {
				h.Addr = v6(m, int(h.Addr.As4()[3]))
			}
			return h
		}), 0, 4, func(h appliance.Hop) appliance.Hop { return h }).Draw(t, label)
	}
	for i, name := range []appliance.MemberName{"a", "b"} {
		g.Members = append(g.Members, route.MemberHops{Member: name, Hops: draw(i+1, 1, "hops"), Former: draw(i+1, 0, "former")})
	}
	return g
}

func anyTable(t *rapid.T, g route.Goal) route.Table {
	all := []string{"10.9.0.1", ""}
	for _, m := range g.Members {
		for _, h := range slices.Concat(m.Hops, m.Former) {
			all = append(all, h.Addr.String())
		}
	}
	return table(rapid.SliceOfN(rapid.SampledFrom(all), 0, 6).Draw(t, "hops of routes")...)
}

// owns reports whether the address is one of the member's, in any role.
func owns(m route.MemberHops, a netip.Addr, former bool) bool {
	is := func(h appliance.Hop) bool { return h.Addr == a }
	return slices.ContainsFunc(m.Hops, is) || former && slices.ContainsFunc(m.Former, is)
}

// TestP1HopsOnlyChangeToTheActiveMember: whatever the group and the table, each
// change leaves an address of a member for an address of the active one, of the
// same family and in a role that the two share.
func TestP1HopsOnlyChangeToTheActiveMember(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := anyGoal(t)
		tab := anyTable(t, g)
		for _, c := range g.Diff(tab).Changes {
			i := slices.IndexFunc(g.Members, func(m route.MemberHops) bool { return m.Member == c.FromMember })
			j := slices.IndexFunc(g.Members, func(m route.MemberHops) bool { return m.Member == g.Active })
			if i < 0 || !owns(g.Members[i], c.From, true) || c.ToMember != g.Active || !owns(g.Members[j], c.To, false) {
				t.Fatalf("change %+v, want from an address of a member to one of %s: %+v", c, g.Active, g.Members)
			}
			if c.From == c.To || c.From.Is4() != c.To.Is4() {
				t.Fatalf("change %+v, want another address of the same family", c)
			}
			shared := slices.ContainsFunc(slices.Concat(g.Members[i].Hops, g.Members[i].Former), func(h appliance.Hop) bool {
				return h.Addr == c.From && slices.Contains(g.Members[j].Hops, appliance.Hop{Role: h.Role, Addr: c.To})
			})
			if !shared {
				t.Fatalf("change %+v, want the same role at both members: %+v", c, g.Members)
			}
			k := slices.IndexFunc(tab.Routes, func(r route.Route) bool { return r.Name == c.Route })
			if k < 0 || tab.Routes[k].Hop != c.From {
				t.Fatalf("change %+v, want it to begin where the route points: %+v", c, tab.Routes)
			}
		}
	})
}

// TestD4OrderOfInterfacesHasNoEffect: Azure lists interfaces and addresses in any
// order; the plan is the same.
func TestD4OrderOfInterfacesHasNoEffect(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := anyGoal(t)
		shuffled := g
		shuffled.Members = slices.Clone(g.Members)
		for i, m := range g.Members {
			shuffled.Members[i].Hops = rapid.Permutation(m.Hops).Draw(t, "hops")
			shuffled.Members[i].Former = rapid.Permutation(m.Former).Draw(t, "former")
		}
		tab := anyTable(t, g)
		want, got := g.Diff(tab), shuffled.Diff(tab)
		if want.Problem != nil && got.Problem != nil {
			want.Problem.Text, got.Problem.Text = "", "" // it lists the addresses as they came
		}
		if d := diff(want, got); d != "" {
			t.Fatalf("Diff() of shuffled addresses differs (-ordered +shuffled):\n%s", d)
		}
	})
}

// A table that must not be written has no change at all: a table is one write.
func TestRefusedTablesHaveNoChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := anyGoal(t)
		p := g.Diff(anyTable(t, g))
		if p.Problem != nil && p.Problem.Refused && len(p.Changes) > 0 {
			t.Fatalf("Diff() = %+v, want no change beside a refusal", p)
		}
	})
}
