// Package metrics shows the reports and the observations of a running hopguard to
// Prometheus.
//
// It guarantees that its state is that of each group's newest report, as one piece:
// a page never shows two active members, and a word that is no longer true is gone
// from it. Its labels are names of the configuration and words that this program
// lists, so the number of series is bounded; no id, no evidence, no note and no text
// of an error is ever shown. What is not known has no series, but for verdicts, which
// have a word for it. Counters begin with the process, at zero and not absent. It
// does not judge: a count, a state or a reason is what the report says. app imports
// it.
package metrics

import (
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/spoke"
)

// Options are what New needs. Functions are called by several goroutines at once
// and answer from memory.
type Options struct {
	// Version is this program's.
	Version string
	Groups  []Group
	// Events counts what became of events; nil if none are taken.
	Events func() []EventCount
	// Messages counts what became of messages; nil if nobody is told anything.
	Messages func() []MessageCount
}

// Group is a group whose reports will be told.
type Group struct {
	Name    appliance.GroupName
	Members []appliance.MemberName
	// Checks are their names.
	Checks []string
	// Witness says that the group has one.
	Witness bool
	// Spokes says that the group keeps peerings of workload networks.
	Spokes bool
	// Ready is whether the group is looked after, as /readyz has it.
	Ready func() bool
	// Lateness is how late checks have started since the start of the process.
	Lateness func() (worst, mean time.Duration)
}

// EventCount is how often something became of an event of a source. Both words are
// of a fixed list.
type EventCount struct {
	Source, Outcome string
	N               uint64
}

// MessageCount is what a target of messages has seen.
type MessageCount struct {
	Target string
	// Outcomes has each word of a fixed list.
	Outcomes map[string]uint64
	// Queued is how many messages wait now.
	Queued int
	// Sent is when the newest one was delivered; zero if none was.
	Sent time.Time
}

// Metrics counts what it is told, and shows it. It is safe for concurrent use.
type Metrics struct {
	options   Options
	catalogue *catalogue
	registry  *prometheus.Registry
	count     counters
	state     states

	mu sync.Mutex
	// seen holds every group from the beginning.
	seen map[appliance.GroupName]*history
	// spokes holds the newest scan of each group that has had one.
	spokes map[appliance.GroupName]*spoke.Report
}

// New returns metrics in a registry of their own.
func New(o Options) *Metrics {
	c := &catalogue{}
	m := &Metrics{
		options: o, catalogue: c, registry: prometheus.NewRegistry(),
		state: newStates(c), count: newCounters(c), seen: map[appliance.GroupName]*history{},
		spokes: map[appliance.GroupName]*spoke.Report{},
	}
	for _, g := range o.Groups {
		m.seen[g.Name] = &history{}
		m.count.begin(g)
	}
	m.registry.MustRegister(m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(m.count.all()...)
	return m
}

// Saw counts an observation, and nothing of other events: what they tell is in the
// report. It is a function for controller.Controller.Saw.
func (m *Metrics) Saw(e controller.Event) {
	if e.Kind == controller.EventObserved {
		m.count.observation(e.Group, e.Observation)
	}
}

// Tick takes the report of a tick, which must not change any more.
func (m *Metrics) Tick(r *controller.Report) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.seen[r.Group]
	h.newest = r
	m.count.tick(r)
	for _, t := range h.transitions(r) {
		m.count.transition(r.Group, t)
	}
	if took, ok := h.switched(r); ok {
		m.count.switched(r.Group, took)
	}
}

// newest returns the newest report of a group, or nil.
func (m *Metrics) newest(group appliance.GroupName) *controller.Report {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen[group].newest
}

// Handler answers with all metrics in the form that the reader accepts, or with
// those that the parameter name[] names. What cannot be collected is logged and
// counted, and left out.
func (m *Metrics) Handler(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog:      slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ErrorHandling: promhttp.ContinueOnError,
		Registry:      m.registry,
	})
}
