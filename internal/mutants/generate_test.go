package main_test

import (
	"flag"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	mutants "hopguard/internal/mutants"
)

var update = flag.Bool("update", false, "write testdata/guards.want")

// The fixture has each kind of guard; the golden file has the line of each mutant as
// the compiler would see it.
func TestGenerate(t *testing.T) {
	src, err := os.ReadFile("testdata/guards.go")
	if err != nil {
		t.Fatal(err)
	}
	all, err := mutants.Generate("dir/guards.go", src)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, m := range all {
		changed := string(m.Apply(src))
		fmt.Fprintf(&b, "%s\n\t%s\n", m, strings.TrimSpace(strings.Split(changed, "\n")[m.Line-1]))
	}
	const golden = "testdata/guards.want"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("Generate() differs from %s; -update writes it (-want +got):\n%s", golden, diff)
	}
}

// Whatever a mutant changes, it is still Go, it is a change, and its name is its own.
func TestGenerateMakesGo(t *testing.T) {
	files, err := filepath.Glob("../decide/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("Glob() = %v, %v, want the files of decide", files, err)
	}
	names := map[string]bool{}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all, err := mutants.Generate(file, src)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			changed := m.Apply(src)
			if _, err := parser.ParseFile(token.NewFileSet(), file, changed, 0); err != nil {
				t.Errorf("%s: %v", m, err)
			}
			if string(changed) == string(src) {
				t.Errorf("%s changes nothing", m)
			}
			if names[m.Name] {
				t.Errorf("%s: the name occurs twice", m)
			}
			names[m.Name] = true
		}
	}
}

func TestGenerateRefusesWhatIsNotGo(t *testing.T) {
	if all, err := mutants.Generate("a.go", []byte("pack age a\n")); err == nil {
		t.Errorf("Generate() = %v, nil, want an error", all)
	}
}
