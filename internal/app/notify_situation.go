package app

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/journal"
	"hopguard/internal/notify"
)

// streaks are since when checks fail, for the time line of a failover: a report of a
// continuous prober has only the newest observation of each. The zero value knows of
// none. It is safe for concurrent use.
type streaks struct {
	mu     sync.Mutex
	failed map[observed]appliance.Observation
}

// saw takes an observation.
func (s *streaks) saw(o appliance.Observation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := observed{o.Member, o.Check}
	switch o.Outcome {
	case appliance.Pass:
		delete(s.failed, key)
	case appliance.Fail:
		if _, ok := s.failed[key]; !ok {
			if s.failed == nil {
				s.failed = map[observed]appliance.Observation{}
			}
			s.failed[key] = o
		}
	case appliance.Unknown: // says nothing
	default:
		panic("app: outcome " + o.Outcome.String())
	}
}

// first returns the first failure of a member that has not passed since.
func (s *streaks) first(member appliance.MemberName) (appliance.Observation, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var first appliance.Observation
	for key, o := range s.failed {
		if key.member == member && (first.At.IsZero() || o.At.Before(first.At)) {
			first = o
		}
	}
	return first, !first.At.IsZero()
}

// situation is what a report means to people.
func (g *group) situation(r *controller.Report, now time.Time) notify.Situation {
	standing := r.Standing()
	s := notify.Situation{
		Group: r.Group, At: r.Ended, Epoch: standing.Epoch, Active: standing.Active, Preferred: r.Preferred,
		Reason: string(r.Decision.Reason), Leader: r.Leader.Name, Moved: r.Decision.Moved() && !r.Committed.IsZero(),
		Problems: append(journal.Failures(r), journal.Complaints(r)...),
	}
	if slices.Contains(decide.Reasons(), r.Decision.Reason) {
		s.Because = r.Decision.Reason.Sentence()
	}
	for _, m := range g.controller.Group.Members {
		h := r.Health.Of(m.Name)
		s.Members = append(s.Members, notify.Member{Name: m.Name, Verdict: h.Verdict, Since: h.Since.UTC()})
		if m.Name != standing.Active && s.Other == "" {
			s.Other = m.Name
		}
	}
	if standing.Mode == decide.Frozen {
		s.FrozenUntil = standing.FrozenUntil
	}
	if t, ok := standing.Last(); ok {
		s.Last = &notify.Transition{Epoch: t.Epoch, From: t.From, To: t.To, Reason: string(t.Reason), At: t.At.UTC(), By: t.By}
		if slices.Contains(decide.Reasons(), t.Reason) {
			s.Last.Because = t.Reason.Sentence()
		}
	}
	trouble := g.trouble.last()
	if errors.Is(trouble, decide.ErrCorrupt) {
		s.RecordLost = trouble.Error()
	}
	s.Condition, s.Certain, s.Since = g.condition(r, trouble, now)
	s.Tables = tables(r)
	s.Steps = g.steps(r)
	return s
}

// condition is the state of the group, whether it is certain, and since when it is so,
// if that is known.
func (g *group) condition(r *controller.Report, trouble error, now time.Time) (c notify.Condition, certain bool, since time.Time) {
	standing := r.Standing()
	active, down := r.Health.Of(standing.Active), 0
	other := decide.MemberHealth{Verdict: appliance.Up}
	for _, m := range g.controller.Group.Members {
		h := r.Health.Of(m.Name)
		if h.Verdict == appliance.Down {
			down++
		}
		if m.Name != standing.Active {
			other = h
		}
	}
	switch {
	case trouble != nil && !errors.Is(trouble, decide.ErrCorrupt):
		return notify.StoreLost, false, time.Time{}
	case r.Decided.IsZero():
		return notify.Failing, false, time.Time{}
	case down == len(g.controller.Group.Members):
		return notify.BothDown, true, later(active.Since, other.Since)
	case active.Verdict == appliance.Down:
		return notify.Stuck, true, active.Since
	case active.Verdict == appliance.Undecided && !active.Since.IsZero() && now.Sub(active.Since) >= g.unknownAlert:
		return notify.UnknownLong, true, active.Since
	case active.Verdict == appliance.Undecided:
		return notify.Unknown, false, active.Since
	case failed(r):
		return notify.Failing, false, time.Time{}
	case standing.Mode == decide.Frozen:
		return notify.Frozen, true, time.Time{}
	case other.Verdict != appliance.Up:
		return notify.Degraded, other.Verdict == appliance.Down, other.Since
	case r.State() == controller.Degraded:
		return notify.Degraded, false, time.Time{}
	default:
		return notify.Healthy, true, time.Time{}
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// failed reports whether a tick failed in more than an order that was refused: whoever
// gave that knows.
func failed(r *controller.Report) bool {
	if r.State() != controller.Failed {
		return false
	}
	return r.Decision.Refused == "" || len(journal.Failures(r)) > 1
}

// tables are those that were to be written.
func tables(r *controller.Report) []notify.Table {
	var list []notify.Table
	for _, o := range r.Outcomes {
		t := notify.Table{ID: o.Table, Routes: len(o.Changes)}
		switch {
		case o.Done():
			t.Done = o.ReadBack.UTC()
		case o.Err != nil:
			t.Error = o.Err.Error()
		default:
			t.Error = "it was not read back"
		}
		list = append(list, t)
	}
	return list
}

// steps are the time line of a tick that has moved traffic or written.
func (g *group) steps(r *controller.Report) []notify.Step {
	if !r.Decision.Moved() && len(r.Outcomes) == 0 {
		return nil
	}
	var steps []notify.Step
	add := func(at time.Time, format string, args ...any) {
		if !at.IsZero() {
			steps = append(steps, notify.Step{At: at.UTC(), What: fmt.Sprintf(format, args...)})
		}
	}
	if r.Decision.Moved() {
		if o, ok := g.streaks.first(r.Decision.From); ok {
			add(o.At, "first failure: %s %s: %s", o.Member, o.Check, o.Evidence)
		}
		if h := r.Health.Of(r.Decision.From); h.Verdict == appliance.Down {
			add(h.Since, "%s is down", h.Member)
		}
		add(r.Decided, "decided: %s", r.Decision.Reason)
		add(r.Committed, "committed, epoch %d", r.Record.Epoch)
	}
	done := slices.DeleteFunc(tables(r), func(t notify.Table) bool { return t.Done.IsZero() })
	slices.SortFunc(done, func(a, b notify.Table) int { return a.Done.Compare(b.Done) })
	const most = 10 // the list of tables has the times of all
	for i, t := range done {
		if i < most-1 || i == len(done)-1 {
			add(t.Done, "table %s done, %d of %d", t.ID.Name(), i+1, len(r.Outcomes))
		}
	}
	for _, e := range r.Effective {
		add(e.At, "effective at %s", e.NIC.Name())
	}
	slices.SortStableFunc(steps, func(a, b notify.Step) int { return a.At.Compare(b.At) })
	return steps
}
