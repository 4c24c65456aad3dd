package contender

import "time"

// Cycle returns the time in which the contender's rhythm repeats, over which the moments
// of failures must be spread: the timer of a function app, else the shortest interval of a
// check. Of a Command nobody knows it; a minute is taken.
func (c Contender) Cycle() time.Duration {
	switch {
	case c.configure == nil:
		return time.Minute
	case c.timer > 0:
		return c.timer
	}
	checks := c.group().Checks
	least := checks[0].Interval
	for _, k := range checks[1:] {
		least = min(least, k.Interval)
	}
	return least
}
