package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Equivalent is a mutant that no test can find, because the program does the same.
type Equivalent struct {
	Name string
	// Change is that of the mutant, so that a name that has come to mean another one
	// is noticed.
	Change  string
	Because string
}

// ParseEquivalent reads a list of equivalent mutants. Each is three lines in this
// order, between empty lines and lines of comment, which begin with #:
//
//	mutant NAME
//	change OLD -> NEW
//	because REASON
func ParseEquivalent(text string) ([]Equivalent, error) {
	var out []Equivalent
	err := entries(text, []string{"change", "because"}, false, func(e entry) {
		out = append(out, Equivalent{Name: e.name, Change: e.fields["change"], Because: e.fields["because"]})
	})
	return out, err
}

// Deliberate is a mutant that a person has written.
type Deliberate struct {
	Name, File string
	// Tests are the folders of which at least one must have a test that finds it.
	Tests []string
	// Old are whole lines of the file, which occur exactly once; New replaces them.
	Old, New string
}

// ParseDeliberate reads a list of mutants that persons have written. Below their
// three lines are the old lines of the file, each behind a minus, and then the new
// ones, each behind a plus; there need not be new ones:
//
//	mutant NAME
//	file PATH
//	tests FOLDER...
//	-old line
//	+new line
func ParseDeliberate(text string) ([]Deliberate, error) {
	var out []Deliberate
	err := entries(text, []string{"file", "tests"}, true, func(e entry) {
		out = append(out, Deliberate{
			Name: e.name, File: e.fields["file"], Tests: strings.Fields(e.fields["tests"]), Old: e.old, New: e.new,
		})
	})
	return out, err
}

// Mutant finds the place of the old lines in the source.
func (d Deliberate) Mutant(src []byte) (Mutant, error) {
	// A line begins behind another one's end; the first line of a file is no code.
	old := []byte("\n" + d.Old)
	if n := bytes.Count(src, old); n != 1 {
		return Mutant{}, fmt.Errorf("mutant %s: the old lines occur %d times in %s, want exactly once", d.Name, n, d.File)
	}
	start := bytes.Index(src, old) + 1
	return Mutant{
		Name: d.Name, File: d.File, Line: 1 + bytes.Count(src[:start], []byte("\n")), Change: change(d.Old, d.New),
		Start: start, End: start + len(d.Old), New: d.New, Tests: d.Tests, Deliberate: true,
	}, nil
}

// entry is what a list says of one mutant.
type entry struct {
	name     string
	fields   map[string]string
	old, new string
}

// entries calls each for the mutants of a list, which have the given fields in this
// order. A list in which one is wrong is wrong.
func entries(text string, keys []string, code bool, each func(entry)) error {
	var names []string
	for _, block := range blocks(text) {
		e, err := block.entry(keys, code)
		if err != nil {
			return err
		}
		if slices.Contains(names, e.name) {
			return block.fault(0, "mutant %s is listed already", e.name)
		}
		names = append(names, e.name)
		each(e)
	}
	return nil
}

// block is a run of lines without an empty one.
type block struct {
	first int // the number of its first line
	lines []string
}

func blocks(text string) []block {
	var out []block
	open := false
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.TrimSpace(line) == "":
			open = false
		case open:
			last := &out[len(out)-1]
			last.lines = append(last.lines, line)
		default:
			out, open = append(out, block{first: i + 1, lines: []string{line}}), true
		}
	}
	return out
}

func (b block) fault(line int, format string, args ...any) error {
	return fmt.Errorf("line %d: %s", b.first+line, fmt.Sprintf(format, args...))
}

// entry reads the fields and, if there is to be code, the old and the new lines.
func (b block) entry(keys []string, code bool) (entry, error) {
	e := entry{fields: map[string]string{}}
	keys = append([]string{"mutant"}, keys...)
	for i, key := range keys {
		if i == len(b.lines) {
			return e, b.fault(i, "the entry ends, want %q", key)
		}
		value, ok := strings.CutPrefix(b.lines[i], key+" ")
		if value = strings.TrimSpace(value); !ok || value == "" {
			return e, b.fault(i, "%q, want %q and a value", b.lines[i], key)
		}
		e.fields[key] = value
	}
	e.name = e.fields["mutant"]
	for i, line := range b.lines[len(keys):] {
		text, isOld := strings.CutPrefix(line, "-")
		added, isNew := strings.CutPrefix(line, "+")
		switch {
		case !code || !isOld && !isNew:
			return e, b.fault(len(keys)+i, "%q is one line too many", line)
		case isOld && e.new != "":
			return e, b.fault(len(keys)+i, "%q: old lines come before new ones", line)
		case isOld:
			e.old += text + "\n"
		default:
			e.new += added + "\n"
		}
	}
	if code && e.old == "" {
		return e, b.fault(len(b.lines), "the entry ends, want old lines")
	}
	return e, nil
}
