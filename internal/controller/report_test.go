package controller_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/route"
)

// TestP9StateOfAReport: one word for everything, the worst first.
func TestP9StateOfAReport(t *testing.T) {
	when := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	members := func(verdicts ...appliance.Verdict) (h decide.Health) {
		for i, v := range verdicts {
			h.Members = append(h.Members, decide.MemberHealth{Member: []appliance.MemberName{"a", "b"}[i], Verdict: v})
		}
		return h
	}
	up := members(appliance.Up, appliance.Up)
	toWrite := route.Plan{Tables: []route.TablePlan{{Table: "t1", Changes: []route.Change{{Route: "r"}}}, {Table: "T2", Changes: []route.Change{{Route: "r"}}}}}
	done := func(id appliance.ResourceID) route.Outcome { return route.Outcome{Table: id, ReadBack: when} }
	problem := func(refused bool) route.Plan {
		return route.Plan{Tables: []route.TablePlan{{Table: "t1", Problem: &route.Problem{Refused: refused, Text: "is odd"}}}}
	}
	tests := []struct {
		name   string
		report controller.Report
		want   controller.State
		err    string
	}{
		{"all-well", controller.Report{Health: up}, controller.Agreed, ""},
		{"a-member-down", controller.Report{Health: members(appliance.Up, appliance.Down)}, controller.Degraded, ""},
		{"a-member-unknown", controller.Report{Health: members(appliance.Undecided, appliance.Up)}, controller.Degraded, ""},
		{"a-warning", controller.Report{Health: up, Warnings: []string{"w"}}, controller.Degraded, ""},
		{"a-table-that-needs-a-person", controller.Report{Health: up, Plan: problem(false)}, controller.Degraded, ""},
		{"a-table-that-is-refused", controller.Report{Health: up, Plan: problem(true)}, controller.Failed, "route table t1: is odd"},
		{"routes-that-may-not-be-written-now", controller.Report{Health: up, Plan: toWrite}, controller.Degraded, ""},
		{"a-dry-run-writes-nothing-and-that-is-fine", controller.Report{Health: up, Plan: toWrite, DryRun: true}, controller.Agreed, ""},
		{"all-written", controller.Report{Health: up, Plan: toWrite, Applied: when, Outcomes: []route.Outcome{done("T1"), done("t2")}}, controller.Agreed, ""},
		{"one-not-read-back", controller.Report{Health: up, Plan: toWrite, Applied: when, Outcomes: []route.Outcome{done("t1"), {Table: "t2", Accepted: when, Succeeded: when}}}, controller.Failed, "route table t2: was not read back"},
		{"one-without-an-outcome", controller.Report{Health: up, Plan: toWrite, Applied: when, Outcomes: []route.Outcome{done("t1")}}, controller.Failed, "route table T2: was not read back"},
		{"none-with-an-outcome", controller.Report{Health: up, Plan: toWrite, Applied: when}, controller.Failed, "route table t1: was not read back\nroute table T2: was not read back"},
		{
			"several-errors", controller.Report{
				Health: up, Plan: toWrite, Applied: when, Errors: []error{errors.New("read route tables: timeout")},
				Outcomes: []route.Outcome{done("t1"), {Table: "t2", Err: errors.New("403")}},
			}, controller.Failed, "read route tables: timeout\nroute table t2: 403",
		},
		{"a-refused-order", controller.Report{Health: up, Decision: decide.Decision{Refused: "no"}}, controller.Failed, "order refused: no"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.report.State(); got != tt.want {
				t.Errorf("State() = %s, want %s", got, tt.want)
			}
			got := ""
			if err := tt.report.Err(); err != nil {
				got = err.Error()
			}
			if got != tt.err {
				t.Errorf("Err() = %q, want %q", got, tt.err)
			}
		})
	}
}

// What is in force is what is stored, not what a tick would have liked to store.
func TestP9StandingRecord(t *testing.T) {
	bubble(t, "after-a-failover", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		if got := w.tick(t, controller.Request{}).Standing(); got.Active != "vmx-b" || got.Epoch != 2 {
			t.Errorf("Standing() = %s, epoch %d, want vmx-b, 2", got.Active, got.Epoch)
		}
	})
	bubble(t, "after-a-dry-run", func(t *testing.T) {
		w := settled(t)
		w.place("vmx-b", "10.2.0.9")
		r := w.tick(t, controller.Request{DryRun: true, Order: switchTo("vmx-b", false).Order})
		got := r.Standing()
		if got.Active != "vmx-a" || got.Epoch != 1 || r.Record.Active != "vmx-b" {
			t.Errorf("Standing() = %s, epoch %d, want vmx-a, 1, and vmx-b wanted", got.Active, got.Epoch)
		}
		if a := got.AddressesOf("vmx-b").Hops[0].Addr.String(); a != "10.2.0.9" {
			t.Errorf("address of vmx-b = %s, want the newest", a)
		}
	})
	bubble(t, "when-the-store-is-down", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		w.swapErr = errors.New("disk full")
		if got := w.tick(t, controller.Request{}).Standing(); got.Active != "vmx-a" {
			t.Errorf("Standing() = %s, want vmx-a", got.Active)
		}
	})
	bubble(t, "before-anything-was-stored", func(t *testing.T) {
		w := newWorld()
		if got := w.tick(t, controller.Request{DryRun: true}).Standing(); got.Active != "vmx-a" {
			t.Errorf("Standing() = %q, want vmx-a, which would be adopted", got.Active)
		}
	})
}

// TestP10ReportsShowNoRawTable: customers may keep anything in the tags of a table.
// Neither events nor errors nor what views are made of show it.
func TestP10ReportsShowNoRawTable(t *testing.T) {
	const secret = "s3cr3t"
	bubble(t, "whatever-happens-to-the-write", func(t *testing.T) {
		w := settled(t)
		for id, raw := range w.tables {
			w.tables[id] = json.RawMessage(strings.Replace(string(raw), `"tags":{`, `"token":"`+secret+`","tags":{"password":"`+secret+`",`, 1))
		}
		w.put("spoke-3", "emea", "not an address")
		w.tables[tableID("spoke-3")] = json.RawMessage(strings.Replace(string(w.tables[tableID("spoke-3")]), `"tags":{`, `"tags":{"password":"`+secret+`",`, 1))
		w.down("vmx-a")
		w.beforePut = func(id appliance.ResourceID) { // a lost etag, read again
			w.mu.Lock()
			defer w.mu.Unlock()
			w.tables[id] = json.RawMessage(strings.Replace(string(w.tables[id]), `"etag":"W/`, `"etag":"W/x`, 1))
		}
		r := w.tick(t, controller.Request{})
		if r.Err() == nil || len(r.Outcomes) != 2 {
			t.Fatalf("tick = %v, %d outcomes, want an error and two", r.Err(), len(r.Outcomes))
		}
		for what, v := range map[string]any{"events": w.events, "record": r.Record, "plan": r.Plan, "decision": r.Decision, "warnings": r.Warnings, "error": r.Err().Error()} {
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatalf("Marshal(%s) = %v", what, err)
			}
			if strings.Contains(string(b), secret) {
				t.Errorf("%s show the secret: %s", what, b)
			}
		}
	})
}
