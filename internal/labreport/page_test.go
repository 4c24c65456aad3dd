package labreport_test

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"hopguard/internal/labreport"
	"hopguard/internal/outage"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares got with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s; if it is meant, run with -update (-want +got):\n%s", path, diff)
	}
}

// page is the page of a report, which must be sound whatever the report is. A run with
// -artifacts keeps it, to be looked at.
func page(t *testing.T, r outage.Report, findings []outage.Finding) string {
	t.Helper()
	var b strings.Builder
	if err := labreport.HTML(&b, r, findings); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), "page.html"), []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	sound(t, b.String())
	return b.String()
}

// sound parses a page and fails the test if it is not well formed, not complete in itself,
// or has a number that is none.
func sound(t *testing.T, page string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	ids, targets := map[string]bool{}, []string{}
	for n := range root.Descendants() {
		switch n.Type {
		case html.TextNode:
			if words := strings.FieldsFunc(n.Data, func(r rune) bool { return strings.ContainsRune(" \n\t+-,;:()≥", r) }); slices.ContainsFunc(words, noNumber) {
				t.Errorf("%q is no number", n.Data)
			}
		case html.ElementNode:
			if slices.Contains([]string{"script", "link", "iframe", "object", "embed", "img", "base"}, n.Data) {
				t.Errorf("the page has a <%s>", n.Data)
			}
			for _, a := range n.Attr {
				switch {
				case a.Key == "id" && ids[a.Val]:
					t.Errorf("two elements have the id %q", a.Val)
				case a.Key == "id":
					ids[a.Val] = true
				case a.Key == "aria-labelledby":
					targets = append(targets, a.Val)
				case a.Key == "href" || a.Key == "src" || a.Key == "action" || a.Key == "data":
					target, ok := strings.CutPrefix(a.Val, "#")
					if !ok {
						t.Errorf("%s=%q leads out of the page", a.Key, a.Val)
					}
					targets = append(targets, target)
				case strings.HasPrefix(a.Key, "on"):
					t.Errorf("%s=%q is a script", a.Key, a.Val)
				case noNumber(a.Val):
					t.Errorf("%s=%q is no number", a.Key, a.Val)
				}
			}
			described(t, n)
		default:
		}
	}
	for _, id := range targets {
		if !ids[id] {
			t.Errorf("nothing has the id %q that something names", id)
		}
	}
	for _, word := range []string{"url(", "@import", "http:", "https:"} {
		if rest := strings.ReplaceAll(page, `xmlns="http://www.w3.org/2000/svg"`, ""); strings.Contains(rest, word) {
			t.Errorf("the page has %q in it", word)
		}
	}
	for rest := page; ; {
		_, after, ok := strings.Cut(rest, "<svg")
		if !ok {
			break
		}
		svg, after, ok := strings.Cut(after, "</svg>")
		if !ok {
			t.Fatal("an <svg> does not end")
		}
		wellFormed(t, "<svg"+svg+"</svg>")
		rest = after
	}
}

// noNumber says that a word is what a program prints of a number that is none.
func noNumber(s string) bool {
	return slices.Contains([]string{"NaN", "Inf", "NaNs", "Infs"}, strings.TrimSpace(s))
}

// described fails the test if a table has no caption, or a picture no words.
func described(t *testing.T, n *html.Node) {
	t.Helper()
	switch n.Data {
	case "table":
		has := false
		for c := range n.ChildNodes() {
			has = has || c.Data == "caption" && c.FirstChild != nil
		}
		if !has {
			t.Error("a table has no caption")
		}
	case "svg":
		has := false
		for _, a := range n.Attr {
			has = has || a.Key == "aria-label" && a.Val != ""
		}
		if !has {
			t.Error("a picture has no aria-label")
		}
	}
}

// wellFormed fails the test if a picture is no XML.
func wellFormed(t *testing.T, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%v in %s", err, svg)
		}
	}
}

// judged are findings as a judge writes them.
func judged() []outage.Finding {
	return []outage.Finding{
		{Promise: "Fast setting: detection at most 400 ms", Holds: true, Measured: "374 ms in 3 trials"},
		{Promise: "A planned switch loses nothing", Holds: true, Measured: "6 trials"},
		{Promise: "At least 20 trials", Measured: "seed/power-off: 3 | not measured: <loss>"},
	}
}

// small is a report of a few trials, of what a page must show: traffic that moves, that is
// never moved, that has to stay, and a program that is not hopguard.
func small() outage.Report {
	s, m := settings(), modes()
	return makeReport(1, 3, []outage.Setting{s[1], s[3], script()}, []outage.Mode{m[0], m[2], m[11], m[9]})
}

func TestPage(t *testing.T) {
	golden(t, "page.html.txt", page(t, small(), judged()))
}

// A page of all failures, as a whole run has them.
func TestPageOfAWholeRun(t *testing.T) {
	r := makeReport(2, 20, append(settings(), script()), modes())
	got := page(t, r, outage.Judge(r, outage.Full()))
	if n := strings.Count(got, "never detected</b>"); n != 16 {
		t.Errorf("the page says %d times that a failure was never detected, want 16", n)
	}
	if len(got) > 3<<20 {
		t.Errorf("the page is %d bytes, want 3 MiB at most", len(got))
	}
}

func TestOddReports(t *testing.T) {
	one := func(change func(*outage.Report)) outage.Report {
		r := makeReport(3, 1, settings()[:1], modes()[:1])
		change(&r)
		return r
	}
	for _, tc := range []struct {
		name   string
		report outage.Report
		want   []string
	}{
		{"nothing-at-all", outage.Report{}, []string{"0 trials", "There are no trials in this run.", "This run was not judged.", "There were none in this run."}},
		{"no-trials", one(func(r *outage.Report) { r.Trials = nil }), []string{"There are no trials in this run."}},
		{"one-trial", one(func(*outage.Report) {}), []string{"1 trial,", "The one trial"}},
		{"never-detected", makeReport(3, 2, settings()[3:], modes()[2:3]), []string{"never detected", "outage had not ended in 2 of 2 runs", "there is no transition to show"}},
		{"a-setting-that-was-not-tried", one(func(r *outage.Report) { r.Settings = settings()[:2] }), []string{"not tried"}},
		{"trouble-everywhere", one(func(r *outage.Report) { r.Trials[0].Trouble = []string{"<b>a packet was lost before</b>"} }),
			[]string{"Trials with trouble", "&lt;b&gt;a packet was lost before&lt;/b&gt;", "trouble with the trial itself in 1 of 1 run"}},
		{"no-moment-was-observed", one(func(r *outage.Report) { r.Trials[0].Line = outage.Line{} }), []string{"no moment of the median trial was observed."}},
		{"moments-out-of-order", one(func(r *outage.Report) {
			l := &r.Trials[0].Line
			l.Detected, l.Accepted = l.Effective, nil
		}), []string{"Time line of the median trial"}},
		{"no-flows", one(func(r *outage.Report) { r.Trials[0].Flows, r.Trials[0].Streams, r.Trials[0].Connects = nil, nil, nil }),
			[]string{"no flow that routing could have saved"}},
		{"names-without-titles", one(func(r *outage.Report) { r.Settings[0].Title, r.Modes[0].Title = "", "" }), []string{">defaults</th>", ">power-off</a></th>"}},
		{"an-outage-of-nothing", one(func(r *outage.Report) {
			for i := range r.Trials[0].Flows {
				r.Trials[0].Flows[i].Outage, r.Trials[0].Flows[i].Lost = 0, 0
			}
		}), []string{">none</text>", "no packet lost in 1 run"}},
		{"very-long", one(func(r *outage.Report) { r.Trials[0].Flows[0].Outage = outage.Seconds(1 << 62) }), []string{">50000 s</text>"}},
		{"a-very-long-time-line", one(func(r *outage.Report) { r.Trials[0].Line.Through = new(outage.Seconds(1 << 62)) }), []string{"packets lost</text>"}},
		{"moved-in-vain", makeMoved(), []string{"moved in vain", "✗ moved"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := page(t, tc.report, nil)
			for _, want := range tc.want {
				if !strings.Contains(got, want) {
					t.Errorf("the page does not say %q", want)
				}
			}
		})
	}
}

func TestWhatTheReportDoesNotList(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*outage.Report)
		want   string
	}{
		{"setting", func(r *outage.Report) { r.Trials[1].Setting = "x" }, `trials[1].setting: "x" is none of the report's settings`},
		{"mode", func(r *outage.Report) { r.Trials[1].Mode = "x" }, `trials[1].mode: "x" is none of the report's modes`},
		{"soak", func(r *outage.Report) { r.Soaks[0].Setting = "x" }, `soaks[0].setting: "x" is none of the report's settings`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := small()
			tc.change(&r)
			if err := labreport.HTML(io.Discard, r, nil); err == nil || err.Error() != tc.want {
				t.Errorf("HTML() = %v, want %q", err, tc.want)
			}
			if err := labreport.Markdown(io.Discard, r, nil, t.TempDir()); err == nil || err.Error() != tc.want {
				t.Errorf("Markdown() = %v, want %q", err, tc.want)
			}
		})
	}
}

// makeMoved is a report of traffic that was moved and should have stayed.
func makeMoved() outage.Report {
	r := makeReport(3, 2, settings()[:1], modes()[9:10])
	r.Trials[1].Moves, r.Soaks[0].Moves = 3, 1
	return r
}
