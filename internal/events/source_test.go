package events_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
)

// code parses the files of the package and types what is declared in it. What other
// packages declare stays untyped, which is enough to see where secrets go.
func code(t *testing.T) (*token.FileSet, []*ast.File, *types.Info) {
	t.Helper()
	names, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	conf := types.Config{Importer: nobody{}, Error: func(error) {}}
	_, _ = conf.Check("events", fset, files, info)
	return fset, files, info
}

// nobody imports nothing.
type nobody struct{}

func (nobody) Import(string) (*types.Package, error) { return nil, errors.New("not imported") }

// TestSecretsAreComparedInConstantTime follows the type Secret through the source: no
// operator and no switch compares one, its bytes are taken in two methods only, and
// the one that decides compares by crypto/subtle alone.
func TestSecretsAreComparedInConstantTime(t *testing.T) {
	fset, files, info := code(t)
	secret := func(e ast.Expr) bool {
		named, ok := info.Types[e].Type.(*types.Named)
		return ok && named.Obj().Name() == "Secret"
	}
	subtle, taken := 0, 0
	for _, f := range files {
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			for n := range ast.Preorder(fn) {
				switch n := n.(type) {
				case *ast.BinaryExpr:
					if secret(n.X) || secret(n.Y) {
						t.Errorf("%s: a secret is compared by %s", fset.Position(n.Pos()), n.Op)
					}
					if _, number := n.Y.(*ast.BasicLit); fn.Name.Name == "matches" && n.Op == token.EQL && !number {
						t.Errorf("%s: compared by ==", fset.Position(n.Pos()))
					}
				case *ast.SwitchStmt:
					if n.Tag != nil && secret(n.Tag) {
						t.Errorf("%s: a switch compares a secret", fset.Position(n.Pos()))
					}
				case *ast.CallExpr:
					if len(n.Args) == 1 && secret(n.Args[0]) && info.Types[n.Fun].IsType() {
						taken++
						if !slices.Contains([]string{"matches", "empty"}, fn.Name.Name) {
							t.Errorf("%s: %s takes a secret's text", fset.Position(n.Pos()), fn.Name.Name)
						}
					}
				case *ast.SelectorExpr:
					x, _ := n.X.(*ast.Ident)
					if x != nil && x.Name == "subtle" && n.Sel.Name == "ConstantTimeCompare" && fn.Name.Name == "matches" {
						subtle++
					}
					if x != nil && fn.Name.Name == "matches" && (x.Name == "bytes" || x.Name == "strings" || x.Name == "slices") {
						t.Errorf("%s: %s.%s takes a time that depends on the secret", fset.Position(n.Pos()), x.Name, n.Sel.Name)
					}
				case *ast.BranchStmt:
					if fn.Name.Name == "matches" {
						t.Errorf("%s: the comparison ends early", fset.Position(n.Pos()))
					}
				case *ast.IfStmt:
					if fn.Name.Name == "matches" {
						t.Errorf("%s: the comparison branches", fset.Position(n.Pos()))
					}
				}
			}
		}
	}
	if subtle != 1 || taken != 2 {
		t.Errorf("subtle.ConstantTimeCompare is in matches %d times, and a secret's text is taken %d times, want 1 and 2", subtle, taken)
	}
}

// TestNobodyIsCalled finds no way to the network: the addresses in events, such as
// the one that confirms a subscription, cannot be visited.
func TestNobodyIsCalled(t *testing.T) {
	fset, files, _ := code(t)
	allowed := []string{ // of net/http
		"Handler", "Header", "Request", "ResponseWriter", "StatusText", "MaxBytesReader", "MaxBytesError", "MethodPost", "MethodOptions",
	}
	for _, f := range files {
		for _, spec := range f.Imports {
			switch path := strings.Trim(spec.Path.Value, `"`); path {
			case "net", "net/url", "os", "os/exec", "syscall", "net/rpc", "crypto/tls":
				t.Errorf("%s: imports %s", fset.Position(spec.Pos()), path)
			}
		}
		for n := range ast.Preorder(f) {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				continue
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "http" && !slices.Contains(allowed, sel.Sel.Name) && !strings.HasPrefix(sel.Sel.Name, "Status") {
				t.Errorf("%s: http.%s is not for taking requests", fset.Position(sel.Pos()), sel.Sel.Name)
			}
		}
	}
}
