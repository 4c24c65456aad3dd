package controller

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
	"hopguard/internal/route"
)

// State sums a report up in one word.
type State string

// The states, from good to bad.
const (
	// Agreed: Azure equals the record and every member is up.
	Agreed State = "agreed"
	// Degraded: the tick did its work, but the group cannot do all of its own: a
	// member is not up, or something needs a person.
	Degraded State = "degraded"
	// Failed: something that was to be done was not.
	Failed State = "failed"
)

// Report is the one account of a tick. Log, metrics, API, terminal and exit code
// are views of it. Times are zero if the step was not reached.
type Report struct {
	Group     appliance.GroupName
	Preferred appliance.MemberName
	DryRun    bool
	// Leader looks after the group; zero if no store is shared, or nobody does.
	Leader Leader
	// Started, Decided, Committed, Applied and Ended are the steps of the tick.
	Started, Decided, Committed, Applied, Ended time.Time
	// Observations are all that were made, in the order of the rounds.
	Observations []appliance.Observation
	Health       decide.Health
	// Stored is the record as it was loaded, and Record as the decision wants it: see
	// Standing.
	Stored    decide.Record
	Record    decide.Record
	Decision  decide.Decision
	Plan      route.Plan
	Outcomes  []route.Outcome
	Effective []Effective
	// Warnings need a person, but nothing failed because of them.
	Warnings []string
	// Errors are why the tick failed.
	Errors []error

	tables   []route.Table
	places   []appliance.Place
	asked    []appliance.MemberName
	placeErr error
}

// Standing is the record that is in force after the tick: the wanted one if it was
// stored, otherwise the one from before, as after a dry run or when the store was
// down. Addresses are the newest in any case. Without a record it is the wanted one.
func (r *Report) Standing() decide.Record {
	if !r.Committed.IsZero() || r.Stored.Epoch == 0 {
		return r.Record
	}
	standing := r.Stored
	standing.Places = r.Record.Places
	return standing
}

func (r *Report) fail(err error) { r.Errors = append(r.Errors, err) }

func (r *Report) warn(text string) {
	if !slices.Contains(r.Warnings, text) {
		r.Warnings = append(r.Warnings, text)
	}
}

// State sums the report up. A write that is not read back makes it Failed.
func (r *Report) State() State {
	if r.Err() != nil {
		return Failed
	}
	if len(r.Warnings) > 0 || r.pending() {
		return Degraded
	}
	for _, t := range r.Plan.Tables {
		if t.Problem != nil {
			return Degraded
		}
	}
	for _, m := range r.Health.Members {
		if m.Verdict != appliance.Up {
			return Degraded
		}
	}
	return Agreed
}

// pending reports whether tables disagree with the record, or show what they do not do
// because their last write failed, and were not to be written in this tick.
func (r *Report) pending() bool {
	return (r.Plan.Routes() > 0 || len(r.Plan.Writes()) > 0) && !r.DryRun && len(r.Outcomes) == 0
}

// Leader is the one of several processes that looks after a group.
type Leader struct {
	Name string `json:"name"`
	// Since is by the leader's own clock.
	Since time.Time `json:"since"`
	// Term counts the leaders.
	Term uint64 `json:"term"`
}

// Err joins all that failed: errors of steps, writes that were not read back,
// tables that had to be refused, and a refused order. It is nil if nothing did.
func (r *Report) Err() error {
	errs := slices.Clone(r.Errors)
	for _, o := range r.Outcomes {
		if !o.Done() {
			errs = append(errs, &TableError{Table: o.Table, Err: cmp.Or(o.Err, errNotReadBack)})
		}
	}
	for _, t := range r.forgotten() {
		errs = append(errs, &TableError{Table: t.Table, Err: errNotReadBack})
	}
	for _, t := range r.Plan.Tables {
		if t.Problem != nil && t.Problem.Refused {
			errs = append(errs, &TableError{Table: t.Table, Err: errors.New(t.Problem.Text)})
		}
	}
	if r.Decision.Refused != "" {
		errs = append(errs, &RefusedError{Why: r.Decision.Refused})
	}
	return errors.Join(errs...)
}

// forgotten returns the tables that were to be written and have no outcome.
func (r *Report) forgotten() []route.TablePlan {
	if r.Applied.IsZero() {
		return nil
	}
	return slices.DeleteFunc(r.Plan.Writes(), func(t route.TablePlan) bool {
		return slices.ContainsFunc(r.Outcomes, func(o route.Outcome) bool { return o.Table.Equal(t.Table) })
	})
}

// errNotReadBack is the error of a write of which nobody says how it ended.
var errNotReadBack = errors.New("was not read back")

// TableError says that a table is not known to be as the record wants it.
type TableError struct {
	Table appliance.ResourceID
	Err   error
}

// Error names the table and the cause.
func (e *TableError) Error() string { return "route table " + string(e.Table) + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *TableError) Unwrap() error { return e.Err }

// RefusedError says that a human's order was not obeyed.
type RefusedError struct{ Why string }

// Error says why.
func (e *RefusedError) Error() string { return "order refused: " + e.Why }
