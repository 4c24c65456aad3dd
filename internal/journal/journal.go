// Package journal shows a controller.Report and the Events of a tick: as a log
// line, as JSON, as text for a person, and live as a time line.
//
// It guarantees that all views tell the same story, because they read the same
// report, and that a log does not repeat itself: what is as it was is said once a
// minute. It does not decide, count or store, and it says nothing of its own: a
// state, a reason or an error that is not in the report is in no view. No view
// prints a table's raw JSON. app, api and the stand-ins that drive a tick import
// it.
package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
)

// quiet is how long the log is silent about a group to which nothing happens.
const quiet = time.Minute

// Log writes at most one line for each tick. The keys of a line are fixed:
//
//	group, active, epoch   the group, its active member, the number of transitions
//	reason, state          decide.Reason and controller.State
//	changes                routes that were proven to be moved by this tick
//	tables                 route tables that the group manages
//	took                   how long the tick took
//	warnings, err          only where there are some
//
// The level follows the state: Info agreed, Warn degraded, Error failed. A tick
// that wrote, moved traffic or shows something else than the group's last line is
// logged at once, any other one when that line is a minute old. Log is safe for
// concurrent use.
type Log struct {
	// To is required.
	To *slog.Logger

	mu   sync.Mutex
	last map[appliance.GroupName]said
}

// said is what the last line about a group was, and when.
type said struct {
	at   time.Time
	news string
}

// Tick logs a report, or nothing if it is no news.
func (l *Log) Tick(ctx context.Context, r *controller.Report) {
	if !l.due(r) {
		return
	}
	facts := []any{
		"group", r.Group, "active", r.Standing().Active, "epoch", r.Standing().Epoch, "reason", r.Decision.Reason,
		"changes", moved(r), "tables", len(r.Plan.Tables), "state", r.State(), "took", r.Ended.Sub(r.Started),
	}
	if texts := Complaints(r); len(texts) > 0 {
		facts = append(facts, "warnings", texts)
	}
	if err := r.Err(); err != nil {
		facts = append(facts, "err", err)
	}
	l.To.Log(ctx, level(r.State()), "tick", facts...)
}

// due reports whether the report is to be logged, and remembers it if so.
func (l *Log) due(r *controller.Report) bool {
	now, news := r.Ended, news(r)
	l.mu.Lock()
	defer l.mu.Unlock()
	before, spoken := l.last[r.Group]
	age := now.Sub(before.at)
	// A clock that was set back must not silence the log until it has caught up.
	silent := spoken && news == before.news && !acted(r) && age >= 0 && age < quiet
	if silent {
		return false
	}
	if l.last == nil {
		l.last = map[appliance.GroupName]said{}
	}
	l.last[r.Group] = said{at: now, news: news}
	return true
}

// acted reports whether the tick did something, whatever came of it.
func acted(r *controller.Report) bool { return len(r.Outcomes) > 0 || r.Decision.Moved() }

// news tells reports apart that a person should hear of at once. Words with a
// digit in them do not count: errors carry times and request numbers, and would
// be new in every tick.
func news(r *controller.Report) string {
	var b strings.Builder
	fmt.Fprintln(&b, r.State(), r.Decision.Reason, r.Standing().Active, r.Standing().Epoch, r.Standing().Mode, r.Standing().Forced)
	for _, m := range r.Health.Members {
		fmt.Fprintln(&b, m.Member, m.Verdict)
	}
	texts := Complaints(r)
	if err := r.Err(); err != nil {
		texts = append(texts, err.Error())
	}
	for _, text := range texts {
		for word := range strings.FieldsSeq(text) {
			if strings.ContainsAny(word, "0123456789") {
				word = "#"
			}
			b.WriteString(word + " ")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func level(s controller.State) slog.Level {
	switch s {
	case controller.Agreed:
		return slog.LevelInfo
	case controller.Degraded:
		return slog.LevelWarn
	case controller.Failed:
		return slog.LevelError
	default:
		panic("journal: state " + string(s))
	}
}

// moved counts the routes that a read-back showed where they are wanted.
func moved(r *controller.Report) int {
	n := 0
	for _, o := range r.Outcomes {
		if o.Done() {
			n += len(o.Changes)
		}
	}
	return n
}

// Complaints are the warnings of a report and the problems of its tables that are
// not errors.
func Complaints(r *controller.Report) []string {
	out := slices.Clone(r.Warnings)
	for _, t := range r.Plan.Tables {
		if t.Problem != nil && !t.Problem.Refused {
			out = append(out, "route table "+string(t.Table)+" "+t.Problem.Text)
		}
	}
	return out
}

// causes are the errors that Err has joined, one by one.
func causes(r *controller.Report) []error {
	joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](r.Err())
	if !ok {
		return nil
	}
	return joined.Unwrap()
}

// Failures are the errors of a report, one by one.
func Failures(r *controller.Report) []string {
	var out []string
	for _, err := range causes(r) {
		out = append(out, err.Error())
	}
	return out
}

// sentence explains a reason; one that this program does not know, or none, has
// no sentence.
func sentence(r decide.Reason) string {
	if !slices.Contains(decide.Reasons(), r) {
		return ""
	}
	return r.Sentence()
}
