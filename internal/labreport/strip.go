package labreport

import (
	"cmp"
	"slices"
	"time"
)

// dotRadius is that of a run, in pixels.
const dotRadius = 3.5

// run is an outage as a plot shows it.
type run struct {
	Outage time.Duration
	// Open says that it had not ended when the trial did.
	Open bool
}

// strip is a row with a dot for each run, and marks of the median and of the 95th
// percentile if there are enough of them.
type strip struct {
	Runs        []run
	Median, P95 *run
	// Word is written where dots would be.
	Word string
}

// row makes a row of a plot.
func (s strip) row(label, note string, sc scale) row {
	return row{Label: label, Note: note, Height: 50, draw: func(c canvas) {
		place := func(r run) int {
			if r.Open {
				return c.x(sc.end())
			}
			return c.x(sc.at(sc.within(r.Outage)))
		}
		if s.Word != "" {
			c.text(s.Word, c.box.Left+6, c.middle()+4, "label")
		}
		if s.P95 != nil && !s.P95.Open {
			x := c.x(sc.at(sc.within(s.P95.Outage)))
			c.rect(x, x, c.top+3, c.bottom-3, "tail")
		}
		if s.Median != nil && !s.Median.Open {
			x := c.x(sc.at(sc.within(s.Median.Outage)))
			c.rect(x-1, x+1, c.top+3, c.bottom-3, "median")
		}
		xs := make([]int, 0, len(s.Runs))
		open := make([]bool, 0, len(s.Runs))
		runs := slices.Clone(s.Runs)
		slices.SortStableFunc(runs, func(a, b run) int { return cmp.Compare(place(a), place(b)) })
		for _, r := range runs {
			xs, open = append(xs, place(r)), append(open, r.Open)
		}
		for i, dy := range apart(xs, c.bottom-c.top) {
			if open[i] {
				c.cross(xs[i], c.middle()+dy, "open")
			} else {
				c.dot(xs[i], c.middle()+dy, "dot")
			}
		}
	}}
}

// apart says how far from the middle of a row of a given height each of some dots goes,
// from left to right, so that as few as can be lie upon one another.
func apart(xs []int, height int) []int {
	const wide, step = 7, 5
	offsets := []int{0}
	for d := step; d <= height/2-10; d += step {
		offsets = append(offsets, -d, d)
	}
	out := make([]int, len(xs))
	for i, x := range xs {
		best, room := 0, -1
		for _, o := range offsets {
			near := 1000
			for j := i - 1; j >= 0 && x-xs[j] < wide; j-- {
				dy := o - out[j]
				near = min(near, (x-xs[j])*(x-xs[j])+dy*dy)
			}
			if near >= wide*wide {
				best = o
				break
			}
			if near > room {
				best, room = o, near
			}
		}
		out[i] = best
	}
	return out
}
