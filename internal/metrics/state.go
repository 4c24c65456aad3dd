package metrics

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/journal"
)

// states are what is so at the moment somebody asks.
type states struct {
	build, ready, suspect               *prometheus.Desc
	active, verdict                     *prometheus.Desc
	epoch, mode, frozen, reason         *prometheus.Desc
	started, ended, state               *prometheus.Desc
	warnings, errors                    *prometheus.Desc
	tables, routes, writes              *prometheus.Desc
	events, worstLateness, meanLateness *prometheus.Desc
	messages, queued, delivered         *prometheus.Desc
	spokes                              spokeStates
}

func newStates(c *catalogue) states {
	return states{
		build: c.gauge("build_info",
			"Always 1: which hopguard this is. If it is absent, nobody watches: start it.", "version", "go_version"),
		ready: c.gauge("ready",
			"1 while the newest tick is young and did not fail, as /readyz has it. At 0 nobody moves this group's routes: look at the log.", "group"),
		active: c.gauge("member_active",
			"1 for the member that the record says carries traffic, 0 for the others; absent while the record is not known.", "group", "member"),
		verdict: c.gauge("member_verdict",
			"1 for the verdict on a member, 0 for the other two. A member that is not up for long leaves the group without a reserve: repair it.", "group", "member", "verdict"),
		suspect: c.gauge("observer_suspect",
			"1 while the witness does not answer: hopguard itself may be cut off, and no failure of a member counts. Look at the network of the observer.", "group"),
		reason: c.gauge("decision_reason",
			"1 for the reason of the newest decision; the others are absent. docs/decisions.md says what each means.", "group", "reason"),
		mode: c.gauge("mode",
			"1 for the mode of the group, 0 for the other two. Pinned and frozen groups do not fail over: thaw them when the work is done.", "group", "mode"),
		frozen: c.gauge("frozen_until_timestamp_seconds",
			"When the freeze ends by itself; absent if the group is not frozen.", "group"),
		epoch: c.gauge("epoch",
			"How many transitions the record counts. Replicas that differ for long do not read the same record.", "group"),
		state: c.gauge("tick_state",
			"1 for the state of the newest tick, 0 for the other two. Degraded: a member or a table needs a person. Failed: something that was to be done was not.", "group", "state"),
		started: c.gauge("tick_start_timestamp_seconds",
			"When the newest tick that has ended began; absent before the first has ended.", "group"),
		ended: c.gauge("tick_end_timestamp_seconds",
			"When the newest tick ended. If it is old, hopguard hangs or Azure does not answer: see the log.", "group"),
		warnings: c.gauge("tick_warnings",
			"What in the newest tick needs a person although nothing failed. The log has the texts.", "group"),
		errors: c.gauge("tick_errors",
			"What failed in the newest tick. The log has the texts.", "group"),
		tables: c.gauge("managed_tables",
			"Route tables with the tag of the group, as the newest tick read them; absent if it could not. If some are missing, look at their tags and at the rights of the identity.", "group"),
		routes: c.gauge("managed_routes",
			"Routes in those tables that pointed at a member.", "group"),
		writes: c.gauge("planned_writes",
			"Route tables that the newest tick found to differ from the record, written or not. If it stays above 0, writes fail, or may not be made: see the reason and the log.", "group"),
		events: c.counted("events_total",
			"Events by source and by what became of them. Forged ones have a wrong secret: compare it with that of the sender.", "source", "outcome"),
		messages: c.counted("messages_total",
			"Messages to people by target and by what became of them. Retried ones failed for now; refused, too old and dropped ones never arrived: try hopguard notify test, and look at the log.", "target", "outcome"),
		queued: c.gauge("messages_queued",
			"Messages that wait for a target: one that stays above 0 does not answer, or gets too many.", "target"),
		delivered: c.gauge("message_delivered_timestamp_seconds",
			"When a target has last taken a message; absent before the first.", "target"),
		worstLateness: c.gauge("schedule_lateness_worst_seconds",
			"How late a check has started, at worst since the start. If it nears the interval, the machine is too small, or too much is asked of it.", "group"),
		meanLateness: c.gauge("schedule_lateness_mean_seconds",
			"How late checks have started on average since the start.", "group"),
		spokes: newSpokeStates(c),
	}
}

// Describe is part of prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	s := m.state
	for _, d := range append(s.spokes.all(),
		s.build, s.ready, s.active, s.verdict, s.suspect, s.reason, s.mode, s.frozen, s.epoch, s.state, s.started, s.ended,
		s.warnings, s.errors, s.tables, s.routes, s.writes, s.events, s.messages, s.queued, s.delivered, s.worstLateness, s.meanLateness,
	) {
		to <- d
	}
}

// Collect is part of prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	p := page{states: m.state, to: to}
	p.gauge(m.state.build, 1, m.options.Version, runtime.Version())
	for _, g := range m.options.Groups {
		p.group(g, m.newest(g.Name))
		if r := m.newestSpokes(g); r != nil {
			p.scan(string(g.Name), r)
		}
	}
	if m.options.Events != nil {
		for _, c := range m.options.Events() {
			to <- prometheus.MustNewConstMetric(m.state.events, prometheus.CounterValue, float64(c.N), c.Source, c.Outcome)
		}
	}
	if m.options.Messages != nil {
		for _, c := range m.options.Messages() {
			p.target(c)
		}
	}
}

// page is one answer.
type page struct {
	states
	to chan<- prometheus.Metric
}

func (p page) gauge(d *prometheus.Desc, v float64, labels ...string) {
	p.to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

// target shows what became of the messages to one target.
func (p page) target(c MessageCount) {
	for outcome, n := range c.Outcomes {
		p.to <- prometheus.MustNewConstMetric(p.messages, prometheus.CounterValue, float64(n), c.Target, outcome)
	}
	p.gauge(p.queued, float64(c.Queued), c.Target)
	p.moment(p.delivered, c.Sent, c.Target)
}

// truth is 1 or 0.
func (p page) truth(d *prometheus.Desc, v bool, labels ...string) {
	n := 0.0
	if v {
		n = 1
	}
	p.gauge(d, n, labels...)
}

// moment is left out if it is not known.
func (p page) moment(d *prometheus.Desc, t time.Time, labels ...string) {
	if !t.IsZero() {
		p.gauge(d, float64(t.UnixMilli())/1000, labels...)
	}
}

// group shows a group, of which nothing is known before its first report.
func (p page) group(g Group, r *controller.Report) {
	name := string(g.Name)
	p.truth(p.ready, g.Ready(), name)
	worst, mean := g.Lateness()
	p.gauge(p.worstLateness, worst.Seconds(), name)
	p.gauge(p.meanLateness, mean.Seconds(), name)
	var health decide.Health
	if r != nil {
		health = r.Health
		p.report(name, g, r)
	}
	p.truth(p.suspect, health.Suspect, name)
	for _, m := range g.Members {
		for _, v := range []appliance.Verdict{appliance.Up, appliance.Down, appliance.Undecided} {
			p.truth(p.verdict, health.Of(m).Verdict == v, name, string(m), v.String())
		}
	}
}

func (p page) report(name string, g Group, r *controller.Report) {
	p.moment(p.started, r.Started, name)
	p.moment(p.ended, r.Ended, name)
	for _, s := range allStates() {
		p.truth(p.state, r.State() == s, name, string(s))
	}
	p.gauge(p.warnings, float64(len(journal.Complaints(r))), name)
	p.gauge(p.errors, float64(len(journal.Failures(r))), name)
	if record := r.Standing(); record.Epoch > 0 {
		p.gauge(p.epoch, float64(record.Epoch), name)
		for _, m := range g.Members {
			p.truth(p.active, m == record.Active, name, string(m))
		}
		for _, mode := range []decide.Mode{decide.Auto, decide.Pinned, decide.Frozen} {
			p.truth(p.mode, record.Mode == mode, name, string(mode))
		}
		p.moment(p.frozen, record.FrozenUntil, name)
	}
	if r.Decided.IsZero() {
		return
	}
	p.gauge(p.reason, 1, name, string(r.Decision.Reason))
	p.gauge(p.tables, float64(len(r.Plan.Tables)), name)
	routes := 0
	for _, n := range r.Plan.Managed() {
		routes += n
	}
	p.gauge(p.routes, float64(routes), name)
	p.gauge(p.writes, float64(len(r.Plan.Writes())), name)
}

func allStates() []controller.State {
	return []controller.State{controller.Agreed, controller.Degraded, controller.Failed}
}
