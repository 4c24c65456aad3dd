package archtest

import (
	"go/ast"
	"slices"
	"strings"
)

// checkSleeps finds tests that wait for the wall clock. Where no test of a folder
// imports synctest, that is every time.Sleep. Elsewhere it is a sleep that a test
// surely reaches outside a bubble: in its own statements, in those of its subtests,
// or in a function of the folder that they call. A function that is handed on as a
// value may be run in a bubble and is left alone.
func (t *Tree) checkSleeps() []Finding {
	var out []Finding
	for _, dir := range byDir(t.files) {
		s := sleeps{tree: t, seen: map[*ast.FuncDecl]bool{}}
		for _, f := range dir {
			if f.test() {
				s.collect(f)
			}
		}
		for _, fn := range s.funcs {
			if isTestFunction(fn.decl) || !s.bubbles {
				s.visit(fn)
			}
		}
		out = append(out, s.found...)
	}
	return out
}

// sleeps follows the tests of one folder.
type sleeps struct {
	tree    *Tree
	funcs   []testFunc
	bubbles bool // some test of the folder knows synctest
	seen    map[*ast.FuncDecl]bool
	found   []Finding
}

type testFunc struct {
	file *file
	decl *ast.FuncDecl
}

func (s *sleeps) collect(f *file) {
	s.bubbles = s.bubbles || slices.ContainsFunc(f.syntax.Imports, func(spec *ast.ImportSpec) bool {
		return importPath(spec) == "testing/synctest"
	})
	for _, decl := range f.syntax.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body != nil {
			s.funcs = append(s.funcs, testFunc{f, fn})
		}
	}
}

// visit looks for sleeps in a function and in those that it calls.
func (s *sleeps) visit(fn testFunc) {
	if !s.seen[fn.decl] {
		s.seen[fn.decl] = true
		s.walk(fn.file, fn.decl.Body)
	}
}

func (s *sleeps) walk(f *file, body *ast.BlockStmt) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			if !s.bubbles {
				return true
			}
			return false // run by whom, and where?
		case *ast.CallExpr:
			s.call(f, n)
		case *ast.SelectorExpr:
			if f.selects(n) == "time" && n.Sel.Name == "Sleep" {
				s.found = append(s.found, s.tree.finding(f, n, "time.Sleep in a test: let testing/synctest move the time"))
			}
		}
		return true
	})
}

// call follows a call to where it surely leads: a subtest, a function literal, or a
// function or method of the folder with that name.
func (s *sleeps) call(f *file, call *ast.CallExpr) {
	switch fun := call.Fun.(type) {
	case *ast.FuncLit:
		s.walk(f, fun.Body)
	case *ast.Ident:
		s.visitNamed(fun.Name, false)
	case *ast.SelectorExpr:
		s.visitNamed(fun.Sel.Name, true)
		for _, arg := range call.Args {
			if lit, ok := arg.(*ast.FuncLit); ok && fun.Sel.Name == "Run" {
				s.walk(f, lit.Body)
			}
		}
	}
}

func (s *sleeps) visitNamed(name string, method bool) {
	for _, fn := range s.funcs {
		if fn.decl.Name.Name == name && (fn.decl.Recv != nil) == method {
			s.visit(fn)
		}
	}
}

func isTestFunction(fn *ast.FuncDecl) bool {
	return fn.Recv == nil && slices.ContainsFunc(testKinds(), func(kind string) bool {
		return strings.HasPrefix(fn.Name.Name, kind)
	})
}

// testKinds are how the names of functions begin that go test runs.
func testKinds() []string { return []string{"Test", "Fuzz", "Benchmark", "Example"} }
