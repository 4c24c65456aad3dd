package archtest

import (
	"go/ast"
	"slices"
)

// checkTraits looks into the code of packages that have traits. Tests may do as
// they like: a bubble has its own time.
func (t *Tree) checkTraits(table Table) []Finding {
	var out []Finding
	for _, f := range t.files {
		row, known := table.row(f.name())
		if !known || f.test() {
			continue
		}
		if row.has(Pure) {
			out = append(out, t.impurities(f)...)
		}
		if !row.has(Clock) && !row.has(Pure) {
			out = append(out, t.clockReadings(row, f)...)
		}
		if row.has(Owned) {
			out = append(out, t.bareGoroutines(row, f)...)
		}
	}
	return out
}

// impurities finds what a pure package may not do although it may import the
// package that does it.
func (t *Tree) impurities(f *file) []Finding {
	var out []Finding
	sorted := sortedArguments(f)
	for n := range ast.Preorder(f.syntax) {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			from := f.selects(n)
			if why, bad := worldly()[from][n.Sel.Name]; bad {
				out = append(out, t.finding(f, n, "%s is pure and may not use %s.%s: %s", f.name(), from, n.Sel.Name, why))
			}
			if from == "maps" && slices.Contains([]string{"Keys", "Values", "All"}, n.Sel.Name) && !sorted[n] {
				out = append(out, t.finding(f, n, "maps.%s has no order: write slices.Sorted(maps.%s(m))", n.Sel.Name, n.Sel.Name))
			}
		case *ast.CallExpr:
			if id, ok := n.Fun.(*ast.Ident); ok && (id.Name == "print" || id.Name == "println") {
				out = append(out, t.finding(f, n, "%s is pure and may not call %s", f.name(), id.Name))
			}
		}
	}
	return out
}

// sortedArguments returns the qualified names whose call is handed directly to a
// function that gives the result an order, or to one that needs none.
func sortedArguments(f *file) map[*ast.SelectorExpr]bool {
	fine := map[string][]string{
		"slices": {"Sorted", "SortedFunc", "SortedStableFunc"},
		"maps":   {"Collect", "Insert"},
	}
	out := map[*ast.SelectorExpr]bool{}
	for n := range ast.Preorder(f.syntax) {
		outer, ok := n.(*ast.CallExpr)
		if !ok {
			continue
		}
		fn, ok := outer.Fun.(*ast.SelectorExpr)
		if !ok || !slices.Contains(fine[f.selects(fn)], fn.Sel.Name) {
			continue
		}
		for _, arg := range outer.Args {
			if inner, ok := arg.(*ast.CallExpr); ok {
				if sel, ok := inner.Fun.(*ast.SelectorExpr); ok {
					out[sel] = true
				}
			}
		}
	}
	return out
}

// clockReadings finds the time of day in a package that gets it as a value.
func (t *Tree) clockReadings(row Row, f *file) []Finding {
	var out []Finding
	for n := range ast.Preorder(f.syntax) {
		sel, ok := n.(*ast.SelectorExpr)
		if ok && f.selects(sel) == "time" && slices.Contains(clockReads(), sel.Sel.Name) {
			out = append(out, t.finding(f, sel,
				"%s may not use time.%s: take the time as a value, or give the package the trait Clock in the table", row.Package, sel.Sel.Name))
		}
	}
	return out
}

// bareGoroutines finds go statements.
func (t *Tree) bareGoroutines(row Row, f *file) []Finding {
	var out []Finding
	for n := range ast.Preorder(f.syntax) {
		if g, ok := n.(*ast.GoStmt); ok {
			out = append(out, t.finding(f, g, "%s may not have a bare go statement: use wg.Go or an errgroup, and wait for it", row.Package))
		}
	}
	return out
}
