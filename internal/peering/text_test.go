package peering_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/peering"
)

func TestPlanTextIsForPeople(t *testing.T) {
	plan := peering.Plan{Group: "emea", Problem: &peering.Problem{Code: peering.CodeNoHub, Refused: true, Text: "the network of member vmx-b is not known"}, Networks: []peering.NetworkPlan{
		{Network: "/n/spoke", Wanted: true, Pairs: []peering.PairPlan{
			{
				Spoke: "/n/spoke", Hub: "/n/hub", Wanted: true,
				AtHub: &peering.Found{Name: "to-spoke", State: peering.Connected, Sync: peering.RemoteNotInSync, Provisioning: "Succeeded"},
				Steps: []peering.Step{
					{Op: peering.OpCreate, Side: peering.AtSpoke, Name: "hopguard-emea-hub-1b2c3d4e", Why: "there is none"},
					{Op: peering.OpWrite, Side: peering.AtHub, Name: "to-spoke", Sync: true, Flags: []string{"allowForwardedTraffic"}, Why: "it was taken away"},
				},
			},
			{Spoke: "/n/spoke", Hub: "/n/full", Wanted: true, Problem: &peering.Problem{Code: peering.CodeLimit, Refused: true, Text: "network full has 500 peerings, and Azure allows 500"}},
		}},
		{Network: "/n/hub", Wanted: true, Skipped: "it is the network of member vmx-a"},
		{Network: "/n/old one", Pairs: []peering.PairPlan{{
			Spoke: "/n/old one", Hub: "/n/hub",
			AtSpoke: &peering.Found{Name: "hopguard-x", State: peering.Disconnected, Provisioning: "Failed", Own: true},
			Steps:   []peering.Step{{Op: peering.OpDelete, Side: peering.AtSpoke, Name: "hopguard-x", Why: "nothing selects it any more"}},
		}, {Spoke: "/n/other", Hub: "/n/hub", Problem: &peering.Problem{Code: peering.CodeUnwanted, Text: "two\nlines"}}}},
	}}
	want := `spokes emea
! refused no-hub "the network of member vmx-b is not known"
network /n/spoke
  with /n/hub
    = hub    to-spoke  Connected RemoteNotInSync Succeeded foreign
    + spoke  hopguard-emea-hub-1b2c3d4e  "there is none"
    ~ hub    to-spoke  sync set allowForwardedTraffic "it was taken away"
  with /n/full
    ! refused limit "network full has 500 peerings, and Azure allows 500"
network /n/hub
  skipped "it is the network of member vmx-a"
network "/n/old one" not wanted
  with /n/hub not wanted
    = spoke  hopguard-x  Disconnected "" Failed own
    - spoke  hopguard-x  "nothing selects it any more"
  with /n/hub not wanted
    spoke /n/other
    ! problem unwanted "two\nlines"
`
	got := peering.PlanText(plan)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("PlanText() (-want +got):\n%s", d)
	}
	back, err := peering.ParsePlanText(strings.ReplaceAll(got, "  ", "\t \r") + "\n\n")
	if err != nil {
		t.Fatalf("ParsePlanText() = %v", err)
	}
	if d := cmp.Diff(plan, back); d != "" {
		t.Errorf("ParsePlanText() (-want +got):\n%s", d)
	}
}

func TestParsePlanTextNamesTheLine(t *testing.T) {
	const head, with = "spokes g\n", "spokes g\nnetwork n\nwith h\n"
	tests := []struct{ name, in, want string }{
		{"empty", " \n", "it is empty"},
		{"no-head", "network n\n", `line 1: "network n": want "spokes <group>" first, and once`},
		{"two-heads", head + head, "line 2"},
		{"head-without-a-group", "spokes\n", "want spokes <group>"},
		{"pair-before-network", head + "with h\n", "want a network first"},
		{"step-before-pair", head + "network n\n+ spoke x y\n", "want a pair first"},
		{"network-without-id", head + "network\n", "want an id"},
		{"network-half-wanted", head + "network n not\n", "want an id"},
		{"pair-half-wanted", head + "network n\nwith h is wanted\n", "want an id"},
		{"skipped-twice", head + "network n\nskipped a\nskipped b\n", "line 4"},
		{"skipped-for-nothing", head + "network n\nskipped \"\"\n", "want skipped <reason>"},
		{"unknown", with + "* x\n", "want a line that begins with"},
		{"spoke-without-id", with + "spoke\n", "want spoke <id>"},
		{"short-half", with + "= hub n s\n", "want = <side>"},
		{"whose-half", with + "= hub n s y p mine\n", "want = <side>"},
		{"which-half", with + "= left n s y p own\n", "want the spoke's half or the hub's"},
		{"a-half-twice", with + "= hub n s y p own\n= hub n s y p own\n", "line 5"},
		{"short-step", with + "+ hub n\n", "want <side> <name>"},
		{"side-of-a-step", with + "- left n w\n", "want spoke or hub"},
		{"what-of-a-step", with + "~ hub n shake w\n", "want sync, or set <flag>"},
		{"sync-twice", with + "~ hub n sync sync w\n", "want sync, or set <flag>"}, //nolint:dupword // that is the point
		{"set-nothing", with + "~ hub n set w\n", "want sync, or set <flag>"},
		{"open-quote", with + "! refused x \"y\n", "want the quote to end"},
		{"kind-of-problem", with + "! bad x y\n", "want ! refused or problem"},
		{"two-problems", with + "! problem x y\n! problem x y\n", "line 5"},
		{"two-problems-of-the-whole", head + "! problem x y\n! problem x y\n", "line 3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := peering.ParsePlanText(tt.in)
			if err == nil || !strings.HasPrefix(err.Error(), "plan text: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ParsePlanText() = %+v, %v; want %s", got, err, tt.want)
			}
		})
	}
}

// What is read can be printed, and is read again as the same.
func FuzzPlanText(f *testing.F) {
	f.Add("spokes g\n! refused no-hub \"x\"\nnetwork n\n  skipped x\n  with h not wanted\nspoke s\n= hub n s y p own\n+ hub n w\n~ spoke n sync set f \"w\"\n- hub n w\n! problem c t\n")
	f.Add("spokes \"\\u00e4 b\"\nnetwork \"\" not wanted\n")
	f.Add("spokes a\"b\"c")
	f.Fuzz(func(t *testing.T, text string) {
		plan, err := peering.ParsePlanText(text)
		if err != nil {
			return
		}
		printed := peering.PlanText(plan)
		back, err := peering.ParsePlanText(printed)
		if err != nil {
			t.Fatalf("%q was printed as %q: %v", text, printed, err)
		}
		if d := cmp.Diff(plan, back); d != "" {
			t.Errorf("%q was printed as %q (-want +got):\n%s", text, printed, d)
		}
	})
}

// Whatever Azure, or something in its place, answers: no panic, and what is read has
// an id and can be patched without a loss.
func FuzzParse(f *testing.F) {
	f.Add(`{"id":"/n","properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/8"]},"virtualNetworkPeerings":[{"name":"p","properties":{"remoteVirtualNetwork":{"id":"/h"}}}]}}`)
	f.Add(`{"id":"/n","properties":{"virtualNetworkPeerings":[null,{"name":"p","properties":null}]}}`)
	f.Add(`{"id":"/n","properties":null}`)
	f.Fuzz(func(t *testing.T, raw string) {
		n, err := peering.Parse([]byte(raw))
		if err != nil {
			return
		}
		if n.ID == "" {
			t.Error("a network without an id")
		}
		for _, h := range n.Halves {
			patched, err := peering.Patch(h.Raw, []string{"allowForwardedTraffic"})
			if err != nil {
				continue // it has no properties
			}
			again, err := peering.ParseHalf(n.ID, patched)
			if err != nil || !again.Forwarded || again.Remote != h.Remote || again.Gateway != h.Gateway {
				t.Errorf("%s is patched to %s: %+v, %v", h.Raw, patched, again, err)
			}
		}
		w := peering.Want{Group: "g", Selection: peering.Selection{Scopes: []peering.Scope{{}}}, Hubs: []peering.Hub{{Network: "/h", Members: []appliance.MemberName{"m"}}}}
		_ = peering.PlanText(w.Plan(peering.View{Networks: []peering.Network{n}}))
	})
}
