package branch_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hopguard/internal/appliance"
	"hopguard/internal/branch"
	"hopguard/internal/peering"
)

const base = "/subscriptions/s1/resourceGroups/rg/providers/Microsoft.Network/"

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func prefixes(list ...string) []branch.Prefix {
	var out []branch.Prefix
	for _, p := range list {
		out = append(out, branch.Prefix{Prefix: netip.MustParsePrefix(p), Source: "configuration"})
	}
	return out
}

func want(list ...string) branch.Want {
	return branch.Want{
		Group: "emea", TagName: "nva_ha_udr", TagValue: "emea", Subnets: []string{"app*"}, Name: "rt-{group}-{region}",
		Prefixes: prefixes(list...), Hops: branch.Hops{V4: netip.MustParseAddr("10.1.0.4")},
		Own: []appliance.ResourceID{base + "virtualNetworks/hub/subnets/app"}, RemoveAfter: time.Hour, Now: noon,
	}
}

// table is one as Azure answers it, with members that this program does not know.
func table(t *testing.T, tags map[string]string, routes ...string) *branch.Table {
	t.Helper()
	var list []string
	for _, r := range routes {
		name, prefix, _ := strings.Cut(r, " ")
		list = append(list, fmt.Sprintf(`{"name":%q,"x":1,"properties":{"addressPrefix":%q,"nextHopType":"VirtualAppliance","nextHopIpAddress":"10.2.0.4","y":[2]}}`, name, prefix))
	}
	text, err := json.Marshal(tags)
	if err != nil {
		t.Fatal(err)
	}
	raw := `{"id":"` + base + `routeTables/rt-emea-westeurope","etag":"W/\"1\"","location":"westeurope","z":{"a":1},"tags":` + string(text) +
		`,"properties":{"provisioningState":"Succeeded","disableBgpRoutePropagation":true,"future":[1],"routes":[` + strings.Join(list, ",") + `]}}`
	parsed, err := branch.Parse([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return &parsed
}

func own(more ...string) map[string]string {
	tags := map[string]string{"nva_ha_udr": "emea", branch.OwnerTag: "emea"}
	for i := 0; i+1 < len(more); i += 2 {
		tags[more[i]] = more[i+1]
	}
	return tags
}

const id = appliance.ResourceID(base + "routeTables/rt-emea-westeurope")

// plan prints what a table needs in one line.
func plan(p branch.TablePlan) string {
	var b strings.Builder
	if p.Create {
		b.WriteString("create ")
	}
	for _, r := range p.Add {
		fmt.Fprintf(&b, "+%s(%s) ", r.Prefix, r.Hop)
	}
	for _, r := range p.Remove {
		fmt.Fprintf(&b, "-%s ", r.Prefix)
	}
	for _, r := range p.Unwanted {
		fmt.Fprintf(&b, "=%s ", r.Prefix)
	}
	if p.Mark != "" {
		fmt.Fprintf(&b, "mark %s ", p.Mark[:20])
	}
	if p.Unmark {
		b.WriteString("unmark ")
	}
	if p.Problem != nil {
		fmt.Fprintf(&b, "!%s", p.Problem.Code)
	}
	return strings.TrimSpace(b.String())
}

func TestTable(t *testing.T) {
	a, b := "hopguard-172.16.0.0-16 172.16.0.0/16", "hopguard-172.17.0.0-16 172.17.0.0/16"
	mark := func(at time.Time, routes ...string) string {
		w := want("10.0.0.0/8")
		w.Now = at
		return w.Table(id, "westeurope", table(t, own(), routes...)).Mark
	}
	many := make([]string, 400)
	for i := range many {
		many[i] = fmt.Sprintf("r%d 10.%d.%d.0/24", i, i/256, i%256)
	}
	removing := func(w branch.Want) branch.Want { w.Remove = true; return w }
	later := func(w branch.Want, d time.Duration) branch.Want { w.Now = noon.Add(d); return w }
	for _, tt := range []struct {
		name string
		w    branch.Want
		t    *branch.Table
		want string
	}{
		{"missing", want("172.17.0.0/16", "172.16.0.0/16"), nil, "create +172.16.0.0/16(10.1.0.4) +172.17.0.0/16(10.1.0.4)"},
		{"missing-and-nothing-wanted", want(), nil, "!no-prefix"},
		{"missing-and-nobody-known", func() branch.Want { w := want("172.16.0.0/16"); w.Hops = branch.Hops{}; return w }(), nil, "!no-hop"},
		{"as-wanted", want("172.16.0.0/16"), table(t, own(), a), ""},
		{"one-more", want("172.16.0.0/16", "172.17.0.0/16"), table(t, own(), a), "+172.17.0.0/16(10.1.0.4)"},
		{"twice-wanted", want("172.16.0.0/16", "172.16.0.0/16"), table(t, own()), "+172.16.0.0/16(10.1.0.4)"},
		{"by-another-name", want("172.16.0.0/16"), table(t, own(), "mine 172.16.0.0/16"), ""},
		{"name-of-another-prefix", want("172.16.0.0/16"), table(t, own(), "hopguard-172.16.0.0-16 172.99.0.0/16"), ""},
		{"not-ours", want("172.16.0.0/16"), table(t, nil), "!table-taken"},
		{"of-another-group", want("172.16.0.0/16"), table(t, map[string]string{"nva_ha_udr": "apac", branch.OwnerTag: "apac"}), "!table-taken"},
		{"the-groups-by-somebody-else", want("172.16.0.0/16"), table(t, map[string]string{"NVA_HA_UDR": "emea"}), ""},
		{"tag-lost", want("172.16.0.0/16"), table(t, map[string]string{branch.OwnerTag: "emea"}), "!tag"},
		{"full", want("172.16.0.0/16"), table(t, own(), many...), "!limit"},
		{"unwanted", want("172.16.0.0/16"), table(t, own(), a, b), "=172.17.0.0/16 mark 2026-11-22T12:00:00Z"},
		{"unwanted-and-not-ours", want("172.16.0.0/16"), table(t, own(), a, "mine 172.17.0.0/16"), ""},
		{"unwanted-and-a-source-is-down", func() branch.Want { w := want("172.16.0.0/16"); w.Partial = true; return w }(), table(t, own(), a, b), ""},
		{"nothing-wanted-at-all", removing(want()), table(t, own(), a, b), ""},
		{"unwanted-as-before", want("172.16.0.0/16"), table(t, own(branch.UnwantedTag, mark(noon.Add(-time.Minute), b)), a, b), "=172.17.0.0/16"},
		{"unwanted-more-than-before", want("10.0.0.0/8"), table(t, own(branch.UnwantedTag, mark(noon.Add(-time.Minute), b)), "x 10.0.0.0/8", a, b), "=172.16.0.0/16 =172.17.0.0/16 mark 2026-11-22T12:00:00Z"},
		{"a-mark-that-is-none", want("172.16.0.0/16"), table(t, own(branch.UnwantedTag, "2020-01-01T00:00:00Z"), a, b), "=172.17.0.0/16 mark 2026-11-22T12:00:00Z"},
		{"too-soon", removing(later(want("172.16.0.0/16"), time.Hour-time.Second)), table(t, own(branch.UnwantedTag, mark(noon, b)), a, b), "=172.17.0.0/16"},
		{"not-asked", later(want("172.16.0.0/16"), 2*time.Hour), table(t, own(branch.UnwantedTag, mark(noon, b)), a, b), "=172.17.0.0/16"},
		{"due", removing(later(want("172.16.0.0/16"), time.Hour)), table(t, own(branch.UnwantedTag, mark(noon, b)), a, b), "-172.17.0.0/16 unmark"},
		{"wanted-again", want("172.16.0.0/16", "172.17.0.0/16"), table(t, own(branch.UnwantedTag, mark(noon, b)), a, b), "unmark"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.w.Table(id, "westeurope", tt.t)
			if got := plan(p); got != tt.want {
				t.Fatalf("Table() = %q, want %q", got, tt.want)
			}
			writes := p.Problem == nil && (strings.ContainsAny(tt.want, "+-") || strings.Contains(tt.want, "mark"))
			if p.Write() != writes {
				t.Errorf("Write() = %t of %q", p.Write(), tt.want)
			}
			if p.Write() && tt.t != nil {
				mustOnly(t, tt.w, p, *tt.t)
			}
		})
	}
}

// mustOnly fails unless the body of a write differs from what was read in nothing but
// the routes that the plan names and the mark; and leaves nothing to write.
func mustOnly(t *testing.T, w branch.Want, p branch.TablePlan, before branch.Table) {
	t.Helper()
	body, err := w.Body(p)
	if err != nil {
		t.Fatal(err)
	}
	var was, is map[string]any
	for raw, at := range map[string]*map[string]any{string(before.Raw): &was, string(body): &is} {
		if err := json.Unmarshal([]byte(raw), at); err != nil {
			t.Fatal(err)
		}
	}
	named := func(v any, list []branch.Route) bool {
		name, _ := v.(map[string]any)["name"].(string)
		return slices.ContainsFunc(list, func(r branch.Route) bool { return r.Name == name })
	}
	strip := func(table map[string]any, list []branch.Route) {
		props := table["properties"].(map[string]any)
		props["routes"] = slices.DeleteFunc(props["routes"].([]any), func(v any) bool { return named(v, list) })
		delete(table["tags"].(map[string]any), branch.UnwantedTag)
	}
	strip(was, p.Remove)
	strip(is, p.Add)
	if diff := cmp.Diff(was, is); diff != "" {
		t.Errorf("P2: more than the plan says has changed:\n%s", diff)
	}
	after, err := branch.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	if again := w.Table(p.Table, "westeurope", &after); again.Write() {
		t.Errorf("after the write there is still to do: %q", plan(again))
	}
}

func TestCreate(t *testing.T) {
	w := want("172.16.0.0/16", "fd00:8000::/24")
	w.Hops.V6 = netip.MustParseAddr("fd00:1::4")
	body, err := w.Body(w.Table(id, "westeurope", nil))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"location":"westeurope","properties":{"routes":[` +
		`{"name":"hopguard-172.16.0.0-16","properties":{"addressPrefix":"172.16.0.0/16","nextHopIpAddress":"10.1.0.4","nextHopType":"VirtualAppliance"}},` +
		`{"name":"hopguard-fd00_8000__-24","properties":{"addressPrefix":"fd00:8000::/24","nextHopIpAddress":"fd00:1::4","nextHopType":"VirtualAppliance"}}]},` +
		`"tags":{"hopguard-owner":"emea","nva_ha_udr":"emea"}}`
	if string(body) != want {
		t.Errorf("Body() = %s\nwant %s", body, want)
	}
}

func TestHopsOf(t *testing.T) {
	hop := func(role, addr string) appliance.Hop {
		return appliance.Hop{Role: role, Addr: netip.MustParseAddr(addr)}
	}
	lan, wan, six := hop("lan", "10.1.0.4"), hop("wan", "10.1.1.4"), hop("lan/ipv6", "fd00:1::4")
	for _, tt := range []struct {
		hops []appliance.Hop
		role string
		want branch.Hops
		err  string
	}{
		{[]appliance.Hop{lan}, "", branch.Hops{V4: lan.Addr}, ""},
		{[]appliance.Hop{lan, six}, "", branch.Hops{V4: lan.Addr, V6: six.Addr}, ""},
		{[]appliance.Hop{wan, six, lan}, "LAN", branch.Hops{V4: lan.Addr, V6: six.Addr}, ""},
		{[]appliance.Hop{lan, wan}, "", branch.Hops{}, "member vmx-a has several roles (lan, wan): branches.role must name one"},
		{[]appliance.Hop{lan}, "wan", branch.Hops{}, `member vmx-a has no address in the role "wan" (branches.role)`},
		{nil, "", branch.Hops{}, `member vmx-a has no address in the role "" (branches.role)`},
	} {
		got, err := branch.HopsOf("vmx-a", tt.hops, tt.role)
		if diff := cmp.Diff(tt.want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" || fmt.Sprint(err) != cmpErr(tt.err) {
			t.Errorf("HopsOf(%v, %q) = %v, %v; want %v, %s", tt.hops, tt.role, got, err, tt.want, tt.err)
		}
	}
}

func cmpErr(text string) string {
	if text == "" {
		return "<nil>"
	}
	return text
}

func TestAssociateKeepsEverythingElse(t *testing.T) {
	got, err := branch.Associate([]byte(`{"name":"app","x":1,"properties":{"addressPrefix":"10.0.0.0/24","networkSecurityGroup":{"id":"/nsg"},"future":[1]}}`), id)
	const want = `{"name":"app","properties":{"addressPrefix":"10.0.0.0/24","future":[1],"networkSecurityGroup":{"id":"/nsg"},"routeTable":{"id":"` + string(id) + `"}},"x":1}`
	if err != nil || string(got) != want {
		t.Errorf("Associate() = %s, %v\nwant %s", got, err, want)
	}
	for _, bad := range []string{``, `[]`, `{}`, `{"properties":null}`} {
		if got, err := branch.Associate([]byte(bad), id); err == nil {
			t.Errorf("Associate(%q) = %s, want an error", bad, got)
		}
	}
}

// Subnets that have a table keep it; members' and reserved ones never get one.
func TestPlanOfSubnets(t *testing.T) {
	network := func(name, location string, subnets ...string) peering.Network {
		n := peering.Network{ID: appliance.ResourceID(base + "virtualNetworks/" + name), Location: location}
		for _, s := range subnets {
			name, table, _ := strings.Cut(s, "=")
			n.Subnets = append(n.Subnets, peering.Subnet{ID: n.ID + appliance.ResourceID("/subnets/"+name), Table: appliance.ResourceID(table)})
		}
		return n
	}
	w := want("172.16.0.0/16")
	w.Subnets = []string{"APP*", "*Subnet", "x"}
	networks := []peering.Network{
		network("b", "westeurope", "app-2", "other", "GatewaySubnet", "azurefirewallsubnet", "AzureFirewallManagementSubnet", "AzureBastionSubnet", "RouteServerSubnet", "mySubnet"),
		network("a", "westeurope", "app-1="+strings.ToUpper(string(id)), "x=/rt/own"),
		network("hub", "westeurope", "app"),
		network("c", "northeurope", "app"),
	}
	got := branch.PlanText(w.Plan(networks, nil))
	slices.Reverse(networks)
	if again := branch.PlanText(w.Plan(networks, nil)); again != got {
		t.Errorf("the order of the networks has an effect:\n%s\n%s", got, again)
	}
	const want = `table ` + base + `routeTables/rt-emea-northeurope
  + table in northeurope
  + hopguard-172.16.0.0-16  172.16.0.0/16  10.1.0.4  (configuration)
table ` + base + `routeTables/rt-emea-westeurope
  + table in westeurope
  + hopguard-172.16.0.0-16  172.16.0.0/16  10.1.0.4  (configuration)
subnet ` + base + `virtualNetworks/a/subnets/x
  keeps its table /rt/own
subnet ` + base + `virtualNetworks/b/subnets/app-2
  + table rt-emea-westeurope
subnet ` + base + `virtualNetworks/b/subnets/mySubnet
  + table rt-emea-westeurope
subnet ` + base + `virtualNetworks/c/subnets/app
  + table rt-emea-northeurope
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Plan() differs (-want +got):\n%s", diff)
	}
	w.Name = "rt"
	p := w.Plan(networks, nil)
	refused := 0
	for _, s := range p.Subnets {
		if s.Problem != nil && s.Problem.Code == branch.CodeTableTaken {
			refused++
		}
	}
	if refused != 1 || len(p.Tables) != 1 {
		t.Errorf("one name in two regions: %d subnets are refused, %d tables\n%s", refused, len(p.Tables), branch.PlanText(p))
	}
	none := p.Only(func(appliance.ResourceID) bool { return false })
	if none.Steps() != 0 {
		t.Errorf("with no network ready there is still to do:\n%s", branch.PlanText(none))
	}
}
