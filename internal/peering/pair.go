package peering

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"hopguard/internal/appliance"
)

// The flags that a half needs. A workload's half must take forwarded traffic, or the
// replies that come back through the appliance are dropped; the member's half has it
// too where hopguard makes it, which is the usual practice.
const (
	flagAccess    = "allowVirtualNetworkAccess"
	flagForwarded = "allowForwardedTraffic"
)

// end is one side of a pair: a network and its half towards the other.
type end struct {
	side          Side
	local, remote Network
	half          *Half
	own           bool
}

func (w Want) ends(spoke, hub Network) [2]end {
	out := [2]end{{side: AtSpoke, local: spoke, remote: hub}, {side: AtHub, local: hub, remote: spoke}}
	for i := range out {
		if h, ok := out[i].local.Towards(out[i].remote.ID); ok {
			out[i].half, out[i].own = &h, Owned(w.Group, h)
		}
	}
	return out
}

func (e end) found() *Found {
	if e.half == nil {
		return nil
	}
	return &Found{Name: e.half.Name, State: e.half.State, Sync: e.half.Sync, Provisioning: e.half.Provisioning, Own: e.own}
}

// Pair compares the peering of two networks with what it should be. The address
// spaces of other networks, and limits, are the business of Plan.
func (w Want) Pair(spoke, hub Network) PairPlan {
	ends := w.ends(spoke, hub)
	p := PairPlan{Spoke: spoke.ID, Hub: hub.ID, Wanted: true, AtSpoke: ends[0].found(), AtHub: ends[1].found()}
	for _, e := range ends {
		if e.half != nil && e.half.Busy() {
			p.Problem = refuse(CodeBusy, "peering %s of %s is %s", e.half.Name, e.local.ID.Name(), e.half.Provisioning)
			return p
		}
	}
	p.Steps, p.Problem = w.repair(ends)
	if len(p.Steps) == 0 {
		return p
	}
	if p.Problem = w.obstacle(ends, p.Steps); p.Problem != nil {
		p.Steps = nil
		return p
	}
	for _, e := range ends {
		if Busy(e.local.State) { // it passes, and then the steps are what is needed
			p.Problem = &Problem{Code: CodeBusy, Text: fmt.Sprintf("network %s is %s", e.local.ID.Name(), e.local.State)}
		}
	}
	return p
}

// repair returns what the halves need, with the fewest writes.
func (w Want) repair(ends [2]end) ([]Step, *Problem) {
	if slices.ContainsFunc(ends[:], func(e end) bool { return e.half != nil && e.half.State == Disconnected }) {
		return w.replace(ends)
	}
	for _, e := range ends {
		if why := e.unusable(); why != "" {
			return nil, refuse(CodeForeign, "peering %s of %s was not made by hopguard and %s", e.half.Name, e.local.ID.Name(), why)
		}
	}
	behind := outOfSync(ends)
	var steps []Step
	for i, e := range ends {
		if e.half == nil {
			steps = append(steps, w.create(e, "there is none"))
			continue
		}
		s := Step{Op: OpWrite, Side: e.side, Name: e.half.Name, Flags: e.flags(), Sync: behind[i]}
		var why []string
		if len(s.Flags) > 0 {
			why = append(why, strings.Join(s.Flags, " and ")+" was taken away")
		}
		if s.Sync {
			why = append(why, "it does not have the address space of "+e.remote.ID.Name())
		}
		if e.half.Failed() {
			why = append(why, "its last write has failed")
		}
		if len(why) > 0 {
			s.Why = strings.Join(why, "; ")
			steps = append(steps, s)
		}
	}
	if e, ok := halfMade(ends); ok && len(steps) == 0 {
		steps = []Step{{Op: OpWrite, Side: e.side, Name: e.half.Name, Why: "both halves are there, and it is not connected"}}
	}
	return steps, nil
}

// halfMade returns the half to write again if both are there and not connected. One
// write connects both; a half of our own is taken before somebody else's.
func halfMade(ends [2]end) (end, bool) {
	a, b := ends[0], ends[1]
	switch {
	case a.half == nil || b.half == nil || a.half.State == Connected && b.half.State == Connected:
		return end{}, false
	case b.own && !a.own:
		return b, true
	default:
		return a, true
	}
}

// replace makes both halves anew. Azure refuses every write while one of them is
// disconnected, and deleting one disconnects the other.
func (w Want) replace(ends [2]end) ([]Step, *Problem) {
	var deletes, creates []Step
	for _, e := range ends {
		why := "the other half is disconnected"
		if e.half != nil {
			if !e.deletable() {
				return nil, refuse(CodeForeign, "the peering is disconnected, and only deleting its halves helps: %s", e.claim())
			}
			if e.half.State == Disconnected {
				why = "it is disconnected"
			}
			deletes = append(deletes, Step{Op: OpDelete, Side: e.side, Name: e.half.Name, Why: why})
		}
		creates = append(creates, w.create(e, "to replace a disconnected one"))
	}
	return append(deletes, creates...), nil
}

// deletable reports whether the half is the group's own and nobody has built on it:
// flags that hopguard does not set would be lost.
func (e end) deletable() bool { return e.own && !e.half.Gateway && !e.half.Subnets }

// claim says why a half is not hopguard's to delete.
func (e end) claim() string {
	what := fmt.Sprintf("%s of %s ", e.half.Name, e.local.ID.Name())
	switch {
	case !e.own:
		return what + "was not made by hopguard"
	case e.half.Gateway:
		return what + "has gateway flags that somebody else has set"
	default:
		return what + "peers only some subnets, as somebody else has set"
	}
}

func (w Want) create(e end, why string) Step {
	return Step{Op: OpCreate, Side: e.side, Name: Name(w.Group, e.remote.ID), Why: why}
}

// flags are those that an own half lacks.
func (e end) flags() []string {
	if !e.own {
		return nil
	}
	var out []string
	if !e.half.Access {
		out = append(out, flagAccess)
	}
	if !e.half.Forwarded {
		out = append(out, flagForwarded)
	}
	return out
}

// unusable says what somebody else's half lacks to carry the group's traffic.
func (e end) unusable() string {
	switch {
	case e.half == nil || e.own:
		return ""
	case !e.half.Access:
		return "has " + flagAccess + " false: no traffic passes it"
	case !e.half.Forwarded && e.side == AtSpoke:
		return "has " + flagForwarded + " false: replies that come through the appliance are dropped"
	default:
		return ""
	}
}

// outOfSync says which halves must take over the other network's address space. What
// a half works with is compared with what the network has. Only where that shows
// nothing are the levels believed: which of the two halves they mean has been read in
// both ways.
func outOfSync(ends [2]end) [2]bool {
	var behind [2]bool
	for i, e := range ends {
		behind[i] = e.half != nil && !e.half.Subnets && len(e.half.Taken) > 0 && len(e.remote.Prefixes) > 0 &&
			!samePrefixes(e.half.Taken, e.remote.Prefixes)
	}
	if behind[0] || behind[1] {
		return behind
	}
	for i, e := range ends {
		if e.half == nil || ends[1-i].half == nil || e.half.State != Connected {
			continue // the level of a half that stands alone says nothing
		}
		behind[i] = behind[i] || e.half.Sync == LocalNotInSync || e.half.Sync == LocalAndRemoteNotInSync
		behind[1-i] = behind[1-i] || e.half.Sync == RemoteNotInSync || e.half.Sync == LocalAndRemoteNotInSync
	}
	return behind
}

func samePrefixes(a, b []netip.Prefix) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.SortFunc(a, netip.Prefix.Compare)
	slices.SortFunc(b, netip.Prefix.Compare)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

// obstacle finds what Azure would refuse the steps for, before it is asked.
func (w Want) obstacle(ends [2]end, steps []Step) *Problem {
	for _, s := range steps {
		if s.Op != OpCreate {
			continue
		}
		e := ends[0]
		if s.Side == AtHub {
			e = ends[1]
		}
		for _, h := range e.local.Halves {
			if strings.EqualFold(h.Name, s.Name) && !h.Remote.Equal(e.remote.ID) {
				return refuse(CodeNameTaken, "peering %s of %s leads to %s", h.Name, e.local.ID.Name(), h.Remote)
			}
		}
		if a, b, ok := overlap(e.local.Prefixes, e.remote.Prefixes); ok {
			return refuse(CodeOverlap, "%s of %s overlaps %s of %s", a, e.local.ID.Name(), b, e.remote.ID.Name())
		}
	}
	return nil
}

// overlap returns the first two prefixes that overlap.
func overlap(a, b []netip.Prefix) (x, y netip.Prefix, ok bool) {
	for _, p := range a {
		for _, q := range b {
			if p.Overlaps(q) {
				return p, q, true
			}
		}
	}
	return netip.Prefix{}, netip.Prefix{}, false
}

// Replan plans a pair again after both networks were read; nil is one that is not
// there. What has changed meanwhile counts: a network that is not selected any more
// is not peered, and one that is wanted again is not torn down.
func (w Want) Replan(p PairPlan, spoke, hub *Network) PairPlan {
	wanted := spoke != nil && w.Selection.Selects(spoke.ID, spoke.Tags)
	if _, ok := w.hub(p.Hub); !ok {
		wanted = false
	}
	switch {
	case !p.Wanted && wanted:
		return PairPlan{Spoke: p.Spoke, Hub: p.Hub, Problem: refuse(CodeKept, "it is wanted again")}
	case !p.Wanted:
		return w.unpair(p.Spoke, p.Hub, spoke, hub)
	case spoke == nil:
		p.Problem = refuse(CodeGone, "network %s does not exist any more", p.Spoke.Name())
	case !wanted:
		p.Problem = refuse(CodeGone, "network %s is not selected any more", p.Spoke.Name())
	case hub == nil:
		p.Problem = refuse(CodeUnread, "network %s of the member does not exist", p.Hub.Name())
	default:
		return w.Pair(*spoke, *hub)
	}
	p.Steps = nil
	return p
}

// unpair removes a pair that nobody wants, if that is asked for. A network that could
// not be read is nil.
func (w Want) unpair(spokeID, hubID appliance.ResourceID, spoke, hub *Network) PairPlan {
	networks := [2]Network{{ID: spokeID}, {ID: hubID}}
	for i, n := range []*Network{spoke, hub} {
		if n != nil {
			networks[i] = *n
		}
	}
	ends := w.ends(networks[0], networks[1])
	p := PairPlan{Spoke: spokeID, Hub: hubID, AtSpoke: ends[0].found(), AtHub: ends[1].found()}
	if !w.Remove {
		p.Problem = &Problem{Code: CodeUnwanted, Text: "nothing selects it any more; it is removed only when that is asked for"}
		return p
	}
	for i, e := range ends {
		if e.half == nil {
			continue
		}
		if problem := e.obstacleToDelete([]*Network{spoke, hub}[1-i] != nil); problem != nil {
			p.Steps, p.Problem = nil, problem
			return p
		}
		p.Steps = append(p.Steps, Step{Op: OpDelete, Side: e.side, Name: e.half.Name, Why: "nothing selects it any more"})
	}
	return p
}

// obstacleToDelete says why a half must not be deleted, now or at all. seen reports
// that the network at its other end was read.
func (e end) obstacleToDelete(seen bool) *Problem {
	switch {
	case e.half.Busy():
		return refuse(CodeBusy, "peering %s of %s is %s", e.half.Name, e.local.ID.Name(), e.half.Provisioning)
	case !e.deletable():
		return refuse(CodeKept, "%s", e.claim())
	case !seen && e.half.State != Disconnected:
		return refuse(CodeKept, "network %s, where it leads to, was not read", e.remote.ID.Name())
	default:
		return nil
	}
}
