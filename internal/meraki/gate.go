package meraki

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// together is how long one call answers everybody who asks.
const together = time.Second

// gate is a lock whose wait ends with the context and which is given in the order
// of asking. Make one with newGate.
type gate chan struct{}

func newGate() gate { return make(gate, 1) }

// enter waits for the gate. Every success must be followed by one leave.
func (g gate) enter(ctx context.Context) error {
	select {
	case g <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (g gate) leave() { <-g }

// round lets one call answer everybody who asked before it or within a second
// after its beginning. Make one with newRound.
type round struct {
	turn gate // guards what follows, and what the callers of join keep
	// began is when the last call began; zero if its answer is nobody else's.
	began time.Time
	err   error
}

func newRound() round { return round{turn: newGate()} }

// join calls fetch, unless the last call is young enough and fits; then it runs
// take if the call was a success. Both run while the turn is held. What a caller
// met only because its own time was over is not passed on to others.
func (r *round) join(ctx context.Context, fits func() bool, fetch func(began time.Time) error, take func()) error {
	asked := now()
	if err := r.turn.enter(ctx); err != nil {
		return fmt.Errorf("wait for the call that is under way: %w", err)
	}
	defer r.turn.leave()
	if r.began.IsZero() || asked.Sub(r.began) >= together || !fits() {
		began := now()
		r.began = time.Time{} // until fetch has returned
		err := fetch(began)
		if err != nil && own(ctx, err) {
			return err
		}
		r.began, r.err = began, err
	}
	if r.err != nil {
		return r.err
	}
	take()
	return nil
}

// own reports whether an error has to do with the caller's own time.
func own(ctx context.Context, err error) bool {
	_, early := errors.AsType[*hurriedError](err)
	return early || ctx.Err() != nil
}
