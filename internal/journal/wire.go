package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/route"
)

// wireVersion changes when a member of JSON changes its meaning or goes away. New
// members do not change it.
const wireVersion = 1

// JSON is the stable form of a report: what tick, status and plan print for
// programs. Times are RFC 3339 in UTC with up to nine digits of a second, and
// absent if the step was not reached. Durations are strings with their units, as
// Go writes them: "250ms", "4.02s", "1m30s". Lists are never null.
type JSON struct {
	// Version is 1.
	Version int                  `json:"version"`
	Group   appliance.GroupName  `json:"group"`
	State   controller.State     `json:"state"`
	DryRun  bool                 `json:"dryRun"`
	Active  appliance.MemberName `json:"active"`
	// Leader is the process that looks after the group, if several share the store.
	Leader *controller.Leader `json:"leader,omitempty"`
	// Preferred is the member that carries traffic when all are well.
	Preferred appliance.MemberName `json:"preferred"`
	Epoch     uint64               `json:"epoch"`
	Mode      decide.Mode          `json:"mode"`
	// FrozenUntil ends a freeze.
	FrozenUntil time.Time `json:"frozenUntil,omitzero"`
	Forced      bool      `json:"forced"`
	Note        string    `json:"note,omitzero"`
	// Reason is the code of the decision, Sentence the same for a person.
	Reason   decide.Reason `json:"reason"`
	Sentence string        `json:"sentence"`
	// Write says that a tick may write to Azure now; a plan is held back if not.
	Write bool `json:"write"`
	// MovedFrom and MovedTo are the members that traffic leaves and goes to by this
	// decision. In a dry run Active is still the one that traffic would leave.
	MovedFrom appliance.MemberName `json:"movedFrom,omitzero"`
	MovedTo   appliance.MemberName `json:"movedTo,omitzero"`
	// Refused says why an order was not obeyed.
	Refused string `json:"refused,omitzero"`
	// Until is when the reason for holding ends by itself.
	Until     time.Time `json:"until,omitzero"`
	Started   time.Time `json:"started,omitzero"`
	Decided   time.Time `json:"decided,omitzero"`
	Committed time.Time `json:"committed,omitzero"`
	Applied   time.Time `json:"applied,omitzero"`
	Ended     time.Time `json:"ended,omitzero"`
	Took      string    `json:"took"`
	// Predicted is how long the planned writes take; only where somebody has
	// reckoned it.
	Predicted string       `json:"predicted,omitzero"`
	Members   []JSONMember `json:"members"`
	// Witness is what the observer asked about itself, if the group has a witness.
	Witness   []JSONCheck     `json:"witness,omitempty"`
	Tables    []JSONTable     `json:"tables"`
	Effective []JSONEffective `json:"effective"`
	// LastTransition is the newest change of the active member.
	LastTransition *JSONTransition `json:"lastTransition,omitzero"`
	Warnings       []string        `json:"warnings"`
	Errors         []string        `json:"errors"`
}

// JSONMember is one member and what was last seen of it.
type JSONMember struct {
	Name      appliance.MemberName `json:"name"`
	Verdict   appliance.Verdict    `json:"verdict"`
	Since     time.Time            `json:"since,omitzero"`
	Addresses []JSONAddress        `json:"addresses"`
	Checks    []JSONCheck          `json:"checks"`
}

// JSONAddress is a next-hop address and its role.
type JSONAddress struct {
	Role    string     `json:"role"`
	Address netip.Addr `json:"address"`
}

// JSONCheck is the newest observation of one check.
type JSONCheck struct {
	Name     string            `json:"name"`
	Outcome  appliance.Outcome `json:"outcome"`
	Evidence string            `json:"evidence"`
	At       time.Time         `json:"at"`
	Took     string            `json:"took"`
}

// JSONTable is one managed route table: what it needs, and what became of it.
type JSONTable struct {
	ID appliance.ResourceID `json:"id"`
	// Routes counts the managed routes in it.
	Routes  int          `json:"routes"`
	Changes []JSONChange `json:"changes"`
	Problem *JSONProblem `json:"problem,omitzero"`
	// Stage is the last one that was observed of the write: "accepted",
	// "succeeded", "read back" or "failed"; absent if nothing was written.
	Stage     route.Stage `json:"stage,omitzero"`
	Writes    int         `json:"writes"`
	Started   time.Time   `json:"started,omitzero"`
	Accepted  time.Time   `json:"accepted,omitzero"`
	Succeeded time.Time   `json:"succeeded,omitzero"`
	ReadBack  time.Time   `json:"readBack,omitzero"`
	// Error says why the table is not known to be as the record wants it.
	Error string `json:"error,omitzero"`
}

// JSONChange moves one route.
type JSONChange struct {
	Route      string               `json:"route"`
	Prefix     string               `json:"prefix"`
	From       netip.Addr           `json:"from"`
	To         netip.Addr           `json:"to"`
	FromMember appliance.MemberName `json:"fromMember"`
	ToMember   appliance.MemberName `json:"toMember"`
}

// JSONProblem says what is wrong with a table. Refused: it is not written.
type JSONProblem struct {
	Refused bool   `json:"refused"`
	Text    string `json:"text"`
}

// JSONEffective says when an interface was first seen to use the routes.
type JSONEffective struct {
	NIC  appliance.ResourceID `json:"nic"`
	At   time.Time            `json:"at,omitzero"`
	Note string               `json:"note,omitzero"`
}

// JSONTransition is a change of the active member.
type JSONTransition struct {
	Epoch  uint64               `json:"epoch"`
	From   appliance.MemberName `json:"from,omitzero"`
	To     appliance.MemberName `json:"to"`
	Reason decide.Reason        `json:"reason"`
	At     time.Time            `json:"at"`
	By     string               `json:"by,omitzero"`
	// Alone says that it was made while the store was down.
	Alone bool `json:"alone,omitzero"`
}

// Encode returns the report's JSON, indented, with a newline at its end.
func Encode(r *controller.Report) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // it is read by people too, and holds arrows
	enc.SetIndent("", "  ")
	if err := enc.Encode(Wire(r)); err != nil {
		return nil, fmt.Errorf("encode report of group %s: %w", r.Group, err)
	}
	return b.Bytes(), nil
}

// Wire returns the report in its stable form.
func Wire(r *controller.Report) JSON {
	j := JSON{
		Version: wireVersion, Group: r.Group, State: r.State(), DryRun: r.DryRun,
		Active: r.Standing().Active, Preferred: r.Preferred, Epoch: r.Standing().Epoch, Mode: r.Standing().Mode,
		FrozenUntil: r.Standing().FrozenUntil.UTC(), Forced: r.Standing().Forced, Note: r.Standing().Note,
		Reason: r.Decision.Reason, Sentence: sentence(r.Decision.Reason), Write: r.Decision.Write, MovedFrom: r.Decision.From,
		MovedTo: movedTo(r.Decision), Refused: r.Decision.Refused, Until: r.Decision.Until.UTC(),
		Started: r.Started.UTC(), Decided: r.Decided.UTC(), Committed: r.Committed.UTC(),
		Applied: r.Applied.UTC(), Ended: r.Ended.UTC(), Took: r.Ended.Sub(r.Started).String(),
		Members: []JSONMember{}, Tables: []JSONTable{}, Effective: []JSONEffective{},
		Warnings: list(r.Warnings), Errors: list(Failures(r)),
	}
	j.Witness = wireChecks(r, decide.Witness)
	if r.Leader.Name != "" {
		j.Leader = &controller.Leader{Name: r.Leader.Name, Since: r.Leader.Since.UTC(), Term: r.Leader.Term}
	}
	for _, name := range members(r) {
		j.Members = append(j.Members, wireMember(r, name))
	}
	outcomes, wrong := map[string]route.Outcome{}, map[string]string{}
	for _, o := range r.Outcomes {
		outcomes[o.Table.Key()] = o
	}
	for _, err := range causes(r) {
		if e, ok := errors.AsType[*controller.TableError](err); ok {
			wrong[e.Table.Key()] = e.Err.Error()
		}
	}
	for _, t := range r.Plan.Tables {
		j.Tables = append(j.Tables, wireTable(t, outcomes[t.Table.Key()], wrong[t.Table.Key()]))
	}
	for _, e := range r.Effective {
		j.Effective = append(j.Effective, JSONEffective{NIC: e.NIC, At: e.At.UTC(), Note: e.Note})
	}
	if t, ok := r.Standing().Last(); ok {
		j.LastTransition = &JSONTransition{Epoch: t.Epoch, From: t.From, To: t.To, Reason: t.Reason, At: t.At.UTC(), By: t.By, Alone: t.Alone}
	}
	return j
}

func movedTo(d decide.Decision) appliance.MemberName {
	if !d.Moved() {
		return ""
	}
	return d.Active
}

func wireMember(r *controller.Report, name appliance.MemberName) JSONMember {
	health := r.Health.Of(name)
	m := JSONMember{Name: name, Verdict: health.Verdict, Since: health.Since.UTC(), Addresses: []JSONAddress{}, Checks: []JSONCheck{}}
	for _, h := range r.Standing().AddressesOf(name).Hops {
		m.Addresses = append(m.Addresses, JSONAddress{Role: h.Role, Address: h.Addr})
	}
	m.Checks = append(m.Checks, wireChecks(r, name)...)
	return m
}

// wireChecks are the newest observations of a member, or of the witness.
func wireChecks(r *controller.Report, name appliance.MemberName) []JSONCheck {
	var list []JSONCheck
	for _, o := range newest(r, name) {
		list = append(list, JSONCheck{Name: o.Check, Outcome: o.Outcome, Evidence: o.Evidence, At: o.At.UTC(), Took: o.Took.String()})
	}
	return list
}

// wireTable is a table of the plan, what became of its write (the zero value if
// there was none), and what is wrong with it.
func wireTable(p route.TablePlan, o route.Outcome, wrong string) JSONTable {
	t := JSONTable{
		ID: p.Table, Routes: len(p.Managed), Changes: []JSONChange{}, Stage: stage(o), Writes: o.Writes, Error: wrong,
		Started: o.Started.UTC(), Accepted: o.Accepted.UTC(), Succeeded: o.Succeeded.UTC(), ReadBack: o.ReadBack.UTC(),
	}
	if p.Problem != nil {
		t.Problem = &JSONProblem{Refused: p.Problem.Refused, Text: p.Problem.Text}
	}
	changes := p.Changes
	if o.Table != "" {
		changes = o.Changes // it may have been planned again since
	}
	for _, c := range changes {
		t.Changes = append(t.Changes, JSONChange(c))
	}
	return t
}

// stage is the last stage that was observed of a write.
func stage(o route.Outcome) route.Stage {
	switch {
	case o.Err != nil:
		return route.StageFailed
	case o.Done():
		return route.StageReadBack
	case !o.Succeeded.IsZero():
		return route.StageSucceeded
	case !o.Accepted.IsZero():
		return route.StageAccepted
	default:
		return ""
	}
}

// members are the names of the group's members, in their order; none if the tick
// ended before it probed.
func members(r *controller.Report) []appliance.MemberName {
	out := make([]appliance.MemberName, len(r.Health.Members))
	for i, m := range r.Health.Members {
		out[i] = m.Member
	}
	return out
}

// newest returns the last observation of each check of a member, in the order in
// which the checks were first made.
func newest(r *controller.Report, name appliance.MemberName) []appliance.Observation {
	var out []appliance.Observation
next:
	for _, o := range r.Observations {
		if o.Member != name {
			continue
		}
		for i := range out {
			if out[i].Check == o.Check {
				out[i] = o
				continue next
			}
		}
		out = append(out, o)
	}
	return out
}

// list returns s, or an empty list that encodes as [].
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
