package archtest

import (
	"errors"
	"fmt"
	"go/ast"
	"io/fs"
	"regexp"
	"strings"
)

// The longest file, in lines. Tests may be longer, because their tables are.
const (
	maxLines     = 400
	maxTestLines = 600
)

// checkComments wants exactly one package comment in each package, in the form
// that godoc shows. A folder that holds only tests needs none.
func (t *Tree) checkComments() []Finding {
	var out []Finding
	for _, dir := range byDir(t.files) {
		var code, docs []*file
		for _, f := range dir {
			if f.test() {
				continue
			}
			code = append(code, f)
			if f.syntax.Doc.Text() != "" {
				docs = append(docs, f)
			}
		}
		switch {
		case len(code) == 0:
		case len(docs) == 0:
			out = append(out, Finding{Path: dir[0].dir, Message: "no file has a package comment"})
		case len(docs) > 1:
			out = append(out, Finding{Path: docs[1].path, Message: "a second package comment; the first is in " + docs[0].path})
		default:
			out = append(out, commentForm(docs[0])...)
		}
	}
	return out
}

func commentForm(f *file) []Finding {
	want := "Package " + f.syntax.Name.Name + " "
	if f.syntax.Name.Name == "main" {
		want = "Command "
	}
	if strings.HasPrefix(f.syntax.Doc.Text(), want) {
		return nil
	}
	return []Finding{{Path: f.path, Message: fmt.Sprintf("the package comment must begin with %q", want)}}
}

// checkLength lists files that have grown past one concept.
func (t *Tree) checkLength() []Finding {
	var out []Finding
	for _, f := range t.files {
		limit := maxLines
		if f.test() {
			limit = maxTestLines
		}
		if f.lines > limit && !f.generated() {
			out = append(out, Finding{Path: f.path, Message: fmt.Sprintf(
				"%d lines, and the limit is %d: split it by concept", f.lines, limit)})
		}
	}
	return out
}

// checkHouse finds what no code of this repository may do.
func (t *Tree) checkHouse() []Finding {
	var out []Finding
	for _, f := range t.files {
		for n := range ast.Preorder(f.syntax) {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil && n.Name.Name == "init" {
					out = append(out, t.finding(f, n, "init() runs without being asked: make it a function that somebody calls"))
				}
			case *ast.SelectorExpr:
				if f.selects(n) == "log" && (strings.HasPrefix(n.Sel.Name, "Fatal") || strings.HasPrefix(n.Sel.Name, "Panic")) {
					out = append(out, t.finding(f, n, "log.%s ends the process behind everybody's back: return the error", n.Sel.Name))
				}
			}
		}
	}
	return out
}

// A line of go.mod that is, or opens, a replacement.
var replaceLine = regexp.MustCompile(`^\s*replace(\s|\()|=>`)

// checkModule refuses replacements: a fresh clone must build what is named.
func (t *Tree) checkModule() []Finding {
	var out []Finding
	for _, name := range []string{"go.mod", "go.tool.mod"} {
		src, err := fs.ReadFile(t.fsys, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // the tools' file is optional
		}
		if err != nil {
			out = append(out, Finding{Path: name, Message: err.Error()})
			continue
		}
		for i, line := range strings.Split(string(src), "\n") {
			code, _, _ := strings.Cut(line, "//")
			if replaceLine.MatchString(code) {
				out = append(out, Finding{Path: name, Line: i + 1, Message: "replace: a fresh clone must build the modules that are named"})
			}
		}
	}
	return out
}

// modulePath returns the path in a go.mod, or "".
func modulePath(mod []byte) string {
	for line := range strings.Lines(string(mod)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "module" {
			return strings.Trim(f[1], `"`)
		}
	}
	return ""
}
