package spoke_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"testing"

	"hopguard/internal/branch"
	"hopguard/internal/peering"
	"hopguard/internal/spoke"
)

// routed is a report in which something of each kind has happened to tables and subnets.
func routed() *spoke.Report {
	r := report(pair("a", "hub", good), pair("b", "hub", good))
	r.DryRun = false
	table, other := id("x")+"/rt", id("x")+"/other"
	refused := &peering.Problem{Code: branch.CodeTag, Refused: true, Text: "it has lost its tag"}
	add := []branch.Route{{Name: "r", Prefix: netip.MustParsePrefix("172.16.0.0/16"), Hop: netip.MustParseAddr("10.1.0.4"), Source: "configuration"}}
	r.Branches = branch.Plan{
		Tables: []branch.TablePlan{
			{Table: table, Location: "westeurope", Create: true, Add: add},
			{Table: other, Problem: refused},
			{Table: id("x") + "/more", Add: add, Unwanted: add, Since: noon, Until: noon},
		},
		Subnets: []branch.SubnetPlan{
			{Subnet: id("a") + "/subnets/made", Table: table, Associate: true},
			{Subnet: id("a") + "/subnets/failed", Table: table, Associate: true},
			{Subnet: id("a") + "/subnets/gone", Table: table, Associate: true},
			{Subnet: id("b") + "/subnets/later", Table: table, Associate: true},
			{Subnet: id("b") + "/subnets/has", Table: table, Has: "/rt/own"},
			{Subnet: id("b") + "/subnets/refused", Table: other, Problem: refused},
			{Subnet: id("b") + "/subnets/good", Table: table},
		},
	}
	r.Routed = []branch.Outcome{
		{Resource: table, Started: noon, ReadBack: noon, Writes: 1},
		{Resource: id("a") + "/subnets/made", Started: noon, ReadBack: noon, Writes: 1},
		{Resource: id("a") + "/subnets/failed", Started: noon, Writes: 2, Err: errors.New("403\nno")},
		{Resource: id("a") + "/subnets/gone", Started: noon, Gone: "it does not exist any more"},
	}
	return r
}

func TestRoutes(t *testing.T) {
	r := routed()
	if c := r.Counts(); c.Subnets != 5 || c.Routed != 2 || c.Writes != 4 || c.Planned != 2+4 || r.State() != spoke.Failed || r.Failures() == nil {
		t.Errorf("%+v, %s, %v", c, r.State(), r.Failures())
	}
	text, err := json.MarshalIndent(spoke.Wire(r), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "routes.txt", spoke.Text(r)+"\n"+spoke.PlanText(r)+"\n"+string(text)+"\n")
	r.Routed = nil
	r.Branches = branch.Plan{Subnets: r.Branches.Subnets[:1]}
	if r.State() != spoke.Degraded || r.Planned() != spoke.Agreed {
		t.Errorf("a subnet that is yet to be routed: %s, as a plan %s", r.State(), r.Planned())
	}
}

// Only a network all of whose peerings work is ready to be routed.
func TestReady(t *testing.T) {
	r := report(pair("a", "hub", good), pair("b", "hub", good), pair("b", "other", to), pair("c", "hub", problem(peering.CodeOverlap, true)), pair("d", "hub", to))
	r.Made = []peering.Outcome{{Spoke: id("d"), Hub: id("hub"), ReadBack: noon}}
	for name, want := range map[string]bool{"a": true, "b": false, "c": false, "d": true} {
		if got := r.Ready(id(name)); got != want {
			t.Errorf("Ready(%s) = %t, want %t", name, got, want)
		}
	}
}
