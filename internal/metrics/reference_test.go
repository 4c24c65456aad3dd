package metrics_test

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/events"
	"hopguard/internal/metrics"
	"hopguard/internal/notify"
)

const (
	manual = "../../docs/metrics.md"
	alerts = "../../docs/alerts.example.yaml"
)

// full is after reports that together show every metric.
func full() *metrics.Metrics {
	m := metrics.New(options())
	m.Saw(observed("vmx-a", "tcp", appliance.Pass, time.Millisecond))
	m.Tick(quiet())
	m.Tick(written(moving(10_000, decide.ReasonActiveDown), 14_000, 16_000))
	m.Tick(frozen())
	m.Spokes(scanned())
	return m
}

// What a page shows is what the reference says, and the other way round.
func TestReferenceIsWhatIsShown(t *testing.T) {
	text := page(t, full(), slog.New(slog.DiscardHandler))
	help, types, labels := map[string]string{}, map[string]string{}, map[string][]string{}
	for l := range strings.Lines(text) {
		l = strings.TrimSpace(l)
		if rest, ok := strings.CutPrefix(l, "# HELP hopguard_"); ok {
			name, text, _ := strings.Cut(rest, " ")
			help["hopguard_"+name] = text
		} else if rest, ok := strings.CutPrefix(l, "# TYPE hopguard_"); ok {
			name, kind, _ := strings.Cut(rest, " ")
			types["hopguard_"+name] = kind
		} else if strings.HasPrefix(l, "hopguard_") && !strings.Contains(l, "_bucket{") {
			name, rest, _ := strings.Cut(l, "{")
			for _, suffix := range []string{"_sum", "_count"} {
				name = strings.TrimSuffix(name, suffix)
			}
			labels[name] = nil
			for _, match := range regexp.MustCompile(`([a-z_]+)="`).FindAllStringSubmatch(rest, -1) {
				labels[name] = append(labels[name], match[1])
			}
		}
	}
	for _, r := range full().Reference() {
		sorted := slices.Sorted(slices.Values(r.Labels))
		if help[r.Name] != r.Help || types[r.Name] != string(r.Type) || !slices.Equal(labels[r.Name], sorted) {
			t.Errorf("%s: the page has type %q, labels %v, help %q; the reference has %q, %v, %q", r.Name, types[r.Name], labels[r.Name], help[r.Name], r.Type, sorted, r.Help)
		}
		delete(types, r.Name)
	}
	for name := range types {
		t.Errorf("%s is shown and not in the reference", name)
	}
}

// The manual's part is written from the code.
func TestManualSaysWhatIsShown(t *testing.T) {
	text, err := os.ReadFile(filepath.FromSlash(manual))
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- reference: written by go test ./internal/metrics -update -->\n", "<!-- end of reference -->"
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatal("the manual has no place for the reference")
	}
	golden(t, manual, before+begin+"\n"+reference(t)+"\n"+end+after)
}

// reference is the generated part of the manual.
func reference(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| metric | type | labels | what it is, and what to do |\n|---|---|---|---|\n")
	for _, r := range full().Reference() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.Name, r.Type, strings.Join(r.Labels, ", "), r.Help)
	}
	b.WriteString("\n| label | its words |\n|---|---|\n")
	words := vocabulary()
	for _, label := range slices.Sorted(maps.Keys(words)) {
		fmt.Fprintf(&b, "| %s | %s |\n", label, strings.Join(words[label], ", "))
	}
	one, two := series(t, "tcp"), series(t, "tcp", "icmp")
	fmt.Fprintf(&b, "\nA group of two members with one check makes about %d series, and %d more with each\nfurther check.\n", one, two-one)
	return b.String()
}

// series counts those of a group with these checks.
func series(t *testing.T, checks ...string) int {
	o := options()
	o.Groups[0].Checks, o.Events, o.Messages = checks, nil, nil
	m := metrics.New(o)
	m.Tick(quiet())
	return strings.Count(page(t, m, slog.New(slog.DiscardHandler)), `group="emea"`)
}

// vocabulary are the words of the labels that are no names of the configuration.
// Those of outcome are several metrics'.
func vocabulary() map[string][]string {
	v := map[string][]string{
		"verdict":                     {appliance.Up.String(), appliance.Down.String(), appliance.Undecided.String()},
		"mode":                        {string(decide.Auto), string(decide.Pinned), string(decide.Frozen)},
		"state":                       {string(controller.Agreed), string(controller.Degraded), string(controller.Failed)},
		"origin":                      {"automatic", "ordered", "unknown"},
		"outcome of a table, peering": {"done", "failed"},
		"by":                          {"hopguard", "person"},
		"outcome of a check, witness": {appliance.Pass.String(), appliance.Fail.String(), appliance.Unknown.String()},
	}
	for _, r := range decide.Reasons() {
		v["reason"] = append(v["reason"], string(r))
	}
	for _, s := range events.Sources() {
		v["source"] = append(v["source"], string(s))
	}
	for _, o := range events.Outcomes() {
		v["outcome of an event"] = append(v["outcome of an event"], string(o))
	}
	for _, o := range notify.Outcomes() {
		v["outcome of a message"] = append(v["outcome of a message"], string(o))
	}
	return v
}

// rules is the file of rules, as far as Prometheus wants it.
type rules struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Expr string
			For         string
			Labels      map[string]string
			Annotations map[string]string
		}
	}
}

var (
	metricName = regexp.MustCompile(`hopguard_[a-z_]+`)
	selector   = regexp.MustCompile(`(hopguard_[a-z_]+)\{([^}]*)\}`)
	matcher    = regexp.MustCompile(`([a-z_]+)(=~|=|!=|!~)"([^"]*)"`)
	template   = regexp.MustCompile(`\{\{ \$labels\.([a-z]+) \}\}`)
)

// Every metric, label and word in the rules is one that can be shown. Whether the
// expressions are right in the language of Prometheus, its own promtool says.
func TestAlertsNameWhatIsShown(t *testing.T) {
	text, err := os.ReadFile(filepath.FromSlash(alerts))
	if err != nil {
		t.Fatal(err)
	}
	var file rules
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	known := map[string]metrics.Metric{}
	for _, r := range full().Reference() {
		known[r.Name] = r
	}
	words := map[string][]string{}
	for label, list := range vocabulary() {
		name, _, _ := strings.Cut(label, " ")
		words[name] = append(words[name], list...)
	}
	alerted := map[string]bool{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if alerted[r.Alert] || r.Alert == "" || r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("rule %q has no name of its own, severity, summary or description", r.Alert)
			}
			alerted[r.Alert] = true
			if r.For != "" && !regexp.MustCompile(`^[0-9]+[mhd]$`).MatchString(r.For) {
				t.Errorf("%s: for %q is no duration", r.Alert, r.For)
			}
			labels := map[string]bool{}
			for _, name := range metricName.FindAllString(r.Expr, -1) {
				m, ok := known[name]
				if !ok {
					t.Errorf("%s: there is no metric %s", r.Alert, name)
				}
				for _, l := range m.Labels {
					labels[l] = true
				}
			}
			if len(labels) == 0 {
				t.Errorf("%s names no metric: %s", r.Alert, r.Expr)
			}
			for _, s := range selector.FindAllStringSubmatch(r.Expr, -1) {
				for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
					if !slices.Contains(known[s[1]].Labels, m[1]) {
						t.Errorf("%s: %s has no label %s", r.Alert, s[1], m[1])
					}
					for word := range strings.SplitSeq(m[3], "|") {
						if !slices.Contains(words[m[1]], word) {
							t.Errorf("%s: the label %s is never %q", r.Alert, m[1], word)
						}
					}
				}
			}
			for _, l := range template.FindAllStringSubmatch(r.Annotations["summary"]+r.Annotations["description"], -1) {
				if !labels[l[1]] {
					t.Errorf("%s names the label %s, which its metrics do not have", r.Alert, l[1])
				}
			}
		}
	}
	want := []string{"HopguardActiveDown", "HopguardFrozenTooLong", "HopguardTickFailing", "HopguardNotReady", "HopguardObserverSuspect"}
	for _, name := range want {
		if !alerted[name] {
			t.Errorf("no rule is called %s: %s", name, cmp.Diff(want, slices.Sorted(maps.Keys(alerted))))
		}
	}
}
