package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
)

// What became of the write of a table in a tick. Only a read-back makes it done.
const (
	writeDone   = "done"
	writeFailed = "failed"
)

// Who caused a transition.
const (
	originAutomatic = "automatic"
	originOrdered   = "ordered"
	originUnknown   = "unknown"
)

// counters are what only grows.
type counters struct {
	checks, witness, ticks, transitions, writes, peerings *tally
	asked, took, switches                                 *spread
}

func newCounters(c *catalogue) counters {
	return counters{
		checks: c.counter("check_outcomes_total",
			"Observations by outcome, as they were made. Many unknown ones mean that the check itself does not work: see hopguard status --why.",
			"group", "member", "check", "outcome"),
		witness: c.counter("witness_outcomes_total",
			"Observations of the witness by outcome. Anything but pass while the members are well is a fault of the observer's own network or of the witness: choose a better one.",
			"group", "outcome"),
		asked: c.histogram("check_duration_seconds",
			"How long one observation took, whatever its outcome. If it comes near the timeout of the check, give it more time or ask something nearer.",
			[]float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}, "group", "check"),
		ticks: c.counter("ticks_total",
			"Ticks by the state of their report. Look at the log for what failed.", "group", "state"),
		took: c.histogram("tick_duration_seconds",
			"How long ticks took, settling and writing included. If it comes near groups[].reconcile, Azure is slow or that interval is too short.",
			[]float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300}, "group"),
		transitions: c.counter("transitions_total",
			"Changes of the active member that this process saw in the record, whoever made them. Each automatic one had a cause: find it before the next.",
			"group", "reason", "origin"),
		switches: c.histogram("switch_duration_seconds",
			"From the decision of this process to move traffic until the last table was read back, ticks that had to be repeated included. If it grows, look for throttling and for tables that cannot be written.",
			[]float64{1, 2, 3, 5, 7.5, 10, 15, 20, 30, 60, 120, 300, 600}, "group"),
		writes: c.counter("table_writes_total",
			"Route tables that a tick was to write, by what became of it: done is said after the read-back only. For failed ones the log has the table and the cause.",
			"group", "outcome"),
		peerings: newPeerings(c),
	}
}

func (c counters) all() []prometheus.Collector {
	return []prometheus.Collector{c.checks, c.witness, c.asked, c.ticks, c.took, c.transitions, c.switches, c.writes, c.peerings}
}

// begin makes the series of a group, at zero: one that appears with its first count
// hides that count from increase and rate.
func (c counters) begin(g Group) {
	name := string(g.Name)
	for _, o := range outcomes() {
		for _, m := range g.Members {
			for _, check := range g.Checks {
				c.checks.add(0, name, string(m), check, o.String())
			}
		}
		if g.Witness {
			c.witness.add(0, name, o.String())
		}
	}
	for _, check := range g.Checks {
		c.asked.begin(name, check)
	}
	for _, s := range allStates() {
		c.ticks.add(0, name, string(s))
	}
	for _, r := range []decide.Reason{decide.ReasonActiveDown, decide.ReasonFailback, decide.ReasonOrdered} {
		c.transitions.add(0, name, string(r), origin(r))
	}
	c.writes.add(0, name, writeDone)
	c.writes.add(0, name, writeFailed)
	if g.Spokes {
		c.peerings.add(0, name, writeDone)
		c.peerings.add(0, name, writeFailed)
	}
	c.took.begin(name)
	c.switches.begin(name)
}

func (c counters) observation(group appliance.GroupName, o appliance.Observation) {
	if o.Member == decide.Witness {
		c.witness.add(1, string(group), o.Outcome.String())
		return
	}
	c.checks.add(1, string(group), string(o.Member), o.Check, o.Outcome.String())
	c.asked.observe(o.Took.Seconds(), string(group), o.Check)
}

func (c counters) tick(r *controller.Report) {
	name := string(r.Group)
	c.ticks.add(1, name, string(r.State()))
	c.took.observe(r.Ended.Sub(r.Started).Seconds(), name)
	done := 0
	for _, o := range r.Outcomes {
		if o.Done() {
			done++
		}
	}
	failed := len(r.Outcomes) - done
	if !r.Applied.IsZero() {
		failed += max(0, len(r.Plan.Writes())-len(r.Outcomes)) // nobody says how these ended
	}
	c.writes.add(float64(done), name, writeDone)
	c.writes.add(float64(failed), name, writeFailed)
}

// transition takes one from the record, which another version may have written.
func (c counters) transition(group appliance.GroupName, t decide.Transition) {
	reason, by := string(t.Reason), origin(t.Reason)
	if by == originUnknown {
		reason = originUnknown // whatever it was, it must not become a label
	}
	c.transitions.add(1, string(group), reason, by)
}

func (c counters) switched(group appliance.GroupName, took time.Duration) {
	c.switches.observe(took.Seconds(), string(group))
}

// origin says who caused a transition.
func origin(r decide.Reason) string {
	if r == decide.ReasonOrdered {
		return originOrdered
	}
	if r == decide.ReasonActiveDown || r == decide.ReasonFailback {
		return originAutomatic
	}
	return originUnknown
}

func outcomes() []appliance.Outcome {
	return []appliance.Outcome{appliance.Pass, appliance.Fail, appliance.Unknown}
}
