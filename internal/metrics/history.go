package metrics

import (
	"time"

	"hopguard/internal/controller"
	"hopguard/internal/decide"
)

// history is what the reports of one group have told so far.
type history struct {
	// newest is nil before the first report.
	newest *controller.Report
	// epoch is that of the newest record; 0 before the first.
	epoch uint64
	// moving is the switch that is not known to be done.
	moving *move
}

// move is a change of the active member by this process.
type move struct {
	epoch   uint64
	decided time.Time
}

// transitions returns the changes of the active member that have come into the
// record since the report before, and since this process began. One that took over
// what the routes said moved nothing.
func (h *history) transitions(r *controller.Report) []decide.Transition {
	record := r.Standing()
	if record.Epoch == 0 {
		return nil // it is not known
	}
	if h.epoch == 0 || record.Epoch < h.epoch { // the first one, or one that begins anew
		h.epoch = r.Stored.Epoch
	}
	var moves []decide.Transition
	for _, t := range record.History {
		if t.Epoch > h.epoch && t.From != "" {
			moves = append(moves, t)
		}
	}
	h.epoch = record.Epoch
	return moves
}

// switched returns how long a switch has taken from its decision to the last
// read-back, when the report shows that it is done.
func (h *history) switched(r *controller.Report) (time.Duration, bool) {
	epoch := r.Standing().Epoch
	if r.Decision.Moved() && !r.Committed.IsZero() {
		h.moving = &move{epoch: epoch, decided: r.Decided}
	}
	if h.moving == nil || epoch == 0 || !r.Decision.Write {
		return 0, false
	}
	var last time.Time
	for _, o := range r.Outcomes {
		if !o.Done() {
			return 0, false
		}
		if o.ReadBack.After(last) {
			last = o.ReadBack
		}
	}
	if len(r.Outcomes) < len(r.Plan.Writes()) {
		return 0, false
	}
	m := h.moving
	h.moving = nil
	// If another controller wrote the last table, or moved on, the end is not known.
	if last.IsZero() || m.epoch != epoch {
		return 0, false
	}
	return last.Sub(m.decided), true
}
