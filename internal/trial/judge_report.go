package trial

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/route"
)

// gone forgets a process that has ended.
func (j *judge) gone(a *actor) {
	delete(j.newest, a)
	if j.leading == a {
		j.leading = nil
	}
}

// listLag is how old at most what a list of tables shows is.
const listLag = 25 * time.Second

// reported judges what a controller has said.
func (j *judge) reported(r report) {
	began := r.actor.sight.tick
	r.actor.sight.tick = time.Time{}
	if r.actor.order != nil {
		j.w.say("%s is told: %s %s", r.actor.name, r.State(), r.Decision.Reason)
	} else {
		j.newest[r.actor], j.leading, j.newsAt = r, r.actor, r.at
		j.w.say("%s reports %s %s", r.actor.name, r.State(), r.Decision.Reason)
	}
	text := fmt.Sprint(r.Err(), r.Warnings, j.eavesdropper.said())
	for _, s := range secrets() {
		if strings.Contains(text, s) {
			j.w.violated("P10: %s shows a secret", r.actor.name)
		}
	}
	for _, o := range r.Outcomes {
		switch {
		case o.Done():
			j.done(r, o)
		case r.State() != controller.Failed:
			j.w.violated("P9: %s reports %s, and the write of %s is not known to be done", r.actor.name, r.State(), short(string(o.Table)))
		}
	}
	if r.State() == controller.Agreed && !began.IsZero() && !r.DryRun && !recordOnly(r.actor) {
		j.agreed(r, began)
	}
}

// recordOnly reports whether an actor's order concerns the record alone: it is obeyed
// without a look at Azure, so the report says nothing of that.
func recordOnly(a *actor) bool { return a.order != nil && a.order.Order.OnRecordOnly() }

// done judges that a table was reported as written.
func (j *judge) done(r report, o route.Outcome) {
	p := j.table(string(o.Table))
	if p == nil {
		j.w.violated("P9: %s reports the unknown table %s", r.actor.name, o.Table)
		return
	}
	for _, v := range p.between(o.Started, o.ReadBack) {
		right := !v.absent && v.state == "Succeeded"
		for _, c := range o.Changes {
			right = right && slices.Contains(v.hops, hop{strings.ToLower(c.Route), c.To})
		}
		if right {
			return
		}
	}
	j.w.violated("P9: %s reports that %s is done, and at no time was it so", r.actor.name, short(p.id))
}

// agreed judges that everything was reported to be as the record wants it.
func (j *judge) agreed(r report, began time.Time) {
	addrs := r.Record.AddressesOf(r.Record.Active).Hops
	for _, id := range j.own {
		p := j.tables[id]
		from := began.Add(-listLag)
		if !p.always(from, r.at, func(v version) bool { return !v.absent && v.tagged }) {
			continue // nobody could know that it is the group's
		}
		right := slices.ContainsFunc(p.between(from, r.at), func(v version) bool {
			managed := 0
			for _, h := range v.hops {
				switch {
				case !slices.Contains(j.recorded, h.addr):
				case !slices.ContainsFunc(addrs, at(h)):
					return false
				default:
					managed++
				}
			}
			return managed == 0 || v.state != "Failed"
		})
		if !right {
			j.w.violated("P9: %s reports that all agrees with %s, and %s did not, or its last write had failed", r.actor.name, r.Record.Active, short(id))
		}
	}
}

func at(h hop) func(appliance.Hop) bool {
	return func(a appliance.Hop) bool { return a.Addr == h.addr }
}
