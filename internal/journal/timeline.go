package journal

import (
	"cmp"
	"fmt"
	"io"
	"sync"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/route"
)

// maxWaiting is how many lines wait for a slow terminal before lines are dropped.
const maxWaiting = 4096

// TimelineOptions say how a time line looks.
type TimelineOptions struct {
	// Start is the time that lines count from; zero is that of the first event.
	Start time.Time
	// Groups begins each line with its group; for more than one group.
	Groups bool
	// Color uses ANSI colours.
	Color bool
}

// Timeline prints events while they happen, one line for each:
//
//	+0.00s  check     vmx-a vm-status fail: power state is deallocated
//	+4.02s  decision  vmx-a -> vmx-b, epoch 2: the active member is down …
//	+6.05s  table     spoke-1 read back
//
// What is as it was is not repeated: a pass after a pass, a fail of a member that
// is down, a verdict, a decision. It is safe for concurrent use, and Saw never
// waits for the writer: a terminal that somebody has stopped must not stop a
// failover. Lines that find no room are counted and the count is printed.
type Timeline struct {
	o TimelineOptions
	w io.Writer

	mu       sync.Mutex
	start    time.Time
	checks   map[checkKey]appliance.Observation
	verdicts map[memberKey]appliance.Verdict
	decided  map[appliance.GroupName]decidedState
	stored   map[appliance.GroupName]uint64
	waiting  []string
	dropped  int
	closed   bool
	failure  error

	wake chan struct{} // has room for one; closed by Close
	done sync.WaitGroup
}

type memberKey struct {
	group  appliance.GroupName
	member appliance.MemberName
}

type checkKey struct {
	memberKey
	check string
}

type decidedState struct {
	decision decide.Decision
	epoch    uint64
}

// StartTimeline returns a time line that prints to w until Close.
func StartTimeline(w io.Writer, o TimelineOptions) *Timeline {
	t := &Timeline{
		o: o, w: w, start: o.Start,
		checks:   map[checkKey]appliance.Observation{},
		verdicts: map[memberKey]appliance.Verdict{},
		decided:  map[appliance.GroupName]decidedState{},
		stored:   map[appliance.GroupName]uint64{},
		wake:     make(chan struct{}, 1),
	}
	t.done.Go(t.print)
	return t
}

// Saw takes an event. It is the function for controller.Controller.Saw. After
// Close it does nothing.
func (t *Timeline) Saw(e controller.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	if t.start.IsZero() {
		t.start = e.At
	}
	at, kind, text, c := t.line(e)
	if text == "" {
		return
	}
	if t.o.Groups {
		text = string(e.Group) + " " + text
	}
	if len(t.waiting) >= maxWaiting {
		t.dropped++
		return
	}
	l := fmt.Sprintf("%-7s %-9s ", offset(at.Sub(t.start)), kind)
	t.waiting = append(t.waiting, l+paint(t.o.Color, c, clean(text))+"\n")
	select {
	case t.wake <- struct{}{}:
	default: // the printer has been woken already
	}
}

// Close prints what is waiting and ends the time line. It returns the first error
// of the writer.
func (t *Timeline) Close() error {
	t.mu.Lock()
	if !t.closed {
		t.closed = true
		close(t.wake)
	}
	t.mu.Unlock()
	t.done.Wait()
	return t.failure
}

// print runs until Close.
func (t *Timeline) print() {
	for open := true; open; {
		_, open = <-t.wake
		t.mu.Lock()
		lines, dropped := t.waiting, t.dropped
		t.waiting, t.dropped = nil, 0
		t.mu.Unlock()
		if dropped > 0 {
			lines = append(lines, fmt.Sprintf("(%s not shown)\n", count(dropped, "line")))
		}
		for _, l := range lines {
			if _, err := io.WriteString(t.w, l); err != nil && t.failure == nil {
				t.failure = err // only this goroutine writes it, and Close waits for it
			}
		}
	}
}

// line is what an event says, or "" if it says nothing new. The caller holds mu.
func (t *Timeline) line(e controller.Event) (at time.Time, kind, text string, c color) {
	switch e.Kind {
	case controller.EventObserved:
		text, c = t.observed(e.Group, e.Observation)
		return e.At.Add(e.Observation.Took), "check", text, c
	case controller.EventJudged:
		text, c = t.judged(e.Group, e.Health)
		return e.At, "verdict", text, c
	case controller.EventDecided:
		return e.At, "decision", t.decision(e), bold
	case controller.EventCommitted:
		if t.stored[e.Group] == e.Epoch {
			return e.At, "", "", plain
		}
		t.stored[e.Group] = e.Epoch
		return e.At, "record", fmt.Sprintf("epoch %d stored", e.Epoch), plain
	case controller.EventProgress:
		return progress(e.Progress)
	default:
		panic("journal: event " + string(e.Kind))
	}
}

func (t *Timeline) observed(group appliance.GroupName, o appliance.Observation) (string, color) {
	member := memberKey{group, o.Member}
	key := checkKey{member, o.Check}
	before, known := t.checks[key]
	t.checks[key] = o
	same := known && before.Outcome == o.Outcome
	switch o.Outcome {
	case appliance.Pass: // what it saw may differ each time and still be well
	case appliance.Unknown:
		same = same && before.Evidence == o.Evidence
	case appliance.Fail: // until the member is down, each failure counts
		same = same && before.Evidence == o.Evidence && t.verdicts[member] == appliance.Down
	default:
		panic("journal: outcome " + o.Outcome.String())
	}
	if same {
		return "", plain
	}
	return fmt.Sprintf("%s %s %s: %s", o.Member, o.Check, o.Outcome, o.Evidence), outcomeColor(o.Outcome)
}

func (t *Timeline) judged(group appliance.GroupName, h decide.MemberHealth) (string, color) {
	key := memberKey{group, h.Member}
	before, known := t.verdicts[key]
	t.verdicts[key] = h.Verdict
	if known && before == h.Verdict {
		return "", plain
	}
	return fmt.Sprintf("%s %s", h.Member, h.Verdict), verdictColor(h.Verdict)
}

func (t *Timeline) decision(e controller.Event) string {
	d := e.Decision
	now := decidedState{d, e.Epoch}
	now.decision.Write, now.decision.Until = false, time.Time{} // they follow from the rest
	before, known := t.decided[e.Group]
	t.decided[e.Group] = now
	why := cmp.Or(d.Refused, sentence(d.Reason), string(d.Reason))
	switch {
	case known && before == now:
		return ""
	case d.Moved():
		return fmt.Sprintf("%s -> %s, epoch %d: %s", d.From, d.Active, e.Epoch, why)
	default:
		return fmt.Sprintf("%s stays active, epoch %d: %s", d.Active, e.Epoch, why)
	}
}

// progress is a stage of a table, or of an interface.
func progress(p route.Progress) (at time.Time, kind, text string, c color) {
	kind, text = "table", fmt.Sprintf("%s %s", p.Table.Name(), p.Stage)
	switch p.Stage {
	case route.StageAccepted, route.StageSucceeded:
	case route.StageReadBack:
		c = green
	case route.StageEffective:
		kind, c = "fabric", green
	case route.StageRetry:
		c = yellow
	case route.StageFailed:
		c = red
	default:
		panic("journal: stage " + string(p.Stage))
	}
	if p.Note != "" {
		text += ": " + p.Note
	}
	return p.At, kind, text, c
}
