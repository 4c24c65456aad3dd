package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrNone is the error of Load where there is neither a file nor any variable of the old function. The error has a
// method Hint() string.
var ErrNone = errors.New("no configuration")

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	// Path is where, like groups[1].checks[0].interval; or the variable, where the old function's variables are read.
	Path string
	// Value is what was found; "" when nothing was. It is never a secret.
	Value string
	// Want is what was expected.
	Want string
	// Line is where in the file, from 1. 0 = unknown, or not in a file.
	Line int
	// Source is the variable that gave the value. "" = the file or a default.
	Source string
}

// maxShown is how many characters of a value a message shows.
const maxShown = 300

// String prints the problem on one line: path: "value": want what (line n).
func (p Problem) String() string {
	var b strings.Builder
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	if p.Value == "" {
		b.WriteString("not set")
	} else {
		b.WriteString(quote(p.Value))
	}
	b.WriteString(": want " + p.Want)
	switch {
	case p.Source != "":
		b.WriteString(" (from " + p.Source + ")")
	case p.Line > 0:
		fmt.Fprintf(&b, " (line %d)", p.Line)
	}
	return b.String()
}

// quote shows a value on one line, cut when it is long.
func quote(s string) string {
	if r := []rune(s); len(r) > maxShown {
		s = string(r[:maxShown]) + "…"
	}
	return fmt.Sprintf("%q", s)
}

// Problems is everything that is wrong with a configuration: at least one Problem, in the order of their paths.
type Problems struct { //nolint:errname // it is a list of problems first, and an error of the same name second
	// File is the configuration file. "" = none.
	File string
	// List is in the order of the paths, numbers in them compared as numbers.
	List []Problem
}

// Error prints a line that counts the problems and then one line for each.
func (p *Problems) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d problem", len(p.List))
	if len(p.List) != 1 {
		b.WriteString("s")
	}
	b.WriteString(" in the configuration")
	if p.File != "" {
		b.WriteString(" " + p.File)
	}
	b.WriteString(":")
	for _, q := range p.List {
		b.WriteString("\n  " + q.String())
	}
	return b.String()
}

// problems returns an error for the list, or nil when it is empty. It sorts the list.
func problems(file string, list []Problem) error {
	if len(list) == 0 {
		return nil
	}
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Or(comparePaths(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Want, b.Want))
	})
	return &Problems{File: file, List: list}
}

// comparePaths orders groups[2] before groups[10].
func comparePaths(a, b string) int {
	for a != "" && b != "" {
		da, db := digits(a), digits(b)
		if da > 0 && db > 0 {
			na, nb := strings.TrimLeft(a[:da], "0"), strings.TrimLeft(b[:db], "0")
			if c := cmp.Or(cmp.Compare(len(na), len(nb)), cmp.Compare(na, nb)); c != 0 {
				return c
			}
			a, b = a[da:], b[db:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

// digits counts the digits that s starts with.
func digits(s string) int {
	return len(s) - len(strings.TrimLeft(s, "0123456789"))
}

// noneError says that there is no configuration, and what to do about it.
type noneError struct{}

func (noneError) Error() string { return ErrNone.Error() }

func (noneError) Unwrap() error { return ErrNone }

// Hint says what to do.
func (noneError) Hint() string {
	return "name a file with --config or " + configVariable + ", or set the variables of the old function app (" +
		strings.Join([]string{"SUBSCRIPTIONID", "FW1NAME", "FW2NAME", "FWRGNAME", "FWUDRTAG"}, ", ") + ")"
}
