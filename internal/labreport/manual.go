package labreport

import (
	"fmt"
	"strings"

	"hopguard/internal/outage"
)

// manual is what the section of the manual is made of.
type manual struct {
	r           outage.Report
	rows        []outage.Row
	own, others []outage.Setting
	plots       []plotFile
	folder      string
	b           strings.Builder
}

func (m *manual) line(format string, args ...any) { fmt.Fprintf(&m.b, format+"\n", args...) }

// table writes one: its heads, where an "r:" before one puts its column to the right, and
// its rows.
func (m *manual) table(heads []string, rows [][]string) {
	var names, lines []string
	for _, h := range heads {
		name, right := strings.CutPrefix(h, "r:")
		names = append(names, name)
		if right {
			lines = append(lines, "---:")
		} else {
			lines = append(lines, "---")
		}
	}
	m.line("| %s |", strings.Join(names, " | "))
	m.line("|%s|", strings.Join(lines, "|"))
	for _, r := range rows {
		cells := make([]string, len(r))
		for i, c := range r {
			cells[i] = cellText(c)
		}
		m.line("| %s |", strings.Join(cells, " | "))
	}
	m.line("")
}

// section writes all of it.
func (m *manual) section(findings []outage.Finding) string {
	m.line("%s", begin)
	m.line("<!-- Written by the lab; what is changed here by hand is lost. -->")
	m.line("")
	m.line("## The lab: what a failure costs, counted in lost packets")
	m.line("")
	when := ""
	if d := day(m.r.Began); d != "" {
		when = ", begun on " + d
	}
	if m.r.Machine != "" {
		when += ", on " + text(m.r.Machine)
	}
	m.line("%s%s. Packets are", counted(len(m.r.Trials), "trial", "trials"), when)
	m.line("real and cross network namespaces of Linux. Azure is simulated: a request takes %s,", configured(m.r.Lab.Request.Duration()))
	m.line("a write %s, and the fabric follows after %s. A failover moves %s.", configured(m.r.Lab.Write.Duration()),
		configured(m.r.Lab.Fabric.Duration()), counted(m.r.Lab.Tables, "route table", "route tables"))
	m.line("")
	m.findings(findings)
	m.matrix("Traffic has to move. Median outage / 95th percentile, and packets lost a run:", m.own, true)
	m.matrix("Traffic has to stay where it is:", m.own, false)
	m.figures()
	m.soaks()
	m.settings()
	if len(m.others) > 0 {
		m.line("### Other programs")
		m.line("")
		m.matrix("Run unmodified in the same lab. Traffic has to move:", m.others, true)
		m.matrix("Traffic has to stay where it is:", m.others, false)
	}
	return strings.TrimRight(m.b.String(), "\n") + "\n\n" + end + "\n"
}

func (m *manual) findings(findings []outage.Finding) {
	if len(findings) == 0 {
		m.line("This run was not judged.")
		m.line("")
		return
	}
	m.line("%s", holding(findings))
	m.line("")
	var rows [][]string
	for _, f := range findings {
		holds := "yes"
		if !f.Holds {
			holds = "**no**"
		}
		rows = append(rows, []string{text(f.Promise), text(f.Measured), holds})
	}
	m.table([]string{"promised", "measured", "holds"}, rows)
}

// matrix is the table of failures and settings, for those modes in which traffic has to
// move, or those in which it has to stay.
func (m *manual) matrix(caption string, settings []outage.Setting, moves bool) {
	heads := []string{"failure"}
	for _, s := range settings {
		heads = append(heads, text(s.Name))
	}
	var rows [][]string
	for _, mode := range m.r.Modes {
		cells := cellsOf(m.r, m.rows, settings, mode)
		if mode.Moves != moves || len(tried(cells)) == 0 {
			continue
		}
		row := []string{joined(mode.Name, mode.Title)}
		for _, c := range cells {
			row = append(row, c.brief())
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return
	}
	m.line("%s", caption)
	m.line("")
	m.table(heads, rows)
}

// brief is a verdict for a table of the manual.
func (c cell) brief() string {
	v := c.verdict()
	switch {
	case !c.tried():
		return v.Big
	case c.never():
		return "**never detected**"
	}
	parts := append([]string{text(v.Big)}, v.Lines...)
	if c.Row.Survived < c.Row.Streams {
		parts = append(parts, v.Streams)
	}
	s := strings.Join(parts, "; ")
	if v.Look == "bad" {
		return "**" + s + "**"
	}
	return s
}

func (m *manual) figures() {
	if len(m.plots) == 0 {
		return
	}
	m.line("### Every run")
	m.line("")
	m.line("Each dot is one run. The thick line is the median, the dashed one the 95th percentile;")
	m.line("a cross is an outage that had not ended when its run did. The axis is logarithmic, and")
	m.line("the same in all plots.")
	m.line("")
	for _, p := range m.plots {
		if p.Mode != "" {
			m.line("`%s`:", p.Mode)
			m.line("")
			m.line("![%s](%s/%s)", text(p.Title), m.folder, p.Name)
			m.line("")
		}
	}
	for _, p := range m.plots {
		if p.Mode == "" {
			m.line("### From the failure to the first packet through")
			m.line("")
			m.line("The trial with the median outage of each setting.")
			m.line("")
			m.line("![%s](%s/%s)", text(p.Title), m.folder, p.Name)
			m.line("")
		}
	}
}

func (m *manual) soaks() {
	var rows [][]string
	for _, s := range soaks(m.r) {
		rows = append(rows, []string{text(s.Title), text(s.Setting), s.Length, s.Probes, s.Failed, s.Moves})
	}
	if len(rows) == 0 {
		return
	}
	m.line("### Watched for long")
	m.line("")
	m.line("Moves are false: nothing had failed that traffic should leave.")
	m.line("")
	m.table([]string{"what was going on", "setting", "r:watched", "r:checks", "r:failed", "r:moves"}, rows)
}

func (m *manual) settings() {
	m.line("### The scene")
	m.line("")
	var rows [][]string
	for _, f := range scene(m.r.Lab) {
		rows = append(rows, []string{f.Name, text(f.Value)})
	}
	m.table([]string{"", "r:"}, rows)
	rows = nil
	for _, s := range m.r.Settings {
		bound := "none is promised"
		if s.Bound > 0 {
			bound = configured(s.Bound.Duration())
		}
		checks := text(s.Checks)
		if checks == "" {
			checks = absent
		}
		rows = append(rows, []string{joined(s.Name, s.Title), checks, bound})
	}
	if len(rows) > 0 {
		m.table([]string{"setting", "checks", "r:longest time to detection"}, rows)
	}
}

// joined is a name, and what it means.
func joined(name, title string) string {
	if title == "" {
		return "`" + name + "`"
	}
	return "`" + name + "`: " + text(title)
}

// text is a word of the report's as plain text of Markdown.
func text(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "`", "\\`", "<", "&lt;", "[", `\[`, "\n", " ").Replace(s)
}

// cellText is a text that may stand in a table.
func cellText(s string) string { return strings.ReplaceAll(plain(s), "|", `\|`) }
