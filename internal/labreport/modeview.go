package labreport

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"hopguard/internal/outage"
)

// viewOf shows a mode, of which at least one cell was tried, and none was not.
func viewOf(m outage.Mode, cells []cell, sc scale, prefix string) (modeView, error) {
	v := modeView{ID: prefix + slug(m.Name), Name: m.Name, Title: m.Title}
	var err error
	if v.Strip, err = drawn(stripPlot("Outage of each run: "+m.Name, cells, sc), m.Name+": outage of each run"); err != nil {
		return modeView{}, err
	}
	if p, ok := mediansPlot(cells); ok {
		v.Medians, err = drawnOnce(p, m.Name+": the trial with the median outage of each setting")
		if err != nil {
			return modeView{}, err
		}
	}
	for i, c := range cells {
		w, err := c.view()
		if err != nil {
			return modeView{}, err
		}
		w.ID = v.ID + "-" + strconv.Itoa(i+1)
		v.Cells = append(v.Cells, w)
	}
	return v, nil
}

// stripPlot has a row for each cell.
func stripPlot(title string, cells []cell, sc scale) plot {
	p := plot{Title: title, Name: "outage", Scale: sc}
	for _, c := range cells {
		p.Rows = append(p.Rows, c.strip().row(short(c.Setting.Name), c.note(), sc))
	}
	return p
}

// mediansPlot has a time line for each cell in which traffic was moved: that of the trial
// with the median outage. It reports false if there are less than two.
func mediansPlot(cells []cell) (plot, bool) {
	longest, rows := time.Duration(0), []row{legend()}
	for _, c := range cells {
		if m, ok := c.median(); ok {
			longest = max(longest, last(m.Line))
		}
	}
	sc := linear(longest)
	for _, c := range cells {
		if m, ok := c.median(); ok {
			rows = append(rows, lineRow(short(c.Setting.Name), "trial "+number(m.Number)+", the median one", m.Line, sc, true))
		}
	}
	title := "Time lines of the median trials"
	if len(cells) > 0 {
		title += ": " + cells[0].Mode.Name
	}
	return plot{Title: title, Name: sinceFailure, Scale: sc, Rows: rows}, len(rows) > 2 && longest > 0
}

// note is what stands below the name of a row.
func (c cell) note() string {
	switch {
	case c.never():
		return ""
	case c.Row.Outage.N == 0:
		return counted(len(c.Trials), "run", "runs")
	}
	return "median " + plain(c.figure(c.Row.Outage.Median, c.Row.Outage.N)) + ", " + counted(len(c.Trials), "run", "runs")
}

// view shows a cell.
func (c cell) view() (cellView, error) {
	v := cellView{Name: c.Setting.Name, Title: c.Setting.Title, Mode: c.Mode.Name,
		Never: c.never(), Runs: len(c.Trials), RunsText: counted(len(c.Trials), "run", "runs"),
		Summary: "All " + number(len(c.Trials)) + " trials"}
	if v.Runs == 1 {
		v.Summary = "The one trial"
	}
	o, in := c.Row.Outage, c.Row.Inbound
	for _, s := range []outage.Seconds{o.Min, o.Median, o.P95, o.Max} {
		v.Outage = append(v.Outage, c.figure(s, o.N))
	}
	v.Outage = append(v.Outage, value(in.Median, in.N), value(in.P95, in.N))
	d, own, over := c.Row.Detection, c.Row.Own, c.Row.Overhead
	bound := absent
	if c.Setting.Bound > 0 {
		bound = column(c.Setting.Bound.Duration())
	}
	v.Parts = []string{value(d.Median, d.N), value(d.P95, d.N), bound, value(own.Median, own.N), value(own.P95, own.N), value(over.P95, over.N)}
	v.TCP = c.tcp()
	return v, c.times(&v)
}

// tcp says what became of connections: streams that survived, their longest stall, new
// connections that failed, and the slowest one that was made.
func (c cell) tcp() []string {
	var stall, slowest time.Duration
	for _, t := range c.Trials {
		for _, s := range t.Streams {
			if s.Expected && s.Survived {
				stall = max(stall, s.Stall.Duration())
			}
		}
		for _, s := range t.Connects {
			if s.Expected {
				slowest = max(slowest, s.Slowest.Duration())
			}
		}
	}
	out := []string{absent, absent, absent, absent}
	if c.Row.Streams > 0 {
		out[0] = number(c.Row.Survived) + " of " + number(c.Row.Streams)
	}
	if c.Row.Survived > 0 {
		out[1] = column(stall)
	}
	if c.Row.Tried > 0 {
		out[2] = number(c.Row.Failed) + " of " + number(c.Row.Tried)
	}
	if c.Row.Failed < c.Row.Tried {
		out[3] = column(slowest)
	}
	return out
}

// times adds the time lines of the trials in which traffic was moved.
func (c cell) times(v *cellView) error {
	m, ok := c.median()
	if !ok {
		return nil
	}
	var err error
	if end := last(m.Line); end > 0 {
		sc := linear(end)
		v.Median, err = drawnOnce(plot{Title: fmt.Sprintf("Time line of the median trial: %s, %s", c.Mode.Name, c.Setting.Name), Name: sinceFailure, Scale: sc,
			Rows: []row{legend(), lineRow("trial "+number(m.Number), "the median one", m.Line, sc, true)}}, told(m.Line))
		if err != nil {
			return err
		}
	}
	longest := time.Duration(0)
	for _, t := range c.lines() {
		longest = max(longest, last(t.Line))
	}
	if longest > 0 {
		all := plot{Title: fmt.Sprintf("Time line of each trial: %s, %s", c.Mode.Name, c.Setting.Name), Name: sinceFailure, Scale: linear(longest), Rows: []row{legend()}}
		for _, t := range c.lines() {
			all.Rows = append(all.Rows, lineRow("trial "+number(t.Number), "", t.Line, all.Scale, false))
		}
		if v.All, err = drawnOnce(all, "Each trial in which traffic was moved."); err != nil {
			return err
		}
	}
	for _, t := range c.Trials {
		v.Lines = append(v.Lines, lineOf(t, t.Number == m.Number))
	}
	return nil
}

// lineOf is a trial in the table of all.
func lineOf(t outage.Trial, median bool) lineView {
	lost, reordered := 0, 0
	for _, f := range t.Flows {
		if f.Expected {
			lost, reordered = lost+f.Lost, reordered+f.Reordered
		}
	}
	return lineView{Trial: t, Median: median, Outage: worst(t, true), Back: worst(t, false), Packets: number(lost), Reordered: number(reordered)}
}

// worst writes the outage of a trial in one direction.
func worst(t outage.Trial, outbound bool) string {
	f, ok := t.Worst(outbound)
	switch {
	case !ok:
		return absent
	case f.Open:
		return "≥ " + column(f.Outage.Duration())
	}
	return column(f.Outage.Duration())
}

// sinceFailure is the axis of all time lines.
const sinceFailure = "since the failure began"

// told is a time line in words.
func told(l outage.Line) string {
	var parts []string
	say := func(what string, s *outage.Seconds) {
		if s != nil {
			parts = append(parts, what+" "+seconds(s.Duration()))
		}
	}
	say("first loss", l.FirstLoss)
	for _, p := range phases() {
		say(p.Moment, p.of(l))
	}
	say("first packet through", l.Through)
	return "Since the failure: " + strings.Join(parts, ", ") + "."
}

// value writes a figure of n values.
func value(s outage.Seconds, n int) string {
	if n == 0 {
		return absent
	}
	return column(s.Duration())
}

// drawn draws a plot for a page.
func drawn(p plot, caption string) (figure, error) {
	svg, err := p.SVG(false)
	return figure{p.Title, template.HTML(svg), caption}, err //nolint:gosec // drawn here, its words escaped
}

// drawnOnce draws a plot that not every page has.
func drawnOnce(p plot, caption string) (*figure, error) {
	f, err := drawn(p, caption)
	return &f, err
}

// short is a name that fits beside a plot.
func short(name string) string {
	const room = 24
	if r := []rune(name); len(r) > room {
		return string(r[:room-1]) + "…"
	}
	return name
}

// slug is a name as a part of an id, or of the name of a file.
func slug(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, name)
}
