package labreport

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"hopguard/internal/outage"
)

// cell is all trials of one failure under one setting.
type cell struct {
	Setting outage.Setting
	Mode    outage.Mode
	Row     outage.Row
	Trials  []outage.Trial
}

// cellsOf are those of a mode under some settings, in their order; one that was never
// tried has no trials.
func cellsOf(r outage.Report, rows []outage.Row, settings []outage.Setting, m outage.Mode) []cell {
	var out []cell
	for _, s := range settings {
		c := cell{Setting: s, Mode: m}
		for _, t := range r.Trials {
			if t.Setting == s.Name && t.Mode == m.Name {
				c.Trials = append(c.Trials, t)
			}
		}
		for _, row := range rows {
			if row.Setting == s.Name && row.Mode == m.Name {
				c.Row = row
			}
		}
		out = append(out, c)
	}
	return out
}

// tried says that there is anything to say of it.
func (c cell) tried() bool { return len(c.Trials) > 0 }

// never says that traffic had to move, and did not in any trial.
func (c cell) never() bool { return c.tried() && c.Mode.Moves && c.Row.Moved == 0 }

// run is the outage of a trial: that of the worst flow out of Azure that could be saved.
// It reports false if there was no such flow.
func runOf(t outage.Trial) (run, bool) {
	f, ok := t.Worst(true)
	return run{Outage: f.Outage.Duration(), Open: f.Open}, ok
}

// runs are the outages of all trials.
func (c cell) runs() []run {
	var out []run
	for _, t := range c.Trials {
		if r, ok := runOf(t); ok {
			out = append(out, r)
		}
	}
	return out
}

// lines are the trials in which traffic was moved, and which have a time line.
func (c cell) lines() []outage.Trial {
	var out []outage.Trial
	for _, t := range c.Trials {
		if t.Moves > 0 {
			out = append(out, t)
		}
	}
	return out
}

// median is the trial with the median outage of those in which traffic was moved.
func (c cell) median() (outage.Trial, bool) {
	moved := c.lines()
	if len(moved) == 0 {
		return outage.Trial{}, false
	}
	slices.SortStableFunc(moved, func(a, b outage.Trial) int {
		return cmp.Compare(length(a), length(b))
	})
	return moved[(len(moved)-1)/2], true
}

// length is an outage to compare by: one that has not ended is longer than all others.
func length(t outage.Trial) time.Duration {
	r, _ := runOf(t)
	if r.Open {
		return 1<<62 - 1
	}
	return r.Outage
}

// strip is the cell as dots.
func (c cell) strip() strip {
	s := strip{Runs: c.runs()}
	if len(s.Runs) == 0 {
		s.Word = "no flow that routing could have saved"
	}
	if c.never() {
		s.Word = "never detected in " + counted(len(c.Trials), "run", "runs")
	}
	if n := c.Row.Outage.N; n > 0 {
		s.Median = c.shown(c.Row.Outage.Median)
		s.P95 = c.shown(c.Row.Outage.P95)
	}
	return s
}

// shown is a figure of the cell as a mark, unless it is that of an outage which had not
// ended.
func (c cell) shown(figure outage.Seconds) *run {
	for _, r := range c.runs() {
		if r.Open && r.Outage <= figure.Duration() {
			return nil
		}
	}
	return &run{Outage: figure.Duration()}
}

// whole returns an error if a report speaks of a setting or a failure that it does not
// list: what is not shown must not be left out in silence.
func whole(r outage.Report) error {
	setting := func(name string) bool {
		return slices.ContainsFunc(r.Settings, func(s outage.Setting) bool { return s.Name == name })
	}
	for i, t := range r.Trials {
		if !setting(t.Setting) {
			return fmt.Errorf("trials[%d].setting: %q is none of the report's settings", i, t.Setting)
		}
		if !slices.ContainsFunc(r.Modes, func(m outage.Mode) bool { return m.Name == t.Mode }) {
			return fmt.Errorf("trials[%d].mode: %q is none of the report's modes", i, t.Mode)
		}
	}
	for i, s := range r.Soaks {
		if !setting(s.Setting) {
			return fmt.Errorf("soaks[%d].setting: %q is none of the report's settings", i, s.Setting)
		}
	}
	return nil
}

// tried are those of which there is anything to say.
func tried(cells []cell) []cell {
	return slices.DeleteFunc(slices.Clone(cells), func(c cell) bool { return !c.tried() })
}
