package archtest

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// row returns the line of the table for a package.
func (table Table) row(name string) (Row, bool) {
	i := slices.IndexFunc(table, func(r Row) bool { return r.Package == name })
	if i < 0 {
		return Row{}, false
	}
	return table[i], true
}

func (r Row) has(t Trait) bool { return r.Traits&t != 0 }

// checkImports compares every import with the table. Packages that are in the
// table and not yet in the tree are fine.
func (t *Tree) checkImports(table Table) []Finding {
	var out []Finding
	for _, dir := range byDir(t.files) {
		row, known := table.row(dir[0].name())
		if !known {
			out = append(out, Finding{Path: dir[0].dir, Message: fmt.Sprintf(
				"package %q is not in the import table: add it to the table in internal/archtest/table.go", dir[0].name())})
			continue
		}
		for _, f := range dir {
			for _, spec := range f.syntax.Imports {
				if msg := t.importFault(row, f, spec); msg != "" {
					out = append(out, t.finding(f, spec, "%s", msg))
				}
			}
		}
	}
	return out
}

// importFault says what is wrong with one import, or "".
func (t *Tree) importFault(row Row, f *file, spec *ast.ImportSpec) string {
	target := importPath(spec)
	if spec.Name != nil {
		switch {
		case spec.Name.Name == ".":
			return fmt.Sprintf("dot import of %q hides where names come from", target)
		case spec.Name.Name == "_" && target != "embed" && f.syntax.Name.Name != "main" && !f.test():
			return fmt.Sprintf("blank import of %q: only a main package may choose what is linked in", target)
		}
	}
	if inner, ok := t.inside(target); ok {
		return internalFault(row, f, inner)
	}
	if sdk(target) {
		switch {
		case row.has(SDK), f.test() && row.has(TestSDK):
			return ""
		case row.has(TestSDK):
			return fmt.Sprintf("%s may import %q in tests only", row.Package, target)
		}
		return fmt.Sprintf("%s may not import %q: only azure knows the Azure SDK", row.Package, target)
	}
	if name, o, ok := owned(target); ok && !slices.Contains(words(o.packages), row.Package) {
		return fmt.Sprintf("%s may not import %q: %s", row.Package, name, o.reason)
	}
	if f.test() {
		return ""
	}
	for _, ban := range row.Bans {
		if covers(ban.Path, target) {
			return fmt.Sprintf("%s may not import %q: %s", row.Package, target, ban.Reason)
		}
	}
	if row.has(Pure) && !pureStdlib()[target] {
		return fmt.Sprintf("%s is pure and may not import %q: no clock, context, log, I/O or randomness", row.Package, target)
	}
	return ""
}

// internalFault checks an import of this module against the row.
func internalFault(row Row, f *file, target string) string {
	if f.test() && (target == row.Package || slices.Contains(words(row.Tests), target)) {
		return ""
	}
	if slices.Contains(words(row.May), target) {
		return ""
	}
	if f.test() {
		return fmt.Sprintf("tests of %s may not import %s: the table allows %s",
			row.Package, target, orNothing(row.May+" "+row.Tests))
	}
	return fmt.Sprintf("%s may not import %s: the table allows %s", row.Package, target, orNothing(row.May))
}

func orNothing(cell string) string {
	if ws := words(cell); len(ws) > 0 {
		return strings.Join(ws, ", ")
	}
	return "nothing"
}

// inside returns the table's name of a package of this module.
func (t *Tree) inside(target string) (string, bool) {
	if target == t.Module {
		return ".", true
	}
	rest, ok := strings.CutPrefix(target, t.Module+"/")
	return strings.TrimPrefix(rest, "internal/"), ok
}

func sdk(target string) bool {
	return slices.ContainsFunc(sdkPrefixes(), func(p string) bool { return covers(p, target) })
}

// owned finds the module with an owner that holds target.
func owned(target string) (string, owner, bool) {
	for p, o := range owners() {
		if covers(p, target) || strings.HasPrefix(target, p+"/") {
			return target, o, true
		}
	}
	return "", owner{}, false
}

// covers reports whether a pattern of the table names the import path: exactly,
// or as everything below it when the pattern ends in a slash.
func covers(pattern, target string) bool {
	return target == pattern || strings.HasSuffix(pattern, "/") && strings.HasPrefix(target, pattern)
}
