// Package labreport shows an [outage.Report]: as a page that is complete in itself, and
// as a section of the manual with its plots beside it.
//
// It guarantees that what it writes is made of the report and of the findings alone, that
// a page needs no network, script or font of others and is read in light, in dark and on
// paper, and that any report gives a page, also one in which little was observed: it says
// so. No colour says anything that words do not.
//
// It does not measure, judge or add up: package outage does. Only cli may import it.
package labreport

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"hopguard/internal/outage"
)

//go:embed page.html.tmpl
var pageTemplate string

//go:embed page.css
var pageCSS string

// HTML writes the page. Findings are what the report was judged by; without any, the
// page says that it was not judged.
func HTML(w io.Writer, r outage.Report, findings []outage.Finding) error {
	p, err := view(r, findings)
	if err != nil {
		return err
	}
	t, err := template.New("page").Funcs(template.FuncMap{
		"set":    func(s outage.Seconds) string { return configured(s.Duration()) },
		"moment": func(s *outage.Seconds) template.HTML { return aligned(moment(s)) },
		"n":      aligned, "join": strings.Join,
	}).Parse(pageTemplate)
	if err != nil {
		return fmt.Errorf("parse the page's template: %w", err)
	}
	if err := t.Execute(w, p); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// page is what the template shows. Everything in it is ready to be read.
type page struct {
	Style    template.CSS
	Report   outage.Report
	Began    string
	Took     string
	Trials   string
	Findings []outage.Finding
	Holding  string
	Troubled []troubled
	// Own are the tables of hopguard's settings, Others those of other programs.
	Own, Others []matrix
	Modes       []modeView
	OtherModes  []modeView
	Phases      []phase
	Soaks       []soakView
	Settings    []outage.Setting
	Scene       []fact
}

// troubled is a trial that proves nothing.
type troubled struct {
	Setting, Mode string
	Number        int
	Seed          uint64
	Trouble       []string
}

// matrix is the table of failures and settings.
type matrix struct {
	Caption  string
	Settings []outage.Setting
	Rows     []matrixRow
}

// matrixRow is a failure. Link is the id of the section with its figures; empty if it
// has none.
type matrixRow struct {
	Link, Name, Title string
	Cells             []verdict
}

// figure is a plot in a page.
type figure struct {
	Title   string
	SVG     template.HTML
	Caption string
}

// modeView is a failure, with its plot and one table for all settings.
type modeView struct {
	ID          string
	Name, Title string
	Strip       figure
	// Medians is nil if traffic was moved under less than two settings.
	Medians *figure
	Cells   []cellView
}

// cellView is one failure under one setting.
type cellView struct {
	ID string
	// Name and Title are the setting's, Mode is the name of the failure.
	Name, Title, Mode string
	Never             bool
	Runs              int
	// RunsText is "20 runs", Summary what the list of all trials is called.
	RunsText, Summary string
	// Outage is min, median, 95th percentile and max, then median and 95th percentile of
	// the other direction.
	Outage []string
	// Parts are what the outage is made of, and TCP what became of connections, in the
	// order of their tables.
	Parts, TCP []string
	// Median and All are time lines: of the median trial, and of each. They are nil if
	// traffic was never moved, or no moment observed.
	Median, All *figure
	Lines       []lineView
}

// lineView is a trial in the table of all.
type lineView struct {
	outage.Trial
	// Outage is that of the flows out of Azure, Back that of the others.
	Outage, Back string
	// Packets were lost, and Reordered arrived after one that was sent later.
	Packets, Reordered string
	Median             bool
}

// fact is a line of the description of the scene.
type fact struct{ Name, Value string }

// view makes a page of a report.
func view(r outage.Report, findings []outage.Finding) (page, error) {
	if err := whole(r); err != nil {
		return page{}, err
	}
	p := page{
		Style:  template.CSS(pageCSS + plotCSS), //nolint:gosec // both are files of this package
		Report: r, Findings: findings, Phases: phases(), Settings: r.Settings,
		Began: day(r.Began), Trials: counted(len(r.Trials), "trial", "trials"), Scene: scene(r.Lab),
	}
	if d := r.Ended.Sub(r.Began); d > 0 && !r.Began.IsZero() {
		p.Took = long(d)
	}
	p.Holding = holding(findings)
	for _, t := range r.Trials {
		if len(t.Trouble) > 0 {
			p.Troubled = append(p.Troubled, troubled{t.Setting, t.Mode, t.Number, t.Seed, t.Trouble})
		}
	}
	p.Soaks = soaks(r)
	rows := outage.Summary(r)
	own, others := ours(r.Settings)
	sc := wholeScale(r)
	var err error
	if p.Own, p.Modes, err = part(r, rows, own, sc, "failure-"); err != nil {
		return page{}, err
	}
	if len(others) > 0 {
		if p.Others, p.OtherModes, err = part(r, rows, others, sc, "others-"); err != nil {
			return page{}, err
		}
	}
	return p, nil
}

// part is what a page says about some of the settings.
func part(r outage.Report, rows []outage.Row, settings []outage.Setting, sc scale, prefix string) ([]matrix, []modeView, error) {
	move := matrix{Caption: "Traffic has to move: median outage / 95th percentile", Settings: settings}
	stay := matrix{Caption: "Traffic has to stay where it is", Settings: settings}
	var modes []modeView
	for _, m := range r.Modes {
		cells := cellsOf(r, rows, settings, m)
		w := matrixRow{Name: m.Name, Title: m.Title}
		for _, c := range cells {
			w.Cells = append(w.Cells, c.verdict())
			if c.tried() {
				w.Link = prefix + slug(m.Name)
			}
		}
		if m.Moves {
			move.Rows = append(move.Rows, w)
		} else {
			stay.Rows = append(stay.Rows, w)
		}
		if cells = tried(cells); len(cells) == 0 {
			continue
		}
		v, err := viewOf(m, cells, sc, prefix)
		if err != nil {
			return nil, nil, err
		}
		modes = append(modes, v)
	}
	return slices.DeleteFunc([]matrix{move, stay}, func(m matrix) bool { return len(m.Rows) == 0 }), modes, nil
}

// ours parts hopguard's own settings from those of other programs.
func ours(all []outage.Setting) (own, others []outage.Setting) {
	names := []string{outage.SettingDefaults, outage.SettingFast, outage.SettingSeed, outage.SettingFunctions}
	for _, s := range all {
		if slices.Contains(names, s.Name) {
			own = append(own, s)
		} else {
			others = append(others, s)
		}
	}
	return own, others
}

// holding counts the promises that hold.
func holding(findings []outage.Finding) string {
	n := 0
	for _, f := range findings {
		if f.Holds {
			n++
		}
	}
	bad := len(findings) - n
	switch bad {
	case 0:
		return "All " + counted(n, "promise holds", "promises hold") + "."
	case 1:
		return number(n) + " of " + counted(len(findings), "promise", "promises") + " hold; 1 does not."
	}
	return number(n) + " of " + counted(len(findings), "promise", "promises") + " hold; " + number(bad) + " do not."
}

// wholeScale is the one axis of all outages of a report, so that plots can be compared.
func wholeScale(r outage.Report) scale {
	var times []time.Duration
	never := false
	for _, t := range r.Trials {
		if o, ok := runOf(t); ok {
			if o.Open {
				never = true
			} else {
				times = append(times, o.Outage)
			}
		}
	}
	return logarithmic(times, never)
}

// day is a moment as people write it.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2 January 2006, 15:04 UTC")
}
