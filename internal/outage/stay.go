package outage

import (
	"fmt"
	"slices"
	"strings"
)

// tried returns the cells of some modes that are wanted or were tried: what must not happen is
// looked for in every trial, also where too few are made to be wanted.
func (j judge) tried(of func(mode string) bool) []cell {
	return j.cells(func(c cell) bool { return of(c.mode) && (j.wanted.has(c) || j.rows[c].Trials > 0) })
}

// planned: a switch between two healthy members loses nothing.
func (j judge) planned(cells []cell) Finding {
	promise := fmt.Sprintf("Planned switch: no packet lost in any of at least %s", times(j.wanted.Runs, "trial"))
	var wrong []string
	trials := 0
	for _, c := range cells {
		row := j.rows[c]
		trials += row.Trials
		if row.Trials == 0 {
			wrong = append(wrong, c.String()+": "+notMeasured)
		}
		if n := row.Trials - row.Lossless; n > 0 {
			wrong = append(wrong, fmt.Sprintf("%s: not all packets arrived in %d of %s, %d lost", c, n, times(row.Trials, "trial"), row.Lost))
		}
		if n := row.Trials - row.Moved; n > 0 {
			wrong = append(wrong, fmt.Sprintf("%s: nothing was moved in %d of %s", c, n, times(row.Trials, "trial")))
		}
	}
	return verdict(promise, wrong, times(trials, "trial"))
}

// stay reports whether traffic has to stay in a mode. If the report does not know the mode, it
// does, so that somebody says that it was not tried.
func (j judge) stay(mode string) bool {
	m, found := j.mode(mode)
	return !found || !m.Moves
}

// stays: what must not move traffic does not.
func (j judge) stays(cells []cell) Finding {
	const promise = "No move in the modes in which traffic has to stay"
	var wrong []string
	trials := 0
	for _, c := range cells {
		row := j.rows[c]
		trials += row.Trials
		if row.Trials == 0 {
			wrong = append(wrong, c.String()+": "+notMeasured)
		}
		if row.Moves > 0 {
			wrong = append(wrong, fmt.Sprintf("%s: %s in %s", c, times(row.Moves, "move"), times(row.Trials, "trial")))
		}
	}
	return verdict(promise, wrong, times(trials, "trial"))
}

// recovers: whatever the checks see ends with traffic that flows, however long it takes.
func (j judge) recovers() Finding {
	const promise = "Traffic was moved and flowed again, in every mode that the checks see"
	var wrong []string
	trials := 0
	for _, c := range j.seen(&wrong) {
		row := j.rows[c]
		trials += row.Trials
		if row.Trials == 0 {
			wrong = append(wrong, c.String()+": "+notMeasured)
		}
		if n := row.Trials - row.Moved; n > 0 {
			wrong = append(wrong, fmt.Sprintf("%s: nothing was moved in %d of %s", c, n, times(row.Trials, "trial")))
		}
		if row.Open > 0 {
			wrong = append(wrong, fmt.Sprintf("%s: %d of %s had not ended", c, row.Open, times(row.Trials, "outage")))
		}
	}
	if trials == 0 && len(wrong) == 0 {
		return Finding{Promise: promise, Measured: notMeasured}
	}
	return verdict(promise, wrong, times(trials, "trial"))
}

// trouble: the trials themselves went well.
func (j judge) trouble() Finding {
	const promise = "No trial with trouble"
	var wrong []string
	trials := 0
	for _, t := range j.report.Trials {
		if !slices.Contains(j.wanted.Settings, t.Setting) {
			continue
		}
		trials++
		if len(t.Trouble) > 0 {
			wrong = append(wrong, fmt.Sprintf("%s/%s %d: %s", t.Setting, t.Mode, t.Number, strings.Join(t.Trouble, ", ")))
		}
	}
	if trials == 0 {
		return Finding{Promise: promise, Measured: notMeasured}
	}
	return verdict(promise, wrong, times(trials, "trial"))
}

// runs: there are enough trials of everything that is wanted.
func (j judge) runs() Finding {
	promise := fmt.Sprintf("At least %s of each setting and mode that is judged", times(j.wanted.Runs, "trial"))
	var few []string
	all := j.cells(j.wanted.has)
	for _, c := range all {
		if n := j.rows[c].Trials; n < max(j.wanted.Runs, 1) {
			few = append(few, fmt.Sprintf("%s: %d", c, n))
		}
	}
	if len(all) == 0 {
		return Finding{Promise: promise, Measured: notMeasured}
	}
	return verdict(promise, few, fmt.Sprintf("%d judged", len(all)))
}

// times counts something: "1 move", "2 moves".
func times(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
