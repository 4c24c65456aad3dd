package archtest

import (
	"go/ast"
	"maps"
	"slices"
	"strings"
)

// checkSkips finds tests that can pass in CI without having run.
func (t *Tree) checkSkips() []Finding {
	var out []Finding
	for _, f := range t.files {
		if !f.test() {
			continue
		}
		for _, decl := range f.syntax.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body != nil {
				out = append(out, t.skips(f, fn)...)
			}
		}
	}
	return out
}

// skips finds a skip of a test that nothing prevents when CI is set: the function
// must have asked for the variable CI before it.
func (t *Tree) skips(f *file, fn *ast.FuncDecl) []Finding {
	w := skipWalk{tree: t, file: f, found: new([]Finding), guarded: new(bool)}
	ast.Walk(w.enter(fn.Type), fn.Body)
	return *w.found
}

// skipWalk visits a function in the order of its text. It knows which parameters
// in scope are testers, because rapid.T has a Skip too, which drops one draw.
type skipWalk struct {
	tree    *Tree
	file    *file
	testers map[string]bool // parameters in scope: is the type from package testing
	found   *[]Finding      // shared by the walks of inner functions
	guarded *bool           // shared: CI was asked for above
}

// enter returns the walk with the parameters of a function in scope.
func (w skipWalk) enter(ft *ast.FuncType) skipWalk {
	w.testers = maps.Clone(w.testers)
	if w.testers == nil {
		w.testers = map[string]bool{}
	}
	for _, field := range ft.Params.List {
		for _, name := range field.Names {
			w.testers[name.Name] = w.fromTesting(field.Type)
		}
	}
	return w
}

// fromTesting reports whether typ is testing.TB or a pointer to testing.T and its kin.
func (w skipWalk) fromTesting(typ ast.Expr) bool {
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	sel, ok := typ.(*ast.SelectorExpr)
	return ok && w.file.selects(sel) == "testing"
}

// Visit implements [ast.Visitor].
func (w skipWalk) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.FuncLit:
		return w.enter(n.Type)
	case *ast.CallExpr:
		sel, ok := n.Fun.(*ast.SelectorExpr)
		switch {
		case !ok:
		case w.file.selects(sel) == "os" && asksForCI(sel, n):
			*w.guarded = true
		case slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name) && w.tester(sel.X) && !*w.guarded:
			*w.found = append(*w.found, w.tree.finding(w.file, n,
				"%s can hide a test in CI: fail first when os.Getenv(\"CI\") is set", sel.Sel.Name))
		}
	}
	return w
}

// tester reports whether e is a testing.TB: a parameter of such a type, or else a
// variable or field with a customary name for one.
func (w skipWalk) tester(e ast.Expr) bool {
	name := ""
	switch e := e.(type) {
	case *ast.Ident:
		if is, known := w.testers[e.Name]; known {
			return is
		}
		name = e.Name
	case *ast.SelectorExpr:
		name = e.Sel.Name
	}
	return slices.Contains([]string{"t", "b", "f", "tb"}, strings.ToLower(name))
}

func asksForCI(sel *ast.SelectorExpr, call *ast.CallExpr) bool {
	if sel.Sel.Name != "Getenv" && sel.Sel.Name != "LookupEnv" || len(call.Args) != 1 {
		return false
	}
	lit, ok := call.Args[0].(*ast.BasicLit)
	return ok && lit.Value == `"CI"`
}
