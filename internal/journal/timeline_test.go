package journal_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/journal"
	"hopguard/internal/route"
)

// printed is what a time line prints of events.
func printed(t *testing.T, o journal.TimelineOptions, events ...controller.Event) string {
	t.Helper()
	var b strings.Builder
	line := journal.StartTimeline(&b, o)
	for _, e := range events {
		line.Saw(e)
	}
	if err := line.Close(); err != nil {
		t.Fatalf("Close() = %v, want no error", err)
	}
	return b.String()
}

func observed(ms int, m appliance.MemberName, outcome appliance.Outcome, evidence string) controller.Event {
	return controller.Event{Group: "emea", Kind: controller.EventObserved, At: after(ms), Observation: appliance.Observation{
		Member: m, Check: "vm-status", Outcome: outcome, At: after(ms), Evidence: evidence,
	}}
}

func judged(ms int, m appliance.MemberName, v appliance.Verdict) controller.Event {
	return controller.Event{Group: "emea", Kind: controller.EventJudged, At: after(ms), Health: decide.MemberHealth{Member: m, Verdict: v}}
}

func decided(ms int, epoch uint64, d decide.Decision) controller.Event {
	return controller.Event{Group: "emea", Kind: controller.EventDecided, At: after(ms), Epoch: epoch, Decision: d}
}

func committed(ms int, epoch uint64) controller.Event {
	return controller.Event{Group: "emea", Kind: controller.EventCommitted, At: after(ms), Epoch: epoch}
}

func wrote(ms int, id appliance.ResourceID, s route.Stage, note string) controller.Event {
	return controller.Event{Group: "emea", Kind: controller.EventProgress, At: after(ms), Progress: route.Progress{Table: id, Stage: s, At: after(ms), Note: note}}
}

// story is a failover, and the quiet ticks before and after it.
func story() []controller.Event {
	const off = "power state is deallocated"
	stay := decide.Decision{Reason: decide.ReasonActiveUp, Active: "vmx-a", Write: true}
	var all []controller.Event
	for _, ms := range []int{0, 10_000} {
		all = append(all,
			observed(ms, "vmx-a", appliance.Pass, "power state is running"), observed(ms, "vmx-b", appliance.Pass, "power state is running"),
			judged(ms+20, "vmx-a", appliance.Up), judged(ms+20, "vmx-b", appliance.Up), decided(ms+30, 1, stay), committed(ms+35, 1))
	}
	for _, ms := range []int{20_000, 22_000, 24_000} {
		all = append(all, observed(ms, "vmx-a", appliance.Fail, off), observed(ms, "vmx-b", appliance.Pass, "power state is running"))
	}
	slow := observed(24_000, "vmx-b", appliance.Unknown, "no answer within 5s")
	slow.Observation.Took = 5 * time.Second
	move := decide.Decision{Reason: decide.ReasonActiveDown, Active: "vmx-b", From: "vmx-a", Write: true}
	refused := decide.Decision{Reason: decide.ReasonOrderRefused, Active: "vmx-b", Refused: "the group is frozen: thaw it first"}
	all = append(all,
		judged(24_010, "vmx-a", appliance.Down), judged(24_010, "vmx-b", appliance.Up),
		decided(24_020, 2, move), committed(24_025, 2),
		wrote(24_100, table("spoke-1"), route.StageAccepted, ""),
		wrote(24_110, table("spoke-2"), route.StageRetry, "429 in 2s"),
		wrote(26_100, table("spoke-1"), route.StageSucceeded, ""), wrote(26_200, table("spoke-1"), route.StageReadBack, ""),
		wrote(26_300, table("spoke-2"), route.StageFailed, "403"),
		wrote(29_000, "/nics/workload-1", route.StageEffective, ""),
		slow, slow,
		observed(30_000, "vmx-a", appliance.Fail, off), judged(30_010, "vmx-a", appliance.Down),
		decided(30_020, 2, decide.Decision{Reason: decide.ReasonActiveUp, Active: "vmx-b", Until: after(99_000)}),
		decided(40_020, 2, decide.Decision{Reason: decide.ReasonActiveUp, Active: "vmx-b", Write: true}),
		decided(50_020, 2, refused), decided(60_020, 2, decide.Decision{Reason: "phase-of-the-moon", Active: "vmx-b"}),
		observed(120_000, "vmx-a", appliance.Fail, "the machine does not exist"),
	)
	return all
}

func TestTimelineTellsTheStory(t *testing.T) {
	golden(t, "timeline.txt", printed(t, journal.TimelineOptions{Start: start()}, story()...))
	golden(t, "timeline-color.txt", printed(t, journal.TimelineOptions{Start: after(20_000), Groups: true, Color: true}, story()...))
}

// The brief's own line: the columns, and the time of the first event as zero.
func TestTimelineLine(t *testing.T) {
	got := printed(t, journal.TimelineOptions{}, observed(7000, "vmx-a", appliance.Fail, "power state is deallocated"))
	if want := "+0.00s  check     vmx-a vm-status fail: power state is deallocated\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}

// A fail counts towards the verdict until the member is down; then it is no news.
func TestTimelineRepeats(t *testing.T) {
	pass := func(e string) controller.Event { return observed(0, "vmx-a", appliance.Pass, e) }
	fail := func(e string) controller.Event { return observed(0, "vmx-a", appliance.Fail, e) }
	unknown := func(e string) controller.Event { return observed(0, "vmx-a", appliance.Unknown, e) }
	tests := []struct {
		name   string
		events []controller.Event
		want   []string
	}{
		{"passes", []controller.Event{pass("1"), pass("2"), pass("2")}, []string{"pass: 1"}},
		{"pass-after-fail", []controller.Event{pass("1"), fail("2"), pass("3")}, []string{"pass: 1", "fail: 2", "pass: 3"}},
		{"fails-that-count", []controller.Event{fail("1"), fail("1"), fail("1")}, []string{"fail: 1", "fail: 1", "fail: 1"}},
		{"fails-of-a-member-that-is-down", []controller.Event{fail("1"), judged(0, "vmx-a", appliance.Down), fail("1"), fail("2")}, []string{"fail: 1", "vmx-a down", "fail: 2"}},
		{"fails-while-another-is-down", []controller.Event{judged(0, "vmx-b", appliance.Down), fail("1"), fail("1")}, []string{"vmx-b down", "fail: 1", "fail: 1"}},
		{"unknowns", []controller.Event{unknown("1"), unknown("1"), unknown("2")}, []string{"unknown: 1", "unknown: 2"}},
		{"verdicts", []controller.Event{judged(0, "vmx-a", appliance.Undecided), judged(0, "vmx-a", appliance.Undecided), judged(0, "vmx-a", appliance.Up)}, []string{"vmx-a unknown", "vmx-a up"}},
		{"records", []controller.Event{committed(0, 1), committed(0, 1), committed(0, 2)}, []string{"epoch 1 stored", "epoch 2 stored"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for l := range strings.Lines(printed(t, journal.TimelineOptions{}, test.events...)) {
				text := strings.TrimSpace(l[18:])
				got = append(got, strings.TrimPrefix(text, "vmx-a vm-status "))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("printed (-want +got):\n%s", diff)
			}
		})
	}
}

// Groups, members and checks of one name do not silence each other.
func TestTimelineKeepsApart(t *testing.T) {
	a := observed(0, "vmx-a", appliance.Pass, "ok")
	otherCheck, otherGroup := a, a
	otherCheck.Observation.Check = "tcp"
	otherGroup.Group = "apac"
	got := printed(t, journal.TimelineOptions{Groups: true}, a, otherCheck, otherGroup, a, otherCheck, otherGroup)
	want := "+0.00s  check     emea vmx-a vm-status pass: ok\n+0.00s  check     emea vmx-a tcp pass: ok\n+0.00s  check     apac vmx-a vm-status pass: ok\n"
	if got != want {
		t.Errorf("printed\n%swant\n%s", got, want)
	}
}

func TestTimelineIsClean(t *testing.T) {
	got := printed(t, journal.TimelineOptions{}, observed(0, "vmx-a", appliance.Fail, "\x1b[2Jx\ny\x07"))
	if want := "+0.00s  check     vmx-a vm-status fail: \ufffd[2Jx y\ufffd\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}

func TestTimelineFromManyGoroutines(t *testing.T) {
	var b strings.Builder
	line := journal.StartTimeline(&b, journal.TimelineOptions{Start: start()})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 50 {
				line.Saw(wrote(j, table(fmt.Sprintf("t%d-%d", i, j)), route.StageAccepted, ""))
			}
		})
	}
	all.Wait()
	if err := line.Close(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), " accepted\n"); n != 400 {
		t.Errorf("%d lines, want 400", n)
	}
}

// stopped is a terminal that takes nothing until it is let go.
type stopped struct {
	gone  chan struct{}
	shown strings.Builder
}

func (s *stopped) Write(p []byte) (int, error) {
	<-s.gone
	return s.shown.Write(p)
}

// A terminal that somebody has stopped must not stop a failover: Saw returns, and
// what was lost is counted.
func TestTimelineDoesNotWaitForTheTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &stopped{gone: make(chan struct{})}
		line := journal.StartTimeline(w, journal.TimelineOptions{})
		line.Saw(wrote(0, table("t"), route.StageAccepted, ""))
		synctest.Wait() // the first line is being written now
		for i := range 5000 {
			line.Saw(wrote(i, table("t"), route.StageAccepted, ""))
		}
		close(w.gone)
		if err := line.Close(); err != nil {
			t.Fatal(err)
		}
		line.Saw(committed(0, 9)) // after Close nothing is taken
		lines := strings.Split(strings.TrimSpace(w.shown.String()), "\n")
		if n, last := len(lines), lines[len(lines)-1]; n != 1+4096+1 || last != "(904 lines not shown)" {
			t.Errorf("%d lines, the last is %q, want 4098 and the count of 904", n, last)
		}
	})
}

func TestTimelineReturnsTheFirstError(t *testing.T) {
	full := errors.New("disk full")
	line := journal.StartTimeline(failing{full}, journal.TimelineOptions{})
	line.Saw(committed(0, 1))
	for range 2 { // closing twice is harmless
		if err := line.Close(); !errors.Is(err, full) {
			t.Errorf("Close() = %v, want %v", err, full)
		}
	}
}
