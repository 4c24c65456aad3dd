package archtest

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Tree is a parsed source tree. It is read-only once Read has returned.
type Tree struct {
	Module string // the module path in go.mod
	fsys   fs.FS
	fset   *token.FileSet
	files  []*file
}

// file is one parsed Go file.
type file struct {
	path    string // slash-separated, relative to the root
	dir     string // "." for the root
	syntax  *ast.File
	lines   int
	imports map[string]string // local name to import path; "." and "_" imports are absent
}

// Read parses every Go file below the root of fsys. Like the go command it passes
// over testdata, vendor, names that begin with a dot or an underscore, and modules of
// their own. A file that does not parse is an error, as is a root without a go.mod.
func Read(fsys fs.FS) (*Tree, error) {
	mod, err := fs.ReadFile(fsys, "go.mod")
	if err != nil {
		return nil, fmt.Errorf("read the module: %w", err)
	}
	t := &Tree{Module: modulePath(mod), fsys: fsys, fset: token.NewFileSet()}
	if t.Module == "" {
		return nil, errors.New("read the module: go.mod has no module line")
	}
	err = fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && p != "." && (ignored(d.Name()) || module(fsys, p)):
			return fs.SkipDir
		case d.IsDir() || path.Ext(p) != ".go" || ignored(d.Name()):
			return nil
		}
		f, err := t.parse(p)
		if err != nil {
			return fmt.Errorf("parse %s: %w", p, err)
		}
		t.files = append(t.files, f)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Files returns the paths of the Go files that were read, in lexical order.
func (t *Tree) Files() []string {
	var ps []string
	for _, f := range t.files {
		ps = append(ps, f.path)
	}
	return ps
}

// Check returns every finding in the tree, ordered by place; none means that all
// rules are kept.
func (t *Tree) Check(table Table) []Finding {
	var all []Finding
	for _, rule := range []func() []Finding{
		func() []Finding { return t.checkImports(table) },
		func() []Finding { return t.checkTraits(table) },
		t.checkComments,
		t.checkLength,
		t.checkHouse,
		t.checkSleeps,
		t.checkSkips,
		t.checkModule,
		t.checkPromises,
	} {
		all = append(all, rule()...)
	}
	return sortFindings(all)
}

// module reports whether a folder is the root of another module.
func module(fsys fs.FS, dir string) bool {
	_, err := fs.Stat(fsys, path.Join(dir, "go.mod"))
	return err == nil
}

func ignored(name string) bool {
	return name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}

func (t *Tree) parse(p string) (*file, error) {
	src, err := fs.ReadFile(t.fsys, p)
	if err != nil {
		return nil, err
	}
	syntax, err := parser.ParseFile(t.fset, p, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	f := &file{
		path: p, dir: path.Dir(p), syntax: syntax,
		lines:   bytes.Count(src, []byte("\n")),
		imports: map[string]string{},
	}
	for _, spec := range syntax.Imports {
		target := importPath(spec)
		name := localName(target)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if name != "." && name != "_" {
			f.imports[name] = target
		}
	}
	return f, nil
}

// test reports whether the file belongs to a test.
func (f *file) test() bool { return strings.HasSuffix(f.path, "_test.go") }

// generated reports whether a tool wrote the file.
func (f *file) generated() bool { return ast.IsGenerated(f.syntax) }

// selects returns the import path that n is qualified by, or "" when n is not a
// qualified name. A local variable that hides an import is taken for the import:
// it costs the author another name, and no rule is lost.
func (f *file) selects(n *ast.SelectorExpr) string {
	if id, ok := n.X.(*ast.Ident); ok {
		return f.imports[id.Name]
	}
	return ""
}

func (t *Tree) line(n ast.Node) int { return t.fset.Position(n.Pos()).Line }

func (t *Tree) finding(f *file, n ast.Node, format string, args ...any) Finding {
	return Finding{Path: f.path, Line: t.line(n), Message: fmt.Sprintf(format, args...)}
}

// name returns the package's name in the table: the folder below internal/, or
// the path from the root.
func (f *file) name() string { return strings.TrimPrefix(f.dir, "internal/") }

func importPath(spec *ast.ImportSpec) string {
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		panic("the parser accepted the import path " + spec.Path.Value) // it checks the literal itself
	}
	return p
}

// localName guesses the name of a package from its import path: the last element
// that is not a major version.
func localName(p string) string {
	elems := strings.Split(p, "/")
	last := elems[len(elems)-1]
	if rest, ok := strings.CutPrefix(last, "v"); ok && len(elems) > 1 {
		if _, err := strconv.Atoi(rest); err == nil {
			last = elems[len(elems)-2]
		}
	}
	return last
}

// byDir groups files by folder, in lexical order of the folders.
func byDir(files []*file) [][]*file {
	groups := map[string][]*file{}
	var dirs []string
	for _, f := range files {
		if groups[f.dir] == nil {
			dirs = append(dirs, f.dir)
		}
		groups[f.dir] = append(groups[f.dir], f)
	}
	slices.Sort(dirs)
	var out [][]*file
	for _, d := range dirs {
		out = append(out, groups[d])
	}
	return out
}
