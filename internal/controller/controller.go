// Package controller is the tick: probe, look, decide, commit, apply, verify,
// report, for one group. Tick tells the whole story from top to bottom.
//
// It guarantees the order: no route is written before the record that orders it
// is stored, and nothing is reported as done before it was read back. It holds no
// state between ticks but its settings, so any number of controllers may tick
// the same group. It does no network, file or SDK work itself. app, journal and
// api import it.
package controller

import (
	"context"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
	"hopguard/internal/lease"
	"hopguard/internal/route"
)

// Prober asks the members.
type Prober interface {
	// Probe makes the named checks of all members at once and returns one
	// observation for each, within the checks' own timeouts. A check that cannot
	// be made is an unknown observation, not an error.
	Probe(ctx context.Context, checks []string) []appliance.Observation
}

// Records is the durable store. Implementations are safe for concurrent use.
type Records interface {
	// Load returns the record and its version. Without a record it returns the
	// zero value and "". An error that wraps decide.ErrCorrupt means that the
	// record was put aside; the other results are then as without a record. One that
	// wraps decide.ErrOffline means that the record is the newest that is known, and
	// may be acted on.
	Load(ctx context.Context, group appliance.GroupName) (decide.Record, string, error)
	// Swap stores the record if the stored version is still the given one, and
	// returns the new version. Otherwise it changes nothing and its error wraps
	// decide.ErrLostRace.
	Swap(ctx context.Context, r decide.Record, version string) (string, error)
}

// Cloud is Azure as a tick sees it. Implementations are safe for concurrent use.
type Cloud interface {
	// Tables returns the managed route tables. It returns those that it could
	// read together with an error for the rest.
	Tables(ctx context.Context, selection route.Selection) ([]route.Table, error)
	// Places returns where members are. It returns those that it could find
	// together with an error for the rest.
	Places(ctx context.Context, members []appliance.Member) ([]appliance.Place, error)
	// Apply writes the tables of the plan that need it, conditionally on what was
	// read, and reads each back. It must refuse a term that is no longer valid,
	// also in the middle, and one whose order no longer stands before it writes a table
	// that it had to read again. It returns one outcome for each table to write.
	Apply(ctx context.Context, term lease.Term, goal route.Goal, plan route.Plan, saw func(route.Progress)) []route.Outcome
	// Effective returns the effective routes of an interface.
	Effective(ctx context.Context, nic appliance.ResourceID) ([]route.EffectiveRoute, error)
}

// Check is a configured check, as far as the tick counts it.
type Check struct {
	decide.Check
	// Confirm is the time between two tries of an unsettled check.
	Confirm time.Duration
}

// Controller ticks one group. All fields but Saw are required. One Tick may run
// at a time.
type Controller struct {
	Group  appliance.Group
	Policy decide.Policy
	Checks []Check
	Vote   decide.Vote
	// Witness says that the Prober asks a witness in each round.
	Witness   bool
	Selection route.Selection
	Verify    Verify

	Prober  Prober
	Records Records
	Cloud   Cloud
	Now     func() time.Time
	// Saw is told what happens while it happens; nil if nobody listens. It is
	// called from several goroutines at once and must not block.
	Saw func(Event)
}

// Verify says whose effective routes prove that a transition reached the fabric.
type Verify struct {
	NICs []appliance.ResourceID
	// Timeout bounds the wait after a write; the interfaces that do not agree by
	// then are reported as not observed.
	Timeout time.Duration
}

// EventKind says what an Event tells.
type EventKind string

// The events of a tick, in their usual order.
const (
	EventObserved  EventKind = "observed"
	EventJudged    EventKind = "judged"
	EventDecided   EventKind = "decided"
	EventCommitted EventKind = "committed"
	EventProgress  EventKind = "progress"
)

// Event is something that happens during a tick, while it happens. Only the
// member for its kind is set.
type Event struct {
	Group       appliance.GroupName
	Kind        EventKind
	At          time.Time
	Observation appliance.Observation
	Health      decide.MemberHealth
	Decision    decide.Decision
	Epoch       uint64
	Progress    route.Progress
}

func (c *Controller) tell(e Event) {
	if c.Saw == nil {
		return
	}
	e.Group = c.Group.Name
	if e.At.IsZero() {
		e.At = c.Now()
	}
	c.Saw(e)
}
