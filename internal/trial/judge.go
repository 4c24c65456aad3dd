package trial

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"hopguard/internal/appliance"
)

// judge compares what was done in the simulated world with what was promised.
type judge struct {
	w *world
	// ids are those of all tables, own those of the group, and loose the one that no
	// subnet uses.
	ids, own []string
	loose    string
	tables   map[string]*past
	members  []*truth
	store    []stored
	// recordTag is the etag of the stored record, authors who has sent which, and
	// claims who has claimed the lease with which id.
	recordTag string
	authors   map[string]*actor
	claims    map[string]*actor
	// recorded are the addresses that a record has ever had.
	recorded   []netip.Addr
	jumps      []jump
	redeployed bool
	// blurred is until when what anybody sees of the members may be late or wrong.
	blurred time.Time
	// clouded is the same for any one of them.
	clouded time.Time
	seen    time.Time

	newest  map[*actor]report
	newsAt  time.Time
	leading *actor

	eavesdropper eavesdropper
	violation    string
	writes       int
	moves        int
}

func newJudge(w *world) *judge {
	j := &judge{w: w, tables: map[string]*past{}, authors: map[string]*actor{}, claims: map[string]*actor{}, newest: map[*actor]report{}}
	for _, vm := range w.spec.VirtualMachines {
		if vm.Appliance {
			addr := netip.MustParseAddr(vm.NICs[0].IPConfigurations[0].Address)
			j.members = append(j.members, &truth{name: appliance.MemberName(vm.Name), forwards: true, now: []netip.Addr{addr}, ever: []netip.Addr{addr}})
		}
	}
	for _, t := range w.spec.RouteTables {
		j.ids = append(j.ids, t.ID())
		j.tables[t.ID()] = &past{id: t.ID()}
		if t.Tags[tagName] == tagValue {
			j.own = append(j.own, t.ID())
		}
		if t.Name == "rt-loose" {
			j.loose = t.ID()
		}
	}
	slices.Sort(j.ids)
	return j
}

// someHop is a next hop that somebody may write: of a member, of one that it was, or
// of nobody in the group.
func (j *judge) someHop(rng *rand.Rand) string {
	all := []netip.Addr{netip.MustParseAddr("10.99.0.4")}
	for _, t := range j.members {
		all = append(all, t.ever...)
	}
	return all[rng.IntN(len(all))].String()
}

// lookEvery is how often the machines are looked at, at least.
const lookEvery = 250 * time.Millisecond

// look finds what has changed in Azure, and judges it if it was production code.
func (j *judge) look(by *call) {
	now := time.Now()
	if by == nil || now.Sub(j.seen) >= lookEvery {
		j.seen = now
		for _, m := range j.w.azure.Machines() {
			if t := j.member(appliance.MemberName(m.Name)); t != nil {
				if j.w.voice != unheard {
					j.w.must(j.w.dashboard.follow(m))
				}
				if t.forwards = m.Works; !m.Works {
					t.failed = now
				}
				t.see(m.Works || j.w.voice == needed && !j.w.dashboard.missing(t.name), now)
			}
		}
	}
	if by == nil || by.side == toStore {
		j.lookAtStore()
	}
	if by != nil && by.side != toAzure {
		return
	}
	for _, id := range j.ids {
		j.lookAt(j.tables[id], by, now)
	}
}

func (j *judge) lookAt(p *past, by *call, now time.Time) {
	raw, err := j.w.azure.RouteTable(p.id)
	if err == nil && len(p.versions) > 0 && bytes.Equal(raw, p.raw) {
		return
	}
	v := version{at: now, absent: true}
	if err == nil {
		if v, err = read(raw, now); err != nil {
			j.w.broken(err)
			return
		}
	} else if len(p.versions) > 0 && p.now().absent {
		return
	}
	p.raw = raw
	if len(p.versions) > 0 {
		j.w.say("      %s is %s", short(p.id), v.words())
		if by != nil {
			j.wrote(p, p.now(), v, by)
		}
	}
	p.versions = append(p.versions, v)
}

// words are for the transcript.
func (v version) words() string {
	if v.absent {
		return "not there"
	}
	var b strings.Builder
	b.WriteString(v.state)
	if !v.tagged {
		b.WriteString(" without the tag")
	}
	for _, h := range v.hops {
		b.WriteString(" " + h.route + "=" + h.addr.String())
	}
	return b.String()
}

// wrote judges what a call of production code has changed in a table.
func (j *judge) wrote(p *past, before, after version, by *call) {
	j.writes++
	who := by.actor.name
	switch {
	case before.absent || after.absent:
		j.w.violated("P2: %s made or removed the table %s", who, short(p.id))
	case !before.tagged:
		j.w.violated("P8: %s wrote the table %s, which is not the group's", who, short(p.id))
	case before.rest != after.rest:
		j.w.violated("P2: %s changed more than next hops in %s:\n%s\n%s", who, short(p.id), before.rest, after.rest)
	}
	for _, d := range changed(before, after) {
		if why := j.wrongHop(d); why != "" {
			j.w.violated("P1: %s wrote %s of %s: %s", who, d.route, short(p.id), why)
		}
	}
}

// wrongHop says why a change of a next hop is not one that production code may make.
func (j *judge) wrongHop(d difference) string {
	switch {
	case j.owner(d.from) == nil:
		return d.from.String() + " was no member's"
	case j.owner(d.to) == nil:
		return d.to.String() + " is no member's"
	default:
		return ""
	}
}

// sending judges a request that leaves production code.
func (j *judge) sending(a *actor, s side, r *http.Request, body []byte) {
	switch s {
	case toAzure:
		if r.Method != http.MethodGet && !strings.Contains(r.URL.Path, "/oauth2/") {
			j.writing(a, r, body)
		}
	case toStore:
		switch path := r.URL.Path; {
		case strings.HasSuffix(path, leasePath) && headerOf(r, "X-Ms-Lease-Action") == "acquire":
			a.sight.tick = time.Time{} // it begins anew
		case strings.HasSuffix(path, recordPath) && r.Method == http.MethodGet && a.sight.tick.IsZero():
			a.sight.tick = time.Now()
		}
	case toMeraki:
		j.asking(a, r)
	case toMembers:
	}
}

// asking judges a question to the Meraki cloud.
func (j *judge) asking(a *actor, r *http.Request) {
	switch {
	case !strings.HasSuffix(r.URL.Hostname(), ".meraki.com"):
		j.w.violated("P10: %s shows the key of the Dashboard to %s", a.name, r.URL.Host)
	case r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/liveTools/pingDevice"):
		j.w.violated("P2: %s sends %s %s", a.name, r.Method, r.URL.Path)
	}
}

// writing judges a write when it leaves: whatever becomes of it.
func (j *judge) writing(a *actor, r *http.Request, body []byte) {
	if strings.HasSuffix(r.URL.Path, "/effectiveRouteTable") {
		return // reads, after its name
	}
	p := j.table(r.URL.Path)
	if r.Method != http.MethodPut || p == nil {
		j.w.violated("P2: %s sends %s %s", a.name, r.Method, r.URL.Path)
		return
	}
	etag := r.Header.Get("If-Match")
	before, known := p.byEtag(etag)
	after, err := read(body, time.Now())
	switch {
	case etag == "":
		j.w.violated("P3: %s writes %s without a condition", a.name, short(p.id))
		return
	case !known:
		j.w.violated("P3: %s writes %s with an etag that it never had: %s", a.name, short(p.id), etag)
		return
	case err != nil || after.rest != before.rest:
		j.w.violated("P2: %s would change more than next hops in %s:\n%s\n%s", a.name, short(p.id), before.rest, after.rest)
		return
	case !before.tagged:
		j.w.violated("P8: %s would write %s, which was not the group's when it was read", a.name, short(p.id))
		return
	}
	var to appliance.MemberName
	for _, d := range changed(before, after) {
		if why := j.wrongHop(d); why != "" {
			j.w.violated("P1: %s would write %s of %s: %s", a.name, d.route, short(p.id), why)
			return
		}
		if j.outdated(a, d.to) {
			j.w.violated("P1: %s would write %s of %s to %s, which its member has left", a.name, d.route, short(p.id), d.to)
			return
		}
		if owner := j.owner(d.to).name; to != "" && to != owner {
			j.w.violated("P1: %s would write to %s and to %s in one table", a.name, to, owner)
			return
		} else { //nolint:revive // both arms belong together
			to = owner
		}
	}
	j.ordered(a, p, to)
}

// table finds a table by its id in any case.
func (j *judge) table(path string) *past {
	for _, id := range j.ids {
		if strings.EqualFold(id, path) {
			return j.tables[id]
		}
	}
	return nil
}

// eavesdropper reads what is logged.
type eavesdropper struct {
	mu    sync.Mutex
	heard string
}

// Write implements io.Writer.
func (e *eavesdropper) Write(line []byte) (int, error) {
	for _, s := range secrets() {
		if bytes.Contains(line, []byte(s)) {
			e.mu.Lock()
			e.heard = string(line)
			e.mu.Unlock()
		}
	}
	return len(line), nil
}

func (e *eavesdropper) said() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.heard
}
