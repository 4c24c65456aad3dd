package journal

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/route"
)

// Page is which question a text answers.
type Page int

// The pages.
const (
	// PageTick: what did this tick do?
	PageTick Page = iota
	// PageStatus: how is the group?
	PageStatus
	// PagePlan: what would be changed?
	PagePlan
)

// TextOptions say how a text looks.
type TextOptions struct {
	Page Page
	// Why adds the evidence of every check to PageTick and PageStatus.
	Why bool
	// Predicted is how long the plan's writes take; 0 leaves it out.
	Predicted time.Duration
	// Color uses ANSI colours.
	Color bool
	// Width is the number of columns to wrap free text to; 0 is no limit. Plans and
	// ids are never broken.
	Width int
}

// Text writes what a person sees of a report. The plan in it is in the form of
// route.PlanText, with the tables that need something; the others are counted.
func Text(w io.Writer, r *controller.Report, o TextOptions) error {
	t := text{r: r, o: o}
	t.head()
	switch o.Page {
	case PageTick:
		t.members()
		t.writes()
		t.effective()
	case PageStatus:
		t.leader()
		t.members()
		t.routes()
		t.history()
	case PagePlan:
		t.plan()
	default:
		panic(fmt.Sprintf("journal: page %d", int(o.Page)))
	}
	t.complaints()
	if o.Page == PagePlan {
		t.total()
	}
	_, err := io.WriteString(w, t.b.String())
	return err
}

// text gathers the lines, so that a reader never sees half of them.
type text struct {
	b strings.Builder
	r *controller.Report
	o TextOptions
}

func (t *text) paint(c color, s string) string { return paint(t.o.Color, c, s) }

// say writes free text after a word.
func (t *text) say(indent int, c color, word, free string) {
	t.b.WriteString(strings.Repeat(" ", indent) + t.paint(c, word) + " " + wrap(clean(free), indent+cells(word)+1, t.o.Width) + "\n")
}

func (t *text) head() {
	r, d := t.r, t.r.Decision
	state := r.State()
	fmt.Fprintf(&t.b, "%s  %s", t.paint(bold, clean(string(r.Group))), t.paint(stateColor(state), string(state)))
	if r.Standing().Active != "" {
		fmt.Fprintf(&t.b, "  active %s  epoch %d", clean(string(r.Standing().Active)), r.Standing().Epoch)
	}
	if r.Standing().Mode != "" {
		fmt.Fprintf(&t.b, "  mode %s", clean(string(r.Standing().Mode)))
	}
	if !r.Standing().FrozenUntil.IsZero() {
		fmt.Fprintf(&t.b, " until %s", instant(r.Standing().FrozenUntil))
	}
	t.b.WriteByte('\n')
	if d.Reason != "" {
		t.say(2, plain, string(d.Reason)+":", strings.TrimSpace(sentence(d.Reason)+t.until(d.Until)))
	}
	switch {
	case d.Moved() && r.DryRun:
		t.say(2, bold, "next:", fmt.Sprintf("a tick would move traffic from %s to %s", d.From, d.Active))
	case d.Moved():
		t.say(2, bold, "moved:", fmt.Sprintf("traffic goes from %s to %s", d.From, d.Active))
	}
	if r.Standing().Note != "" {
		t.say(2, plain, "note:", r.Standing().Note)
	}
}

// leader says which process looks after the group, if there are several.
func (t *text) leader() {
	if l := t.r.Leader; l.Name != "" {
		t.say(2, plain, "led by", fmt.Sprintf("%s since %s (%s, term %d)", l.Name, instant(l.Since), span(t.r.Ended.Sub(l.Since)), l.Term))
	}
}

func (t *text) until(end time.Time) string {
	if end.IsZero() {
		return ""
	}
	return " (until " + instant(end) + ")"
}

func (t *text) members() {
	var rows [][]cell
	for _, name := range members(t.r) {
		h := t.r.Health.Of(name)
		since := ""
		if !h.Since.IsZero() {
			since = fmt.Sprintf("since %s (%s)", instant(h.Since), span(t.r.Ended.Sub(h.Since)))
		}
		var addresses []string
		for _, hop := range t.r.Standing().AddressesOf(name).Hops {
			addresses = append(addresses, hop.String())
		}
		rows = append(rows, []cell{
			{clean(string(name)), plain},
			{t.role(name), plain},
			{h.Verdict.String(), verdictColor(h.Verdict)},
			{since, plain},
			{clean(strings.Join(addresses, " ")), plain},
		})
	}
	if len(rows) == 0 {
		return
	}
	t.b.WriteString("members\n" + grid(rows, 2, t.o))
	if t.o.Why {
		t.checks()
	}
}

func (t *text) role(name appliance.MemberName) string {
	var words []string
	if name == t.r.Standing().Active {
		words = append(words, "active")
	}
	if name == t.r.Preferred {
		words = append(words, "preferred")
	}
	if len(words) == 0 {
		return "standby"
	}
	return strings.Join(words, ", ")
}

// checks shows the evidence: what each check saw last.
func (t *text) checks() {
	var rows [][]cell
	add := func(name string, o appliance.Observation) {
		rows = append(rows, []cell{
			{clean(name), plain}, {clean(o.Check), plain}, {o.Outcome.String(), outcomeColor(o.Outcome)},
			{"took " + span(o.Took), plain}, {clean(o.Evidence), plain},
		})
	}
	for _, name := range members(t.r) {
		for _, o := range newest(t.r, name) {
			add(string(name), o)
		}
	}
	for _, o := range newest(t.r, decide.Witness) {
		add("observer", o)
	}
	if len(rows) == 0 {
		t.b.WriteString("checks\n  none was made\n")
		return
	}
	t.b.WriteString("checks\n" + grid(rows, 2, t.o))
}

// writes shows how far each written table came.
func (t *text) writes() {
	if len(t.r.Outcomes) == 0 {
		t.routes()
		return
	}
	after := func(at time.Time) string {
		if at.IsZero() {
			return "-"
		}
		return offset(at.Sub(t.r.Started))
	}
	head := []cell{{"table", plain}, {"routes", plain}, {"accepted", plain}, {"succeeded", plain}, {"read back", plain}, {"", plain}}
	rows := [][]cell{head}
	planned := 0
	for _, o := range t.r.Outcomes {
		planned += len(o.Changes)
		row := []cell{
			{clean(t.tableName(o.Table)), plain}, {fmt.Sprint(len(o.Changes)), plain},
			{after(o.Accepted), plain}, {after(o.Succeeded), plain}, {after(o.ReadBack), plain}, {"done", green},
		}
		if !o.Done() {
			row[5] = cell{"not done", red}
		}
		rows = append(rows, row)
	}
	t.b.WriteString("writes\n" + grid(rows, 2, t.o))
	fmt.Fprintf(&t.b, "  %d of %s moved, in %s\n", moved(t.r), count(planned, "route"), span(t.r.Ended.Sub(t.r.Started)))
}

// tableName is the shortest name that no other table of the plan has.
func (t *text) tableName(id appliance.ResourceID) string {
	forms := []func(appliance.ResourceID) string{
		appliance.ResourceID.Name,
		func(id appliance.ResourceID) string { return id.ResourceGroup() + "/" + id.Name() },
	}
	for _, form := range forms {
		same := func(x route.TablePlan) bool { return !x.Table.Equal(id) && strings.EqualFold(form(x.Table), form(id)) }
		if !slices.ContainsFunc(t.r.Plan.Tables, same) {
			return form(id)
		}
	}
	return string(id)
}

// routes counts where the managed routes point, and what is left to do.
func (t *text) routes() {
	p := t.r.Plan
	if len(p.Tables) == 0 {
		return
	}
	at := p.Managed()
	var words []string
	for _, name := range members(t.r) {
		words = append(words, fmt.Sprintf("%d at %s", at[name], clean(string(name))))
	}
	fmt.Fprintf(&t.b, "routes\n  in %s: %s\n", count(len(p.Tables), "table"), strings.Join(words, ", "))
	if n := p.Routes(); n > 0 && len(t.r.Outcomes) == 0 {
		fmt.Fprintf(&t.b, "  %s\n", t.paint(yellow, fmt.Sprintf("%s in %s to move to %s", count(n, "route"), count(len(p.Writes()), "table"), clean(string(p.Active)))))
	}
}

func (t *text) history() {
	if l, ok := t.r.Standing().Last(); ok {
		line := fmt.Sprintf("%s to %s: %s", instant(l.At), l.To, l.Reason)
		if l.By != "" {
			line += " by " + l.By
		}
		if l.Alone {
			line += ", while the store was down"
		}
		t.b.WriteString("last transition\n")
		t.b.WriteString(grid([][]cell{{{clean(line), plain}}}, 2, t.o))
	}
}

func (t *text) effective() {
	var rows [][]cell
	for _, e := range t.r.Effective {
		word := cell{"not observed", yellow}
		if !e.At.IsZero() {
			word = cell{offset(e.At.Sub(t.r.Started)), green}
		}
		rows = append(rows, []cell{{clean(e.NIC.Name()), plain}, word, {clean(e.Note), plain}})
	}
	if len(rows) > 0 {
		t.b.WriteString("effective\n" + grid(rows, 2, t.o))
	}
}

// plan shows the tables that need something.
func (t *text) plan() {
	p := t.r.Plan
	shown := slices.DeleteFunc(slices.Clone(p.Tables), func(x route.TablePlan) bool { return len(x.Changes) == 0 && x.Problem == nil })
	if len(shown) > 0 {
		t.b.WriteByte('\n')
		for l := range strings.Lines(route.PlanText(route.Plan{Group: p.Group, Active: p.Active, Tables: shown})) {
			t.b.WriteString(t.paint(lineColor(l), strings.TrimRight(l, "\n")) + "\n")
		}
	}
	if n := len(p.Tables) - len(shown); n > 0 {
		fmt.Fprintf(&t.b, "\n%s without a change\n", count(n, "table"))
	}
}

// total sums the plan up, and says if it would not be carried out.
func (t *text) total() {
	p := t.r.Plan
	if len(p.Tables) == 0 {
		return // there is no plan, and an error says why
	}
	routes, writes := p.Routes(), len(p.Writes())
	fmt.Fprintf(&t.b, "\nPlan: %s, %s, %s", count(len(p.Tables), "table"), count(routes, "route"), count(writes, "write"))
	if t.o.Predicted > 0 && writes > 0 {
		fmt.Fprintf(&t.b, "; about %s under ARM's budget", span(t.o.Predicted))
	}
	t.b.WriteByte('\n')
	if writes > 0 && !t.r.Decision.Write {
		t.say(2, yellow, "held back:", "a tick would write nothing now")
	}
}

// complaints shows what needs a person. A plan has the tables' problems in it.
func (t *text) complaints() {
	warnings := Complaints(t.r)
	if t.o.Page == PagePlan {
		warnings = t.r.Warnings
	}
	for _, s := range warnings {
		t.say(0, yellow, "warning:", s)
	}
	for _, s := range Failures(t.r) {
		t.say(0, red, "error:", s)
	}
}
