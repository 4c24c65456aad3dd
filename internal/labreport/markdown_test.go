package labreport_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hopguard/internal/labreport"
	"hopguard/internal/outage"
)

func TestMarkdown(t *testing.T) {
	dir := filepath.Join(t.ArtifactDir(), "img")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lab-of-before.svg", "other.svg"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var b strings.Builder
	if err := labreport.Markdown(&b, small(), judged(), dir); err != nil {
		t.Fatal(err)
	}
	golden(t, "section.md", b.String())

	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"lab-guest-hang.svg", "lab-planned.svg", "lab-power-off.svg", "lab-time-lines.svg", "other.svg"}; !slices.Equal(names, want) {
		t.Errorf("the folder has %q, want %q", names, want)
	}
	whole := page(t, small(), nil)
	for _, name := range names {
		if name == "other.svg" {
			continue
		}
		svg, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		wellFormed(t, string(svg))
		if !strings.Contains(b.String(), "(img/"+name+")") {
			t.Errorf("the section does not show %s", name)
		}
		_, marks, ok := strings.Cut(string(svg), "</style>")
		if !ok || !strings.Contains(whole, marks) {
			t.Errorf("%s has no style of its own, or is not the picture that the page has", name)
		}
		golden(t, name, string(svg))
	}
}

func TestMarkdownOfNothing(t *testing.T) {
	var b strings.Builder
	if err := labreport.Markdown(&b, outage.Report{}, nil, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if got, err := labreport.Replace("<!-- lab: begin --><!-- lab: end -->", b.String()); err != nil || !strings.Contains(got, "0 trials") {
		t.Errorf("Replace() = %q, %v, want a section that says so", got, err)
	}
}

func TestMarkdownNowhere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := labreport.Markdown(&strings.Builder{}, small(), nil, filepath.Join(file, "img")); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("Markdown() = %v, want an error that names the folder", err)
	}
}

func TestReplace(t *testing.T) {
	const section = "<!-- lab: begin -->\nnew\n<!-- lab: end -->\n"
	for _, tc := range []struct{ name, doc, want, err string }{
		{"between-the-markers", "a\n\n<!-- lab: begin -->\nold\n<!-- lab: end -->\n\nb\n", "a\n\n" + section + "\nb\n", ""},
		{"again-is-the-same", "a\n" + section + "b\n", "a\n" + section + "b\n", ""},
		{"no-markers", "a\n", "", `no line "<!-- lab: begin -->"`},
		{"no-begin", "<!-- lab: end -->\n", "", `without "<!-- lab: begin -->" before it`},
		{"no-end", "<!-- lab: begin -->\n", "", `without "<!-- lab: end -->" after it`},
		{"end-first", "<!-- lab: end -->\n<!-- lab: begin -->\n", "", "before"},
		{"two-begins", "<!-- lab: begin -->\n" + section, "", "more than once"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := labreport.Replace(tc.doc, section)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("Replace() = %v, want an error with %q", err, tc.err)
				}
				return
			}
			if err != nil || got != tc.want {
				t.Errorf("Replace() = %q, %v, want %q", got, err, tc.want)
			}
		})
	}
}
