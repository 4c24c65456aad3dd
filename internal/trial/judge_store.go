package trial

import (
	"net/http"
	"net/netip"
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
	if s != toStore {
		if status != http.StatusOK {
			a.sight.troubled = time.Now()
		}
		return
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
	prev, grown := before.History, len(after.History) == len(before.History)+1
	same := slices.EqualFunc(prev, after.History[:min(len(prev), len(after.History))], func(x, y decide.Transition) bool {
		return x.Epoch == y.Epoch && x.To == y.To && x.At.Equal(y.At)
	})
	switch {
	case !same || !grown && len(prev) != len(after.History):
		j.w.violated("P3: %s has overwritten a record that it had not read", a.name)
		return
	case !grown:
		if after.Active != before.Active {
			j.w.violated("P3: %s changed the active member without a transition", a.name)
		}
		return
	}
	j.moves++
	last, _ := after.Last()
	automatic := last.Reason == decide.ReasonActiveDown || last.Reason == decide.ReasonFailback
	forced := a.order != nil && a.order.Order.Force
	switch why := j.ill(a, last.To); {
	case why != "" && !forced && (automatic || a.order != nil):
		j.w.violated("P4, P5: %s moved to %s (%s): %s", a.name, last.To, last.Reason, why)
	case automatic && before.Mode == decide.Pinned:
		j.w.violated("P4: %s moved a pinned group", a.name)
	case automatic && last.Reason == decide.ReasonFailback && j.w.failback == config.FailbackManual:
		j.w.violated("P6: %s returned by itself although failback is manual", a.name)
	case automatic:
		j.budget(a, after)
	}
}

// budget judges an automatic transition by the stored history.
func (j *judge) budget(a *actor, after stored) {
	last, _ := after.Last()
	var recent []decide.Transition
	var before *decide.Transition
	for i, t := range after.History[:len(after.History)-1] {
		if t.Reason != decide.ReasonActiveDown && t.Reason != decide.ReasonFailback {
			continue
		}
		before = &after.History[i]
		if last.At.Sub(t.At) < budgetPer {
			recent = append(recent, t)
		}
	}
	if len(recent) >= j.w.transitions {
		j.w.violated("P6: %s made the automatic transition %d within %s; %d are allowed", a.name, len(recent)+1, budgetPer, j.w.transitions)
	}
	if before != nil && last.At.Sub(before.At) < j.w.holdDown<<max(len(recent)-1, 0) {
		j.w.violated("P6: %s made an automatic transition %s after the last one; the hold-down is %s", a.name, last.At.Sub(before.At), j.w.holdDown<<max(len(recent)-1, 0))
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
	active := to
	if n := len(j.store); active == "" && n > 0 {
		active = j.store[n-1].Active
	}
	switch {
	case a.sight.tick.IsZero():
		j.w.violated("P3: %s writes %s without having read the record", a.name, short(p.id))
	case !found:
		j.w.violated("P3: %s writes %s towards %q, which no record orders", a.name, short(p.id), to)
	case frozen && a.order == nil:
		j.w.violated("P5: %s writes %s of a frozen group", a.name, short(p.id))
	case a.order == nil && !j.leads(a):
		j.w.violated("P3: %s writes %s and does not lead", a.name, short(p.id))
	case !forced:
		if why := j.ill(a, active); why != "" {
			j.w.violated("P5: %s writes %s towards %s: %s", a.name, short(p.id), active, why)
		}
	}
}

// current are the addresses of a member now.
func (j *judge) current(name appliance.MemberName) []netip.Addr {
	if t := j.member(name); t != nil {
		return t.now
	}
	return nil
}
