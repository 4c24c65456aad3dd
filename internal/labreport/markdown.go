package labreport

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"hopguard/internal/outage"
)

// The lines between which the section of a document is.
const (
	begin = "<!-- lab: begin -->"
	end   = "<!-- lab: end -->"
)

// plotPrefix begins the name of each file with a plot.
const plotPrefix = "lab-"

// Markdown writes the section for the manual, markers and all, and its plots into a
// folder beside the document: one file for each failure, and one with time lines. The
// section names them by that folder's last name. Plots of an earlier run that this one
// does not have are removed.
func Markdown(w io.Writer, r outage.Report, findings []outage.Finding, plotsDir string) error {
	if err := whole(r); err != nil {
		return err
	}
	plots, err := plotFiles(r)
	if err != nil {
		return err
	}
	if err := write(plots, plotsDir); err != nil {
		return err
	}
	m := manual{r: r, rows: outage.Summary(r), plots: plots, folder: filepath.Base(plotsDir)}
	m.own, m.others = ours(r.Settings)
	if _, err := io.WriteString(w, m.section(findings)); err != nil {
		return fmt.Errorf("write the section: %w", err)
	}
	return nil
}

// Replace puts a section, as [Markdown] writes it, in the place of the one that a
// document has.
func Replace(doc, section string) (string, error) {
	from, to := strings.Index(doc, begin), strings.Index(doc, end)
	switch {
	case from < 0 && to < 0:
		return "", fmt.Errorf("the document has no line %q, and no %q after it", begin, end)
	case from < 0:
		return "", fmt.Errorf("the document has %q without %q before it", end, begin)
	case to < 0:
		return "", fmt.Errorf("the document has %q without %q after it", begin, end)
	case to < from:
		return "", fmt.Errorf("the document has %q before %q", end, begin)
	case strings.Count(doc, begin) > 1 || strings.Count(doc, end) > 1:
		return "", fmt.Errorf("the document has %q or %q more than once", begin, end)
	}
	return doc[:from] + strings.TrimSuffix(section, "\n") + doc[to+len(end):], nil
}

// plotFile is a plot as a file beside the manual.
type plotFile struct {
	Name, Title, SVG string
	Mode             string // empty for time lines
}

// plotFiles draws those of hopguard's own settings: the outages of each failure in which
// traffic has to move, and the time lines of the first that has any.
func plotFiles(r outage.Report) ([]plotFile, error) {
	var out []plotFile
	rows, sc := outage.Summary(r), wholeScale(r)
	own, _ := ours(r.Settings)
	lines := false
	for _, m := range r.Modes {
		cells := tried(cellsOf(r, rows, own, m))
		if !m.Moves || len(cells) == 0 {
			continue
		}
		p := stripPlot("Outage of each run: "+m.Name, cells, sc)
		svg, err := p.SVG(true)
		if err != nil {
			return nil, err
		}
		out = append(out, plotFile{plotPrefix + slug(m.Name) + ".svg", p.Title, svg, m.Name})
		if p, ok := mediansPlot(cells); ok && !lines {
			if svg, err = p.SVG(true); err != nil {
				return nil, err
			}
			lines = true
			out = append(out, plotFile{plotPrefix + "time-lines.svg", p.Title, svg, ""})
		}
	}
	return out, nil
}

// write makes a folder hold these plots, and no others of a lab.
func write(plots []plotFile, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // documents are for everybody
		return fmt.Errorf("make the folder of plots: %w", err)
	}
	old, err := filepath.Glob(filepath.Join(dir, plotPrefix+"*.svg"))
	if err != nil {
		return fmt.Errorf("look for plots of before in %q: %w", dir, err)
	}
	var errs []error
	for _, path := range old {
		errs = append(errs, os.Remove(path))
	}
	for _, p := range plots {
		errs = append(errs, os.WriteFile(filepath.Join(dir, p.Name), []byte(p.SVG), 0o644)) //nolint:gosec // documents are for everybody
	}
	return errors.Join(errs...)
}
