package outage

import (
	"fmt"
	"slices"
	"strings"
)

// planned: a switch between two healthy members loses nothing.
func (j judge) planned() Finding {
	promise := fmt.Sprintf("Planned switch: no packet lost in any of at least %d trials", j.wanted.Runs)
	var wrong []string
	trials := 0
	for _, name := range j.wanted.Settings {
		c := cell{name, ModePlanned}
		if j.rows[c].Trials == 0 {
			continue
		}
		row := j.row(c)
		trials += row.Trials
		if n := row.Trials - row.Lossless; n > 0 {
			wrong = append(wrong, fmt.Sprintf("%s: %s lost in %d of %d trials", c, times(row.Lost, "packet"), n, row.Trials))
		}
		if n := row.Trials - row.Moved; n > 0 {
			wrong = append(wrong, fmt.Sprintf("%s: nothing was moved in %d of %d trials", c, n, row.Trials))
		}
	}
	if trials == 0 {
		return Finding{Promise: promise, Measured: notMeasured}
	}
	return verdict(promise, wrong, times(trials, "trial"))
}

// stays: what must not move traffic does not. A setting need not have been tried in each
// of these modes, but each of them must have been tried.
func (j judge) stays(modes []string) Finding {
	const promise = "No move in the modes in which traffic has to stay"
	var wrong []string
	trials := 0
	for _, mode := range modes {
		tried := false
		for _, name := range j.wanted.Settings {
			c := cell{name, mode}
			if j.rows[c].Trials == 0 {
				continue
			}
			row := j.row(c)
			tried = true
			trials += row.Trials
			if row.Moves > 0 {
				wrong = append(wrong, fmt.Sprintf("%s: %s in %s", c, times(row.Moves, "move"), times(row.Trials, "trial")))
			}
		}
		if !tried {
			wrong = append(wrong, mode+": "+notMeasured)
		}
	}
	return verdict(promise, wrong, times(trials, "trial"))
}

// staying returns the wanted modes in which traffic has to stay. One that the report does
// not know is among them, so that somebody says that it was not tried.
func (j judge) staying() []string {
	var modes []string
	for _, name := range j.wanted.Modes {
		if m, found := j.mode(name); !found || !m.Moves {
			modes = append(modes, name)
		}
	}
	return modes
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

// runs: there are enough trials of everything that was judged before.
func (j judge) runs() Finding {
	promise := fmt.Sprintf("At least %s of each setting and mode that is judged", times(j.wanted.Runs, "trial"))
	var few []string
	judged := 0
	for _, mode := range j.wanted.Modes {
		for _, name := range j.wanted.Settings {
			c := cell{name, mode}
			if !j.judged[c] {
				continue
			}
			judged++
			if n := j.rows[c].Trials; n < max(j.wanted.Runs, 1) {
				few = append(few, fmt.Sprintf("%s: %d", c, n))
			}
		}
	}
	if judged == 0 {
		return Finding{Promise: promise, Measured: notMeasured}
	}
	return verdict(promise, few, fmt.Sprintf("%d judged", judged))
}

// times counts something: "1 move", "2 moves".
func times(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
