package main_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	mutants "hopguard/internal/mutants"
)

// The smallest module with a guard. Its tests do not look at the age of 18 itself.
const (
	guard = `package guard

func Allowed(age int) bool {
	if age < 18 {
		return false
	}
	return true
}
`
	guardTest = `package guard_test

import (
	"testing"

	"tiny/guard"
)

func TestAllowed(t *testing.T) {
	for age, want := range map[int]bool{17: false, 19: true} {
		if got := guard.Allowed(age); got != want {
			t.Errorf("Allowed(%d) = %v, want %v", age, got, want)
		}
	}
}
`
	// What the generated mutants of Allowed are called.
	boundary = "guard/guard.go:Allowed:compare:1"
	always   = "guard/guard.go:Allowed:if-true:1"
)

// tiny writes the module with two lists into a folder and returns it.
func tiny(t *testing.T, test, deliberate, equivalent string) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "guard"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"go.mod": "module tiny\n\ngo 1.26.0\n", "guard/guard.go": guard, "guard/guard_test.go": test,
		"deliberate.txt": deliberate, "equivalent.txt": equivalent,
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// seconds is what differs from run to run.
var seconds = regexp.MustCompile(`in [0-9.]+ s`)

// run returns what the command printed, standard error last, and its exit code.
func run(ctx context.Context, root string, args ...string) (string, int) {
	var out, failed strings.Builder
	code := mutants.Main(ctx, append(args, "-lists", ".", "guard"), root, &out, &failed)
	return seconds.ReplaceAllString(out.String()+failed.String(), "in no time"), code
}

func TestCommand(t *testing.T) {
	const (
		passes   = "guard: the tests pass without a mutant, in no time\n"
		survivor = "guard/guard.go:4: " + boundary + ": age < 18 -> age <= 18"
		slow     = "mutant slow\nfile guard/guard.go\ntests guard\n-\tif age < 18 {\n+\tfor age != 0 {\n+\t}\n+\tif age < 18 {\n"
		greedy   = "mutant greedy\nfile guard/guard.go\ntests guard\n-\tif age < 18 {\n+\tif age < 18 || len(make([]byte, 12<<30)) == 0 {\n"
		typo     = "mutant typo\nfile guard/guard.go\ntests guard\n-\tif age < 18 {\n+\tif aeg < 18 {\n"
		known    = "mutant " + boundary + "\nchange age < 18 -> age <= 18\nbecause nobody is exactly eighteen\n"
	)
	tests := []struct {
		name                   string
		deliberate, equivalent string
		args                   []string
		want                   string
		code                   int
	}{
		{
			"a-survivor-is-shown-with-its-place", "", "", nil,
			passes + survivor + ": survived\nguard/guard.go: 2 of 3 found\n\nguard: 2 of 3 found\nmutants: 2 of 3 found\nmutants: not as it should be: " + boundary + "\n", 1,
		},
		{
			"a-survivor-that-is-listed-is-fine", "", known, []string{"-run", "compare|if-true", "-jobs", "1"},
			passes + "guard/guard.go: 1 of 1 found, 1 equivalent\n\nguard: 1 of 1 found, 1 equivalent\nmutants: 1 of 1 found, 1 equivalent\n", 0,
		},
		{
			"a-listed-one-that-is-found-is-not", "", "mutant " + always + "\nchange age < 18 -> true\nbecause wrong\n", []string{"-run", "if-true"},
			passes + "guard/guard.go:4: " + always + ": age < 18 -> true: it is listed as equivalent, but: found\nguard/guard.go: 1 of 1 found\n\n" +
				"guard: 1 of 1 found\nmutants: 1 of 1 found\nmutants: not as it should be: " + always + "\n", 1,
		},
		{
			"a-listed-one-that-does-not-exist", "", strings.ReplaceAll(known, "compare:1", "compare:2"), []string{"-run", "if-true"},
			"mutants: equivalent.txt: guard/guard.go:Allowed:compare:2 does not exist\n", 1,
		},
		{
			"a-listed-one-that-means-another-change", "", strings.ReplaceAll(known, "18", "21"), []string{"-run", "if-true"},
			"mutants: equivalent.txt: " + boundary + " is another change now: age < 18 -> age <= 18\n", 1,
		},
		{
			"a-hang-is-found-and-said", slow, "", []string{"-run", "^slow$", "-limit", "1s"},
			passes + "guard/guard.go:4: slow: if age < 18 { -> for age != 0 { } if age < 18 {: hung\n" +
				"guard/guard.go: 1 of 1 found, 1 of them because the tests hung\n\nguard: 1 of 1 found, 1 of them because the tests hung\n" +
				"mutants: 1 of 1 found, 1 of them because the tests hung\n", 0,
		},
		{
			"one-that-takes-all-memory-ends", greedy, "", []string{"-run", "^greedy$"},
			passes + "guard/guard.go: 1 of 1 found\n\nguard: 1 of 1 found\nmutants: 1 of 1 found\n", 0,
		},
		{
			"a-deliberate-one-must-compile", typo, "", []string{"-run", "^typo$"},
			passes + "guard/guard.go:4: typo: if age < 18 { -> if aeg < 18 {: does not compile\nguard/guard.go: 0 of 0 found, 1 do not compile\n\n" +
				"guard: 0 of 0 found, 1 do not compile\nmutants: 0 of 0 found, 1 do not compile\nmutants: not as it should be: typo\n", 1,
		},
		{
			"a-list-tries-nothing", slow, "", []string{"-list", "-run", "slow|compare"},
			survivor + "\nguard/guard.go:4: slow: if age < 18 { -> for age != 0 { } if age < 18 {\n", 0,
		},
		{"a-name-that-nobody-has", "", "", []string{"-run", "x"}, "mutants: no mutant has such a name\n", 1},
		{"a-list-that-is-wrong", "mutant\n", "", nil, "mutants: deliberate.txt: line 1: \"mutant\", want \"mutant\" and a value\n", 1},
		{"no-workers", "", "", []string{"-jobs", "0"}, "mutants: -jobs must be at least 1\n", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, code := run(t.Context(), tiny(t, guardTest, tt.deliberate, tt.equivalent), tt.args...)
			if diff := cmp.Diff(tt.want, got); diff != "" || code != tt.code {
				t.Errorf("exit code = %d, want %d, and the output differs (-want +got):\n%s", code, tt.code, diff)
			}
		})
	}
}

// Tests that fail by themselves would find every mutant.
func TestFailingTestsFindNothing(t *testing.T) {
	got, code := run(t.Context(), tiny(t, strings.Replace(guardTest, "17: false", "17: true", 1), "", ""))
	if want := "mutants: the tests of guard fail without any mutant: exit status 1\n"; !strings.HasPrefix(got, want) || code != 1 {
		t.Errorf("exit code = %d, output = %q, want 1 and %q", code, got, want)
	}
}

// A random test is given a seed and told to leave no file behind, if it takes such
// flags; one that does not would refuse them.
func TestRandomTestsAreRepeatable(t *testing.T) {
	const random = `
var seed = flag.Uint64("rapid.seed", 0, "")
var quiet = flag.Bool("rapid.nofailfile", false, "")
var shrink = flag.Duration("rapid.shrinktime", 1, "")

func TestFlags(t *testing.T) {
	if *seed != 1 || !*quiet || *shrink != 0 {
		t.Error("not repeatable")
	}
}
`
	test := strings.Replace(guardTest, "import (\n", "import (\n\t\"flag\"\n", 1) + random
	if got, code := run(t.Context(), tiny(t, test, "", ""), "-run", "if-true"); code != 0 {
		t.Errorf("exit code = %d, output:\n%s", code, got)
	}
}

// What the compiler refuses was no mutant; trouble of another kind is an error.
func TestWhatDoesNotBuild(t *testing.T) {
	root := tiny(t, guardTest, "", "")
	const name = "package guard\n\nfunc name(age int) string {\n\tswitch {\n\tdefault:\n\t\treturn \"old\"\n\t}\n}\n\nvar _ = name\n"
	if err := os.WriteFile(filepath.Join(root, "guard/name.go"), []byte(name), 0o600); err != nil {
		t.Fatal(err)
	}
	got, code := run(t.Context(), root, "-run", "name.go")
	if want := "mutants: 0 of 0 found, 1 do not compile\n"; !strings.HasSuffix(got, want) || code != 0 {
		t.Errorf("exit code = %d, output = %q, want 0 and %q in the end", code, got, want)
	}
	m := mutants.Mutant{File: "guard/guard.go", Start: 0, End: 0}
	lab := mutants.Lab{Root: root, Temp: t.TempDir()}
	if fate, err := lab.Try(t.Context(), m, []byte(guard), []mutants.Subject{{Folder: "nowhere"}}); err == nil {
		t.Errorf("Try() with a folder that does not exist = %v, nil, want an error", fate)
	}
}

// A run leaves the tree as it was.
func TestTheTreeIsNotTouched(t *testing.T) {
	root := tiny(t, guardTest, "", "")
	before := tree(t, root)
	run(t.Context(), root)
	if diff := cmp.Diff(before, tree(t, root)); diff != "" {
		t.Errorf("the tree differs (-before +after):\n%s", diff)
	}
}

func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		out[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// An interrupted run does not say that all is well.
func TestInterruptedRunFails(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, code := run(ctx, tiny(t, guardTest, "", "")); code != 1 || !strings.Contains(got, "context canceled") {
		t.Errorf("exit code = %d, output = %q, want 1 and the reason", code, got)
	}
}
