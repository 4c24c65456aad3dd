package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// report tells what became of the mutants, in their order.
type report struct {
	out    io.Writer
	listed map[string]bool
	// file is the one that the mutants are in now, and in its count.
	file     string
	in       count
	packages []string // in their order
	byFolder map[string]count
	wrong    []string
}

// count is how often each fate was met. Survived has only those that are not listed
// as equivalent.
type count struct {
	fates      map[Fate]int
	equivalent int
}

func (c count) add(o count) count {
	sum := count{fates: map[Fate]int{}, equivalent: c.equivalent + o.equivalent}
	for _, from := range []count{c, o} {
		for f, n := range from.fates {
			sum.fates[f] += n
		}
	}
	return sum
}

// String returns how many of those that can be found were found, and what the rest was.
func (c count) String() string {
	found := c.fates[Found] + c.fates[Hung]
	rest := []string{fmt.Sprintf("%d of %d found", found, found+c.fates[Survived])}
	for _, r := range []struct {
		n    int
		what string
	}{{c.fates[Hung], "of them because the tests hung"}, {c.equivalent, "equivalent"}, {c.fates[Uncompilable], "do not compile"}} {
		if r.n > 0 {
			rest = append(rest, fmt.Sprintf("%d %s", r.n, r.what))
		}
	}
	return strings.Join(rest, ", ")
}

// add reports one mutant: a line at once if it survived or hung, and a line for each
// file when its mutants are done.
func (r *report) add(m Mutant, f Fate) {
	if m.File != r.file {
		r.flush()
		r.file = m.File
	}
	one := count{fates: map[Fate]int{f: 1}}
	switch {
	case r.listed[m.Name] && f == Survived:
		one = count{equivalent: 1}
	case r.listed[m.Name]:
		r.complain(m, "it is listed as equivalent, but: "+f.String())
	case f == Survived:
		r.complain(m, "survived")
	case f == Hung:
		fmt.Fprintf(r.out, "%s: hung\n", m)
	case f == Uncompilable && m.Deliberate:
		r.complain(m, f.String())
	}
	r.in = r.in.add(one)
	if r.byFolder == nil {
		r.byFolder = map[string]count{}
	}
	if _, known := r.byFolder[m.Package()]; !known {
		r.packages = append(r.packages, m.Package())
	}
	r.byFolder[m.Package()] = r.byFolder[m.Package()].add(one)
}

func (r *report) complain(m Mutant, what string) {
	fmt.Fprintf(r.out, "%s: %s\n", m, what)
	r.wrong = append(r.wrong, m.Name)
}

func (r *report) flush() {
	if r.file != "" {
		fmt.Fprintf(r.out, "%s: %s\n", r.file, r.in)
	}
	r.in = count{}
}

// end prints the sums, and returns an error if anything was wrong.
func (r *report) end() error {
	r.flush()
	fmt.Fprintln(r.out)
	var total count
	for _, folder := range r.packages {
		fmt.Fprintf(r.out, "%s: %s\n", folder, r.byFolder[folder])
		total = total.add(r.byFolder[folder])
	}
	fmt.Fprintf(r.out, "mutants: %s\n", total)
	if len(r.wrong) > 0 {
		return errors.New("not as it should be: " + strings.Join(r.wrong, ", "))
	}
	return nil
}
