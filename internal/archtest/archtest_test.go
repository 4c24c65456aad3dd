package archtest_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"hopguard/internal/archtest"
)

// TestRepository holds this repository to its rules.
func TestRepository(t *testing.T) {
	tree, err := archtest.Read(os.DirFS(root(t)))
	if err != nil {
		t.Fatal(err)
	}
	for _, must := range []string{"cmd/hopguard/main.go", "internal/archtest/tree.go", "internal/archtest/archtest_test.go"} {
		if !slices.Contains(tree.Files(), must) {
			t.Errorf("Read() did not find %s: the rules were not applied to this repository", must)
		}
	}
	for _, f := range tree.Check(archtest.House()) {
		t.Error(f)
	}
}

// root returns the folder of go.mod, at or above the working directory.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod at or above the working directory")
		}
		dir = parent
	}
}

// TestRules runs the checker over small trees, each in an archive whose comment
// says what is right or wrong with it and whose file "want" lists the findings.
func TestRules(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("Glob() = %v, %v, want the archives of testdata", archives, err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			tree, want := load(t, name)
			read, err := archtest.Read(tree)
			if err != nil {
				t.Fatalf("Read() = %v, want a tree", err)
			}
			var got strings.Builder
			for _, f := range read.Check(archtest.House()) {
				got.WriteString(f.String() + "\n")
			}
			if diff := cmp.Diff(want, got.String()); diff != "" {
				t.Errorf("Check() differs (-want +got):\n%s", diff)
			}
		})
	}
}

// load reads an archive as a tree and its expected findings. A tree without a
// go.mod gets an ordinary one. A line "repeat N" stands for N lines of comment.
func load(t *testing.T, name string) (fs.FS, string) {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	tree := fstest.MapFS{"go.mod": {Data: []byte("module hopguard\n\ngo 1.26.0\n")}}
	want, found := "", false
	for _, f := range archive.Files {
		if f.Name == "want" {
			want, found = string(f.Data), true
			continue
		}
		tree[f.Name] = &fstest.MapFile{Data: grow(f.Data)}
	}
	if !found {
		t.Fatalf("%s has no file \"want\"", name)
	}
	return tree, want
}

// grow makes a source file as long as the limit tests need it.
func grow(data []byte) []byte {
	s := string(data)
	s = strings.ReplaceAll(s, "// repeat 400\n", strings.Repeat("//\n", 400))
	return []byte(strings.ReplaceAll(s, "// repeat 600\n", strings.Repeat("//\n", 600)))
}

func TestReadRefusesWhatIsNoModule(t *testing.T) {
	tests := []struct {
		name string
		tree fstest.MapFS
		want string
	}{
		{"no-go-mod", fstest.MapFS{}, "read the module: open go.mod: file does not exist"},
		{"go-mod-without-a-module", fstest.MapFS{"go.mod": {Data: []byte("go 1.26.0\n")}}, "read the module: go.mod has no module line"},
		{
			"file-that-does-not-parse",
			fstest.MapFS{"go.mod": {Data: []byte("module m\n")}, "a/a.go": {Data: []byte("pack age a\n")}},
			"parse a/a.go: a/a.go:1:1: expected 'package', found pack",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tree, err := archtest.Read(tt.tree)
			if err == nil {
				t.Fatalf("Read() = %v, nil, want error %q", tree, tt.want)
			}
			if got := err.Error(); got != tt.want {
				t.Errorf("Read() error = %q, want %q", got, tt.want)
			}
		})
	}
}

// TestHouseTableIsSound checks the table itself: each cell names a package with a
// row of its own, no row repeats, and nothing is imported in a circle.
func TestHouseTableIsSound(t *testing.T) {
	may := map[string][]string{}
	for _, row := range archtest.House() {
		if _, twice := may[row.Package]; twice {
			t.Errorf("House() has two rows for %s", row.Package)
		}
		may[row.Package] = strings.Fields(row.May)
	}
	for _, row := range archtest.House() {
		for p := range strings.FieldsSeq(row.May + " " + row.Tests) {
			if _, known := may[p]; !known {
				t.Errorf("House() allows %s to import %s, which has no row", row.Package, p)
			}
		}
		if reaches(may, row.Package, row.Package, map[string]bool{}) {
			t.Errorf("House() allows %s to import itself in a circle", row.Package)
		}
	}
}

func reaches(may map[string][]string, from, to string, seen map[string]bool) bool {
	for _, p := range may[from] {
		if p == to {
			return true
		}
		if !seen[p] {
			seen[p] = true
			if reaches(may, p, to, seen) {
				return true
			}
		}
	}
	return false
}
