package journal

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// color is an ANSI colour; the zero value is none.
type color int

const (
	plain color = iota
	red
	green
	yellow
	bold
)

// paint colours s, if colours are on.
func paint(on bool, c color, s string) string {
	code := ""
	switch c {
	case plain:
	case red:
		code = "31"
	case green:
		code = "32"
	case yellow:
		code = "33"
	case bold:
		code = "1"
	default:
		panic("journal: no such color")
	}
	if !on || code == "" || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// clean makes one line of s, without what could move a terminal's cursor: names
// and errors come from other machines.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return utf8.RuneError
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

// cells is how many columns of a terminal s takes.
func cells(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me):
		case wide(r):
			n += 2
		default:
			n++
		}
	}
	return n
}

func wide(r rune) bool {
	k := width.LookupRune(r).Kind()
	return k == width.EastAsianWide || k == width.EastAsianFullwidth
}

// leastText is the narrowest column that free text is wrapped into.
const leastText = 24

// wrap breaks s between words, so that no line is longer than the columns that an
// indent leaves of the width; further lines begin with the indent. A word that is
// longer than a line stays whole, because half an id is of no use. Width 0 is no
// limit, and too narrow a rest is left to the terminal.
func wrap(s string, indent, width int) string {
	room := width - indent
	if width <= 0 || room < leastText {
		return s
	}
	var b strings.Builder
	used := 0
	for word := range strings.FieldsSeq(s) {
		n := cells(word)
		switch {
		case used == 0:
		case used+1+n > room:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			used = 0
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += n
	}
	return b.String()
}

// cell is one field of a grid.
type cell struct {
	text  string
	color color
}

// grid prints rows in aligned columns, two spaces apart, after an indent. The
// last column of a row is free text: it is wrapped, not padded, and goes on a line
// of its own where the other columns leave no room.
func grid(rows [][]cell, indent int, o TextOptions) string {
	var columns []int
	for _, row := range rows {
		for i, c := range row[:max(0, len(row)-1)] {
			if i == len(columns) {
				columns = append(columns, 0)
			}
			columns[i] = max(columns[i], cells(c.text))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var l strings.Builder
		l.WriteString(strings.Repeat(" ", indent))
		at := indent
		for i, c := range row {
			if i == len(row)-1 {
				if room := o.Width - at; o.Width > 0 && room < leastText && cells(c.text) > room {
					at = indent + 4
					l.WriteString("\n" + strings.Repeat(" ", at))
				}
				l.WriteString(paint(o.Color, c.color, wrap(c.text, at, o.Width)))
				break
			}
			l.WriteString(paint(o.Color, c.color, c.text) + strings.Repeat(" ", columns[i]-cells(c.text)+2))
			at += columns[i] + 2
		}
		for line := range strings.SplitSeq(l.String(), "\n") {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
	}
	return b.String()
}
