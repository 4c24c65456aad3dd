package metrics

import (
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// mostLabels and mostBuckets are what the series below have room for.
const mostLabels, mostBuckets = 4, 15

// tally is a counter with labels. Of thousands of groups it takes a tenth of the memory
// of the library's, and little more than its numbers. It is safe for concurrent use.
type tally struct {
	desc   *prometheus.Desc
	labels int

	mu sync.Mutex
	n  map[[mostLabels]string]float64
}

// add counts; with 0 it makes the series.
func (t *tally) add(n float64, labels ...string) {
	var key [mostLabels]string
	copy(key[:], labels)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n[key] += n
}

// Describe is part of prometheus.Collector.
func (t *tally) Describe(to chan<- *prometheus.Desc) { to <- t.desc }

// Collect is part of prometheus.Collector.
func (t *tally) Collect(to chan<- prometheus.Metric) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, n := range t.n {
		to <- prometheus.MustNewConstMetric(t.desc, prometheus.CounterValue, n, slices.Clone(key[:t.labels])...)
	}
}

// spread is a histogram with labels, made as tally is.
type spread struct {
	desc   *prometheus.Desc
	labels int
	bounds []float64

	mu   sync.Mutex
	seen map[[2]string]*seen
}

// seen are the values of one series; the last of n is beyond all bounds.
type seen struct {
	sum float64
	n   [mostBuckets + 1]uint64
}

// begin makes a series.
func (s *spread) begin(labels ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of(labels)
}

// of returns a series. The caller holds the lock.
func (s *spread) of(labels []string) *seen {
	var key [2]string
	copy(key[:], labels)
	if s.seen[key] == nil {
		s.seen[key] = &seen{}
	}
	return s.seen[key]
}

// observe counts a value.
func (s *spread) observe(v float64, labels ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	series := s.of(labels)
	series.sum += v
	i, _ := slices.BinarySearch(s.bounds, v) // a bound belongs to its bucket
	series.n[i]++
}

// Describe is part of prometheus.Collector.
func (s *spread) Describe(to chan<- *prometheus.Desc) { to <- s.desc }

// Collect is part of prometheus.Collector.
func (s *spread) Collect(to chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, series := range s.seen {
		buckets, sum := make(map[float64]uint64, len(s.bounds)), uint64(0)
		for i, bound := range s.bounds {
			sum += series.n[i]
			buckets[bound] = sum
		}
		sum += series.n[len(s.bounds)]
		to <- prometheus.MustNewConstHistogram(s.desc, sum, series.sum, buckets, slices.Clone(key[:s.labels])...)
	}
}
