package trial

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/config"
	"hopguard/internal/decide"
	"hopguard/internal/store"
)

// The blobs of the group.
const (
	prefix     = "hopguard"
	recordPath = "/records/" + string(groupName) + ".json"
	leasePath  = "/leases/groups/" + string(groupName)
)

// stored is a record that was in force from a time on, until the next one.
type stored struct {
	at time.Time
	by *actor
	decide.Record
}

// served looks at a request that was carried out. status is 0 without an answer.
func (j *judge) served(a *actor, s side, r *http.Request, body []byte, status int) {
	if s == toMeraki {
		if a.sight.told = time.Now(); status == http.StatusTooManyRequests {
			a.sight.throttled = a.sight.told
		}
		return
	}
	if s != toStore {
		if status != http.StatusOK {
			a.sight.troubled = time.Now()
		}
		return
	}
	if status == 0 || status >= http.StatusInternalServerError || status == http.StatusForbidden {
		a.sight.offline = time.Now()
	}
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, recordPath) && r.Method == http.MethodPut:
		if headerOf(r, "If-Match") == "" && headerOf(r, "If-None-Match") == "" {
			j.w.violated("P3: %s stores a record without a condition", a.name)
		}
		j.authors[string(body)] = a
	case strings.HasSuffix(path, leasePath):
		if id := headerOf(r, "X-Ms-Proposed-Lease-Id"); id != "" {
			j.claims[id] = a
		}
	}
}

// lookAtStore takes the record that is stored, if it is another one than before.
func (j *judge) lookAtStore() {
	blob, ok := j.w.blobs.Look(container, prefix+recordPath)
	if !ok || blob.ETag == j.recordTag {
		return
	}
	j.recordTag = blob.ETag
	a := j.authors[string(blob.Content)]
	record, _, err := store.Decode(blob.Content, groupName)
	if err != nil || a == nil {
		j.w.violated("P3: what is stored is no record that anybody has sent: %v", err)
		return
	}
	s := stored{time.Now(), a, record}
	j.w.say("      record %d: %s %s, by %s", record.Epoch, record.Active, record.Mode, a.name)
	if n := len(j.store); n > 0 {
		j.followed(j.store[n-1], s)
	}
	j.store = append(j.store, s)
	for _, p := range record.Places {
		for _, h := range p.Hops {
			if !slices.Contains(j.recorded, h.Addr) {
				j.recorded = append(j.recorded, h.Addr)
			}
		}
	}
}

// followed judges a record that has taken the place of another one.
func (j *judge) followed(before, after stored) {
	a := after.by
	known := len(before.History)
	fresh := after.History[min(known, len(after.History)):]
	same := slices.EqualFunc(before.History, after.History[:min(known, len(after.History))], func(x, y decide.Transition) bool {
		return x.Epoch == y.Epoch && x.To == y.To && x.At.Equal(y.At)
	})
	switch {
	case !same || len(fresh) > 1 && !j.w.act:
		j.w.violated("P3: %s has overwritten a record that it had not read", a.name)
	case len(fresh) == 0 && after.Active != before.Active:
		j.w.violated("P3: %s changed the active member without a transition", a.name)
	}
	for i, t := range fresh {
		j.moves++
		j.transition(a, before, t, after.History[:known+i])
	}
}

// transition judges a change of the active member. history is from before it.
func (j *judge) transition(a *actor, before stored, t decide.Transition, history []decide.Transition) {
	auto := automatic(t)
	forced := a.order != nil && a.order.Order.Force
	why := ""
	if !forced && !t.Alone && (auto || a.order != nil) { // what was done alone was judged when routes were written
		why = j.ill(a, t.To)
	}
	switch {
	case why != "":
		j.w.violated("P4, P5: %s moved to %s (%s): %s", a.name, t.To, t.Reason, why)
	case t.Alone && !j.w.act:
		j.w.violated("P3: %s decided without the store", a.name)
	case auto && before.Mode == decide.Pinned:
		j.w.violated("P4: %s moved a pinned group", a.name)
	case t.Reason == decide.ReasonActiveDown && !t.Alone && j.sound(a, before.Active):
		j.w.violated("P5: %s moved away from %s, which has forwarded all the time, and %s could see that", a.name, before.Active, a.name)
	case t.Reason == decide.ReasonFailback && j.w.failback == config.FailbackManual:
		j.w.violated("P6: %s returned by itself although failback is manual", a.name)
	case auto:
		j.budget(a, t, history)
	}
}

func automatic(t decide.Transition) bool {
	return t.Reason == decide.ReasonActiveDown || t.Reason == decide.ReasonFailback
}

// budget judges an automatic transition by the stored history.
func (j *judge) budget(a *actor, last decide.Transition, history []decide.Transition) {
	recent := 0
	var before time.Time
	for _, t := range history {
		if !automatic(t) {
			continue
		}
		before = t.At
		if last.At.Sub(t.At) < budgetPer {
			recent++
		}
	}
	if recent >= j.w.transitions {
		j.w.violated("P6: %s made the automatic transition %d within %s; %d are allowed", a.name, recent+1, budgetPer, j.w.transitions)
	}
	if wait := j.w.holdDown << max(recent-1, 0); !before.IsZero() && last.At.Sub(before) < wait {
		j.w.violated("P6: %s made an automatic transition %s after the last one; the hold-down is %s", a.name, last.At.Sub(before), wait)
	}
}

// leads reports whether an actor holds the group's lease, as the storage service sees
// it.
func (j *judge) leads(a *actor) bool {
	blob, ok := j.w.blobs.Look(container, prefix+leasePath)
	return ok && blob.Held && j.claims[blob.LeaseID] == a
}

func headerOf(r *http.Request, name string) string {
	for k, v := range r.Header {
		if strings.EqualFold(k, name) && len(v) > 0 {
			return v[0]
		}
	}
	return ""
}

// ordered judges whether a record orders a write towards a member, and whether its
// sender leads.
func (j *judge) ordered(a *actor, p *past, to appliance.MemberName) {
	found, frozen := false, true
	forced := false
	for i, s := range j.store {
		if i+1 < len(j.store) && j.store[i+1].at.Before(a.sight.tick) {
			continue
		}
		found = found || to == "" || s.Active == to
		frozen = frozen && s.Mode == decide.Frozen
		forced = forced || s.Forced
	}
	// Alone and without the store, a replica goes on from what it knows.
	alone := j.w.act && time.Since(a.sight.offline) < memory
	active := to
	if n := len(j.store); active == "" && n > 0 {
		active = j.store[n-1].Active
	}
	switch {
	case a.sight.tick.IsZero() && !alone:
		j.w.violated("P3: %s writes %s without having read the record", a.name, short(p.id))
	case !found && !alone:
		j.w.violated("P3: %s writes %s towards %q, which no record orders", a.name, short(p.id), to)
	case frozen && a.order == nil && !alone:
		j.w.violated("P5: %s writes %s of a frozen group", a.name, short(p.id))
	case a.order == nil && !alone && !j.leads(a):
		j.w.violated("P3: %s writes %s and does not lead", a.name, short(p.id))
	case !forced:
		if why := j.ill(a, active); why != "" {
			j.w.violated("P5: %s writes %s towards %s: %s", a.name, short(p.id), active, why)
		}
	}
}
