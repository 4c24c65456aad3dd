package metrics_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/metrics"
	"hopguard/internal/peering"
	"hopguard/internal/spoke"
)

// scanned is a scan of two networks: one peering was made, one failed, one is to be
// made, and one overlaps.
func scanned() *spoke.Report {
	pair := func(network, hub string, p peering.PairPlan) peering.PairPlan {
		p.Spoke, p.Hub, p.Wanted = networkID(network), networkID(hub), true
		return p
	}
	step := []peering.Step{{Op: peering.OpCreate, Side: peering.AtSpoke, Name: "x", Why: "there is none"}}
	r := &spoke.Report{Group: "emea", Started: after(0), Ended: after(4000)}
	r.Peerings = peering.Plan{Group: "emea", Networks: []peering.NetworkPlan{
		{Network: networkID("a"), Wanted: true, Pairs: []peering.PairPlan{
			pair("a", "hub-a", peering.PairPlan{Steps: step}), pair("a", "hub-b", peering.PairPlan{Steps: step}),
		}},
		{Network: networkID("b"), Wanted: true, Pairs: []peering.PairPlan{
			pair("b", "hub-a", peering.PairPlan{Steps: step}),
			pair("b", "hub-b", peering.PairPlan{Problem: &peering.Problem{Code: peering.CodeOverlap, Refused: true, Text: "overlaps"}}),
		}},
	}}
	r.Made = []peering.Outcome{
		{Spoke: networkID("a"), Hub: networkID("hub-a"), Writes: 2, ReadBack: after(3000)},
		{Spoke: networkID("a"), Hub: networkID("hub-b"), Writes: 1, Err: errors.New("refused")},
	}
	return r
}

func TestSpokes(t *testing.T) {
	o := options()
	o.Groups[0].Spokes = true
	m := metrics.New(o)
	before := page(t, m, slog.New(slog.DiscardHandler))
	if !strings.Contains(before, `hopguard_peering_writes_total{group="emea",outcome="failed"} 0`) || strings.Contains(before, "hopguard_spokes_") {
		t.Errorf("before the first scan: counters are not at zero, or a state is shown:\n%s", ours(before))
	}
	m.Spokes(scanned())
	var got []string
	for l := range strings.Lines(ours(page(t, m, slog.New(slog.DiscardHandler)))) {
		if strings.HasPrefix(l, "hopguard_spokes_") || strings.HasPrefix(l, "hopguard_peering_") {
			got = append(got, strings.TrimSpace(l))
		}
	}
	want := []string{
		`hopguard_peering_writes_total{group="emea",outcome="done"} 1`,
		`hopguard_peering_writes_total{group="emea",outcome="failed"} 1`,
		`hopguard_spokes_lacks{by="hopguard",group="emea"} 1`,
		`hopguard_spokes_lacks{by="person",group="emea"} 2`,
		`hopguard_spokes_networks{group="emea"} 2`,
		`hopguard_spokes_peerings{group="emea"} 4`,
		`hopguard_spokes_scan_end_timestamp_seconds{group="emea"} 1.795348804e+09`,
		`hopguard_spokes_state{group="emea",state="agreed"} 0`,
		`hopguard_spokes_state{group="emea",state="degraded"} 0`,
		`hopguard_spokes_state{group="emea",state="failed"} 1`,
		`hopguard_spokes_unwanted_peerings{group="emea"} 0`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the page differs (-want +got):\n%s", diff)
	}
}

func networkID(name string) appliance.ResourceID {
	return appliance.ResourceID("/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/" + name)
}
