package azure

import "context"

// gate is a lock whose wait ends with the context and which is given in the
// order of asking. Make one with newGate.
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
