package azure

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/lease"
	"hopguard/internal/peering"
)

const (
	// pairWrites bounds the writes for one pair in one run.
	pairWrites = 12
	// pairTries bounds the tries in a row that bring no write to its end.
	pairTries = 10
	// peeringPoll is the time between two reads of a half that is being written:
	// recordings show 10 to 21 s for a write.
	peeringPoll = time.Second
	// peeringWait bounds the wait for one operation, ours or somebody else's.
	peeringWait = 5 * time.Minute
)

// pairWriter brings one pair to what is wanted.
type pairWriter struct {
	*peeringRun
	order int
	plan  peering.PairPlan
	// snapshot is the hub as the view has it. Only its half towards the spoke is read
	// again before a write, unless whole is set: a hub can have 500 of them.
	snapshot peering.Network
	whole    bool
	// spoke and hub are as they were last read; nil if they do not exist.
	spoke, hub *peering.Network
	// refused is the step that Azure has refused for good, and why: it is not asked
	// again unless a look at both networks shows that something else is to do.
	refused     peering.Step
	refusal     error
	out         peering.Outcome
	busySince   time.Time
	waitedForIt bool
}

// errBusy: something that is to be written, or just was, is still being changed.
var errBusy = errors.New("Azure is still changing it") //nolint:staticcheck // a proper noun

// errHalfETag: see half.
var errHalfETag = errors.New("it has no etag: it cannot be written conditionally, so it is not written")

// run writes and reads until a read of both halves shows what is wanted, or until it
// must give up.
func (w *pairWriter) run(ctx context.Context) peering.Outcome {
	w.out = peering.Outcome{Spoke: w.plan.Spoke, Hub: w.plan.Hub, Planned: w.plan.Steps, Started: time.Now()}
	for tries := 1; ; tries++ {
		made := len(w.out.Made)
		done, err := w.step(ctx)
		if len(w.out.Made) > made {
			tries = 1
		}
		if err != nil {
			err = w.recover(ctx, err, tries)
		}
		switch {
		case err != nil:
			w.out.Err = err
			w.tell(peering.StageFailed, peering.Step{}, err.Error())
			return w.out
		case done:
			return w.out
		}
	}
}

// step makes the next write of the plan, or finds that none is left.
func (w *pairWriter) step(ctx context.Context) (done bool, err error) {
	if len(w.plan.Steps) == 0 {
		if done, err := w.look(ctx); done || err != nil {
			return done, err
		}
		if len(w.plan.Steps) == 0 {
			w.out.ReadBack = time.Now()
			w.tell(peering.StageReadBack, peering.Step{}, "")
			return true, nil
		}
	}
	s := w.plan.Steps[0]
	local, remote := w.plan.Local(s), w.plan.Remote(s)
	if err := w.locks.acquire(ctx, w.order, local.Key(), remote.Key()); err != nil {
		return false, fmt.Errorf("wait for another peering of %s or %s: %w", local.Name(), remote.Name(), err)
	}
	wrote := false
	defer func() { w.locks.release(local.Key(), remote.Key(), collided(err), wrote && err == nil) }()
	// Others may have written while this one waited.
	if done, err := w.look(ctx); done || err != nil {
		return done, err
	}
	if len(w.plan.Steps) == 0 || !same(w.plan.Steps[0], s) {
		return false, nil
	}
	s = w.plan.Steps[0]
	if w.refusal != nil && same(w.refused, s) {
		return false, w.refusal
	}
	if w.settling(s) {
		return false, errBusy
	}
	wrote = true
	return false, w.write(ctx, s)
}

// same reports whether two steps are the same write.
func same(a, b peering.Step) bool { return a.Op == b.Op && a.Side == b.Side && a.Name == b.Name }

// settling reports whether a half may only need a moment to see that we have just
// written the other one. It is asked once.
func (w *pairWriter) settling(s peering.Step) bool {
	if s.Op != peering.OpWrite || s.Sync || len(s.Flags) > 0 || len(w.out.Made) == 0 || w.waitedForIt {
		return false
	}
	w.waitedForIt = true
	return true
}

// look reads both networks and plans again. done is set if the pair is nobody's
// business any more.
func (w *pairWriter) look(ctx context.Context) (done bool, err error) {
	if w.spoke, err = w.client.network(ctx, w.plan.Spoke); err != nil {
		return false, fmt.Errorf("read %s: %w", w.plan.Spoke.Name(), err)
	}
	if w.hub, err = w.readHub(ctx); err != nil {
		return false, fmt.Errorf("read %s: %w", w.plan.Hub.Name(), err)
	}
	w.plan = w.want.Replan(w.plan, w.spoke, w.hub)
	switch p := w.plan.Problem; {
	case p == nil:
		w.busySince = time.Time{}
		w.whole = !w.plan.Wanted
		return false, nil
	case p.Code == peering.CodeGone:
		w.out.Gone = p.Text
		return true, nil
	case p.Code == peering.CodeBusy:
		// The hub's own state is only known if it was read whole.
		w.whole = true
		return false, fmt.Errorf("%s: %w", p.Text, errBusy)
	case p.Refused:
		w.out.Problem = p
		return false, with(errors.New(p.Text), w.refusal)
	default:
		w.out.Gone = p.Text
		return true, nil
	}
}

// readHub reads the hub or, if that is enough, its half towards the spoke alone.
func (w *pairWriter) readHub(ctx context.Context) (*peering.Network, error) {
	if w.whole {
		return w.client.network(ctx, w.plan.Hub)
	}
	hub := w.snapshot
	hub.State, hub.Halves = "", nil
	names := []string{peering.Name(w.want.Group, w.plan.Spoke)}
	if w.plan.AtHub != nil {
		names = append([]string{w.plan.AtHub.Name}, names...)
	}
	for _, name := range slices.Compact(names) {
		h, err := w.client.half(ctx, w.plan.Hub, name)
		if err != nil {
			return nil, err
		}
		if h != nil {
			hub.Halves = append(hub.Halves, *h)
		}
	}
	return &hub, nil
}

// write makes one write and waits for its end.
func (w *pairWriter) write(ctx context.Context, s peering.Step) error {
	if err := w.missingRight(w.plan, s); err != nil {
		return fmt.Errorf("not tried, because the same was refused before: %w", err)
	}
	local, path := w.plan.Local(s), string(peering.HalfID(w.plan.Local(s), s.Name))
	method, query, header, body := http.MethodPut, url.Values(nil), http.Header{}, []byte(nil)
	if s.Op == peering.OpCreate {
		header.Set("If-None-Match", "*")
		body = peering.Create(w.remoteID(s))
	} else {
		h, err := w.half(s)
		if err != nil {
			return err
		}
		header.Set("If-Match", h.ETag)
		if s.Op == peering.OpDelete {
			method = http.MethodDelete
		} else if body, err = peering.Patch(h.Raw, s.Flags); err != nil {
			return err
		}
		if s.Sync {
			query = url.Values{"syncRemoteAddressSpace": {"true"}}
		}
	}
	if _, err := w.pace(local).take(ctx, virtualNetworkLane); err != nil {
		return fmt.Errorf("wait for the share of peerings: %w", err)
	}
	last := func() error {
		if err := w.term.Err(); err != nil {
			return err
		}
		w.out.Writes++
		return nil
	}
	a, err := w.client.spare(ctx, last, method, providerNetwork, path, query, header, body)
	if err != nil {
		w.deny(w.plan, s, err)
		w.refused = s
		return err
	}
	w.out.Made = append(w.out.Made, s)
	w.waitedForIt, w.refusal = false, nil
	w.tell(peering.StageAccepted, s, "")
	if err := w.await(ctx, s, a); err != nil {
		return err
	}
	w.tell(peering.StageSettled, s, "")
	return nil
}

// remoteID is the id of the network that a new half leads to, as the network itself
// writes it.
func (w *pairWriter) remoteID(s peering.Step) appliance.ResourceID {
	if s.Side == peering.AtHub {
		return w.spoke.ID
	}
	return w.hub.ID
}

// half returns the half that a step writes or deletes, as it was just read.
func (w *pairWriter) half(s peering.Step) (peering.Half, error) {
	local, remote := w.spoke, w.plan.Hub
	if s.Side == peering.AtHub {
		local, remote = w.hub, w.plan.Spoke
	}
	h, _ := local.Towards(remote) // the plan has found it there
	if h.ETag == "" {
		return h, fmt.Errorf("peering %s: %w", s.Name, errHalfETag)
	}
	return h, nil
}

// await waits until an accepted write has come to its end, by reading the half: that
// needs no further right.
func (w *pairWriter) await(ctx context.Context, s peering.Step, a answer) error {
	ctx, cancel := context.WithTimeoutCause(ctx, peeringWait, fmt.Errorf("not done within %s", peeringWait))
	defer cancel()
	wait := min(cmp.Or(retryAfter(a.Header, time.Now()), peeringPoll), longestPoll)
	for {
		if err := sleep(ctx, wait); err != nil {
			return fmt.Errorf("wait for the write's end: %w", err)
		}
		wait = peeringPoll
		h, err := w.client.half(ctx, w.plan.Local(s), s.Name)
		switch {
		case err != nil:
			return fmt.Errorf("read back: %w", err)
		case h == nil && s.Op == peering.OpDelete:
			return nil
		case h == nil:
			return fmt.Errorf("read back: peering %s is gone again", s.Name)
		case h.Failed():
			return w.failure(ctx, a, h.Provisioning)
		case !h.Busy() && s.Op != peering.OpDelete:
			return nil
		}
	}
}

// failure asks the operation why it failed.
func (w *pairWriter) failure(ctx context.Context, a answer, state string) error {
	failed := &OperationError{Code: state, Message: "the peering's provisioning state is " + state}
	link := a.Header.Get("Azure-AsyncOperation")
	if link == "" || !w.client.ours(link) {
		return failed
	}
	got, err := w.client.spareGet(ctx, "", link, nil)
	if err != nil {
		return errors.Join(failed, err)
	}
	var op errorBody
	if err := json.Unmarshal(got.Body, &op); err == nil && op.Error.Code != "" {
		failed.Code, failed.Message = op.Error.Code, op.Error.Message
	}
	return failed
}

// collided reports whether Azure had another operation on the same networks.
func collided(err error) bool {
	if failed, ok := errors.AsType[*OperationError](err); ok {
		return slices.Contains(supersededCodes(), failed.Code)
	}
	e, ok := errors.AsType[*APIError](err)
	return ok && e.has("RetryableErrorDueToAnotherOperation", "AnotherOperationInProgress", "ReferencedResourceNotProvisioned")
}

// recover decides after an error whether to go on, and waits. It returns nil to go on.
func (w *pairWriter) recover(ctx context.Context, err error, try int) error {
	if errors.Is(err, lease.ErrLost) || ctx.Err() != nil {
		return with(err, context.Cause(ctx))
	}
	if errors.Is(err, errBusy) {
		if w.busySince.IsZero() {
			w.busySince = time.Now()
		}
		if time.Since(w.busySince) > peeringWait {
			return fmt.Errorf("given up after %s: %w", peeringWait, err)
		}
		return sleep(ctx, 4*peeringPoll)
	}
	_, malformed := errors.AsType[*peering.MalformedError](err)
	if w.out.Problem != nil || malformed || errors.Is(err, errHalfETag) || w.out.Writes >= pairWrites || try >= pairTries {
		return err
	}
	what, wait, _ := advise(err)
	if what == giveUp {
		// It may be that Azure is no longer as planned: one look tells.
		if !w.worthALook(err) {
			return err
		}
		w.refusal, w.whole = err, true
		return nil
	}
	w.tell(peering.StageRetry, peering.Step{}, err.Error())
	// It may be the hub itself that is being changed; reading all of it tells.
	w.whole = w.whole || collided(err)
	if wait == 0 && !conflict(err) {
		wait = w.client.jitter.backoff(try)
	}
	return sleep(ctx, wait)
}

// worthALook reports whether a refusal may have a reason that a read of both networks
// shows: somebody has made, changed or deleted something meanwhile.
func (w *pairWriter) worthALook(err error) bool {
	if w.refusal != nil {
		return false
	}
	e, ok := errors.AsType[*APIError](err)
	return ok && (e.Status == http.StatusBadRequest || e.Status == http.StatusNotFound)
}

func (w *pairWriter) tell(stage peering.Stage, s peering.Step, note string) {
	w.saw(peering.Progress{Spoke: w.plan.Spoke, Hub: w.plan.Hub, Stage: stage, At: time.Now(), Side: s.Side, Op: s.Op, Note: note})
}
