package journal_test

import (
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/route"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares got with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
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

func start() time.Time { return time.Date(2026, 8, 1, 10, 0, 0, 0, time.UTC) }

// after is a time that many milliseconds after the start.
func after(ms int) time.Time { return start().Add(time.Duration(ms) * time.Millisecond) }

func table(name string) appliance.ResourceID {
	return appliance.ResourceID("/subscriptions/s1/resourceGroups/rg/providers/Microsoft.Network/routeTables/" + name)
}

func hop(role, addr string) appliance.Hop {
	return appliance.Hop{Role: role, Addr: netip.MustParseAddr(addr)}
}

// quiet is a tick in which all was well.
func quiet() *controller.Report {
	pass := func(m appliance.MemberName) appliance.Observation {
		return appliance.Observation{Member: m, Check: "vm-status", Outcome: appliance.Pass, At: after(1), Took: 12 * time.Millisecond, Evidence: "power state is running"}
	}
	managed := []route.Managed{{Route: "to-branch-a", Prefix: "10.20.0.0/16", Member: "vmx-a"}, {Route: "to-branch-b", Prefix: "10.30.0.0/16", Member: "vmx-a"}}
	health := decide.Health{Members: []decide.MemberHealth{
		{Member: "vmx-a", Verdict: appliance.Up, Since: start().Add(-time.Hour)},
		{Member: "vmx-b", Verdict: appliance.Up, Since: start().Add(-48 * time.Hour)},
	}}
	return &controller.Report{
		Group: "emea", Preferred: "vmx-a", Started: start(), Decided: after(20), Ended: after(40),
		Observations: []appliance.Observation{pass("vmx-a"), pass("vmx-b")},
		Health:       health,
		Record: decide.Record{
			Group: "emea", Epoch: 1, Active: "vmx-a", Mode: decide.Auto, Health: health,
			Places: []decide.Addresses{
				{Member: "vmx-a", Hops: []appliance.Hop{hop("lan", "10.1.0.4"), hop("lan6", "fd00::4")}},
				{Member: "vmx-b", Hops: []appliance.Hop{hop("lan", "10.2.0.4"), hop("lan6", "fd01::4")}},
			},
			History: []decide.Transition{{Epoch: 1, To: "vmx-a", Reason: decide.ReasonAdopted, At: start().Add(-time.Hour)}},
		},
		Decision: decide.Decision{Reason: decide.ReasonActiveUp, Active: "vmx-a", Write: true},
		Plan: route.Plan{Group: "emea", Active: "vmx-a", Tables: []route.TablePlan{
			{Table: table("spoke-1"), Managed: managed, ETag: `W/"1"`, State: "Succeeded", Raw: []byte(`{"secret":1}`)},
			{Table: table("spoke-2"), Managed: managed},
			{Table: table("spoke-3"), Managed: managed},
		}},
	}
}

// failover is a tick that moved the routes of two tables, and could not write a
// third.
func failover() *controller.Report {
	r := quiet()
	fail := appliance.Observation{Member: "vmx-a", Check: "vm-status", Outcome: appliance.Fail, Took: 10 * time.Millisecond, Evidence: "power state is deallocated"}
	first, last := fail, fail
	first.At, last.At = after(1), after(4001)
	r.Observations = []appliance.Observation{first, r.Observations[1], last}
	r.Health.Members[0] = decide.MemberHealth{Member: "vmx-a", Verdict: appliance.Down, Since: after(4010)}
	r.Record.Health = r.Health
	r.Record.Epoch, r.Record.Active = 2, "vmx-b"
	r.Record.History = append(r.Record.History, decide.Transition{Epoch: 2, From: "vmx-a", To: "vmx-b", Reason: decide.ReasonActiveDown, At: after(4020)})
	r.Decision = decide.Decision{Reason: decide.ReasonActiveDown, Active: "vmx-b", From: "vmx-a", Write: true}
	r.Decided, r.Committed, r.Applied, r.Ended = after(4020), after(4025), after(6400), after(9000)
	r.Plan.Active = "vmx-b"
	a, b := netip.MustParseAddr("10.1.0.4"), netip.MustParseAddr("10.2.0.4")
	for i := range r.Plan.Tables {
		for _, m := range r.Plan.Tables[i].Managed {
			r.Plan.Tables[i].Changes = append(r.Plan.Tables[i].Changes, route.Change{Route: m.Route, Prefix: m.Prefix, From: a, To: b, FromMember: "vmx-a", ToMember: "vmx-b"})
		}
		r.Outcomes = append(r.Outcomes, route.Outcome{
			Table: r.Plan.Tables[i].Table, Changes: r.Plan.Tables[i].Changes, Started: after(4030),
			Accepted: after(4100 + i), Succeeded: after(6100 + i), ReadBack: after(6200 + i), Writes: 1,
		})
	}
	o := &r.Outcomes[2]
	o.Succeeded, o.ReadBack, o.Writes, o.Err = time.Time{}, time.Time{}, 2, errors.New("write route table: 403 AuthorizationFailed:\nwant Microsoft.Network/routeTables/write at rg")
	r.Effective = []controller.Effective{
		{NIC: "/nics/workload-1", At: after(8900)},
		{NIC: "/nics/workload-2", Note: "10.20.0.0/16 still goes to 10.1.0.4 (vmx-a)"},
	}
	r.Warnings = []string{"find members: 503; the recorded addresses are used"}
	return r
}

// planned is a dry run that found one table to write, one to refuse, one that
// nobody manages anything in, and one that is as it should be.
func planned() *controller.Report {
	r := failover()
	r.DryRun, r.Outcomes, r.Effective, r.Warnings, r.Stored = true, nil, nil, nil, quiet().Record
	r.Committed, r.Applied, r.Ended = time.Time{}, time.Time{}, after(4050)
	ts := r.Plan.Tables
	ts[0].Changes = ts[0].Changes[:1]
	ts[1].Changes, ts[1].Managed = nil, nil
	ts[1].Problem = &route.Problem{Refused: true, Text: "is used by subnet lan of member vmx-a: its own traffic would loop"}
	ts[2].Changes, ts[2].Managed = nil, nil
	ts[2].Problem = &route.Problem{Text: "has the tag nva_ha_udr=emea, but no managed route in it points at a member"}
	r.Plan.Tables = append(ts, route.TablePlan{Table: table("spoke-4"), Managed: []route.Managed{{Route: "r", Prefix: "::/0", Member: "vmx-b"}}})
	return r
}

// unread is a tick that ended before it knew anything.
func unread() *controller.Report {
	return &controller.Report{
		Group: "emea", Preferred: "vmx-a", Started: start(), Ended: after(3),
		Errors: []error{errors.New("load record: open state/emea.json: permission denied")},
	}
}
