package route

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"hopguard/internal/appliance"
)

// PlanText prints a plan for a person, and so that ParsePlanText can read it:
//
//	plan emea active vmx-b
//	table /subscriptions/…/routeTables/spoke-1
//	  ! refused: is used by subnet …
//	  ~ to-branch-a  10.20.0.0/16  10.1.0.4 (vmx-a) -> 10.2.0.4 (vmx-b)
//	  = to-branch-b  10.30.0.0/16  vmx-b
//
// A line with ~ changes a route, one with = leaves it, one with ! says what is
// wrong with the table ("refused:" or "problem:"). A name that is not one plain
// word is in Go's double quotes. The text has no etag, state or raw JSON: a plan
// that was read from it can be shown and compared, not applied.
func PlanText(p Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "plan %s active %s\n", word(string(p.Group)), word(string(p.Active)))
	for _, t := range p.Tables {
		fmt.Fprintf(&b, "table %s\n", word(string(t.Table)))
		if t.Problem != nil {
			fmt.Fprintf(&b, "  ! %s %s\n", problemWord(t.Problem.Refused), sentence(t.Problem.Text))
		}
		for _, l := range t.lines() {
			b.WriteString(l)
		}
	}
	return b.String()
}

// line is one route of a table, in columns.
type line struct{ mark, route, prefix, rest string }

// lines prints the managed routes in their order, each with its change if it has
// one. Diff makes a change for managed routes only; any other is printed last,
// because no change may be hidden.
func (t TablePlan) lines() []string {
	var lines []line
	left := t.Changes
	change := func(c Change) {
		lines = append(lines, line{"~", word(c.Route), word(c.Prefix), fmt.Sprintf("%s (%s) -> %s (%s)",
			addrWord(c.From), word(string(c.FromMember)), addrWord(c.To), word(string(c.ToMember)))})
	}
	for _, m := range t.Managed {
		if len(left) > 0 && left[0].managed() == m {
			change(left[0])
			left = left[1:]
			continue
		}
		lines = append(lines, line{"=", word(m.Route), word(m.Prefix), word(string(m.Member))})
	}
	for _, c := range left {
		change(c)
	}
	wide, widePrefix := 0, 0
	for _, l := range lines {
		wide = max(wide, utf8.RuneCountInString(l.route))
		widePrefix = max(widePrefix, utf8.RuneCountInString(l.prefix))
	}
	out := make([]string, len(lines))
	for i, l := range lines { // fmt counts runes, not bytes, in a width
		out[i] = fmt.Sprintf("  %s %-*s  %-*s  %s\n", l.mark, wide, l.route, widePrefix, l.prefix, l.rest)
	}
	return out
}

// managed is the entry that a change has among the managed routes of its table.
func (c Change) managed() Managed {
	return Managed{Route: c.Route, Prefix: c.Prefix, Member: c.FromMember}
}

// ParsePlanText reads what PlanText has printed. Spaces between words, and empty
// lines, do not matter. The tables have no ETag, State and Raw.
func ParsePlanText(text string) (Plan, error) {
	var p Plan
	begun := false
	number := 0
	for l := range strings.SplitSeq(text, "\n") {
		number++
		l = strings.TrimSpace(l)
		if l == "" {
			continue
		}
		err := errors.New(`want "plan <group> active <member>" first, and once`)
		if first := strings.HasPrefix(l, "plan "); first != begun {
			begun = true
			err = p.parse(l)
		}
		if err != nil {
			return Plan{}, fmt.Errorf("plan text: line %d: %.80q: %w", number, l, err)
		}
	}
	if !begun {
		return Plan{}, errors.New("plan text: it is empty")
	}
	return p, nil
}

// parse reads one line, which is not empty.
func (p *Plan) parse(l string) error {
	mark, rest, _ := strings.Cut(l, " ")
	if mark == "!" {
		return p.parseProblem(strings.TrimSpace(rest))
	}
	w, err := words(rest)
	if err != nil {
		return err
	}
	switch mark {
	case "plan":
		if len(w) != 3 || w[1] != "active" {
			return errors.New("want plan <group> active <member>")
		}
		p.Group, p.Active = appliance.GroupName(w[0]), appliance.MemberName(w[2])
		return nil
	case "table":
		if len(w) != 1 {
			return errors.New("want table <id>")
		}
		p.Tables = append(p.Tables, TablePlan{Table: appliance.ResourceID(w[0])})
		return nil
	case "=", "~":
		return p.parseRoute(mark, w)
	default:
		return errors.New("want a line that begins with table, !, ~ or =")
	}
}

func (p *Plan) parseRoute(mark string, w []string) error {
	t, err := p.last()
	if err != nil {
		return err
	}
	if mark == "=" {
		if len(w) != 3 {
			return errors.New("want = <route> <prefix> <member>")
		}
		t.Managed = append(t.Managed, Managed{Route: w[0], Prefix: w[1], Member: appliance.MemberName(w[2])})
		return nil
	}
	if len(w) != 11 || w[3] != "(" || w[5] != ")" || w[6] != "->" || w[8] != "(" || w[10] != ")" {
		return errors.New("want ~ <route> <prefix> <address> (<member>) -> <address> (<member>)")
	}
	c := Change{Route: w[0], Prefix: w[1], FromMember: appliance.MemberName(w[4]), ToMember: appliance.MemberName(w[9])}
	if c.From, err = parseAddr(w[2]); err != nil {
		return err
	}
	if c.To, err = parseAddr(w[7]); err != nil {
		return err
	}
	t.Changes = append(t.Changes, c)
	t.Managed = append(t.Managed, c.managed())
	return nil
}

func (p *Plan) parseProblem(rest string) error {
	t, err := p.last()
	if err != nil {
		return err
	}
	kind, text, _ := strings.Cut(rest, " ")
	refused := kind == problemWord(true)
	switch text = strings.TrimSpace(text); {
	case !refused && kind != problemWord(false), text == "":
		return errors.New("want ! refused: <text> or ! problem: <text>")
	case t.Problem != nil:
		return errors.New("want one problem for a table")
	case text[0] == '"':
		if text, err = strconv.Unquote(text); err != nil {
			return errors.New("want a text that is quoted to its end")
		}
	}
	t.Problem = &Problem{Refused: refused, Text: text}
	return nil
}

// last returns the table that the lines below its own belong to.
func (p *Plan) last() (*TablePlan, error) {
	if len(p.Tables) == 0 {
		return nil, errors.New("want a table before its routes")
	}
	return &p.Tables[len(p.Tables)-1], nil
}

func problemWord(refused bool) string {
	if refused {
		return "refused:"
	}
	return "problem:"
}

// word prints s so that it is read back as one word.
func word(s string) string {
	if s == "" || strings.ContainsFunc(s, breaks) || !printable(s) {
		return strconv.Quote(s)
	}
	return s
}

// sentence prints s so that it is read back as the rest of a line.
func sentence(s string) string {
	if s == "" || s[0] == '"' || strings.TrimSpace(s) != s || !printable(s) {
		return strconv.Quote(s)
	}
	return s
}

// breaks reports whether a plain word ends at r.
func breaks(r rune) bool { return r == ' ' || r == '"' || r == '(' || r == ')' }

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// words splits a line. A parenthesis is a word of its own.
func words(l string) ([]string, error) {
	var out []string
	for l = strings.TrimSpace(l); l != ""; l = strings.TrimSpace(l) {
		end := strings.IndexFunc(l, func(r rune) bool { return breaks(r) || unicode.IsSpace(r) })
		switch {
		case end < 0:
			end = len(l)
		case l[0] == '"':
			quoted, err := strconv.QuotedPrefix(l)
			if err != nil {
				return nil, errors.New("want the quote to end")
			}
			s, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, err
			}
			out, l = append(out, s), l[len(quoted):]
			continue
		case end == 0:
			end = 1
		}
		out, l = append(out, l[:end]), l[end:]
	}
	return out, nil
}

// addrWord prints an address; one that is not valid is a dash.
func addrWord(a netip.Addr) string {
	if !a.IsValid() {
		return "-"
	}
	return word(a.String())
}

func parseAddr(s string) (netip.Addr, error) {
	if s == "-" {
		return netip.Addr{}, nil
	}
	return netip.ParseAddr(s)
}
