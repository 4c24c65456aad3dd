package controller_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/lease"
	"hopguard/internal/route"
)

// errPrecondition is Azure's answer to a write whose etag is not the table's.
var errPrecondition = errors.New("412 PreconditionFailed")

// Apply writes one table after the other as the contract says: under the term,
// with the etag that was read, and read back. After a lost etag it reads and plans
// that table again, once, if the order still stands.
func (w *world) Apply(ctx context.Context, term lease.Term, goal route.Goal, plan route.Plan, saw func(route.Progress)) []route.Outcome {
	var out []route.Outcome
	for _, t := range plan.Writes() {
		o := w.apply(ctx, term, goal, t, saw)
		if errors.Is(o.Err, errPrecondition) {
			if now, err := route.Parse(w.raw(t.Table)); err == nil {
				if again := goal.Diff(now); len(again.Changes) > 0 {
					if err := term.Stands(ctx); err != nil {
						o.Err = errors.Join(o.Err, err)
					} else {
						o = w.apply(ctx, term, goal, again, saw)
					}
				}
			}
		}
		out = append(out, o)
	}
	return out
}

func (w *world) raw(id appliance.ResourceID) json.RawMessage {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tables[id]
}

func (w *world) apply(ctx context.Context, term lease.Term, goal route.Goal, t route.TablePlan, saw func(route.Progress)) route.Outcome {
	o := route.Outcome{Table: t.Table, Changes: t.Changes, Started: time.Now()}
	tell := func(s route.Stage) { saw(route.Progress{Table: t.Table, Stage: s, At: time.Now()}) }
	if o.Err = term.Err(); o.Err != nil {
		return o
	}
	if w.beforePut != nil {
		w.beforePut(t.Table)
	}
	o.Writes++
	if o.Err = w.swapTable(goal, t); o.Err != nil {
		tell(route.StageFailed)
		return o
	}
	o.Accepted = time.Now()
	tell(route.StageAccepted)
	select {
	case <-ctx.Done():
		o.Err = context.Cause(ctx)
		return o
	case <-time.After(w.write):
	}
	if w.mute[t.Table] {
		return o // neither an error nor a read-back
	}
	o.Succeeded = time.Now()
	tell(route.StageSucceeded)
	o.ReadBack = time.Now()
	tell(route.StageReadBack)
	return o
}

// swapTable is the PUT: refused, or stored under a new etag.
func (w *world) swapTable(goal route.Goal, t route.TablePlan) error {
	record := w.record()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note("put %s to %s", t.Table.Name(), goal.Active)
	if err := w.refuse[t.Table]; err != nil {
		return err
	}
	now, err := route.Parse(w.tables[t.Table])
	if err != nil {
		return err
	}
	if now.ETag != t.ETag {
		return errPrecondition
	}
	w.judge(record.Active, goal, t, now)
	if up := record.Health.Of(goal.Active).Verdict == appliance.Up; !up && !record.Forced {
		w.broken = append(w.broken, fmt.Sprintf("P4: %s is written towards %s, which the record does not say is up", t.Table.Name(), goal.Active))
	}
	patched, err := route.Patch(t.Raw, t.Changes)
	if err != nil {
		return err
	}
	if !bytes.Contains(patched, []byte(`"future":{"n":9007199254740993}`)) {
		w.broken = append(w.broken, "P2: a member that we do not know is lost: "+string(patched))
	}
	w.etags++
	old := fmt.Sprintf(`"etag":%q`, now.ETag)
	w.tables[t.Table] = json.RawMessage(strings.Replace(string(patched), old, fmt.Sprintf(`"etag":%q`, fmt.Sprintf(`W/"%d"`, w.etags)), 1))
	return nil
}

// judge checks a write against the promises, by what is stored at this instant.
func (w *world) judge(active appliance.MemberName, goal route.Goal, t route.TablePlan, now route.Table) {
	if active != goal.Active {
		w.broken = append(w.broken, fmt.Sprintf("P3: %s is written towards %s while the stored record says %s", t.Table.Name(), goal.Active, active))
	}
	if now.Tags["nva_ha_udr"] != "emea" {
		w.broken = append(w.broken, fmt.Sprintf("P8: %s of group %s is written", t.Table.Name(), now.Tags["nva_ha_udr"]))
	}
	for _, c := range t.Changes {
		from, _, known := goal.Owner(c.From)
		to := slices.ContainsFunc(w.places[active].Hops, func(h appliance.Hop) bool { return h.Addr == c.To })
		if !known || from != c.FromMember || !to {
			w.broken = append(w.broken, fmt.Sprintf("P1: %s moves %s from %s to %s, which is not where %s is", t.Table.Name(), c.Route, c.From, c.To, active))
		}
	}
}
