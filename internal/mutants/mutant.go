package main

import (
	"bytes"
	"fmt"
	"path"
	"strings"
)

// Mutant is one change of one file, which the tests should notice.
type Mutant struct {
	// Name says which one it is, also after lines were added elsewhere: the file, the
	// function, the kind of change and its number there; or what its author called it.
	Name string
	// File is slash-separated and relative to the root of the module, Line the first
	// line that changes.
	File string
	Line int
	// Change is for people: the old text, an arrow, the new text.
	Change string
	// Start and End are the bytes that New replaces.
	Start, End int
	New        string
	// Deliberate says that a person has written it; such a one must compile.
	Deliberate bool
	// Tests are the folders whose tests should notice, relative to the root.
	Tests []string
}

// Apply returns the source with the change.
func (m Mutant) Apply(src []byte) []byte {
	return bytes.Join([][]byte{src[:m.Start], []byte(m.New), src[m.End:]}, nil)
}

// String returns the mutant in the form of a compiler message.
func (m Mutant) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", m.File, m.Line, m.Name, m.Change)
}

// Package returns the folder of the file.
func (m Mutant) Package() string { return path.Dir(m.File) }

// change puts an old and a new text on one line. Long ones are cut in the middle, and
// told apart by their name.
func change(from, to string) string { return oneLine(from) + " -> " + oneLine(to) }

func oneLine(text string) string {
	const most = 90
	r := []rune(strings.Join(strings.Fields(text), " "))
	switch {
	case len(r) == 0:
		return "(nothing)"
	case len(r) > most:
		return string(r[:most/2]) + " … " + string(r[len(r)-most/2:])
	default:
		return string(r)
	}
}
