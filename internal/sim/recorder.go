package sim

import (
	"fmt"
	"sync"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/route"
)

// recorder notes when things happened after a failure. It is safe for concurrent
// use.
type recorder struct {
	mu     sync.Mutex
	member appliance.MemberName
	failed time.Time
	// detected is when the first check of the member had failed, decided when a
	// transition away from it was.
	detected, decided time.Time
	// observed counts the observations of the member, and last is the newest.
	observed int
	last     appliance.Observation
	tables   map[appliance.ResourceID]stages
	// lost is when the first packets were, back when the packets of all flows arrived
	// again, and flows when those of each did.
	lost, back time.Time
	flows      map[string]time.Time
}

// stages are those of one table's write.
type stages struct{ accepted, succeeded, readBack time.Time }

// fail notes that the member has failed.
func (r *recorder) fail(member appliance.MemberName, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.member, r.failed = member, at
	r.detected, r.decided, r.lost, r.back = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	r.tables, r.flows = map[appliance.ResourceID]stages{}, map[string]time.Time{}
}

// saw takes an event of a tick.
func (r *recorder) saw(e controller.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed.IsZero() {
		return
	}
	switch e.Kind {
	case controller.EventObserved:
		if e.Observation.Member == r.member {
			r.observed, r.last = r.observed+1, e.Observation
		}
		if o := e.Observation; r.detected.IsZero() && o.Member == r.member && o.Outcome == appliance.Fail {
			r.detected = o.At.Add(o.Took)
		}
	case controller.EventDecided:
		if r.decided.IsZero() && e.Decision.From == r.member {
			r.decided = e.At
		}
	case controller.EventProgress:
		r.progress(e.Progress)
	case controller.EventJudged, controller.EventCommitted:
	default:
		panic("sim: event " + string(e.Kind))
	}
}

func (r *recorder) progress(p route.Progress) {
	s := r.tables[p.Table]
	switch p.Stage {
	case route.StageAccepted:
		s.accepted = p.At
	case route.StageSucceeded:
		s.succeeded = p.At
	case route.StageReadBack:
		s.readBack = p.At
	case route.StageEffective, route.StageRetry, route.StageFailed:
		return
	default:
		panic("sim: stage " + string(p.Stage))
	}
	r.tables[p.Table] = s
}

// traffic takes what the packets of all flows meet.
func (r *recorder) traffic(at time.Time, all []passage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed.IsZero() {
		return
	}
	ok := delivered(all)
	if !ok && r.lost.IsZero() {
		r.lost = at
	}
	if r.lost.IsZero() || !r.back.IsZero() {
		return
	}
	for _, p := range all {
		if p.Delivered && r.flows[p.nic].IsZero() {
			r.flows[p.nic] = at
		}
	}
	if ok {
		r.back = at
	}
}

// Times are the steps of one failover, each after the failure. A step that did
// not happen is below zero.
type Times struct {
	Detected time.Duration `json:"detected"`
	Decided  time.Duration `json:"decided"`
	// Written is when the last table had succeeded.
	Written time.Duration `json:"written"`
	// Back is when the packets of all workloads arrived again.
	Back time.Duration `json:"back"`
}

// never is the time of a step that did not happen.
const never time.Duration = -1

// times sums up, for a failure that concerns so many tables.
func (r *recorder) times(tables int) Times {
	r.mu.Lock()
	defer r.mu.Unlock()
	after := func(at time.Time) time.Duration {
		if at.IsZero() {
			return never
		}
		return at.Sub(r.failed)
	}
	var last time.Time
	done := 0
	for _, s := range r.tables {
		if s.succeeded.IsZero() {
			continue
		}
		done++
		if s.succeeded.After(last) {
			last = s.succeeded
		}
	}
	if done < tables {
		last = time.Time{}
	}
	return Times{Detected: after(r.detected), Decided: after(r.decided), Written: after(last), Back: after(r.back)}
}

// table returns the stages of a table's write, whatever the letter case of its id.
func (r *recorder) table(id string) stages {
	r.mu.Lock()
	defer r.mu.Unlock()
	for table, s := range r.tables {
		if table.Equal(appliance.ResourceID(id)) {
			return s
		}
	}
	return stages{}
}

// after prints a time after the failure; "-" for one that was not observed.
func (r *recorder) after(at time.Time) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at.IsZero() {
		return "-"
	}
	return fmt.Sprintf("+%.2fs", at.Sub(r.failed).Seconds())
}

// effective prints when the packets of an interface arrived again.
func (r *recorder) effective(nic string) string {
	r.mu.Lock()
	at := r.flows[nic]
	r.mu.Unlock()
	return r.after(at)
}

// outage is how long packets have been or were lost; 0 if they were not.
func (r *recorder) outage(now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.lost.IsZero():
		return 0
	case r.back.IsZero():
		return now.Sub(r.lost)
	default:
		return r.back.Sub(r.lost)
	}
}

// asked is how often the member was asked since it failed, and what it said last.
func (r *recorder) asked() (times int, last string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.observed, fmt.Sprintf("%s %s %s: %s", r.last.Member, r.last.Check, r.last.Outcome, r.last.Evidence)
}
