package route_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"hopguard/internal/appliance"
	"hopguard/internal/route"
)

// samePlan compares what the text form holds.
func samePlan() cmp.Options {
	return cmp.Options{
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmpopts.IgnoreFields(route.TablePlan{}, "ETag", "State", "Raw"),
	}
}

const tableID = appliance.ResourceID("/subscriptions/s1/resourceGroups/rg/providers/Microsoft.Network/routeTables/")

func TestPlanTextIsForPeople(t *testing.T) {
	a, b := netip.MustParseAddr("10.1.0.4"), netip.MustParseAddr("10.2.0.4")
	plan := route.Plan{Group: "emea", Active: "vmx-b", Tables: []route.TablePlan{
		{
			Table: tableID + "spoke-1",
			Managed: []route.Managed{
				{Route: "to-branch-a", Prefix: "10.20.0.0/16", Member: "vmx-a"},
				{Route: "to-b", Prefix: "10.30.0.0/16", Member: "vmx-b"},
				{Route: "to-storage", Prefix: "Storage.WestEurope", Member: "vmx-a"},
			},
			Changes: []route.Change{
				{Route: "to-branch-a", Prefix: "10.20.0.0/16", From: a, To: b, FromMember: "vmx-a", ToMember: "vmx-b"},
				{Route: "to-storage", Prefix: "Storage.WestEurope", From: a, To: b, FromMember: "vmx-a", ToMember: "vmx-b"},
			},
		},
		{Table: tableID + "hub", Problem: &route.Problem{Refused: true, Text: "is used by subnet x of member vmx-a: its own traffic would loop"}},
		{Table: tableID + "with space", Problem: &route.Problem{Text: "has the tag, but\nno route"}},
	}}
	want := `plan emea active vmx-b
table /subscriptions/s1/resourceGroups/rg/providers/Microsoft.Network/routeTables/spoke-1
  ~ to-branch-a  10.20.0.0/16        10.1.0.4 (vmx-a) -> 10.2.0.4 (vmx-b)
  = to-b         10.30.0.0/16        vmx-b
  ~ to-storage   Storage.WestEurope  10.1.0.4 (vmx-a) -> 10.2.0.4 (vmx-b)
table /subscriptions/s1/resourceGroups/rg/providers/Microsoft.Network/routeTables/hub
  ! refused: is used by subnet x of member vmx-a: its own traffic would loop
table "/subscriptions/s1/resourceGroups/rg/providers/Microsoft.Network/routeTables/with space"
  ! problem: "has the tag, but\nno route"
`
	got := route.PlanText(plan)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("PlanText() (-want +got):\n%s", diff)
	}
	back, err := route.ParsePlanText(got)
	if err != nil {
		t.Fatalf("ParsePlanText() = %v, want no error", err)
	}
	if diff := cmp.Diff(plan, back, samePlan()); diff != "" {
		t.Errorf("ParsePlanText(PlanText()) (-want +got):\n%s", diff)
	}
}

func TestPlanTextHidesNoChange(t *testing.T) {
	stray := route.Change{Route: "r", Prefix: "::/0", From: netip.MustParseAddr("fd00::4"), To: netip.MustParseAddr("fd01::4"), FromMember: "a", ToMember: "b"}
	got := route.PlanText(route.Plan{Tables: []route.TablePlan{{Table: "t", Changes: []route.Change{stray}}}})
	want := "plan \"\" active \"\"\ntable t\n  ~ r  ::/0  fd00::4 (a) -> fd01::4 (b)\n"
	if got != want {
		t.Errorf("PlanText() = %q, want %q", got, want)
	}
}

func TestParsePlanTextIgnoresLayout(t *testing.T) {
	text := "\r\n  plan   g  active  b \r\n\n\ttable t\r\n~ r ::/0 fd00::4(a)->fd01::4(b)\n"
	// Without spaces around them, the arrow and the address are one word.
	if _, err := route.ParsePlanText(text); err == nil {
		t.Error("ParsePlanText() accepted an arrow that is part of a word")
	}
	got, err := route.ParsePlanText(strings.Replace(text, "->", "-> ", 1))
	if err != nil {
		t.Fatalf("ParsePlanText() = %v, want no error", err)
	}
	c := route.Change{Route: "r", Prefix: "::/0", From: netip.MustParseAddr("fd00::4"), To: netip.MustParseAddr("fd01::4"), FromMember: "a", ToMember: "b"}
	want := route.Plan{Group: "g", Active: "b", Tables: []route.TablePlan{{
		Table: "t", Changes: []route.Change{c}, Managed: []route.Managed{{Route: "r", Prefix: "::/0", Member: "a"}},
	}}}
	if diff := cmp.Diff(want, got, samePlan()); diff != "" {
		t.Errorf("ParsePlanText() (-want +got):\n%s", diff)
	}
}

func TestParsePlanTextNamesTheLine(t *testing.T) {
	const head = "plan g active b\n"
	tests := []struct{ name, in, want string }{
		{"empty", " \n", `it is empty`},
		{"no-plan-line", "table t\n", `line 1: "table t": want "plan <group> active <member>" first`},
		{"two-plan-lines", head + head, `line 2: "plan g active b": want "plan <group> active <member>" first, and once`},
		{"plan-without-member", "plan g active\n", `line 1: "plan g active": want plan <group> active <member>`},
		{"route-before-table", head + "= r p m\n", `line 2: "= r p m": want a table before its routes`},
		{"problem-before-table", head + "! refused: x\n", `want a table before its routes`},
		{"table-with-two-words", head + "table a b\n", `line 2: "table a b": want table <id>`},
		{"unknown-mark", head + "+ r p m\n", `want a line that begins with table, !, ~ or =`},
		{"short-route", head + "table t\n= r p\n", `line 3: "= r p": want = <route> <prefix> <member>`},
		{"short-change", head + "table t\n~ r p 10.0.0.1 (a) -> 10.0.0.2\n", `want ~ <route> <prefix> <address> (<member>) -> <address> (<member>)`},
		{"bad-address", head + "table t\n~ r p 10.0.0.1 (a) -> 10.0.0.299 (b)\n", `10.0.0.299`},
		{"bad-from-address", head + "table t\n~ r p ten (a) -> 10.0.0.2 (b)\n", `ten`},
		{"open-quote", head + "table \"t\n", `want the quote to end`},
		{"problem-without-kind", head + "table t\n! loops\n", `want ! refused: <text> or ! problem: <text>`},
		{"problem-without-text", head + "table t\n! refused:\n", `want ! refused: <text> or ! problem: <text>`},
		{"problem-half-quoted", head + "table t\n! refused: \"x\" y\n", `want a text that is quoted to its end`},
		{"two-problems", head + "table t\n! refused: x\n! problem: y\n", `line 4: "! problem: y": want one problem for a table`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := route.ParsePlanText(test.in)
			if err == nil || !strings.HasPrefix(err.Error(), "plan text: ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("ParsePlanText() = %v, %v, want an error with %q", got, err, test.want)
			}
		})
	}
}

// drawPlan draws a plan as Diff makes them: the changes are among the managed
// routes, in their order.
func drawPlan(t *rapid.T) route.Plan {
	name := rapid.OneOf(
		rapid.StringMatching(`[a-zA-Z0-9][a-zA-Z0-9_.-]{0,12}`),
		rapid.String(),
		rapid.SampledFrom([]string{"", "->", "(", ")", `"`, "-", "~", "=", "!", "plan", "table", "a b", "ä", "\xff", "a\nb", "`"}),
	)
	member := func(label string) appliance.MemberName { return appliance.MemberName(name.Draw(t, label)) }
	addr := rapid.Custom(func(t *rapid.T) netip.Addr {
		switch rapid.IntRange(0, 3).Draw(t, "kind of address") {
		case 0:
			return netip.Addr{}
		case 1:
			return netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "v4")))
		case 2:
			return netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "v6")))
		default:
			return netip.MustParseAddr("fe80::1").WithZone(name.Draw(t, "zone"))
		}
	})
	p := route.Plan{Group: appliance.GroupName(name.Draw(t, "group")), Active: member("active")}
	for range rapid.IntRange(0, 4).Draw(t, "tables") {
		tp := route.TablePlan{Table: appliance.ResourceID(name.Draw(t, "table"))}
		if rapid.Bool().Draw(t, "problem") {
			tp.Problem = &route.Problem{Refused: rapid.Bool().Draw(t, "refused"), Text: rapid.String().Draw(t, "text")}
		}
		for range rapid.IntRange(0, 4).Draw(t, "routes") {
			m := route.Managed{Route: name.Draw(t, "route"), Prefix: name.Draw(t, "prefix"), Member: member("member")}
			tp.Managed = append(tp.Managed, m)
			if rapid.Bool().Draw(t, "changes") {
				tp.Changes = append(tp.Changes, route.Change{
					Route: m.Route, Prefix: m.Prefix, FromMember: m.Member,
					From: addr.Draw(t, "from"), To: addr.Draw(t, "to"), ToMember: member("to member"),
				})
			}
		}
		p.Tables = append(p.Tables, tp)
	}
	return p
}

func printedPlanIsReadBack(t *rapid.T) {
	want := drawPlan(t)
	text := route.PlanText(want)
	got, err := route.ParsePlanText(text)
	if err != nil {
		t.Fatalf("ParsePlanText(%q) = %v, want no error", text, err)
	}
	if diff := cmp.Diff(want, got, samePlan()); diff != "" {
		t.Fatalf("ParsePlanText(PlanText(x)) is not x (-want +got):\n%s\n%s", diff, text)
	}
}

func TestPlanTextIsReadBack(t *testing.T) { rapid.Check(t, printedPlanIsReadBack) }

func FuzzPlanText(f *testing.F) { f.Fuzz(rapid.MakeFuzz(printedPlanIsReadBack)) }

// Whatever is accepted has one plan, and its text gives that plan again.
func FuzzParsePlanText(f *testing.F) {
	f.Add("plan g active b\ntable t\n  ! problem: \"x\\n\"\n  ~ r  ::/0  fd00::4 (a) -> - (b)\n  = \"a b\"  p  m\n")
	f.Add("plan \"\" active `b`\n")
	f.Fuzz(func(t *testing.T, text string) {
		want, err := route.ParsePlanText(text)
		if err != nil {
			return
		}
		got, err := route.ParsePlanText(route.PlanText(want))
		if err != nil {
			t.Fatalf("ParsePlanText(PlanText(x)) = %v, want no error", err)
		}
		if diff := cmp.Diff(want, got, samePlan()); diff != "" {
			t.Fatalf("ParsePlanText(PlanText(x)) is not x (-want +got):\n%s", diff)
		}
	})
}

func ExampleParsePlanText() {
	plan, err := route.ParsePlanText(`
plan emea active vmx-b
table spoke-1
  ~ to-branch-a  10.20.0.0/16  10.1.0.4 (vmx-a) -> 10.2.0.4 (vmx-b)
`)
	fmt.Println(plan.Routes(), plan.Tables[0].Changes[0].To, err)
	// Output: 1 10.2.0.4 <nil>
}
