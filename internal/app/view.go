package app

import (
	"sync"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
)

// view is what the continuous prober of one group has seen, and what is judged of
// it. It is safe for concurrent use.
type view struct {
	rules decide.Rules
	now   func() time.Time
	tell  func(controller.Event)
	// news holds one when a verdict has changed since it was taken.
	news chan struct{}

	mu     sync.Mutex
	health decide.Health
	newest map[observed]appliance.Observation
	// idle counts, for each check, the repetitions in a row that brought nothing.
	idle map[string]int
}

// observed names what has one newest observation.
type observed struct {
	member appliance.MemberName
	check  string
}

// newView goes on from the report of a tick that has observed by itself.
func newView(rules decide.Rules, r *controller.Report, now func() time.Time, tell func(controller.Event)) *view {
	v := &view{
		rules: rules, now: now, tell: tell, news: make(chan struct{}, 1),
		health: r.Health, newest: map[observed]appliance.Observation{}, idle: map[string]int{},
	}
	v.keep(r.Observations)
	return v
}

func (v *view) keep(round []appliance.Observation) {
	for _, o := range round {
		v.newest[observed{o.Member, o.Check}] = o
	}
}

// saw counts a round.
func (v *view) saw(round []appliance.Observation) {
	for _, o := range round {
		v.tell(controller.Event{Kind: controller.EventObserved, Group: v.rules.Group.Name, Observation: o, At: o.At})
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.keep(round)
	v.judge(round)
}

// judge counts a round, which may be empty: with time alone, what was seen becomes
// too old.
func (v *view) judge(round []appliance.Observation) {
	before := v.health
	v.health = decide.Judge(v.rules, before, round, v.now())
	changed := v.health.Suspect != before.Suspect
	for _, m := range v.health.Members {
		if m.Verdict != before.Of(m.Member).Verdict {
			changed = true
			v.tell(controller.Event{Kind: controller.EventJudged, Group: v.rules.Group.Name, Health: m, At: m.Since})
		}
	}
	if changed {
		select {
		case v.news <- struct{}{}:
		default: // one is enough
		}
	}
}

// unsettled reports whether the check shall be repeated at once. One that is
// unsettled and brings nothing but unknown outcomes is repeated as often as a tick
// would, and then goes on at its own interval.
func (v *view) unsettled(check string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case !v.health.Unsettled(check):
		v.idle[check] = 0
		return false
	case v.progress(check):
		v.idle[check] = 0
		return true
	case v.idle[check] < v.tries(check):
		v.idle[check]++
		return true
	default:
		v.idle[check] = 0
		return false
	}
}

// progress reports whether the newest round has moved a counter that is unsettled.
func (v *view) progress(check string) bool {
	for _, c := range v.health.Counters {
		if c.Check == check && c.Unsettled() && c.Last != appliance.Unknown {
			return true
		}
	}
	return false
}

// tries is how often a tick repeats the check at most.
func (v *view) tries(check string) int {
	for _, c := range v.rules.Checks {
		if c.Name == check {
			return c.Fall + c.Rise - 1
		}
	}
	return 0
}

// seen is what a tick is told, as of now.
func (v *view) seen() *controller.Seen {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.judge(nil)
	s := &controller.Seen{Health: v.health}
	add := func(member appliance.MemberName, check string) {
		if o, ok := v.newest[observed{member, check}]; ok {
			s.Observations = append(s.Observations, o)
		}
	}
	for _, m := range v.rules.Group.Members {
		for _, c := range v.rules.Checks {
			add(m.Name, c.Name)
		}
	}
	if v.rules.Witness {
		add(decide.Witness, decide.WitnessCheck)
	}
	return s
}
