package app

import (
	"hopguard/internal/appliance"
	"hopguard/internal/metrics"
	"hopguard/internal/notify"
)

// newMetrics makes the metrics of the groups and of the listener.
func (a *App) newMetrics(version string) *metrics.Metrics {
	o := metrics.Options{Version: version, Events: a.listener.counts(), Messages: messageCounts(a.desk)}
	for _, g := range a.groups {
		o.Groups = append(o.Groups, metrics.Group{
			Name:     g.controller.Group.Name,
			Members:  memberNames(g.controller.Group),
			Checks:   checkNames(g),
			Witness:  g.controller.Witness,
			Spokes:   g.spokes != nil,
			Ready:    func() bool { return a.shown(g).Ready(a.now()) },
			Lateness: g.schedule.Lateness,
		})
	}
	return metrics.New(o)
}

func memberNames(g appliance.Group) []appliance.MemberName {
	var names []appliance.MemberName
	for _, m := range g.Members {
		names = append(names, m.Name)
	}
	return names
}

func checkNames(g *group) []string {
	var names []string
	for _, c := range g.controller.Checks {
		names = append(names, c.Name)
	}
	return names
}

// counts returns what counts the events, or nil if none are taken.
func (l *listener) counts() func() []metrics.EventCount {
	if l == nil {
		return nil
	}
	return func() []metrics.EventCount {
		var out []metrics.EventCount
		for _, c := range l.handler.Counts() {
			out = append(out, metrics.EventCount{Source: string(c.Source), Outcome: string(c.Outcome), N: c.N})
		}
		return out
	}
}

// messageCounts returns what counts the messages, or nil if nobody is told anything.
func messageCounts(d *notify.Desk) func() []metrics.MessageCount {
	if d == nil {
		return nil
	}
	return func() []metrics.MessageCount {
		var out []metrics.MessageCount
		for _, c := range d.Counts() {
			m := metrics.MessageCount{Target: c.Target, Queued: c.Queued, Sent: c.Sent, Outcomes: map[string]uint64{}}
			for outcome, n := range c.Outcomes {
				m.Outcomes[string(outcome)] = n
			}
			out = append(out, m)
		}
		return out
	}
}
