package archtest

import (
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// promisesFile numbers what the program promises. A number is declared by a line
// that begins with it, after the marks of a heading, a list or a table.
const promisesFile = "docs/promises.md"

var declaration = regexp.MustCompile(`^[\s#|*_>-]*P([1-9][0-9]*)\b`)

// checkPromises compares the declared promises with those that tests cite: each
// promise needs a test, and a test cites only promises that exist. A tree without
// docs/ has promised nothing yet.
func (t *Tree) checkPromises() []Finding {
	if _, err := fs.Stat(t.fsys, "docs"); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	src, err := fs.ReadFile(t.fsys, promisesFile)
	if err != nil {
		return []Finding{{Path: promisesFile, Message: "the promises cannot be read: " + err.Error()}}
	}
	declared, out := declarations(string(src))
	if len(declared) == 0 {
		out = append(out, Finding{Path: promisesFile, Message: `no promise is declared: begin a line with "P1"`})
	}
	cited := map[int]bool{}
	for _, c := range t.citations() {
		cited[c.number] = true
		if declared[c.number] == 0 {
			out = append(out, t.finding(c.file, c.node, "cites P%d, which %s does not declare", c.number, promisesFile))
		}
	}
	for n, line := range declared {
		if !cited[n] {
			out = append(out, Finding{Path: promisesFile, Line: line, Message: fmt.Sprintf(
				"P%d has no test: name one TestP%d... or give a subtest the name \"P%d-...\"", n, n, n)})
		}
	}
	return out
}

// declarations returns the line of each declared number.
func declarations(src string) (map[int]int, []Finding) {
	declared := map[int]int{}
	var out []Finding
	for i, line := range strings.Split(src, "\n") {
		m := declaration.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		n, err := strconv.Atoi(m[1])
		switch {
		case err != nil:
			out = append(out, Finding{Path: promisesFile, Line: i + 1, Message: err.Error()})
		case declared[n] != 0:
			out = append(out, Finding{Path: promisesFile, Line: i + 1, Message: fmt.Sprintf(
				"P%d is declared a second time; the first is in line %d", n, declared[n])})
		default:
			declared[n] = i + 1
		}
	}
	return declared, out
}

// citation is one place where a test names a promise.
type citation struct {
	number int
	file   *file
	node   ast.Node
}

// citations returns what the names of test functions and of subtests cite. The
// name of a subtest is the literal in t.Run or in a field called name.
func (t *Tree) citations() []citation {
	var out []citation
	for _, f := range t.files {
		if !f.test() {
			continue
		}
		for n := range ast.Preorder(f.syntax) {
			for _, number := range slices.Sorted(maps.Keys(cites(n))) {
				out = append(out, citation{number, f, n})
			}
		}
	}
	return out
}

// cites returns the numbers that a node cites by itself.
func cites(n ast.Node) map[int]bool {
	switch n := n.(type) {
	case *ast.FuncDecl:
		for _, kind := range testKinds() {
			if rest, ok := strings.CutPrefix(n.Name.Name, kind); ok && n.Recv == nil {
				return numbers(rest)
			}
		}
	case *ast.CallExpr:
		if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Run" && len(n.Args) > 0 {
			return numbers(literal(n.Args[0]))
		}
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok && strings.EqualFold(key.Name, "name") {
			return numbers(literal(n.Value))
		}
	}
	return nil
}

// literal returns the value of a string literal, or "".
func literal(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		panic("the parser accepted the string " + lit.Value) // it checks the literal itself
	}
	return s
}

// numbers finds P1, P2, ... as words of a name: "P3-no-flap", "NoFlapP3",
// "P1AndP8", but not HTTP2, IP4 or P2p.
func numbers(name string) map[int]bool {
	out := map[int]bool{}
	runes := []rune(name)
	for i := range runes {
		if runes[i] != 'P' || i > 0 && unicode.IsUpper(runes[i-1]) {
			continue
		}
		end := i + 1
		for end < len(runes) && runes[end] >= '0' && runes[end] <= '9' {
			end++
		}
		if end < len(runes) && unicode.IsLower(runes[end]) {
			continue
		}
		if n, err := strconv.Atoi(string(runes[i+1 : end])); err == nil && n > 0 {
			out[n] = true
		}
	}
	return out
}
