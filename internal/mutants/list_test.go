package main_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	mutants "hopguard/internal/mutants"
)

func TestParseEquivalent(t *testing.T) {
	got, err := mutants.ParseEquivalent(`# a comment

mutant a.go:f:if-true:1
change x > 0 -> true
because x is a length

# another
mutant b
change - -> +
because so
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []mutants.Equivalent{
		{Name: "a.go:f:if-true:1", Change: "x > 0 -> true", Because: "x is a length"},
		{Name: "b", Change: "- -> +", Because: "so"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ParseEquivalent() differs (-want +got):\n%s", diff)
	}
	if none, err := mutants.ParseEquivalent("# nothing yet\n"); err != nil || none != nil {
		t.Errorf("ParseEquivalent() of an empty list = %v, %v, want nothing", none, err)
	}
}

func TestParseDeliberate(t *testing.T) {
	got, err := mutants.ParseDeliberate("mutant pkg/guard-gone\nfile pkg/a.go\ntests pkg other\n-\tif x {\n-\t\treturn\n-\t}\n\nmutant pkg/other\nfile pkg/b.go\ntests pkg\n-a\n+\tb\n+c\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []mutants.Deliberate{
		{Name: "pkg/guard-gone", File: "pkg/a.go", Tests: []string{"pkg", "other"}, Old: "\tif x {\n\t\treturn\n\t}\n"},
		{Name: "pkg/other", File: "pkg/b.go", Tests: []string{"pkg"}, Old: "a\n", New: "\tb\nc\n"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ParseDeliberate() differs (-want +got):\n%s", diff)
	}
}

// A list that is not exactly so is no list: the line says what is wrong.
func TestListsAreStrict(t *testing.T) {
	const ok = "mutant m\nfile f\ntests t\n-a\n+b\n"
	tests := []struct{ name, list, want string }{
		{"no-name", "mutant\nfile f\ntests t\n-a\n", `line 1: "mutant", want "mutant" and a value`},
		{"empty-name", "mutant  \nfile f\ntests t\n-a\n", `line 1: "mutant  ", want "mutant" and a value`},
		{"fields-in-another-order", "mutant m\ntests t\nfile f\n-a\n", `line 2: "tests t", want "file" and a value`},
		{"misspelt-field", "mutant m\nfile f\ntest t\n-a\n", `line 3: "test t", want "tests" and a value`},
		{"field-missing-at-the-end", "\n# x\nmutant m\nfile f\n", `line 5: the entry ends, want "tests"`},
		{"no-old-lines", "mutant m\nfile f\ntests t\n", "line 4: the entry ends, want old lines"},
		{"only-new-lines", "mutant m\nfile f\ntests t\n+b\n", "line 5: the entry ends, want old lines"},
		{"old-after-new", "mutant m\nfile f\ntests t\n-a\n+b\n-c\n", `line 6: "-c": old lines come before new ones`},
		{"line-without-a-sign", "mutant m\nfile f\ntests t\n-a\nb\n", `line 5: "b" is one line too many`},
		{"same-name-twice", ok + "\n" + ok, "line 7: mutant m is listed already"},
		{"second-entry-wrong", ok + "\nmutant n\n", `line 8: the entry ends, want "file"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := mutants.ParseDeliberate(tt.list)
			if err == nil || err.Error() != tt.want {
				t.Errorf("ParseDeliberate() error = %v, want %s", err, tt.want)
			}
		})
	}
	_, err := mutants.ParseEquivalent("mutant m\nchange c\nbecause b\n-a\n")
	if want := `line 4: "-a" is one line too many`; err == nil || err.Error() != want {
		t.Errorf("ParseEquivalent() error = %v, want %s", err, want)
	}
}

// The old lines are whole lines, and there is one place where they are.
func TestDeliberateMutantFindsItsPlace(t *testing.T) {
	const src = "package a\n\nfunc f() {\n\tx := 1\n\tif x > 0 {\n\t\tx = 1\n\t}\n}\n"
	tests := []struct{ name, old, new, want string }{
		{"one-line", "\tx := 1\n", "\tx := 2\n", strings.Replace(src, "x := 1", "x := 2", 1)},
		{"several-lines-dropped", "\tif x > 0 {\n\t\tx = 1\n\t}\n", "", "package a\n\nfunc f() {\n\tx := 1\n}\n"},
		{"more-lines-than-before", "}\n", "\n\tf()\n}\n", "package a\n\nfunc f() {\n\tx := 1\n\tif x > 0 {\n\t\tx = 1\n\t}\n\n\tf()\n}\n"},
		{"part-of-a-line", "x := 1\n", "", "mutant m: the old lines occur 0 times in a.go, want exactly once"},
		{"not-there", "\ty := 1\n", "", "mutant m: the old lines occur 0 times in a.go, want exactly once"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := mutants.Deliberate{Name: "m", File: "a.go", Old: tt.old, New: tt.new}.Mutant([]byte(src))
			got := string(m.Apply([]byte(src)))
			if err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Mutant() differs (-want +got):\n%s", diff)
			}
		})
	}
	_, err := mutants.Deliberate{Name: "m", File: "a.go", Old: "\tx := 1\n"}.Mutant([]byte(src + src))
	if want := "mutant m: the old lines occur 2 times in a.go, want exactly once"; err == nil || err.Error() != want {
		t.Errorf("Mutant() error = %v, want %s", err, want)
	}
}
