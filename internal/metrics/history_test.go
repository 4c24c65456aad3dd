package metrics_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/metrics"
)

const (
	automatic = `hopguard_transitions_total{group="emea",origin="automatic",reason="active-down"} 1`
	ordered   = `hopguard_transitions_total{group="emea",origin="ordered",reason="ordered"} 1`
)

func TestTransitions(t *testing.T) {
	uncommitted := moving(10_000, decide.ReasonActiveDown)
	uncommitted.Committed = time.Time{}
	// Somebody else moved: this process reads it in the record.
	read := repeated(10_000)
	byHand := repeated(10_000)
	byHand.Record.History[1].Reason = decide.ReasonOrdered
	// The record was lost; the next one begins at 1, and moves.
	lost := quiet()
	lost.Stored = decide.Record{}
	movedAgain := moving(20_000, decide.ReasonOrdered)
	strange := repeated(10_000)
	strange.Record.History[1].Reason = "of a later version: hunter2"

	tests := []struct {
		name    string
		reports []*controller.Report
		want    []string
	}{
		{"none", []*controller.Report{quiet(), quiet()}, nil},
		{"in-the-first-tick", []*controller.Report{moving(10_000, decide.ReasonActiveDown)}, []string{automatic}},
		{"later", []*controller.Report{quiet(), moving(10_000, decide.ReasonActiveDown), repeated(12_000)}, []string{automatic}},
		{"not-stored", []*controller.Report{quiet(), uncommitted}, nil},
		{"while-the-record-cannot-be-read", []*controller.Report{quiet(), unread(), moving(10_000, decide.ReasonActiveDown), unread(), repeated(12_000)}, []string{automatic}},
		{"before-this-process", []*controller.Report{repeated(10_000), repeated(20_000)}, nil},
		{"by-another-process", []*controller.Report{quiet(), read, repeated(20_000)}, []string{automatic}},
		{"by-hand", []*controller.Report{quiet(), byHand}, []string{ordered}},
		{"after-the-record-was-lost", []*controller.Report{moving(10_000, decide.ReasonActiveDown), lost, movedAgain}, []string{automatic, ordered}},
		{
			"of-another-version", []*controller.Report{quiet(), strange},
			[]string{`hopguard_transitions_total{group="emea",origin="unknown",reason="unknown"} 1`},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := metrics.New(options())
			for _, r := range test.reports {
				m.Tick(r)
			}
			zero := []string{
				`hopguard_transitions_total{group="emea",origin="automatic",reason="active-down"} 0`,
				`hopguard_transitions_total{group="emea",origin="automatic",reason="failback"} 0`,
				`hopguard_transitions_total{group="emea",origin="ordered",reason="ordered"} 0`,
			}
			var got []string
			for _, l := range shown(t, m, "hopguard_transitions_total") {
				if !slices.Contains(zero, l) {
					got = append(got, l)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("transitions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSwitchDuration(t *testing.T) {
	down := decide.ReasonActiveDown
	uncommitted := written(moving(10_000, down), 14_000, 16_000)
	uncommitted.Committed = time.Time{}
	notRead := repeated(14_000)
	notRead.Decision.Write, notRead.Plan.Tables = false, nil // as when Azure cannot be asked
	healed := repeated(30_000)
	for i := range healed.Plan.Tables {
		healed.Plan.Tables[i].Changes = nil
	}
	back := written(moving(30_000, decide.ReasonFailback), 33_000, 34_000)
	back.Record.Epoch, back.Stored.Epoch = 3, 2
	byOther := written(repeated(30_000), 33_000, 34_000)
	byOther.Record.Epoch, byOther.Stored.Epoch = 3, 3

	tests := []struct {
		name    string
		reports []*controller.Report
		count   string
		sum     string
	}{
		{"in-one-tick", []*controller.Report{written(moving(10_000, down), 14_000, 16_500)}, "1", "6.5"},
		{"the-last-table-counts", []*controller.Report{written(moving(10_000, down), 16_500, 14_000)}, "1", "6.5"},
		{"not-done", []*controller.Report{written(moving(10_000, down), 14_000, -1)}, "0", "0"},
		{"a-table-forgotten", []*controller.Report{written(moving(10_000, down), 14_000)}, "0", "0"},
		{"not-written-at-all", []*controller.Report{moving(10_000, down)}, "0", "0"},
		{"not-stored", []*controller.Report{uncommitted}, "0", "0"},
		{"done-by-the-next-tick", []*controller.Report{written(moving(10_000, down), 14_000, -1), written(repeated(20_000), 21_000, 25_000)}, "1", "15"},
		{"done-after-ticks-that-knew-nothing", []*controller.Report{written(moving(10_000, down), 14_000, -1), unread(), notRead, written(repeated(20_000), 21_000, 25_000)}, "1", "15"},
		{"once-only", []*controller.Report{written(moving(10_000, down), 14_000, 16_500), written(repeated(20_000), 21_000, 25_000)}, "1", "6.5"},
		{"done-by-somebody-else", []*controller.Report{written(moving(10_000, down), 14_000, -1), healed, written(repeated(40_000), 41_000, 45_000)}, "0", "0"},
		{"moved-on-by-somebody-else", []*controller.Report{written(moving(10_000, down), 14_000, -1), byOther}, "0", "0"},
		{"there-and-back", []*controller.Report{written(moving(10_000, down), 14_000, -1), back}, "1", "4"},
		{"two", []*controller.Report{written(moving(10_000, down), 14_000, 16_500), back}, "2", "10.5"},
		{"of-another-process", []*controller.Report{quiet(), written(repeated(20_000), 21_000, 25_000)}, "0", "0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := metrics.New(options())
			for _, r := range test.reports {
				m.Tick(r)
			}
			want := []string{`hopguard_switch_duration_seconds_sum{group="emea"} ` + test.sum, `hopguard_switch_duration_seconds_count{group="emea"} ` + test.count}
			if diff := cmp.Diff(want, shown(t, m, "hopguard_switch_duration_seconds_sum", "hopguard_switch_duration_seconds_count")); diff != "" {
				t.Errorf("switches (-want +got):\n%s", diff)
			}
		})
	}
}

// A write that nobody reports is one that failed.
func TestTableWrites(t *testing.T) {
	tests := []struct {
		name         string
		report       *controller.Report
		done, failed string
	}{
		{"none", quiet(), "0", "0"},
		{"both-done", written(moving(10_000, decide.ReasonActiveDown), 14_000, 14_000), "2", "0"},
		{"one-failed", written(moving(10_000, decide.ReasonActiveDown), 14_000, -1), "1", "1"},
		{"one-forgotten", written(moving(10_000, decide.ReasonActiveDown), 14_000), "1", "1"},
		{"none-tried", moving(10_000, decide.ReasonActiveDown), "0", "0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := metrics.New(options())
			m.Tick(test.report)
			want := []string{`hopguard_table_writes_total{group="emea",outcome="done"} ` + test.done, `hopguard_table_writes_total{group="emea",outcome="failed"} ` + test.failed}
			if diff := cmp.Diff(want, shown(t, m, "hopguard_table_writes_total")); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
		})
	}
}
