package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// Round is what one round measured, from the moment at which a leader was caught.
type Round struct {
	What  string
	Stage stage
	// Done says that all writes had been accepted by then.
	Done bool
	// Takeover is until another one led, Report until its first report, Right until
	// the last route was right; Outage is Right from the failure on.
	Takeover, Report, Right, Outage time.Duration
	// Paused is how long the leader stood still.
	Paused time.Duration
	// Refused counts its writes that came too late and were refused.
	Refused int
	Damage  Damage
}

// Spread are the least, the middle and the greatest of some times.
type Spread struct{ Min, Median, Max time.Duration }

// SpreadOf returns the spread; zero of no times.
func SpreadOf(times []time.Duration) Spread {
	if len(times) == 0 {
		return Spread{}
	}
	sorted := slices.Sorted(slices.Values(times))
	n := len(sorted)
	return Spread{Min: sorted[0], Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Max: sorted[n-1]}
}

// Summary prints what the rounds that came to their end have measured, and reports
// whether all that were wanted did, and nothing was damaged.
func Summary(out io.Writer, wanted int, rounds []Round, usual []time.Duration) bool {
	fmt.Fprintf(out, "\ncaught in the middle of a switch, and brought to its end: %d of %d\n", len(rounds), wanted)
	for _, s := range stages() {
		n := 0
		for _, r := range rounds {
			if r.Stage == s {
				n++
			}
		}
		fmt.Fprintf(out, "  %-36s %d\n", s, n)
	}
	row := func(what string, of func(Round) (time.Duration, bool)) {
		var times []time.Duration
		for _, r := range rounds {
			if d, ok := of(r); ok {
				times = append(times, d)
			}
		}
		s := SpreadOf(times)
		fmt.Fprintf(out, "%-44s %6.2f %6.2f %6.2f   (%d)\n", what, s.Min.Seconds(), s.Median.Seconds(), s.Max.Seconds(), len(times))
	}
	fmt.Fprintf(out, "%-44s %6s %6s %6s\n", "seconds from there", "min", "median", "max")
	row("until another one leads", func(r Round) (time.Duration, bool) { return r.Takeover, true })
	row("until its first report", func(r Round) (time.Duration, bool) { return r.Report, true })
	row("until the routes are right", func(r Round) (time.Duration, bool) { return r.Right, !r.Done })
	row("until they are, all writes accepted before", func(r Round) (time.Duration, bool) { return r.Right, r.Done })
	row("from the failure on", func(r Round) (time.Duration, bool) { return r.Outage, true })
	row("length of the pause", func(r Round) (time.Duration, bool) { return r.Paused, r.Paused > 0 })
	u := SpreadOf(usual)
	fmt.Fprintf(out, "%-44s %6.2f %6.2f %6.2f   (%d)\n", "from the failure on, nobody disturbed", u.Min.Seconds(), u.Median.Seconds(), u.Max.Seconds(), len(usual))
	var d Damage
	refused := 0
	for _, r := range rounds {
		d.Add(r.Damage)
		refused += r.Refused
	}
	fmt.Fprintf(out, "wrong routes %d, lost routes %d, other changes %d, contradictions in the record %d, false reports %d\n",
		d.Wrong, d.Lost, d.Other, d.Record, d.Claims)
	fmt.Fprintf(out, "writes of the past that were accepted %d, that moved a route %d, that were refused %d\n", d.Late, d.Back, refused)
	return !d.Any() && len(rounds) == wanted
}
