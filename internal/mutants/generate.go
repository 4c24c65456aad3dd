package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
)

// Generate returns the mutants of a Go source file:
//
//   - if-true, if-false, case-true, case-false: the condition of an if, or of a case
//     of a switch without a tag, is always or never so; expr-true and expr-false are
//     the same for && and || in other places;
//   - operand: one operand of && is always so, or one of || never, as if it were not
//     there (the other way round the whole condition is, which is listed above);
//   - compare: < is <=, > is >=, == is !=, and back;
//   - bound: min or max of two is always the first, or the second;
//   - one: +1 or -1 is not there;
//   - delete: a statement that returns, assigns, counts, calls or leaves a loop is not
//     there. The only statement of an if without else is if-false already.
//
// file is the path in names; the mutants are to be found by the tests of its folder.
// The source must parse.
func Generate(file string, src []byte) ([]Mutant, error) {
	fset := token.NewFileSet()
	syntax, err := parser.ParseFile(fset, file, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("generate mutants: %w", err)
	}
	g := generator{file: file, src: src, fset: fset, forced: map[ast.Expr]bool{}}
	for _, decl := range syntax.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body != nil {
			g.function = functionName(fn)
			g.body(fn.Body)
			for n := range ast.Preorder(fn.Body) {
				g.visit(n)
			}
		}
	}
	slices.SortStableFunc(g.out, func(a, b Mutant) int { return a.Start - b.Start })
	counts := map[string]int{}
	for i, m := range g.out {
		counts[m.Name]++
		g.out[i].Name = fmt.Sprintf("%s:%d", m.Name, counts[m.Name])
	}
	return g.out, nil
}

type generator struct {
	file     string
	src      []byte
	fset     *token.FileSet
	function string
	forced   map[ast.Expr]bool // conditions that a mutant has forced already
	out      []Mutant
}

func (g *generator) visit(n ast.Node) {
	switch n := n.(type) {
	case *ast.IfStmt:
		g.force("if", n.Cond)
		if n.Else != nil || len(n.Body.List) > 1 {
			g.statements(n.Body.List)
		}
		if last, ok := n.Else.(*ast.BlockStmt); ok {
			g.statements(last.List)
		}
	case *ast.SwitchStmt:
		g.choice(n)
	case *ast.CaseClause:
		g.statements(n.Body)
	case *ast.CommClause:
		g.statements(n.Body)
	case *ast.ForStmt:
		g.statements(n.Body.List)
	case *ast.RangeStmt:
		g.statements(n.Body.List)
	case *ast.FuncLit:
		g.body(n.Body)
	case *ast.CallExpr:
		if fn, ok := n.Fun.(*ast.Ident); ok && (fn.Name == "min" || fn.Name == "max") && len(n.Args) == 2 {
			g.add("bound", n, n.Pos(), n.End(), g.text(n.Args[0]), g.text(n.Args[0]))
			g.add("bound", n, n.Pos(), n.End(), g.text(n.Args[1]), g.text(n.Args[1]))
		}
	case *ast.BinaryExpr:
		g.binary(n)
	}
}

// choice forces the cases of a switch without a tag.
func (g *generator) choice(n *ast.SwitchStmt) {
	for _, s := range n.Body.List {
		if clause, ok := s.(*ast.CaseClause); ok && n.Tag == nil {
			for _, e := range clause.List {
				g.force("case", e)
			}
		}
	}
}

// body deletes the statements of a function but the last return, without which
// nothing compiles.
func (g *generator) body(b *ast.BlockStmt) {
	list := b.List
	if n := len(list); n > 0 {
		if _, ok := list[n-1].(*ast.ReturnStmt); ok {
			list = list[:n-1]
		}
	}
	g.statements(list)
}

func (g *generator) statements(list []ast.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				continue
			}
		case *ast.ReturnStmt, *ast.IncDecStmt, *ast.ExprStmt, *ast.BranchStmt:
		default:
			continue
		}
		g.add("delete", s, s.Pos(), s.End(), "", "")
	}
}

func (g *generator) binary(e *ast.BinaryExpr) {
	opposite := map[token.Token]token.Token{
		token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
		token.EQL: token.NEQ, token.NEQ: token.EQL,
	}
	switch e.Op {
	case token.LAND, token.LOR:
		if !g.forced[e] {
			g.force("expr", e)
		}
		g.operand(e, e.X)
		g.operand(e, e.Y)
	case token.ADD, token.SUB:
		if one, ok := e.Y.(*ast.BasicLit); ok && one.Value == "1" {
			g.add("one", e, e.X.End(), e.Y.End(), "", g.text(e.X))
		}
	default:
		if other, ok := opposite[e.Op]; ok {
			end := e.OpPos + token.Pos(len(e.Op.String()))
			g.add("compare", e, e.OpPos, end, other.String(), g.text(e.X)+" "+other.String()+" "+g.text(e.Y))
		}
	}
}

// operand makes one operand of && or || as good as absent. One that is such an
// expression of the same kind is left to its own operands.
func (g *generator) operand(whole *ast.BinaryExpr, e ast.Expr) {
	inner := ast.Unparen(e)
	g.forced[inner] = true
	if b, ok := inner.(*ast.BinaryExpr); ok && b.Op == whole.Op {
		return
	}
	g.make("operand", e, whole.Op == token.LAND)
}

func (g *generator) force(kind string, e ast.Expr) {
	g.forced[ast.Unparen(e)] = true
	g.make(kind+"-true", e, true)
	g.make(kind+"-false", e, false)
}

// make gives a condition a value without evaluating it. It stays in the text, so
// that what it mentions is still used.
func (g *generator) make(kind string, e ast.Expr, value bool) {
	text := "(false && (" + g.text(e) + "))"
	if value {
		text = "(true || (" + g.text(e) + "))"
	}
	g.add(kind, e, e.Pos(), e.End(), text, fmt.Sprint(value))
}

// add notes a mutant that replaces the text between two places. shown is what a
// person reads instead of the text of n.
func (g *generator) add(kind string, n ast.Node, from, to token.Pos, text, shown string) {
	start := g.fset.Position(from)
	g.out = append(g.out, Mutant{
		Name: g.file + ":" + g.function + ":" + kind, File: g.file, Line: start.Line, Change: change(g.text(n), shown),
		Start: start.Offset, End: g.fset.Position(to).Offset, New: text, Tests: []string{path.Dir(g.file)},
	})
}

func (g *generator) text(n ast.Node) string {
	return string(g.src[g.fset.Position(n.Pos()).Offset:g.fset.Position(n.End()).Offset])
}

// functionName returns the name with the type of the receiver before it.
func functionName(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return fn.Name.Name
	}
	typ := fn.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if name, ok := typ.(*ast.Ident); ok {
		return name.Name + "." + fn.Name.Name
	}
	return fn.Name.Name
}
