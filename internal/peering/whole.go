package peering

import (
	"cmp"
	"net/netip"
	"slices"

	"hopguard/internal/appliance"
)

// Plan compares what was read with what is wanted.
func (w Want) Plan(v View) Plan {
	plan := Plan{Group: w.Group}
	b := newBook(w, v)
	for _, s := range b.selected() {
		plan.Networks = append(plan.Networks, b.network(s))
	}
	switch {
	case len(w.Hubs) == 0:
		plan.Problem = refuse(CodeNoHub, "the network of no member is known")
	case len(w.Unplaced) > 0:
		plan.Problem = refuse(CodeNoHub, "the network of member %s is not known", w.Unplaced[0])
	case len(plan.Networks) == 0:
		plan.Problem = refuse(CodeNothingSelected, "no network matches the selection")
	}
	plan.Networks = append(plan.Networks, b.unwanted(plan.Problem)...)
	slices.SortStableFunc(plan.Networks, func(x, y NetworkPlan) int { return cmp.Compare(x.Network.Key(), y.Network.Key()) })
	b.admit(plan.Networks)
	return plan
}

// book is what Plan knows of all networks at once.
type book struct {
	want     Want
	view     View
	networks map[string]Network
	// pairs are the keys of the pairs that are wanted.
	pairs map[[2]string]bool
}

func newBook(w Want, v View) *book {
	b := &book{want: w, view: v, networks: map[string]Network{}, pairs: map[[2]string]bool{}}
	for _, n := range v.Networks {
		b.networks[n.ID.Key()] = n
	}
	return b
}

// selected are the ids of the networks to be peered. Networks that could not be read
// are among them, so that they are reported.
func (b *book) selected() []appliance.ResourceID {
	var out []appliance.ResourceID
	seen := map[string]bool{}
	add := func(id appliance.ResourceID, tags map[string]string) {
		if b.want.Selection.Selects(id, tags) && !seen[id.Key()] {
			seen[id.Key()] = true
			out = append(out, id)
		}
	}
	for _, n := range b.view.Networks {
		add(n.ID, n.Tags)
	}
	for _, u := range b.view.Unread {
		add(u.Network, u.Tags)
	}
	return out
}

func (b *book) network(id appliance.ResourceID) NetworkPlan {
	n := NetworkPlan{Network: id, Wanted: true}
	if hub, ok := b.want.hub(id); ok {
		n.Skipped = "it is the network of member " + string(hub.Members[0])
		return n
	}
	for _, hub := range b.want.Hubs {
		b.pairs[pairKey(id, hub.Network)] = true
		n.Pairs = append(n.Pairs, b.pair(id, hub.Network))
	}
	slices.SortFunc(n.Pairs, func(x, y PairPlan) int { return cmp.Compare(x.Hub.Key(), y.Hub.Key()) })
	return n
}

func pairKey(a, b appliance.ResourceID) [2]string {
	return [2]string{min(a.Key(), b.Key()), max(a.Key(), b.Key())}
}

func (b *book) pair(spokeID, hubID appliance.ResourceID) PairPlan {
	p := PairPlan{Spoke: spokeID, Hub: hubID, Wanted: true}
	for _, id := range []appliance.ResourceID{spokeID, hubID} {
		if _, ok := b.networks[id.Key()]; !ok {
			p.Problem = refuse(CodeUnread, "network %s was not read: %s", id, b.view.why(id))
			return p
		}
	}
	if s, h := b.view.tenant(spokeID), b.view.tenant(hubID); s != "" && h != "" && s != h {
		p.Problem = refuse(CodeTenant, "its tenant is %s, that of %s is %s: hopguard signs in to one tenant", s, hubID.Name(), h)
		return p
	}
	return b.want.Pair(b.networks[spokeID.Key()], b.networks[hubID.Key()])
}

// unwanted are the pairs that carry the group's mark and are not wanted. Where the
// whole plan has a problem, a selection that is empty by mistake say, none of them
// is removed.
func (b *book) unwanted(problem *Problem) []NetworkPlan {
	plans := map[string]*NetworkPlan{}
	var order []string
	for _, n := range b.view.Networks {
		for _, h := range n.Halves {
			if !Owned(b.want.Group, h) || b.pairs[pairKey(n.ID, h.Remote)] {
				continue
			}
			b.pairs[pairKey(n.ID, h.Remote)] = true
			spoke, hub := b.orient(n.ID, h.Remote)
			p := b.want.unpair(spoke, hub, b.read(spoke), b.read(hub))
			if problem != nil {
				p.keep(problem)
			}
			key := spoke.Key()
			if plans[key] == nil {
				plans[key] = &NetworkPlan{Network: spoke}
				order = append(order, key)
			}
			plans[key].Pairs = append(plans[key].Pairs, p)
		}
	}
	var out []NetworkPlan
	for _, key := range order {
		p := *plans[key]
		slices.SortFunc(p.Pairs, func(x, y PairPlan) int { return cmp.Compare(x.Hub.Key(), y.Hub.Key()) })
		out = append(out, p)
	}
	return out
}

// keep takes the steps from a pair that may be wanted after all.
func (p *PairPlan) keep(problem *Problem) {
	code, refused := CodeUnwanted, len(p.Steps) > 0
	if refused {
		code = CodeKept
	}
	if refused || p.Problem != nil && p.Problem.Code == CodeUnwanted {
		p.Steps, p.Problem = nil, &Problem{Code: code, Refused: refused, Text: "it may be wanted: " + problem.Text}
	}
}

// orient says which of two networks is the spoke.
func (b *book) orient(x, y appliance.ResourceID) (spoke, hub appliance.ResourceID) {
	_, xHub := b.want.hub(x)
	_, yHub := b.want.hub(y)
	if xHub && !yHub || xHub == yHub && x.Key() > y.Key() {
		return b.canonical(y), b.canonical(x)
	}
	return b.canonical(x), b.canonical(y)
}

// canonical is the id as the network itself writes it, where it was read.
func (b *book) canonical(id appliance.ResourceID) appliance.ResourceID {
	if n, ok := b.networks[id.Key()]; ok {
		return n.ID
	}
	return appliance.ResourceID(id.Key())
}

func (b *book) read(id appliance.ResourceID) *Network {
	if n, ok := b.networks[id.Key()]; ok {
		return &n
	}
	return nil
}

// neighbour is a network at the other end of a peering.
type neighbour struct {
	id       appliance.ResourceID
	prefixes []netip.Prefix
}

// ledger counts the peerings of each network while pairs are admitted.
type ledger struct {
	neighbours map[string][]neighbour
	count      map[string]int
}

// admit refuses the pairs for whose new halves there is no room: a network has so
// many peerings at most, and two networks that are peered with the same one must not
// overlap. What exists comes first, then what has one half, then the rest in order.
func (b *book) admit(networks []NetworkPlan) {
	l := ledger{neighbours: map[string][]neighbour{}, count: map[string]int{}}
	for _, n := range b.view.Networks {
		for _, h := range slices.SortedFunc(slices.Values(n.Halves), byName) {
			l.count[n.ID.Key()]++
			at := neighbour{id: h.Remote, prefixes: h.Taken}
			if r, ok := b.networks[h.Remote.Key()]; ok && !h.Subnets {
				at.prefixes = slices.Concat(at.prefixes, r.Prefixes)
			}
			l.neighbours[n.ID.Key()] = append(l.neighbours[n.ID.Key()], at)
		}
	}
	for _, begun := range []bool{true, false} {
		for i := range networks {
			for j := range networks[i].Pairs {
				p := &networks[i].Pairs[j]
				if p.creates() && begun == (p.AtSpoke != nil || p.AtHub != nil) {
					b.admitPair(&l, p)
				}
			}
		}
	}
}

func (p PairPlan) creates() bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Op == OpCreate })
}

func (b *book) admitPair(l *ledger, p *PairPlan) {
	spoke, hub := b.networks[p.Spoke.Key()], b.networks[p.Hub.Key()]
	more := map[string]int{}
	for _, s := range p.Steps {
		switch s.Op {
		case OpCreate:
			more[p.Local(s).Key()]++
		case OpDelete:
			more[p.Local(s).Key()]--
		case OpWrite:
		}
	}
	for _, n := range []Network{spoke, hub} {
		key := n.ID.Key()
		if l.count[key]+more[key] > b.want.limit() && more[key] > 0 {
			p.Steps, p.Problem = nil, refuse(CodeLimit, "network %s has %d peerings, and Azure allows %d", n.ID.Name(), l.count[key], b.want.limit())
			return
		}
	}
	for _, e := range [][2]Network{{spoke, hub}, {hub, spoke}} {
		for _, at := range l.neighbours[e[1].ID.Key()] {
			if at.id.Equal(e[0].ID) {
				continue
			}
			if x, y, ok := overlap(e[0].Prefixes, at.prefixes); ok {
				p.Steps, p.Problem = nil, refuse(CodeOverlap, "%s of %s overlaps %s of %s, which is peered with %s", x, e[0].ID.Name(), y, at.id, e[1].ID.Name())
				return
			}
		}
	}
	for _, e := range [][2]Network{{spoke, hub}, {hub, spoke}} {
		key := e[0].ID.Key()
		l.count[key] += more[key]
		l.neighbours[key] = append(l.neighbours[key], neighbour{id: e[1].ID, prefixes: e[1].Prefixes})
	}
}
