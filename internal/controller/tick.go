package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
	"hopguard/internal/lease"
	"hopguard/internal/route"
)

const (
	// maxRaces bounds how often one tick decides again after a lost race.
	maxRaces = 5
	// placesAge is how old a recorded address may be before Azure is asked again, and
	// awayAge how old that of a member that is not up: it may be made anew with
	// another one, and is not found up before that is known. Before a write towards a
	// member it is always asked.
	placesAge, awayAge = 10 * time.Minute, time.Minute
)

// Request is what is asked of one tick beyond the usual.
type Request struct {
	// Order is a human's wish, or nil.
	Order *decide.Order
	// DryRun stops before anything is stored or written.
	DryRun bool
	// Seen is what a continuous prober has seen and judged; then the tick asks nobody
	// and settles nothing. Nil: the tick observes by itself.
	Seen *Seen
}

// onRecordOnly reports whether the order needs neither the members nor Azure: a
// group can be frozen at once, also while Azure is down.
func (req Request) onRecordOnly(record decide.Record) bool {
	return req.Order != nil && req.Order.OnRecordOnly() && record.Epoch > 0
}

// Seen is the view of a continuous prober.
type Seen struct {
	Health decide.Health
	// Observations are the newest of each check and member, for the report.
	Observations []appliance.Observation
}

// Tick makes one pass over the group and reports it. Whatever goes wrong is in
// the report; there is no other error.
func (c *Controller) Tick(ctx context.Context, term lease.Term, req Request) *Report {
	r := &Report{Group: c.Group.Name, Preferred: c.Group.Preferred, Started: c.Now(), DryRun: req.DryRun}
	defer func() {
		r.Ended = c.Now()
		r.tables, r.places = nil, nil // a report is kept for long
	}()
	for range maxRaces {
		record, version, ok := c.load(ctx, r)
		if !ok {
			return r
		}
		if req.onRecordOnly(record) {
			r.Health = record.Health
		} else {
			c.probe(ctx, r, record, req.Seen)
			if !c.look(ctx, r, record) {
				return r
			}
		}
		goal := c.decide(ctx, r, record, req.Order)
		if req.DryRun {
			return r
		}
		switch err := c.commit(ctx, term, r, record, version); {
		case errors.Is(err, decide.ErrLostRace):
			continue
		case err != nil:
			r.fail(err)
			return r
		}
		if r.Decision.Write {
			c.apply(ctx, r, term, goal)
			c.verify(ctx, r, goal)
		}
		return r
	}
	r.fail(fmt.Errorf("store record: %w, %d times in one tick", decide.ErrLostRace, maxRaces))
	return r
}

func (c *Controller) load(ctx context.Context, r *Report) (decide.Record, string, bool) {
	record, version, err := c.Records.Load(ctx, c.Group.Name)
	switch {
	case errors.Is(err, decide.ErrCorrupt):
		r.warn(fmt.Sprintf("%v; Azure's routes say who is active", err))
	case errors.Is(err, decide.ErrOffline):
		r.warn(err.Error())
	case err != nil:
		r.fail(fmt.Errorf("load record: %w", err))
		return decide.Record{}, "", false
	}
	r.Stored, r.Record = record, record
	return record, version, true
}

// probe observes the members until every check has settled, once a tick: a lost
// race changes the record, not the world.
func (c *Controller) probe(ctx context.Context, r *Report, record decide.Record, seen *Seen) {
	switch {
	case seen != nil:
		r.Health, r.Observations = seen.Health, seen.Observations
	case r.Observations == nil:
		r.Health, r.Observations = c.settle(ctx, record.Health)
	}
}

// look reads the tables, and the places that are missing, old, mapped otherwise
// than they were, or of members whose verdict has just changed.
func (c *Controller) look(ctx context.Context, r *Report, record decide.Record) bool {
	if r.tables == nil {
		var err error
		if r.tables, err = c.Cloud.Tables(ctx, c.Selection); err != nil {
			r.fail(fmt.Errorf("read route tables: %w", err))
		}
		if len(r.tables) == 0 {
			if err == nil {
				r.fail(fmt.Errorf("no route table has the tag %s=%s: nothing would be moved when %s fails", c.Selection.TagName, c.Selection.TagValue, c.Group.Preferred))
			}
			return false
		}
	}
	var ask []appliance.Member
	for _, m := range c.Group.Members {
		known := record.AddressesOf(m.Name)
		verdict, age := r.Health.Of(m.Name).Verdict, c.Now().Sub(known.Seen)
		old := age > placesAge || verdict != appliance.Up && age > awayAge || record.Health.Of(m.Name).Verdict != verdict
		if len(known.Hops) == 0 || old || !m.Maps(known.Hops) {
			ask = append(ask, m)
		}
	}
	c.find(ctx, r, ask)
	remembered := record.Remember(c.Group, r.places, c.Now())
	for _, m := range c.Group.Members {
		if len(remembered.AddressesOf(m.Name).Hops) == 0 {
			err := fmt.Errorf("no next-hop address of member %s is known", m.Name)
			if r.placeErr != nil {
				err = fmt.Errorf("%w: %w", err, r.placeErr)
			}
			r.fail(err)
			return false
		}
	}
	return true
}

// find adds the places of members to the report, asking once a tick for each.
func (c *Controller) find(ctx context.Context, r *Report, members []appliance.Member) {
	members = slices.DeleteFunc(slices.Clone(members), func(m appliance.Member) bool { return slices.Contains(r.asked, m.Name) })
	if len(members) == 0 {
		return
	}
	places, err := c.Cloud.Places(ctx, members)
	if err != nil {
		r.placeErr = errors.Join(r.placeErr, err)
	}
	r.places = append(r.places, places...)
	for _, m := range members {
		r.asked = append(r.asked, m.Name)
	}
}

// decide makes the next record, the decision and the plan. If the plan writes,
// the target's address is read again first: it is the one that must be right.
func (c *Controller) decide(ctx context.Context, r *Report, record decide.Record, order *decide.Order) route.Goal {
	goal := c.think(r, record, order)
	if target, ok := c.Group.Member(goal.Active); ok && r.Decision.Write && len(r.Plan.Writes()) > 0 {
		c.find(ctx, r, []appliance.Member{target})
		goal = c.think(r, record, order)
	}
	if r.placeErr != nil {
		r.warn(fmt.Sprintf("find members: %v; the recorded addresses are used", r.placeErr))
	}
	c.tell(Event{Kind: EventDecided, Decision: r.Decision, Epoch: r.Record.Epoch})
	r.Decided = c.Now()
	return goal
}

// think is the pure part of decide.
func (c *Controller) think(r *Report, record decide.Record, order *decide.Order) route.Goal {
	now := c.Now()
	record = record.Remember(c.Group, r.places, now)
	r.Record, r.Decision = decide.Step(c.Policy, record, decide.Input{
		Now: now, Health: r.Health, Shares: c.shares(record, r.tables), Order: order,
	})
	goal := c.goal(r.Record)
	r.Plan = goal.Plan(r.tables)
	return goal
}

func (c *Controller) goal(record decide.Record) route.Goal {
	goal := route.Goal{Group: c.Group.Name, Active: record.Active, Selection: c.Selection}
	for _, a := range record.Places {
		goal.Members = append(goal.Members, route.MemberHops{Member: a.Member, Hops: a.Hops, Former: a.Former, Subnets: a.Subnets})
	}
	return goal
}

// shares counts the managed routes of each member, in the order of the members.
func (c *Controller) shares(record decide.Record, tables []route.Table) []decide.Share {
	managed := c.goal(record).Plan(tables).Managed()
	var out []decide.Share
	for _, m := range c.Group.Members {
		out = append(out, decide.Share{Member: m.Name, Routes: managed[m.Name]})
	}
	return out
}

// commit stores the record if it has changed. Routes are touched only after it.
func (c *Controller) commit(ctx context.Context, term lease.Term, r *Report, before decide.Record, version string) error {
	if r.Record.Equal(before) {
		return nil
	}
	if err := term.Err(); err != nil {
		return fmt.Errorf("store record: %w", err)
	}
	if _, err := c.Records.Swap(ctx, r.Record, version); err != nil {
		return fmt.Errorf("store record: %w", err)
	}
	r.Committed = c.Now()
	c.tell(Event{Kind: EventCommitted, Epoch: r.Record.Epoch, At: r.Committed})
	return nil
}

// apply writes the routes. Each table is written only after the record was found to be
// the newest later than the table was read: then the etag refuses to replace what a newer
// record has ordered, even if two lead. A swap has just told so.
func (c *Controller) apply(ctx context.Context, r *Report, term lease.Term, goal route.Goal) {
	if len(r.Plan.Writes()) == 0 {
		return
	}
	term = term.Carrying(func(ctx context.Context) error { return c.overruled(ctx, r.Record) })
	err := term.Err()
	if r.Committed.IsZero() {
		err = term.Stands(ctx)
	}
	if err != nil {
		r.fail(fmt.Errorf("write routes: %w", err))
		return
	}
	r.Outcomes = c.Cloud.Apply(ctx, term, goal, r.Plan, func(p route.Progress) {
		c.tell(Event{Kind: EventProgress, Progress: p, At: p.At})
	})
	r.Applied = c.Now()
}

// overruled returns an error if a newer record orders something else than r does. A
// store that does not answer overrules nothing: what was begun is finished.
func (c *Controller) overruled(ctx context.Context, r decide.Record) error {
	stored, _, err := c.Records.Load(ctx, c.Group.Name)
	if err != nil || !stored.Overrules(r) {
		return nil //nolint:nilerr // see above
	}
	return fmt.Errorf("%w meanwhile: it says %s, epoch %d, %s; this was %s, epoch %d, %s",
		decide.ErrLostRace, stored.Active, stored.Epoch, stored.Mode, r.Active, r.Epoch, r.Mode)
}
