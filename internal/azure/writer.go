package azure

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"hopguard/internal/lease"
	"hopguard/internal/route"
)

// writer brings one table to the goal.
type writer struct {
	client *Client
	term   lease.Term
	goal   route.Goal
	plan   route.TablePlan
	saw    func(route.Progress)
	out    route.Outcome
	// seen is the table as it was last read.
	seen route.Table
}

// run writes and reads until a read of the table by its id shows what the goal
// wants, or until it must give up. The first PUT uses the token t that was taken
// from budget already; run gives it back in any case.
func (w *writer) run(ctx context.Context, budget *bucket, t ticket) route.Outcome {
	w.out = route.Outcome{Table: w.plan.Table, Changes: w.plan.Changes, Started: time.Now()}
	held := &t
	for try := 1; ; try++ {
		a, err := w.write(ctx, held, budget)
		held = nil
		if err == nil {
			w.stage(route.StageAccepted, &w.out.Accepted)
			err = w.await(ctx, a)
		}
		if err != nil || !w.agreed() {
			err = w.recover(ctx, err, try)
			if err == nil && w.agreed() {
				// Somebody else brought it to the goal, or an answer of ours was lost.
				err = w.await(ctx, answer{})
			}
		}
		if err == nil && w.agreed() {
			err = w.kept()
			if err == nil {
				w.stage(route.StageReadBack, &w.out.ReadBack)
				return w.out
			}
		}
		if err != nil {
			w.out.Err = err
			w.tell(route.StageFailed, err.Error())
			return w.out
		}
	}
}

// take waits for the token of a write.
func (w *writer) take(ctx context.Context, budget *bucket) (ticket, error) {
	if w.goal.Selection.CriticalTable(w.plan.Table) {
		return budget.takeFirst(ctx, networkLane)
	}
	return budget.take(ctx, networkLane)
}

// agreed reports whether the last read left nothing to write.
func (w *writer) agreed() bool { return len(w.plan.Changes) == 0 && !w.plan.Rewrite() }

// kept returns an error unless every route that was to move is where it was to
// go: what somebody else has taken away meanwhile needs no write, but it was not
// moved either.
func (w *writer) kept() error {
	var errs []error
	for _, c := range w.out.Changes {
		i := slices.IndexFunc(w.seen.Routes, func(r route.Route) bool { return strings.EqualFold(r.Name, c.Route) })
		switch {
		case i < 0:
			errs = append(errs, fmt.Errorf("route %s was not moved: somebody else removed it meanwhile", c.Route))
		case w.seen.Routes[i].Hop != c.To:
			to := w.seen.Routes[i].HopType
			if hop := w.seen.Routes[i].Hop; hop.IsValid() {
				to += " " + hop.String()
			}
			errs = append(errs, fmt.Errorf("route %s was not moved: somebody else pointed it at %s meanwhile", c.Route, to))
		}
	}
	return errors.Join(errs...)
}

// write makes the conditional PUT. held is the token if one was taken already.
func (w *writer) write(ctx context.Context, held *ticket, budget *bucket) (answer, error) {
	release := func() {
		if held != nil {
			budget.done(*held, time.Now(), nil)
		}
	}
	if w.plan.ETag == "" {
		release()
		return answer{}, errNoETag
	}
	raw, err := w.raw()
	if err != nil {
		release()
		return answer{}, err
	}
	body, err := route.Patch(raw, w.plan.Changes)
	if err != nil {
		release()
		return answer{}, err
	}
	if held == nil {
		t, err := w.take(ctx, budget)
		if err != nil {
			return answer{}, fmt.Errorf("wait for ARM's budget: %w", err)
		}
		held = &t
	}
	return w.client.sendNow(ctx, budget, *held, hooks{last: w.sending}, http.MethodPut, providerNetwork, string(w.plan.Table), nil, http.Header{"If-Match": {w.plan.ETag}}, body)
}

// raw returns the table's JSON as it was when the plan was made.
func (w *writer) raw() (json.RawMessage, error) {
	if w.plan.Raw != nil {
		return w.plan.Raw, nil
	}
	raw, err := w.client.tables.raw(w.plan.Table, w.plan.ETag)
	if raw == nil && err == nil {
		err = errNoRaw
	}
	return raw, err
}

// sending is asked at the last moment: nothing but the request itself is between
// this and Azure.
func (w *writer) sending() error {
	if err := w.term.Err(); err != nil {
		return err
	}
	w.out.Writes++
	for _, c := range w.plan.Changes {
		// A later plan may have found more: a route that somebody else brought to the
		// other member meanwhile.
		if !slices.ContainsFunc(w.out.Changes, func(known route.Change) bool { return strings.EqualFold(known.Route, c.Route) }) {
			w.out.Changes = append(slices.Clip(w.out.Changes), c)
		}
	}
	return nil
}

// errNoETag: a table without an etag cannot be written conditionally.
var errNoETag = errors.New("the table has no etag: it cannot be written conditionally, so it is not written")

// errNoRaw: a newer list has shown another form of the table, so the etag has changed.
var errNoRaw = errors.New("the table was changed meanwhile")

// recover decides after an error, or after a write that did not bring the goal,
// whether to go on. It returns nil after reading and planning again.
func (w *writer) recover(ctx context.Context, err error, try int) error {
	wait := time.Duration(0)
	if err != nil {
		if over := w.term.Err(); over != nil || ctx.Err() != nil {
			return with(with(err, over), context.Cause(ctx))
		}
		var what ask
		if what, wait, _ = advise(err); what == giveUp && !unread(err) || try == writeTries {
			return err
		}
		if wait == 0 && !conflict(err) {
			wait = w.client.jitter.backoff(try)
		}
	} else if try == writeTries {
		return fmt.Errorf("written %d times, and each time other next hops were read back", try)
	}
	note := "other next hops were read back"
	if err != nil {
		note = err.Error()
	}
	w.tell(route.StageRetry, note)
	if waitErr := sleep(ctx, wait); waitErr != nil {
		return with(err, waitErr)
	}
	if readErr := w.reread(ctx); readErr != nil {
		return with(err, readErr)
	}
	if w.plan.ETag == "" {
		return errNoETag
	}
	if w.agreed() {
		return nil
	}
	// Whoever changed the table may have had a newer record.
	if overruled := w.term.Stands(ctx); overruled != nil {
		return with(err, overruled)
	}
	return nil
}

// with adds what went wrong next, unless it is the same.
func with(err, next error) error {
	if next == nil || errors.Is(err, next) {
		return err
	}
	return errors.Join(err, next)
}

// unread: what is needed for a write is not known, and a read of the table may tell.
func unread(err error) bool { return errors.Is(err, errNoETag) || errors.Is(err, errNoRaw) }

// conflict: somebody else wrote first; reading again is all it takes.
func conflict(err error) bool {
	e, ok := errors.AsType[*APIError](err)
	return ok && e.Status == http.StatusPreconditionFailed || unread(err)
}

// reread reads the table by its id and plans it again.
func (w *writer) reread(ctx context.Context) error {
	t, err := w.client.Table(ctx, w.plan.Table)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	w.seen, w.plan = t, w.goal.Diff(t)
	if w.plan.Problem != nil && w.plan.Problem.Refused {
		return fmt.Errorf("table changed meanwhile: it %s", w.plan.Problem.Text)
	}
	return nil
}

// await waits until an accepted write has come to its end, and leaves in plan
// what is still to do. The table itself is read, not the operation: that needs
// no further right, and one read serves as the end and as the read-back.
func (w *writer) await(ctx context.Context, a answer) error {
	var accepted struct {
		Properties struct {
			State string `json:"provisioningState"`
		} `json:"properties"`
	}
	// An answer without a body is a success all the same; the read shows more.
	_ = json.Unmarshal(a.Body, &accepted)
	wait := min(cmp.Or(retryAfter(a.Header, time.Now()), pollEvery), longestPoll)
	if accepted.Properties.State == "Succeeded" || a.Status == 0 {
		wait = 0
	}
	for {
		if err := sleep(ctx, wait); err != nil {
			return fmt.Errorf("wait for the write's end: %w", err)
		}
		if err := w.reread(ctx); err != nil {
			return err
		}
		switch w.plan.State {
		case "Updating", "Creating", "Deleting":
			wait = pollEvery
		case "Failed", "Canceled":
			return w.failure(ctx, a)
		default:
			w.stage(route.StageSucceeded, &w.out.Succeeded)
			return nil
		}
	}
}

// failure asks the operation why it failed.
func (w *writer) failure(ctx context.Context, a answer) error {
	failed := &OperationError{Code: w.plan.State, Message: "the table's provisioning state is " + w.plan.State}
	link := a.Header.Get("Azure-AsyncOperation")
	if link == "" || !w.client.ours(link) {
		return failed
	}
	got, err := w.client.get(ctx, "", link, nil)
	if err != nil {
		return errors.Join(failed, err)
	}
	var op errorBody
	if err := json.Unmarshal(got.Body, &op); err == nil && op.Error.Code != "" {
		failed.Code, failed.Message = op.Error.Code, op.Error.Message
	}
	return failed
}

func (w *writer) stage(s route.Stage, at *time.Time) {
	*at = time.Now()
	w.saw(route.Progress{Table: w.plan.Table, Stage: s, At: *at})
}

func (w *writer) tell(s route.Stage, note string) {
	w.saw(route.Progress{Table: w.plan.Table, Stage: s, At: time.Now(), Note: note})
}
