package decide

import (
	"cmp"
	"time"

	"hopguard/internal/appliance"
)

// Failback says whether traffic returns to the preferred member by itself.
type Failback string

// The failback policies.
const (
	FailbackManual Failback = "manual"
	FailbackAuto   Failback = "auto"
)

// Policy is how a group wants to be decided. It never changes while it is used.
type Policy struct {
	Group    appliance.Group
	Failback Failback
	// FailbackDelay is how long the preferred member must have been up, and how
	// long ago the last transition must be: a human's switch is not undone at once.
	FailbackDelay time.Duration
	// Windows are when traffic may return by itself; none means at any time.
	Windows []Window
	// HoldDown is the least time between two automatic transitions. It doubles
	// with each automatic transition inside Per.
	HoldDown time.Duration
	// MaxTransitions is how many automatic transitions are allowed inside Per. More
	// than 32 count as 32, because the record remembers no more. 0 means no limit.
	MaxTransitions int
	Per            time.Duration
}

// Window is a recurring span of time.
type Window struct {
	// Next returns the first start after t, or zero if there is none. It must be a
	// function of t alone.
	Next func(t time.Time) time.Time
	// For is how long the window stays open.
	For time.Duration
}

// opens returns when the first of the windows is open: now, later, or never, which
// is zero.
func opens(windows []Window, now time.Time) time.Time {
	if len(windows) == 0 {
		return now
	}
	var first time.Time
	for _, w := range windows {
		start := w.Next(now.Add(-w.For))
		if start.IsZero() {
			continue
		}
		if !start.After(now) {
			return now
		}
		if first.IsZero() || start.Before(first) {
			first = start
		}
	}
	return first
}

// Share is how many managed routes point at a member now.
type Share struct {
	Member appliance.MemberName
	Routes int
}

// Input is all that Step may know.
type Input struct {
	Now    time.Time
	Health Health
	// Shares is where Azure's routes point now; it decides who is active when there
	// is no record.
	Shares []Share
	// Order is a human's wish, or nil.
	Order *Order
}

// Decision is what Step wants done.
type Decision struct {
	Reason Reason               `json:"reason"`
	Active appliance.MemberName `json:"active"`
	// From is the member that traffic leaves, when this decision moved it.
	From appliance.MemberName `json:"from,omitzero"`
	// Write says that Azure may be written to, to make it equal to the record. It
	// is never set towards a member that is not up, unless a human forced it.
	Write bool `json:"write"`
	// Refused says why an order was not obeyed.
	Refused string `json:"refused,omitzero"`
	// Until is when the reason for holding ends by itself; zero if it does not.
	Until time.Time `json:"until,omitzero"`
}

// Moved reports whether the decision changed the active member.
func (d Decision) Moved() bool { return d.From != "" }

// Step returns the next record and what to do. The caller stores the record, by
// compare-and-swap, before it acts on the decision.
func Step(p Policy, r Record, in Input) (Record, Decision) {
	r.Group = p.Group.Name
	r.Health = in.Health
	adopted := r.Epoch == 0
	if adopted {
		r.Mode = Auto
		r = r.transition(p.adopt(in), ReasonAdopted, in.Now, "")
	}
	if r.Mode == Frozen && !in.Now.Before(r.FrozenUntil) {
		r.Mode, r.FrozenUntil, r.Resume = cmp.Or(r.Resume, Auto), time.Time{}, ""
	}
	if in.Health.Of(r.Active).Verdict == appliance.Up {
		r.Forced = false
	}
	if in.Order != nil {
		return p.obey(r, in, *in.Order)
	}
	r, d := p.automatic(r, in)
	if adopted && d.Reason == ReasonActiveUp {
		d.Reason = ReasonAdopted
	}
	return r, d
}

// adopt names the active member when nothing is recorded: the one that most
// routes point at; on a tie, or without routes, the preferred one.
func (p Policy) adopt(in Input) appliance.MemberName {
	best := Share{Member: p.Group.Preferred}
	for _, s := range in.Shares {
		if s.Member == p.Group.Preferred {
			best = s
		}
	}
	for _, s := range in.Shares {
		if s.Routes > best.Routes {
			best = s
		}
	}
	return best.Member
}

func (p Policy) automatic(r Record, in Input) (Record, Decision) {
	active := in.Health.Of(r.Active)
	switch {
	case r.Mode == Frozen:
		return r, Decision{Reason: ReasonFrozen, Active: r.Active, Until: r.FrozenUntil}
	case r.Forced:
		return r, Decision{Reason: ReasonForced, Active: r.Active, Write: true}
	case r.Mode == Pinned:
		return r, Decision{Reason: ReasonPinned, Active: r.Active, Write: mayWrite(r, in)}
	case active.Verdict == appliance.Up:
		return p.perhapsReturn(r, in)
	case active.Verdict == appliance.Down:
		return p.perhapsFailOver(r, in)
	default:
		return r, Decision{Reason: in.doubt(ReasonActiveUnknown), Active: r.Active}
	}
}

// doubt names the observer if it may be why nothing is known.
func (in Input) doubt(otherwise Reason) Reason {
	if in.Health.Suspect {
		return ReasonObserverSuspect
	}
	return otherwise
}

func (p Policy) perhapsFailOver(r Record, in Input) (Record, Decision) {
	hold := Decision{Active: r.Active}
	other, best := p.other(r.Active), appliance.Down
	if other != "" {
		best = in.Health.Of(other).Verdict
	}
	switch best {
	case appliance.Down:
		hold.Reason = ReasonBothDown
		return r, hold
	case appliance.Undecided:
		hold.Reason = in.doubt(ReasonStandbyUnknown)
		return r, hold
	case appliance.Up:
	default:
		panic("decide: verdict " + best.String())
	}
	if reason, until := p.budget(r, in.Now); reason != "" {
		hold.Reason, hold.Until = reason, until
		return r, hold
	}
	from := r.Active
	r = r.transition(other, ReasonActiveDown, in.Now, "")
	return r, Decision{Reason: ReasonActiveDown, Active: other, From: from, Write: true}
}

func (p Policy) perhapsReturn(r Record, in Input) (Record, Decision) {
	stay := Decision{Reason: ReasonActiveUp, Active: r.Active, Write: true}
	preferred := in.Health.Of(p.Group.Preferred)
	if p.Failback != FailbackAuto || r.Active == p.Group.Preferred || preferred.Verdict != appliance.Up {
		return r, stay
	}
	since := preferred.Since
	if last, ok := r.Last(); ok && last.At.After(since) {
		since = last.At
	}
	ready := since.Add(p.FailbackDelay)
	if _, until := p.budget(r, in.Now); until.After(ready) {
		ready = until
	}
	if in.Now.Before(ready) {
		stay.Reason, stay.Until = ReasonFailbackWaiting, ready
		return r, stay
	}
	if open := opens(p.Windows, in.Now); !open.Equal(in.Now) {
		stay.Reason, stay.Until = ReasonFailbackWindow, open
		return r, stay
	}
	from := r.Active
	r = r.transition(p.Group.Preferred, ReasonFailback, in.Now, "")
	return r, Decision{Reason: ReasonFailback, Active: r.Active, From: from, Write: true}
}

// budget returns why an automatic transition must wait and until when, or "".
// The hold-down counts from the newest one, however long ago it was; how often it
// has doubled, and whether the budget is spent, is counted inside Per.
func (p Policy) budget(r Record, now time.Time) (Reason, time.Time) {
	var last time.Time
	var recent []time.Time
	for _, t := range r.History {
		if !t.automatic() {
			continue
		}
		last = t.At
		if now.Sub(t.At) < p.Per {
			recent = append(recent, t.At)
		}
	}
	n := len(recent)
	if limit := min(p.MaxTransitions, keepTransitions); limit > 0 && n >= limit {
		return ReasonFlapBudget, recent[n-limit].Add(p.Per)
	}
	if free := last.Add(p.HoldDown << min(max(n-1, 0), 10)); now.Before(free) {
		return ReasonHoldDown, free
	}
	return "", time.Time{}
}

// other returns the member that could take over.
func (p Policy) other(active appliance.MemberName) appliance.MemberName {
	for _, m := range p.Group.Members {
		if m.Name != active {
			return m.Name
		}
	}
	return ""
}

// mayWrite: only towards a member that is up, or that a human forced. Nobody asks
// for a frozen group.
func mayWrite(r Record, in Input) bool {
	return r.Forced || in.Health.Of(r.Active).Verdict == appliance.Up
}
