package metrics_test

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/metrics"
)

// Each page is what a reader gets after the reports that made it.
func TestPages(t *testing.T) {
	tests := []struct {
		name    string
		reports []*controller.Report
	}{
		{"before-the-first-tick", nil},
		{"all-is-well", []*controller.Report{quiet()}},
		{"moved", []*controller.Report{quiet(), written(moving(10_000, decide.ReasonActiveDown), 14_000, 16_500)}},
		{"one-table-failed", []*controller.Report{quiet(), written(moving(10_000, decide.ReasonActiveDown), 14_000, -1)}},
		{"frozen", []*controller.Report{frozen()}},
		{"thawed", []*controller.Report{frozen(), quiet()}},
		{"record-not-read", []*controller.Report{quiet(), unread()}},
		{"tables-not-read", []*controller.Report{unsettled()}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := metrics.New(options())
			for _, r := range test.reports {
				m.Tick(r)
			}
			golden(t, "testdata/"+test.name+".txt", ours(page(t, m, slog.New(slog.DiscardHandler))))
		})
	}
}

func TestObservationsAreCountedAsTheyAreMade(t *testing.T) {
	m := metrics.New(options())
	for range 3 {
		m.Saw(observed("vmx-a", "tcp", appliance.Pass, 4*time.Millisecond))
	}
	m.Saw(observed("vmx-a", "tcp", appliance.Fail, time.Second))
	m.Saw(observed("vmx-b", "tcp", appliance.Unknown, 2*time.Second))
	m.Saw(observed(decide.Witness, decide.WitnessCheck, appliance.Fail, 20*time.Second))
	for _, kind := range []controller.EventKind{controller.EventJudged, controller.EventDecided, controller.EventCommitted, controller.EventProgress} {
		m.Saw(controller.Event{Group: "emea", Kind: kind})
	}
	want := []string{
		`hopguard_check_duration_seconds_sum{check="tcp",group="emea"} 3.012`,
		`hopguard_check_duration_seconds_count{check="tcp",group="emea"} 5`,
		`hopguard_check_outcomes_total{check="tcp",group="emea",member="vmx-a",outcome="fail"} 1`,
		`hopguard_check_outcomes_total{check="tcp",group="emea",member="vmx-a",outcome="pass"} 3`,
		`hopguard_check_outcomes_total{check="tcp",group="emea",member="vmx-a",outcome="unknown"} 0`,
		`hopguard_check_outcomes_total{check="tcp",group="emea",member="vmx-b",outcome="fail"} 0`,
		`hopguard_check_outcomes_total{check="tcp",group="emea",member="vmx-b",outcome="pass"} 0`,
		`hopguard_check_outcomes_total{check="tcp",group="emea",member="vmx-b",outcome="unknown"} 1`,
		`hopguard_witness_outcomes_total{group="emea",outcome="fail"} 1`,
		`hopguard_witness_outcomes_total{group="emea",outcome="pass"} 0`,
		`hopguard_witness_outcomes_total{group="emea",outcome="unknown"} 0`,
	}
	got := shown(t, m, "hopguard_check_outcomes", "hopguard_witness", "hopguard_check_duration_seconds_sum", "hopguard_check_duration_seconds_count")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

// What a group does not have has no series.
func TestNothingIsShownOfWhatIsNotConfigured(t *testing.T) {
	o := options()
	o.Groups[0].Witness, o.Events = false, nil
	o.Groups[0].Ready = func() bool { return false }
	want := []string{`hopguard_ready{group="emea"} 0`}
	if diff := cmp.Diff(want, shown(t, metrics.New(o), "hopguard_witness", "hopguard_events", "hopguard_ready")); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
}

// P10: evidence, notes, warnings and errors may hold what nobody may read. None of
// them is on a page, whatever they say.
func TestP10NoTextOfAReportIsShown(t *testing.T) {
	m := metrics.New(options())
	m.Saw(observed("vmx-a", "tcp", appliance.Fail, time.Second))
	for _, r := range []*controller.Report{unread(), frozen(), written(moving(10_000, decide.ReasonActiveDown), -1, -1)} {
		r.Decision.Refused = "hunter2 is not a member"
		m.Tick(r)
		text := page(t, m, slog.New(slog.DiscardHandler))
		for _, secret := range []string{"hunter2", "subscriptions", "spoke-1", "AuthorizationFailed"} {
			if strings.Contains(text, secret) {
				t.Errorf("the page shows %q:\n%s", secret, ours(text))
			}
		}
	}
}

// The conventions of Prometheus, for our metrics and those of the library.
func TestLint(t *testing.T) {
	m := metrics.New(options())
	m.Saw(observed("vmx-a", "tcp", appliance.Pass, time.Millisecond))
	for _, r := range []*controller.Report{frozen(), written(moving(10_000, decide.ReasonActiveDown), 14_000, -1)} {
		m.Tick(r)
		problems, err := promlint.New(strings.NewReader(page(t, m, slog.New(slog.DiscardHandler)))).Lint()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// A page that is read while ticks end shows one report and never two halves.
func TestEachPageIsOneReport(t *testing.T) {
	m := metrics.New(options())
	m.Tick(quiet())
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := range 50 {
				m.Saw(observed("vmx-a", "tcp", appliance.Pass, time.Millisecond))
				if (i+n)%2 == 0 {
					m.Tick(quiet())
				} else {
					m.Tick(written(moving(10_000, decide.ReasonActiveDown), 14_000, 16_000))
				}
			}
		})
		all.Go(func() {
			for range 10 {
				got := shown(t, m, "hopguard_member_active", "hopguard_decision_reason", "hopguard_epoch")
				before := []string{
					`hopguard_decision_reason{group="emea",reason="active-up"} 1`, `hopguard_epoch{group="emea"} 1`,
					`hopguard_member_active{group="emea",member="vmx-a"} 1`, `hopguard_member_active{group="emea",member="vmx-b"} 0`,
				}
				after := []string{
					`hopguard_decision_reason{group="emea",reason="active-down"} 1`, `hopguard_epoch{group="emea"} 2`,
					`hopguard_member_active{group="emea",member="vmx-a"} 0`, `hopguard_member_active{group="emea",member="vmx-b"} 1`,
				}
				if !cmp.Equal(got, before) && !cmp.Equal(got, after) {
					t.Errorf("the page shows %q", got)
				}
			}
		})
	}
	all.Wait()
	want := []string{
		`hopguard_check_outcomes_total{check="tcp",group="emea",member="vmx-a",outcome="pass"} 200`,
		`hopguard_ticks_total{group="emea",state="agreed"} 101`,
		`hopguard_ticks_total{group="emea",state="degraded"} 100`,
	}
	got := shown(t, m, `hopguard_check_outcomes_total{check="tcp",group="emea",member="vmx-a",outcome="pass"`, `hopguard_ticks_total{group="emea",state="agreed"`, `hopguard_ticks_total{group="emea",state="degraded"`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

// What cannot be shown is logged and counted, and hides nothing else.
func TestWhatCannotBeCollectedHidesNothingElse(t *testing.T) {
	o := options()
	o.Events = func() []metrics.EventCount {
		return []metrics.EventCount{{Source: "meraki", Outcome: "nudged", N: 1}, {Source: "meraki", Outcome: "nudged", N: 2}}
	}
	m := metrics.New(o)
	m.Tick(quiet())
	var log strings.Builder
	text := page(t, m, slog.New(slog.NewTextHandler(&log, nil)))
	if !strings.Contains(text, `hopguard_member_active{group="emea",member="vmx-a"} 1`) || !strings.Contains(text, "go_goroutines ") {
		t.Errorf("the page lacks what could be collected:\n%s", ours(text))
	}
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "hopguard_events_total") {
		t.Errorf("log = %q, want a warning that names the metric", log.String())
	}
	if text := page(t, m, slog.New(slog.DiscardHandler)); !strings.Contains(text, `promhttp_metric_handler_errors_total{cause="gathering"} 1`) {
		t.Error("the error is not counted")
	}
}

// Two in one process count apart.
func TestTheRegistryIsItsOwn(t *testing.T) {
	one, two := metrics.New(options()), metrics.New(options())
	one.Tick(quiet())
	if got := shown(t, two, "hopguard_epoch"); got != nil {
		t.Errorf("the other one shows %q", got)
	}
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "hopguard_") {
			t.Errorf("%s is in the registry of the process", f.GetName())
		}
	}
}
