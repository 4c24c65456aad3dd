package journal_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/journal"
	"hopguard/internal/route"
)

func text(t *testing.T, r *controller.Report, o journal.TextOptions) string {
	t.Helper()
	var b strings.Builder
	if err := journal.Text(&b, r, o); err != nil {
		t.Fatalf("Text() = %v, want no error", err)
	}
	return b.String()
}

func TestTextPages(t *testing.T) {
	held := planned()
	held.Record.Mode, held.Record.FrozenUntil, held.Record.Note = decide.Frozen, after(3600_000), "change 42"
	held.Stored = held.Record
	held.Decision = decide.Decision{Reason: decide.ReasonFrozen, Active: "vmx-b", Until: after(3600_000)}
	ordered := quiet()
	ordered.Record.History[0].By = "jane"
	pending := planned()
	pending.DryRun, pending.Plan.Tables, pending.Stored = false, pending.Plan.Tables[:1], pending.Record
	pending.Decision = decide.Decision{Reason: decide.ReasonActiveUnknown, Active: "vmx-b"}
	blind := quiet()
	blind.Observations = nil
	tests := map[string]struct {
		report  *controller.Report
		options journal.TextOptions
	}{
		"tick-quiet.txt":      {quiet(), journal.TextOptions{}},
		"tick-failover.txt":   {failover(), journal.TextOptions{}},
		"tick-why.txt":        {failover(), journal.TextOptions{Why: true}},
		"tick-unread.txt":     {unread(), journal.TextOptions{}},
		"tick-pending.txt":    {pending, journal.TextOptions{}},
		"status-quiet.txt":    {quiet(), journal.TextOptions{Page: journal.PageStatus}},
		"status-ordered.txt":  {ordered, journal.TextOptions{Page: journal.PageStatus}},
		"status-why.txt":      {failover(), journal.TextOptions{Page: journal.PageStatus, Why: true}},
		"status-blind.txt":    {blind, journal.TextOptions{Page: journal.PageStatus, Why: true}},
		"status-dead.txt":     {planned(), journal.TextOptions{Page: journal.PageStatus}},
		"status-narrow.txt":   {failover(), journal.TextOptions{Page: journal.PageStatus, Why: true, Width: 72}},
		"status-color.txt":    {failover(), journal.TextOptions{Page: journal.PageStatus, Why: true, Color: true}},
		"plan.txt":            {planned(), journal.TextOptions{Page: journal.PagePlan, Predicted: 2 * time.Second}},
		"plan-color.txt":      {planned(), journal.TextOptions{Page: journal.PagePlan, Color: true}},
		"plan-held-back.txt":  {held, journal.TextOptions{Page: journal.PagePlan, Predicted: 90 * time.Second}},
		"plan-of-nothing.txt": {quiet(), journal.TextOptions{Page: journal.PagePlan, Predicted: 2 * time.Second}},
		"plan-unread.txt":     {unread(), journal.TextOptions{Page: journal.PagePlan}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { golden(t, name, text(t, test.report, test.options)) })
	}
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// Colours change nothing but colours, and are there only when they were asked for.
func TestTextColorIsPaintOnly(t *testing.T) {
	for page := journal.PageTick; page <= journal.PagePlan; page++ {
		for _, r := range []*controller.Report{quiet(), failover(), planned(), unread()} {
			plain := text(t, r, journal.TextOptions{Page: page, Why: true})
			painted := text(t, r, journal.TextOptions{Page: page, Why: true, Color: true})
			if strings.Contains(plain, "\x1b") || !strings.Contains(painted, "\x1b") {
				t.Errorf("page %d: colours are wrong:\n%q\n%q", page, plain, painted)
			}
			if diff := cmp.Diff(plain, escapes.ReplaceAllString(painted, "")); diff != "" {
				t.Errorf("page %d (-plain +painted without colours):\n%s", page, diff)
			}
		}
	}
}

// The plan on the page is read back by the same program.
func TestTextPlanIsParseable(t *testing.T) {
	r := planned()
	page := text(t, r, journal.TextOptions{Page: journal.PagePlan, Width: 40})
	from := strings.Index(page, "\nplan ")
	to := strings.Index(page[from+1:], "\n\n")
	if from < 0 || to < 0 {
		t.Fatalf("no plan on the page:\n%s", page)
	}
	got, err := route.ParsePlanText(page[from+1:][:to])
	if err != nil {
		t.Fatal(err)
	}
	if got.Routes() != r.Plan.Routes() || len(got.Tables) != 3 || got.Tables[0].Changes[0] != r.Plan.Tables[0].Changes[0] {
		t.Errorf("ParsePlanText() = %+v, want the tables of %+v that need something", got, r.Plan)
	}
}

// The witness has no member: it is shown as the observer's own.
func TestTextShowsTheWitness(t *testing.T) {
	r := quiet()
	r.Observations = append(r.Observations, appliance.Observation{Check: decide.WitnessCheck, Outcome: appliance.Fail, Evidence: "tcp://192.0.2.1:443 fail, no answer within 2s"})
	got := text(t, r, journal.TextOptions{Page: journal.PageStatus, Why: true})
	if !strings.Contains(got, "observer  witness    fail") || !strings.Contains(got, "no answer within 2s") {
		t.Errorf("the witness is not shown:\n%s", got)
	}
	if wire := journal.Wire(r); len(wire.Witness) != 1 || wire.Witness[0].Outcome != appliance.Fail {
		t.Errorf("witness in JSON = %+v", wire.Witness)
	}
}

// Who leads is shown where several processes share the store, and only there.
func TestTextShowsTheLeader(t *testing.T) {
	r := quiet()
	if got := text(t, r, journal.TextOptions{Page: journal.PageStatus}); strings.Contains(got, "led by") {
		t.Errorf("a leader is shown where none is:\n%s", got)
	}
	r.Leader = controller.Leader{Name: "one", Since: r.Ended.Add(-time.Hour), Term: 7}
	if got := text(t, r, journal.TextOptions{Page: journal.PageStatus}); !strings.Contains(got, "led by one since ") || !strings.Contains(got, "term 7") {
		t.Errorf("the leader is not shown:\n%s", got)
	}
	if wire := journal.Wire(r); wire.Leader == nil || wire.Leader.Term != 7 {
		t.Errorf("leader in JSON = %+v", wire.Leader)
	}
}

// Free text is wrapped to the width, in columns and not in bytes; ids stay whole.
func TestTextWidth(t *testing.T) {
	r := quiet()
	r.Plan.Tables = nil
	r.Observations = []appliance.Observation{
		{Member: "vmx-a", Check: "héalth", Outcome: appliance.Fail, Evidence: strings.Repeat("schön ", 30)},
		{Member: "vmx-b", Check: "ヘルス", Outcome: appliance.Fail, Evidence: strings.Repeat("断線 ", 30)},
	}
	r.Warnings = []string{strings.Repeat("word ", 40) + strings.Repeat("x", 90)}
	const width = 80
	got := text(t, r, journal.TextOptions{Page: journal.PageStatus, Why: true, Width: width})
	long := 0
	for line := range strings.Lines(got) {
		line = strings.TrimRight(line, "\n")
		wide := strings.Count(line, "断") + strings.Count(line, "線") + strings.Count(line, "ヘ") + strings.Count(line, "ル") + strings.Count(line, "ス")
		if n := utf8.RuneCountInString(line) + wide; n > width {
			long++
			if !strings.Contains(line, strings.Repeat("x", 90)) {
				t.Errorf("line of %d columns: %s", n, line)
			}
		}
		if line != strings.TrimRight(line, " ") {
			t.Errorf("line ends in spaces: %q", line)
		}
	}
	if long != 1 {
		t.Errorf("%d lines are too long, want the one with the long word", long)
	}
	column := func(part string) int {
		for line := range strings.Lines(got) {
			if before, _, ok := strings.Cut(line, part); ok {
				return utf8.RuneCountInString(before) + strings.Count(before, "ヘ")*3
			}
		}
		return -1
	}
	if a, b := column("schön"), column("断線"); a != b || a < 0 {
		t.Errorf("the evidence begins in columns %d and %d, want one column:\n%s", a, b, got)
	}
	if got := text(t, r, journal.TextOptions{Page: journal.PageStatus, Width: 10}); !strings.Contains(got, strings.Repeat("word ", 39)) {
		t.Errorf("a width without room for text was not left to the terminal:\n%s", got)
	}
}

// A short text stays in its row, however little room there is.
func TestTextWidthOfShortText(t *testing.T) {
	r := quiet()
	r.Record.Places = []decide.Addresses{{Member: "vmx-a", Hops: []appliance.Hop{hop("lan", "10.1.0.4")}}}
	got := text(t, r, journal.TextOptions{Width: 78})
	if want := "(1h)   lan=10.1.0.4\n"; !strings.Contains(got, want) {
		t.Errorf("no line ends in %q:\n%s", want, got)
	}
}

// Names and errors come from other machines; none may move the cursor.
func TestTextIsClean(t *testing.T) {
	evil := "\x1b[2J\x07\u202e\r\nx\u0085"
	r := failover()
	r.Group, r.Record.Active, r.Record.Note = appliance.GroupName(evil), appliance.MemberName(evil), evil
	r.Record.Mode, r.Record.History[1].By = decide.Mode(evil), evil
	r.Health.Members[0].Member = appliance.MemberName(evil)
	r.Record.Places[0] = decide.Addresses{Member: appliance.MemberName(evil), Hops: []appliance.Hop{{Role: evil}}}
	for i := range r.Observations {
		r.Observations[i].Member, r.Observations[i].Check, r.Observations[i].Evidence = appliance.MemberName(evil), evil, evil
	}
	r.Decision.From = appliance.MemberName(evil)
	r.Plan.Tables[0].Table, r.Plan.Tables[0].Changes[0].Route = appliance.ResourceID(evil), evil
	r.Plan.Tables[1].Problem = &route.Problem{Text: evil}
	r.Outcomes[0].Table, r.Effective[0].NIC, r.Effective[1].Note = appliance.ResourceID(evil), appliance.ResourceID(evil), evil
	r.Warnings, r.Errors = []string{evil}, []error{errors.New(evil)}
	for page := journal.PageTick; page <= journal.PagePlan; page++ {
		got := text(t, r, journal.TextOptions{Page: page, Why: true})
		if i := strings.IndexAny(got, "\x1b\x07\u202e\r\u0085"); i >= 0 {
			t.Errorf("page %d has a control character: %q", page, got[i:])
		}
		for line := range strings.Lines(got) {
			if strings.HasPrefix(line, "x") {
				t.Errorf("page %d: a name began a line: %q", page, line)
			}
		}
	}
}

// Tables are called by the shortest name that tells them apart.
func TestTextTableNames(t *testing.T) {
	tests := []struct{ name, other, want string }{
		{"unique", "/subscriptions/s1/resourceGroups/rg/providers/x/routeTables/other", "  spoke-1 "},
		{"same-name-in-another-group", "/subscriptions/s1/resourceGroups/rg2/providers/x/routeTables/Spoke-1", "  rg/spoke-1 "},
		{"same-in-another-subscription", "/subscriptions/s2/resourceGroups/RG/providers/x/routeTables/spoke-1", "  " + string(table("spoke-1")) + " "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := failover()
			r.Plan.Tables = append(r.Plan.Tables, route.TablePlan{Table: appliance.ResourceID(test.other)})
			if got := text(t, r, journal.TextOptions{}); !strings.Contains(got, test.want) {
				t.Errorf("no line with %q:\n%s", test.want, got)
			}
		})
	}
}

func TestTextReturnsTheWritersError(t *testing.T) {
	full := errors.New("disk full")
	if err := journal.Text(failing{full}, quiet(), journal.TextOptions{}); !errors.Is(err, full) {
		t.Errorf("Text() = %v, want %v", err, full)
	}
}

// failing is a writer that cannot write.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
