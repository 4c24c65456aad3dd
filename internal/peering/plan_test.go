package peering_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/peering"
)

// First keeps the writes of some pairs, repairs before the rest, and changes neither
// what else the plan says nor the plan that it was asked of.
func TestFirstKeepsSomeWrites(t *testing.T) {
	step := []peering.Step{{Op: peering.OpCreate, Side: peering.AtSpoke, Name: "x", Why: "there is none"}}
	overlap := &peering.Problem{Code: peering.CodeOverlap, Refused: true, Text: "overlaps"}
	plan := peering.Plan{Group: "emea", Networks: []peering.NetworkPlan{
		{Network: "/a", Wanted: true, Pairs: []peering.PairPlan{{Spoke: "/a", Hub: "/h", Wanted: true, Steps: step}, {Spoke: "/a", Hub: "/i", Wanted: true, Problem: overlap}}},
		{Network: "/b", Wanted: true, Pairs: []peering.PairPlan{{Spoke: "/b", Hub: "/h", Wanted: true, Steps: step, AtHub: &peering.Found{Name: "x"}}}},
	}}
	for n, want := range map[int][]string{0: nil, 1: {"/b"}, 2: {"/b", "/a"}, 3: {"/b", "/a"}} {
		first := plan.First(n)
		var got []string
		for _, p := range first.Writes() {
			got = append(got, string(p.Spoke))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("First(%d) writes (-want +got):\n%s", n, diff)
		}
		if first.Networks[0].Pairs[1].Problem != overlap || len(first.Networks) != 2 || plan.Steps() != 2 {
			t.Errorf("First(%d) = %+v, of a plan with %d writes", n, first, plan.Steps())
		}
	}
}
