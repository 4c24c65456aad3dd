package labreport

import (
	"strings"

	"hopguard/internal/outage"
)

// noOutage is what a cell says if nothing was lost in any trial.
const noOutage = "no outage"

// verdict is what a cell says first, in a word for its look and in words for a reader.
type verdict struct {
	// Look is "good", "bad", "never" or "none": the words say the same.
	Look string
	Big  string
	// Lines are what else there is to say, the most important first.
	Lines []string
	// Streams says how many long connections survived; empty if there were none.
	Streams string
}

// verdict is what a cell says in the table of all failures.
func (c cell) verdict() verdict {
	if !c.tried() {
		return verdict{Look: "none", Big: "not tried"}
	}
	v := verdict{Look: "good"}
	switch {
	case c.never():
		v.Look, v.Big = "never", "never detected"
		v.add(c.outOf(c.Row.Open, "outage had not ended in"))
	case c.Mode.Moves:
		v.Big = noOutage
		if c.Row.Outage.N == 0 || c.Row.Outage.Max > 0 {
			v.Big = plain(c.figure(c.Row.Outage.Median, c.Row.Outage.N) + " / " + c.figure(c.Row.Outage.P95, c.Row.Outage.N))
		}
		if c.Row.Unmoved > 0 {
			v.Look = "bad"
			v.add(c.outOf(c.Row.Unmoved, "not detected in"))
		}
		if c.Row.Open > 0 {
			v.Look = "bad"
			v.add(c.outOf(c.Row.Open, "outage had not ended in"))
		}
	case c.Row.Moves > 0:
		v.Look, v.Big = "bad", "moved in vain"
		v.add(c.outOf(c.Row.Moved, "moved in") + ", " + counted(c.Row.Moves, "time", "times") + " in all")
	default:
		v.Big = "stayed"
	}
	v.add(c.lost())
	if c.Row.Streams > 0 {
		v.Streams = number(c.Row.Survived) + " of " + counted(c.Row.Streams, "stream", "streams") + " survived"
	}
	if c.Row.Troubled > 0 {
		v.Look = "bad"
		v.add(c.outOf(c.Row.Troubled, "trouble with the trial itself in"))
	}
	return v
}

func (v *verdict) add(s string) {
	if s != "" {
		v.Lines = append(v.Lines, s)
	}
}

// outOf is "not detected in 3 of 20 runs"; nothing if it never was so.
func (c cell) outOf(n int, what string) string {
	if n == 0 {
		return ""
	}
	return what + " " + number(n) + " of " + counted(len(c.Trials), "run", "runs")
}

// lost says what was lost of packets.
func (c cell) lost() string {
	switch {
	case len(c.runs()) == 0:
		return "no flow that routing could have saved"
	case c.Row.Lost == 0:
		return "no packet lost in " + counted(len(c.Trials), "run", "runs")
	case c.Row.Lossless > 0:
		return number(c.perRun()) + " packets lost a run, none in " + number(c.Row.Lossless) + " of " + number(len(c.Trials))
	}
	return number(c.perRun()) + " packets lost a run"
}

// perRun is the mean of lost packets, and never zero if there were any.
func (c cell) perRun() int {
	return max((c.Row.Lost+len(c.Trials)/2)/max(len(c.Trials), 1), 1)
}

// figure writes a figure of n outages. An outage that had not ended was at least so long,
// and so is a figure that it may have made.
func (c cell) figure(s outage.Seconds, n int) string {
	if n == 0 {
		return absent
	}
	if c.shown(s) == nil {
		return "≥ " + column(s.Duration())
	}
	return column(s.Duration())
}

// plain takes the spaces out that are there for columns alone.
func plain(s string) string { return strings.ReplaceAll(s, figureSpace, "") }
