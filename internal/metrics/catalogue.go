package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// prefix begins the name of every metric of ours.
const prefix = "hopguard_"

// Type is what kind of numbers a metric has.
type Type string

// The types.
const (
	Gauge     Type = "gauge"
	Counter   Type = "counter"
	Histogram Type = "histogram"
)

// Metric describes one metric, for the reference.
type Metric struct {
	Name   string
	Type   Type
	Labels []string
	// Help says what the number is, and what a person does about it.
	Help string
}

// Reference lists every metric of this program, in the order of the manual. Those of
// the Go runtime and of the process come with the client library.
func (m *Metrics) Reference() []Metric { return slices.Clone(m.catalogue.all) }

// catalogue makes metrics, and remembers what they are.
type catalogue struct{ all []Metric }

func (c *catalogue) add(t Type, name, help string, labels []string) string {
	c.all = append(c.all, Metric{Name: prefix + name, Type: t, Labels: labels, Help: help})
	return prefix + name
}

// gauge is one whose value is read when somebody asks.
func (c *catalogue) gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(c.add(Gauge, name, help, labels), help, labels, nil)
}

// counted is a counter that somebody else counts.
func (c *catalogue) counted(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(c.add(Counter, name, help, labels), help, labels, nil)
}

func (c *catalogue) counter(name, help string, labels ...string) *tally {
	return &tally{desc: c.counted(name, help, labels...), labels: len(labels), n: map[[mostLabels]string]float64{}}
}

// histogram counts seconds.
func (c *catalogue) histogram(name, help string, buckets []float64, labels ...string) *spread {
	desc := prometheus.NewDesc(c.add(Histogram, name, help, labels), help, labels, nil)
	return &spread{desc: desc, labels: len(labels), bounds: buckets, seen: map[[2]string]*seen{}}
}
