package labreport

import (
	"math"
	"time"

	"github.com/go-analyze/charts/chartdraw"
)

// scale is an axis of times: where on it a time is, and where its labels are. Times
// that are no number of seconds ("none", "never") have places of their own at its ends.
type scale struct {
	log         bool
	low, high   float64 // what the axis shows between its ends: seconds, or their logarithm
	none, never bool
	marks       []time.Duration
}

// ends is the part of the axis, to its length without them, that an end takes.
const ends = 0.17

// logarithmic is a scale for times that are apart by orders of magnitude. Its ends are
// there if a time is zero, or if something has never ended.
func logarithmic(times []time.Duration, never bool) scale {
	s := scale{log: true, never: never}
	low, high := time.Duration(math.MaxInt64), time.Duration(0)
	for _, d := range times {
		if d <= 0 {
			s.none = true
			continue
		}
		low, high = min(low, d), max(high, d)
	}
	if high == 0 {
		low, high = 100*time.Millisecond, 10*time.Second
	}
	steps := ladder()
	first, last := 0, len(steps)-1
	for first+2 < len(steps) && steps[first+1] <= low {
		first++
	}
	for last > first+1 && steps[last-1] >= high {
		last--
	}
	s.marks = steps[first : last+1]
	if last-first > 8 { // the labels of 1, 2 and 5 would touch one another
		s.marks = decades(s.marks)
	}
	s.low, s.high = s.at(s.marks[0]), s.at(s.marks[len(s.marks)-1])
	return s
}

// decades takes of a ladder 1, 10, 100 ms and so on, and what is needed at its ends.
func decades(steps []time.Duration) []time.Duration {
	var out []time.Duration
	for i, d := range steps {
		ms := math.Log10(float64(d) / float64(time.Millisecond))
		if i == 0 || i == len(steps)-1 || ms == math.Trunc(ms) {
			out = append(out, d)
		}
	}
	return out
}

// linear is a scale from zero to the longest of times.
func linear(longest time.Duration) scale {
	steps := ladder()
	step := steps[len(steps)-1]
	for _, d := range steps {
		if longest <= 7*d {
			step = d
			break
		}
	}
	s := scale{}
	for d := time.Duration(0); ; d += step {
		s.marks = append(s.marks, d)
		if d >= longest && d > 0 || len(s.marks) > 40 {
			break
		}
	}
	s.high = s.at(s.marks[len(s.marks)-1])
	return s
}

// ladder is 1, 2 and 5 times each power of ten that an outage can be.
func ladder() []time.Duration {
	var steps []time.Duration
	for d := time.Millisecond; d <= 10000*time.Second; d *= 10 {
		steps = append(steps, d, 2*d, 5*d)
	}
	return steps
}

// within is a time that the axis can show: one that is longer is at its end.
func (s scale) within(d time.Duration) time.Duration { return min(d, s.marks[len(s.marks)-1]) }

// at is the place of a time.
func (s scale) at(d time.Duration) float64 {
	switch {
	case !s.log:
		return d.Seconds()
	case d <= 0:
		return s.low - (s.high-s.low)*ends
	}
	return math.Log10(d.Seconds())
}

// end is the place of what has never ended.
func (s scale) end() float64 { return s.high + (s.high-s.low)*ends }

// axis is the scale as the library draws it.
func (s scale) axis(name string) chartdraw.XAxis {
	x := chartdraw.XAxis{Name: name, NameStyle: class("axis"), Style: class("axis")}
	if s.none {
		x.Ticks = append(x.Ticks, chartdraw.Tick{Value: s.at(0), Label: "none"})
	}
	for _, d := range s.marks {
		x.Ticks = append(x.Ticks, chartdraw.Tick{Value: s.at(d), Label: configured(d)})
	}
	if s.never {
		x.Ticks = append(x.Ticks, chartdraw.Tick{Value: s.end(), Label: "not ended"})
	}
	for _, t := range x.Ticks {
		x.GridLines = append(x.GridLines, chartdraw.GridLine{Value: t.Value})
	}
	x.GridMajorStyle = chartdraw.Style{StrokeWidth: 1, StrokeColor: grey()}
	return x
}
