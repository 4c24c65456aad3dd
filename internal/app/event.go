package app

import "hopguard/internal/controller"

// saw counts an event, passes it on, and logs each probe and each stage of a write at debug
// level, for those who look closely. The rest is in the line of the tick.
func (a *App) saw(next func(controller.Event)) func(controller.Event) {
	return func(e controller.Event) {
		if g := a.group(e.Group); g != nil && e.Kind == controller.EventObserved {
			g.streaks.saw(e.Observation)
		}
		switch e.Kind {
		case controller.EventObserved:
			o := e.Observation
			a.log.Debug("probe", "group", e.Group, "member", o.Member, "check", o.Check, "outcome", o.Outcome.String(), "took", o.Took, "evidence", o.Evidence)
		case controller.EventProgress:
			p := e.Progress
			a.log.Debug("write", "group", e.Group, "resource", p.Table, "stage", string(p.Stage), "note", p.Note)
		case controller.EventJudged, controller.EventDecided, controller.EventCommitted:
		default:
			panic("app: event " + string(e.Kind))
		}
		a.metrics.Saw(e)
		if next != nil {
			next(e)
		}
	}
}
