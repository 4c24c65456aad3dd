package labreport

import "time"

// The parts that a golden file shows only by the way.
var (
	Seconds    = seconds
	Column     = column
	Configured = configured
	Long       = long
	Number     = number
	Apart      = apart
)

// Marks are the labels of a scale.
func Marks(times []time.Duration, log bool) []string {
	s := logarithmic(times, false)
	if !log {
		s = linear(times[0])
	}
	var out []string
	for _, t := range s.axis("").Ticks {
		out = append(out, t.Label)
	}
	return out
}
