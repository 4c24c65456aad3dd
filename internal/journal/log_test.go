package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/journal"
	"hopguard/internal/route"
)

// recorded is a Log and the lines that it wrote, without their times.
type recorded struct {
	journal.Log
	b bytes.Buffer
}

func newLog() *recorded {
	r := &recorded{}
	r.To = slog.New(slog.NewTextHandler(&r.b, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	return r
}

// at logs a report that ended at a time, and returns what was written for it.
func (l *recorded) at(t *testing.T, end time.Time, r *controller.Report) string {
	t.Helper()
	l.b.Reset()
	r.Started, r.Ended = end.Add(-40*time.Millisecond), end
	l.Tick(t.Context(), r)
	return l.b.String()
}

func TestLogLines(t *testing.T) {
	tests := []struct {
		name   string
		report *controller.Report
		want   string
	}{
		{"agreed", quiet(), "level=INFO msg=tick group=emea active=vmx-a epoch=1 reason=active-up changes=0 tables=3 state=agreed took=40ms\n"},
		{"failed", failover(), "level=ERROR msg=tick group=emea active=vmx-b epoch=2 reason=active-down changes=4 tables=3 state=failed took=40ms " +
			`warnings="[find members: 503; the recorded addresses are used]" err="route table ` + string(table("spoke-3")) +
			`: write route table: 403 AuthorizationFailed:\nwant Microsoft.Network/routeTables/write at rg"` + "\n"},
		{"nothing-known", unread(), `level=ERROR msg=tick group=emea active="" epoch=0 reason="" changes=0 tables=0 state=failed took=40ms err="load record: open state/emea.json: permission denied"` + "\n"},
		{"degraded", degraded(), "level=WARN msg=tick group=emea active=vmx-a epoch=1 reason=active-up changes=0 tables=3 state=degraded took=40ms " +
			`warnings="[route table ` + string(table("spoke-2")) + ` has the tag, but no route]"` + "\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, newLog().at(t, start(), test.report)); diff != "" {
				t.Errorf("Tick() (-want +got):\n%s", diff)
			}
		})
	}
}

// degraded has a table without managed routes, and a standby that is down.
func degraded() *controller.Report {
	r := quiet()
	r.Health.Members[1].Verdict = appliance.Down
	r.Plan.Tables[1].Problem = &route.Problem{Text: "has the tag, but no route"}
	return r
}

// D2: while a member stays down, and nothing else happens, one line a minute is
// written, and not one for each tick.
func TestD2QuietTicksSayNothingWithinTheMinute(t *testing.T) {
	for name, report := range map[string]func() *controller.Report{"agreed": quiet, "degraded": degraded, "failed": unread} {
		t.Run(name, func(t *testing.T) {
			l := newLog()
			lines := 0
			for second := 0; second < 180; second += 10 {
				said := l.at(t, start().Add(time.Duration(second)*time.Second), report()) != ""
				if want := second%60 == 0; said != want {
					t.Errorf("after %d s: logged is %t, want %t", second, said, want)
				}
				if said {
					lines++
				}
			}
			if lines != 3 {
				t.Errorf("%d lines in 3 minutes, want 3", lines)
			}
		})
	}
}

// What changes is logged at once, and the next tick that is the same again is not.
func TestLogNewsAtOnce(t *testing.T) {
	tests := []struct {
		name   string
		change func(r *controller.Report)
		news   bool
	}{
		{"nothing", func(*controller.Report) {}, false},
		{"only-times", func(r *controller.Report) {
			r.Health.Members[0].Since = after(5)
			r.Committed = after(7)
			r.Observations = nil
		}, false},
		{"reason", func(r *controller.Report) { r.Decision.Reason = decide.ReasonFailbackWaiting }, true},
		{"active", func(r *controller.Report) { r.Record.Active = "vmx-b" }, true},
		{"epoch", func(r *controller.Report) { r.Record.Epoch = 9 }, true},
		{"mode", func(r *controller.Report) { r.Record.Mode = decide.Pinned }, true},
		{"forced", func(r *controller.Report) { r.Record.Forced = true }, true},
		{"verdict", func(r *controller.Report) { r.Health.Members[1].Verdict = appliance.Undecided }, true},
		{"warning", func(r *controller.Report) { r.Warnings = []string{"something"} }, true},
		{"problem", func(r *controller.Report) {
			r.Plan.Tables[0].Problem = &route.Problem{Text: "no route"}
		}, true},
		{"error", func(r *controller.Report) { r.Errors = []error{errors.New("something")} }, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := newLog()
			l.at(t, start(), quiet())
			for i, want := range []bool{test.news, false} {
				r := quiet()
				test.change(r)
				if said := l.at(t, start().Add(time.Duration(10+i)*time.Second), r); (said != "") != want {
					t.Errorf("tick %d: logged %q, want a line: %t", i+1, said, want)
				}
			}
		})
	}
}

// A tick that did something is logged each time, also if it did the same before.
func TestLogDeedsAlways(t *testing.T) {
	l := newLog()
	for i := range 3 {
		wrote := quiet()
		wrote.Outcomes = []route.Outcome{{Table: table("spoke-1"), ReadBack: after(1), Changes: make([]route.Change, 2)}}
		if said := l.at(t, start().Add(time.Duration(i)*time.Second), wrote); !strings.Contains(said, "changes=2") {
			t.Errorf("write %d: logged %q, want changes=2", i, said)
		}
	}
	moved := quiet()
	moved.Decision.From = "vmx-b"
	l.at(t, start().Add(5*time.Second), moved)
	if said := l.at(t, start().Add(6*time.Second), moved); said == "" {
		t.Error("a transition was not logged")
	}
}

// An error that differs in a request's number or time only is the same error.
func TestLogErrorsWithNumbers(t *testing.T) {
	l := newLog()
	lines := 0
	for i := range 6 {
		r := unread()
		r.Errors = []error{fmt.Errorf("read route tables: 503 at 10:00:%02d, request 9c0f-%d", i, i)}
		if l.at(t, start().Add(time.Duration(i)*time.Second), r) != "" {
			lines++
		}
	}
	if lines != 1 {
		t.Errorf("%d lines, want 1", lines)
	}
}

func TestLogGroupsDoNotSilenceEachOther(t *testing.T) {
	l := newLog()
	l.at(t, start(), quiet())
	other := quiet()
	other.Group = "apac"
	if said := l.at(t, start(), other); !strings.Contains(said, "group=apac") {
		t.Errorf("logged %q, want a line of the other group", said)
	}
}

func TestLogSurvivesAClockThatIsSetBack(t *testing.T) {
	l := newLog()
	l.at(t, start(), quiet())
	if said := l.at(t, start().Add(-time.Hour), quiet()); said == "" {
		t.Error("nothing was logged after the clock was set back")
	}
	if said := l.at(t, start().Add(-time.Hour+time.Second), quiet()); said != "" {
		t.Errorf("logged %q within the minute", said)
	}
}

func TestLogManyGroupsAtOnce(t *testing.T) {
	l := newLog()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 10 {
				r := quiet()
				r.Group = appliance.GroupName(fmt.Sprint("g", i))
				l.Tick(t.Context(), r)
			}
		})
	}
	all.Wait()
	if n := strings.Count(l.b.String(), "\n"); n != 8 {
		t.Errorf("%d lines of 8 groups, want 8", n)
	}
}
