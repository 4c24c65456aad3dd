package spoke_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/peering"
	"hopguard/internal/spoke"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares got with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s; if it is meant, run with -update (-want +got):\n%s", path, diff)
	}
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func id(name string) appliance.ResourceID {
	return appliance.ResourceID("/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/" + name)
}

func pair(network, hub string, change func(*peering.PairPlan)) peering.PairPlan {
	p := peering.PairPlan{Spoke: id(network), Hub: id(hub), Wanted: true}
	change(&p)
	return p
}

// to plans two writes, as for a new peering.
func to(p *peering.PairPlan) {
	p.Steps = []peering.Step{
		{Op: peering.OpCreate, Side: peering.AtSpoke, Name: "there", Why: "there is none"},
		{Op: peering.OpCreate, Side: peering.AtHub, Name: "back", Why: "there is none"},
	}
}

func problem(code peering.Code, refused bool) func(*peering.PairPlan) {
	return func(p *peering.PairPlan) {
		p.Problem = &peering.Problem{Code: code, Refused: refused, Text: "about " + string(code)}
	}
}

func gone(string) func(*peering.PairPlan) {
	return func(p *peering.PairPlan) { p.Wanted = false; problem(peering.CodeUnwanted, false)(p) }
}

func report(pairs ...peering.PairPlan) *spoke.Report {
	r := &spoke.Report{Group: "emea", DryRun: true, Started: noon, Ended: noon.Add(35 * time.Second)}
	r.Peerings.Group = "emea"
	for _, p := range pairs {
		n := len(r.Peerings.Networks)
		if n == 0 || r.Peerings.Networks[n-1].Network != p.Spoke {
			r.Peerings.Networks = append(r.Peerings.Networks, peering.NetworkPlan{Network: p.Spoke, Wanted: p.Wanted})
			n++
		}
		r.Peerings.Networks[n-1].Pairs = append(r.Peerings.Networks[n-1].Pairs, p)
	}
	return r
}

func good(*peering.PairPlan) {}

func TestStates(t *testing.T) {
	empty := report()
	empty.Peerings.Problem = &peering.Problem{Code: peering.CodeNothingSelected, Refused: true, Text: "nothing"}
	unread := report(pair("a", "hub", good))
	unread.Errors = []error{errors.New("list virtual networks: 403")}
	half := report(pair("a", "hub", to), pair("a", "other", to))
	half.Made = []peering.Outcome{{Spoke: id("a"), Hub: id("HUB"), Writes: 2, ReadBack: noon}}
	failed := report(pair("a", "hub", to))
	failed.Made = []peering.Outcome{{Spoke: id("a"), Hub: id("hub"), Writes: 1, Err: errors.New("refused")}}
	met := report(pair("a", "hub", to))
	met.Made = []peering.Outcome{{Spoke: id("a"), Hub: id("hub"), Err: errors.New("overlaps"), Problem: &peering.Problem{Code: peering.CodeOverlap, Refused: true}}}
	vanished := report(pair("a", "hub", to))
	vanished.Made = []peering.Outcome{{Spoke: id("a"), Hub: id("hub"), Gone: "it does not exist any more"}}
	done := report(pair("a", "hub", to))
	done.Made = []peering.Outcome{{Spoke: id("a"), Hub: id("hub"), Writes: 2, ReadBack: noon}}
	for name, tt := range map[string]struct {
		r              *spoke.Report
		state, planned spoke.State
		lacks          int
		counts         spoke.Counts
	}{
		"agreed":           {report(pair("a", "hub", good)), spoke.Agreed, spoke.Agreed, 0, spoke.Counts{Networks: 1, Peerings: 1, Agreed: 1}},
		"to-be-made":       {report(pair("a", "hub", to)), spoke.Degraded, spoke.Agreed, 1, spoke.Counts{Networks: 1, Peerings: 1, Planned: 2}},
		"made":             {done, spoke.Agreed, spoke.Agreed, 0, spoke.Counts{Networks: 1, Peerings: 1, Agreed: 1, Planned: 2, Writes: 2}},
		"made-in-part":     {half, spoke.Degraded, spoke.Agreed, 1, spoke.Counts{Networks: 1, Peerings: 2, Agreed: 1, Planned: 4, Writes: 2}},
		"not-made":         {failed, spoke.Failed, spoke.Failed, 1, spoke.Counts{Networks: 1, Peerings: 1, Planned: 2, Writes: 1}},
		"changed-meantime": {met, spoke.Degraded, spoke.Degraded, 1, spoke.Counts{Networks: 1, Peerings: 1, Planned: 2}},
		"vanished":         {vanished, spoke.Agreed, spoke.Agreed, 0, spoke.Counts{Networks: 1, Planned: 2}},
		"refused":          {report(pair("a", "hub", problem(peering.CodeOverlap, true))), spoke.Degraded, spoke.Degraded, 1, spoke.Counts{Networks: 1, Peerings: 1}},
		"busy":             {report(pair("a", "hub", problem(peering.CodeBusy, true))), spoke.Degraded, spoke.Agreed, 1, spoke.Counts{Networks: 1, Peerings: 1}},
		"left-over":        {report(pair("a", "hub", good), pair("b", "hub", gone("b"))), spoke.Agreed, spoke.Agreed, 0, spoke.Counts{Networks: 1, Peerings: 1, Agreed: 1, Unwanted: 1}},
		"nothing-selected": {empty, spoke.Degraded, spoke.Degraded, 1, spoke.Counts{}},
		"unread":           {unread, spoke.Failed, spoke.Failed, 0, spoke.Counts{Networks: 1, Peerings: 1, Agreed: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.r.State() != tt.state || tt.r.Planned() != tt.planned || len(tt.r.Lacks()) != tt.lacks {
				t.Errorf("State() = %s, Planned() = %s, %d lacks; want %s, %s, %d", tt.r.State(), tt.r.Planned(), len(tt.r.Lacks()), tt.state, tt.planned, tt.lacks)
			}
			if diff := cmp.Diff(tt.counts, tt.r.Counts()); diff != "" {
				t.Errorf("Counts() differ (-want +got):\n%s", diff)
			}
			if tt.r.Wrote() != (tt.counts.Writes > 0) {
				t.Errorf("Wrote() = %t", tt.r.Wrote())
			}
		})
	}
}

// every is a report in which something of each kind has happened.
func every() *spoke.Report {
	r := report(
		pair("a", "hub-a", to), pair("a", "hub-b", to), pair("b", "hub-a", problem(peering.CodeLimit, true)), pair("b", "hub-b", good),
		pair("old", "hub-a", gone("old")),
	)
	r.DryRun = false
	r.Made = []peering.Outcome{
		{Spoke: id("a"), Hub: id("hub-a"), Writes: 2, Made: r.Peerings.Networks[0].Pairs[0].Steps, Started: noon, ReadBack: noon.Add(30 * time.Second)},
		{Spoke: id("a"), Hub: id("hub-b"), Writes: 1, Started: noon, Err: errors.New("403 AuthorizationFailed\nsecond line")},
	}
	r.Peerings.Networks = append(r.Peerings.Networks, peering.NetworkPlan{Network: id("hub-a"), Wanted: true, Skipped: "it is the network of member vmx-a"})
	r.Errors = []error{errors.New("list virtual networks of subscription s: 503")}
	r.Held = "the group is frozen"
	return r
}

func TestTextForms(t *testing.T) {
	golden(t, "report.txt", spoke.Text(every()))
	golden(t, "plan.txt", spoke.PlanText(every()))
	golden(t, "agreed.txt", spoke.Text(report(pair("a", "hub", good)))+spoke.PlanText(report(pair("a", "hub", good))))
}

// The members of the JSON are stable: they are only ever added to.
func TestJSON(t *testing.T) {
	text, err := json.MarshalIndent([]spoke.JSON{spoke.Wire(every()), spoke.Summary(report())}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", string(text)+"\n")
}
