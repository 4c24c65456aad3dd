package metrics_test

import (
	"errors"
	"flag"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/metrics"
	"hopguard/internal/route"
)

var update = flag.Bool("update", false, "write the golden files and docs/metrics.md")

// golden compares got with a file.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(filepath.FromSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s; if it is meant, run with -update (-want +got):\n%s", path, diff)
	}
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// after is a time that many milliseconds after noon.
func after(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }

// options are those of one group with a witness, and of the events of one source.
func options() metrics.Options {
	return metrics.Options{
		Version: "v1.2.3",
		Groups: []metrics.Group{{
			Name: "emea", Members: []appliance.MemberName{"vmx-a", "vmx-b"}, Checks: []string{"tcp"}, Witness: true,
			Ready:    func() bool { return true },
			Lateness: func() (worst, mean time.Duration) { return 20 * time.Millisecond, 500 * time.Microsecond },
		}},
		Events: func() []metrics.EventCount {
			return []metrics.EventCount{{Source: "meraki", Outcome: "nudged", N: 3}, {Source: "meraki", Outcome: "forged"}}
		},
		Messages: func() []metrics.MessageCount {
			return []metrics.MessageCount{
				{Target: "mail", Outcomes: map[string]uint64{"sent": 3, "retried": 0}, Sent: noon},
				{Target: "chat", Outcomes: map[string]uint64{"sent": 0, "retried": 7}, Queued: 2},
			}
		},
	}
}

// page is what a reader gets.
func page(t *testing.T, m *metrics.Metrics, log *slog.Logger) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler(log).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatalf("GET /metrics = %d, %s", w.Code, w.Header())
	}
	return w.Body.String()
}

// ours are the lines of a page that are not the client library's, without those of
// histograms that have seen nothing, and without help.
func ours(page string) string {
	var b strings.Builder
	for l := range strings.Lines(page) {
		empty := strings.Contains(l, "_seconds_bucket{") && strings.HasSuffix(l, " 0\n")
		if strings.HasPrefix(l, "hopguard_") && !empty && !strings.HasPrefix(l, "hopguard_build_info") {
			b.WriteString(l)
		}
	}
	return b.String()
}

// shown returns the lines of a page that begin so.
func shown(t *testing.T, m *metrics.Metrics, beginnings ...string) []string {
	t.Helper()
	var out []string
	for l := range strings.Lines(page(t, m, slog.New(slog.DiscardHandler))) {
		for _, b := range beginnings {
			if strings.HasPrefix(l, b) {
				out = append(out, strings.TrimSpace(l))
			}
		}
	}
	return out
}

func observed(member appliance.MemberName, check string, outcome appliance.Outcome, took time.Duration) controller.Event {
	return controller.Event{Group: "emea", Kind: controller.EventObserved, Observation: appliance.Observation{
		Member: member, Check: check, Outcome: outcome, Took: took, Evidence: "Bearer hunter2",
	}}
}

func table(name string) appliance.ResourceID {
	return appliance.ResourceID("/subscriptions/s1/resourceGroups/rg/providers/Microsoft.Network/routeTables/" + name)
}

// quiet is a tick in which all was well.
func quiet() *controller.Report {
	managed := []route.Managed{{Route: "a", Prefix: "10.20.0.0/16", Member: "vmx-a"}, {Route: "b", Prefix: "10.30.0.0/16", Member: "vmx-a"}}
	health := decide.Health{Members: []decide.MemberHealth{{Member: "vmx-a", Verdict: appliance.Up}, {Member: "vmx-b", Verdict: appliance.Up}}}
	record := decide.Record{
		Group: "emea", Epoch: 1, Active: "vmx-a", Mode: decide.Auto, Health: health,
		History: []decide.Transition{{Epoch: 1, To: "vmx-a", Reason: decide.ReasonAdopted, At: noon.Add(-time.Hour)}},
	}
	return &controller.Report{
		Group: "emea", Preferred: "vmx-a", Started: noon, Decided: after(20), Ended: after(40), Health: health,
		Stored: record, Record: record,
		Decision: decide.Decision{Reason: decide.ReasonActiveUp, Active: "vmx-a", Write: true},
		Plan: route.Plan{Group: "emea", Active: "vmx-a", Tables: []route.TablePlan{
			{Table: table("spoke-1"), Managed: managed}, {Table: table("spoke-2"), Managed: managed},
		}},
	}
}

// moving is a tick that decided at that many milliseconds to move both tables, and
// stored that.
func moving(at int, reason decide.Reason) *controller.Report {
	r := quiet()
	r.Started, r.Decided, r.Committed = after(at-3000), after(at), after(at+5)
	r.Health.Members = []decide.MemberHealth{{Member: "vmx-a", Verdict: appliance.Down}, {Member: "vmx-b", Verdict: appliance.Up}}
	r.Record.Health, r.Record.Epoch, r.Record.Active = r.Health, 2, "vmx-b"
	r.Record.History = append(r.Record.History, decide.Transition{Epoch: 2, From: "vmx-a", To: "vmx-b", Reason: reason, At: after(at)})
	r.Decision = decide.Decision{Reason: reason, Active: "vmx-b", From: "vmx-a", Write: true}
	r.Plan.Active = "vmx-b"
	for i := range r.Plan.Tables {
		r.Plan.Tables[i].Changes = []route.Change{{Route: "a", FromMember: "vmx-a", ToMember: "vmx-b"}}
	}
	return r
}

// repeated is the tick after a move that found tables which still differ.
func repeated(at int) *controller.Report {
	r := moving(at, decide.ReasonActiveDown)
	r.Stored, r.Committed = r.Record, time.Time{}
	r.Decision = decide.Decision{Reason: decide.ReasonActiveUp, Active: "vmx-b", Write: true}
	r.Health.Members[0].Verdict = appliance.Undecided
	return r
}

// written adds outcomes to a report: read back at those times, or failed at -1. It
// ends at the last of them.
func written(r *controller.Report, readBack ...int) *controller.Report {
	r.Ended = r.Decided.Add(10 * time.Millisecond)
	for i, ms := range readBack {
		o := route.Outcome{Table: r.Plan.Tables[i].Table, Writes: 1}
		if ms < 0 {
			o.Err = errors.New("403 AuthorizationFailed: of client hunter2")
		} else if o.ReadBack = after(ms); o.ReadBack.After(r.Ended) {
			r.Ended = o.ReadBack
		}
		r.Outcomes = append(r.Outcomes, o)
	}
	r.Applied = r.Ended
	return r
}

// frozen is a quiet tick of a group that somebody froze until ten seconds after noon.
func frozen() *controller.Report {
	r := quiet()
	r.Record.Mode, r.Record.FrozenUntil, r.Record.Note = decide.Frozen, after(10_000), "the password is hunter2"
	r.Stored = r.Record
	r.Decision = decide.Decision{Reason: decide.ReasonFrozen, Active: "vmx-a", Until: after(10_000)}
	r.Health.Suspect = true
	r.Warnings = []string{"find members: hunter2; the recorded addresses are used"}
	r.Plan.Tables[0].Problem = &route.Problem{Text: "has the tag, but no route"}
	return r
}

// unread is a tick that ended before it knew anything.
func unread() *controller.Report {
	return &controller.Report{Group: "emea", Preferred: "vmx-a", Started: noon, Ended: after(3), Errors: []error{errors.New("load record: hunter2")}}
}

// unsettled is a tick that knew the record, but could not read the tables.
func unsettled() *controller.Report {
	r := quiet()
	r.Decided, r.Decision, r.Plan = time.Time{}, decide.Decision{}, route.Plan{}
	r.Errors = []error{errors.New("read route tables: 503"), errors.New("find members: 503")}
	return r
}
