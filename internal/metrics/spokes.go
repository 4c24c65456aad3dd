package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"hopguard/internal/spoke"
)

// spokeStates are what is so of the workload networks of a group.
type spokeStates struct{ state, ended, networks, peerings, lacks, unwanted *prometheus.Desc }

func newSpokeStates(c *catalogue) spokeStates {
	return spokeStates{
		state: c.gauge("spokes_state",
			"1 for the state of the newest scan of workload networks, 0 for the other two; absent without spokes. Not agreed for long: see hopguard spokes status.", "group", "state"),
		ended: c.gauge("spokes_scan_end_timestamp_seconds",
			"When the newest scan ended. If it is old, many peerings are being made, or Azure does not answer: see the log.", "group"),
		networks: c.gauge("spokes_networks",
			"Workload networks that the newest scan found selected. If some are missing, look at their tags and at the rights of the identity.", "group"),
		peerings: c.gauge("spokes_peerings",
			"Peerings that are wanted, each with two halves.", "group"),
		lacks: c.gauge("spokes_lacks",
			"What is lacking. With by=hopguard it is being made; with by=person it stays until somebody acts: hopguard spokes status says on what.", "group", "by"),
		unwanted: c.gauge("spokes_unwanted_peerings",
			"Peerings that hopguard has made and nothing selects any more. They stay until hopguard spokes apply --remove.", "group"),
	}
}

func (s spokeStates) all() []*prometheus.Desc {
	return []*prometheus.Desc{s.state, s.ended, s.networks, s.peerings, s.lacks, s.unwanted}
}

func newPeerings(c *catalogue) *tally {
	return c.counter("peering_writes_total",
		"Peerings that a scan was to make or to repair, by what became of them: done is said after both halves were read back. For failed ones the log has the cause.",
		"group", "outcome")
}

// Spokes takes the report of a scan, which must not change any more.
func (m *Metrics) Spokes(r *spoke.Report) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.spokes[r.Group] = r
	for _, o := range r.Made {
		outcome := writeDone
		if o.Err != nil {
			outcome = writeFailed
		}
		m.count.peerings.add(1, string(r.Group), outcome)
	}
}

// newestSpokes returns the newest scan of a group, or nil.
func (m *Metrics) newestSpokes(g Group) *spoke.Report {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.spokes[g.Name]
}

func (p page) scan(name string, r *spoke.Report) {
	s, c := p.spokes, r.Counts()
	for _, state := range []spoke.State{spoke.Agreed, spoke.Degraded, spoke.Failed} {
		p.truth(s.state, r.State() == state, name, string(state))
	}
	p.moment(s.ended, r.Ended, name)
	p.gauge(s.networks, float64(c.Networks), name)
	p.gauge(s.peerings, float64(c.Peerings), name)
	pending := 0
	lacks := r.Lacks()
	for _, l := range lacks {
		if l.Pending {
			pending++
		}
	}
	p.gauge(s.lacks, float64(pending), name, byHopguard)
	p.gauge(s.lacks, float64(len(lacks)-pending), name, byPerson)
	p.gauge(s.unwanted, float64(c.Unwanted), name)
}

// Who sees to what is lacking.
const (
	byHopguard = "hopguard"
	byPerson   = "person"
)
