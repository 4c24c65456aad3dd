package decide_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

var update = flag.Bool("update", false, "write docs/decisions.md")

const decisionsFile = "../../docs/decisions.md"

// TestDecisionsDocument keeps docs/decisions.md true: the table is what Step does
// in every situation of a small world, not what somebody remembers of it.
func TestDecisionsDocument(t *testing.T) {
	want := decisionsDocument(t)
	if *update {
		if err := os.WriteFile(decisionsFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(decisionsFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is not what Step does; run go test ./internal/decide -update (-want +got):\n%s", decisionsFile, diff)
	}
}

// seen is what Step did whenever it gave a reason.
type seen struct{ writes, moves, waits, degraded, refused, activeUp map[bool]int }

// behaviour lives through every situation and returns what each reason came with.
func behaviour(t *testing.T) map[decide.Reason]*seen {
	t.Helper()
	out := map[decide.Reason]*seen{}
	everySituation(func(p decide.Policy, r decide.Record, in decide.Input) {
		after, d := decide.Step(p, r, in)
		s := out[d.Reason]
		if s == nil {
			s = &seen{map[bool]int{}, map[bool]int{}, map[bool]int{}, map[bool]int{}, map[bool]int{}, map[bool]int{}}
			out[d.Reason] = s
		}
		mayWrite := in.Health.Of(d.Active).Verdict == appliance.Up || after.Forced
		if d.Write && !mayWrite {
			t.Errorf("%+v writes towards a member that is neither up nor forced: %+v", d, in)
		}
		s.writes[d.Write]++
		s.moves[d.Moved()]++
		s.waits[!d.Until.IsZero()]++
		s.refused[d.Refused != ""]++
		s.activeUp[mayWrite == d.Write]++
		s.degraded[slices.ContainsFunc(in.Health.Members, func(m decide.MemberHealth) bool { return m.Verdict != appliance.Up })]++
	})
	return out
}

// everySituation calls do with each combination of policy, record, health and order.
func everySituation(do func(decide.Policy, decide.Record, decide.Input)) {
	records := []decide.Record{{}}
	for _, active := range []appliance.MemberName{"a", "b"} {
		for _, mode := range []decide.Mode{decide.Auto, decide.Pinned, decide.Frozen} {
			for _, force := range []bool{false, true} {
				for _, past := range [][]time.Duration{{}, {59 * time.Minute}, {1, 2, 3, 4}} {
					r := moved(active, past...)
					r.Mode, r.Forced = mode, force
					if mode == decide.Frozen {
						r.FrozenUntil = at(2 * time.Hour)
					}
					records = append(records, r)
				}
			}
		}
	}
	orders := []*decide.Order{nil, {Kind: decide.OrderFreeze}, {Kind: decide.OrderFreeze, For: time.Hour}, {Kind: decide.OrderThaw}}
	for _, kind := range []decide.OrderKind{decide.OrderSwitch, decide.OrderPin} {
		for _, to := range []appliance.MemberName{"", "a", "b", "c"} {
			orders = append(orders, &decide.Order{Kind: kind, To: to}, &decide.Order{Kind: kind, To: to, Force: true})
		}
	}
	for _, p := range []decide.Policy{manual(), auto(), nightly(2*time.Hour, time.Hour)} {
		for _, r := range records {
			for _, ab := range []string{"uu", "ud", "u?", "du", "dd", "d?", "?u", "?d", "??"} {
				for _, since := range []time.Duration{0, 58 * time.Minute} {
					for _, o := range orders {
						h := health(ab, at(since))
						do(p, r, decide.Input{Now: at(time.Hour - time.Minute + 10*time.Second), Health: h, Order: o})
						h.Suspect = true
						do(p, r, decide.Input{Now: at(time.Hour - time.Minute + 10*time.Second), Health: h, Order: o})
					}
				}
			}
		}
	}
}

func decisionsDocument(t *testing.T) string {
	t.Helper()
	all := behaviour(t)
	var b strings.Builder
	b.WriteString(`# Decisions

Every tick ends in one decision, and every decision has one reason. The table is
written by ` + "`go test ./internal/decide -update`" + ` from what the decision does in every
situation of a group of two; a test keeps it true. Reasons are only ever added.
failback-window needs policy.failbackWindows, and observer-suspect a witness; see
[configuration](configuration.md).

* **Writes**: whether Azure may be written to, to make it equal to the record.
  "if active up" means that nothing is written towards a member that is not up,
  unless a human forced it.
* **Moves**: whether the active member changes.
* **Ends**: whether the reason ends by itself, at a time that the report gives.
* **Degraded**: whether the group's state is degraded because a member is not up.
  It is degraded as well when routes differ from the record and may not be written,
  and when the report has a warning; a tick that fails is never only degraded.

| Reason | Meaning | Writes | Moves | Ends | Degraded |
| --- | --- | --- | --- | --- | --- |
`)
	for _, r := range decide.Reasons() {
		s := all[r]
		if s == nil {
			t.Errorf("no situation has the reason %s", r)
			continue
		}
		writes := word(s.writes, "yes", "no", "if active up")
		if writes == "if active up" && s.activeUp[false] > 0 {
			t.Errorf("reason %s: writes in some situations, but not exactly when the active member is up or forced", r)
		}
		degraded := word(s.degraded, "yes", "no", "if a member is not up")
		if s.refused[true] > 0 {
			degraded = "the tick fails"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", r, r.Sentence(), writes,
			word(s.moves, "yes", "no", "if ordered to another member"), word(s.waits, "yes", "no", "sometimes"), degraded)
	}
	return b.String()
}

// word says in one word how often something was so.
func word(seen map[bool]int, always, never, both string) string {
	switch {
	case seen[false] == 0:
		return always
	case seen[true] == 0:
		return never
	default:
		return both
	}
}

// Reasons must list every reason that the package declares.
func TestReasonsListsEveryReason(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []decide.Reason
	for n := range ast.Preorder(f) {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			continue
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Reason" {
			t.Errorf("constant %v has no type Reason", spec.Names)
		}
		lit, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			t.Fatalf("constant %v is not a literal", spec.Names)
		}
		text, err := strconv.Unquote(lit.Value)
		if err != nil {
			t.Fatal(err)
		}
		declared = append(declared, decide.Reason(text))
	}
	if diff := cmp.Diff(declared, decide.Reasons()); diff != "" {
		t.Errorf("Reasons() differs from what is declared (-declared +listed):\n%s", diff)
	}
	sentences := map[string]decide.Reason{}
	for _, r := range decide.Reasons() {
		if other, ok := sentences[r.Sentence()]; ok || r.Sentence() == "" {
			t.Errorf("reasons %s and %s have the sentence %q", r, other, r.Sentence())
		}
		sentences[r.Sentence()] = r
	}
}

func TestUnknownReasonHasNoSentence(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Sentence() returned, want a panic that names the reason")
		}
	}()
	_ = decide.Reason("because").Sentence()
}
