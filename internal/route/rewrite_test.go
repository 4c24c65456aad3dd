package route_test

import (
	"strings"
	"testing"

	"hopguard/internal/route"
)

// A table whose last write failed shows routes that the fabric does not use.
func TestP9ATableWhoseWriteFailedIsNotAgreed(t *testing.T) {
	tests := []struct {
		name    string
		state   string
		hop     string
		tags    map[string]string
		writes  int
		problem string
	}{
		{name: "succeeded", state: "Succeeded", hop: "10.2.0.4"},
		{name: "a-write-is-under-way", state: "Updating", hop: "10.2.0.4"},
		{name: "failed-at-the-goal", state: "Failed", hop: "10.2.0.4", writes: 1, problem: "has the provisioning state Failed: Azure may not use the routes"},
		{name: "canceled-at-the-goal", state: "Canceled", hop: "10.2.0.4", writes: 1, problem: "has the provisioning state Canceled"},
		{name: "failed-elsewhere-is-an-ordinary-write", state: "Failed", hop: "10.1.0.4", writes: 1},
		{name: "failed-without-a-managed-route", state: "Failed", hop: "10.9.0.4", problem: "no managed route in it points at a member"},
		{name: "failed-and-of-another-group", state: "Failed", hop: "10.2.0.4", tags: map[string]string{"nva_ha_udr": "apac"}, problem: "does not have the tag"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rt := table(tt.hop)
			rt.State = tt.state
			if tt.tags != nil {
				rt.Tags = tt.tags
			}
			plan := emea().Plan([]route.Table{rt})
			if got := len(plan.Writes()); got != tt.writes {
				t.Errorf("%d writes, want %d", got, tt.writes)
			}
			p := plan.Tables[0].Problem
			if (p != nil) != (tt.problem != "") || p != nil && !strings.Contains(p.Text, tt.problem) {
				t.Errorf("Problem = %v, want %q", p, tt.problem)
			}
			if want := tt.writes == 0 && tt.problem == ""; plan.Agreed() != want {
				t.Errorf("Agreed() = %v, want %v", plan.Agreed(), want)
			}
		})
	}
}
