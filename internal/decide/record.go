// Package decide turns what was seen into what should be: Judge makes verdicts
// of observations, Step makes the next record and a decision of verdicts.
//
// Both are value functions: same input, same output. No clock, context, log,
// I/O or randomness is used; time is a field of the input. The package writes
// nothing and proves nothing about Azure. controller and store import it.
package decide

import (
	"errors"
	"slices"
	"time"

	"hopguard/internal/appliance"
)

// ErrLostRace says that somebody else changed the record first. The decision is
// worthless then: read, decide again.
var ErrLostRace = errors.New("record was changed by somebody else")

// ErrOffline says that the store is down and that what is decided now is in memory
// only. The record that comes with it is the newest that is known.
var ErrOffline = errors.New("the store is down; what is decided now is kept in memory")

// ErrCorrupt says that a stored record cannot be read. The store has put it
// aside and kept it; Azure's routes are the truth to restart from.
var ErrCorrupt = errors.New("record is corrupt")

// Mode says who may change the active member.
type Mode string

// The modes. The empty mode of an empty record is auto.
const (
	Auto Mode = "auto"
	// Pinned: the active member stays until a human says otherwise.
	Pinned Mode = "pinned"
	// Frozen: nothing is written at all until the freeze expires. A pin below it
	// returns then.
	Frozen Mode = "frozen"
)

// Record is the durable state of a group. It changes by compare-and-swap only,
// and always before a route is touched. The zero value is "nothing recorded".
type Record struct {
	Group appliance.GroupName `json:"group"`
	// Epoch counts the transitions; 0 means nothing was ever recorded.
	Epoch  uint64               `json:"epoch"`
	Active appliance.MemberName `json:"active"`
	Mode   Mode                 `json:"mode"`
	// FrozenUntil ends a freeze. Zero when the mode is not frozen.
	FrozenUntil time.Time `json:"frozenUntil,omitzero"`
	// Resume is the mode that returns when a freeze expires; empty means auto.
	Resume Mode `json:"resume,omitzero"`
	// Forced says that a human ordered the active member although it was not up.
	// Automatic transitions wait until it was up once.
	Forced bool `json:"forced,omitzero"`
	// Note is what the human said with the last order.
	Note string `json:"note,omitzero"`
	// Health remembers the verdicts, so that the next process neither forgets that
	// a member was down nor since when one is up.
	Health Health `json:"health"`
	// Places remembers the members' addresses: those of a dead member are needed
	// when Azure cannot be asked for them any more.
	Places []Addresses `json:"places"`
	// History has the newest transition last; it is bounded.
	History []Transition `json:"history"`
}

// Addresses are the next hops that a member has and had.
type Addresses struct {
	Member appliance.MemberName `json:"member"`
	Hops   []appliance.Hop      `json:"hops"`
	// Subnets hold the member's interfaces.
	Subnets []appliance.ResourceID `json:"subnets,omitzero"`
	// Seen is when Azure last said so.
	Seen time.Time `json:"seen,omitzero"`
	// Former were the member's until it was redeployed; routes may still name them.
	Former []appliance.Hop `json:"former,omitzero"`
}

// Transition is a change of the active member.
type Transition struct {
	Epoch  uint64               `json:"epoch"`
	From   appliance.MemberName `json:"from,omitzero"`
	To     appliance.MemberName `json:"to"`
	Reason Reason               `json:"reason"`
	At     time.Time            `json:"at"`
	// By names the human who ordered it; empty for an automatic one.
	By string `json:"by,omitzero"`
	// Alone says that it was made while the store was down, by a controller that knew
	// of no other.
	Alone bool `json:"alone,omitzero"`
}

// automatic reports whether no human ordered it and it moved traffic.
func (t Transition) automatic() bool {
	return t.Reason == ReasonActiveDown || t.Reason == ReasonFailback
}

const (
	keepTransitions = 32
	keepFormer      = 8
)

// Last returns the newest transition.
func (r Record) Last() (Transition, bool) {
	if len(r.History) == 0 {
		return Transition{}, false
	}
	return r.History[len(r.History)-1], true
}

// AddressesOf returns the recorded addresses of a member.
func (r Record) AddressesOf(name appliance.MemberName) Addresses {
	for _, a := range r.Places {
		if a.Member == name {
			return a
		}
	}
	return Addresses{Member: name}
}

// Overrules reports whether writes that old orders must stop because of r, which was
// stored after it: traffic goes elsewhere since, the group is frozen, or Azure was asked
// again where the active member is and said otherwise. A record that was lost, or is
// older, overrules nothing.
func (r Record) Overrules(old Record) bool {
	if r.Epoch > old.Epoch {
		return true
	}
	if r.Epoch < old.Epoch {
		return false
	}
	now, then := r.AddressesOf(old.Active), old.AddressesOf(old.Active)
	return r.Active != old.Active ||
		r.Mode == Frozen && old.Mode != Frozen ||
		now.Seen.After(then.Seen) && !slices.Equal(now.Hops, then.Hops)
}

// Remember returns the record with the members' addresses as Azure says now. An
// address that a member lost is kept as a former one, unless another member has
// it now. Places without hops (Azure did not say) change nothing.
func (r Record) Remember(group appliance.Group, places []appliance.Place, now time.Time) Record {
	var out []Addresses
	taken := func(h appliance.Hop) bool {
		return slices.ContainsFunc(places, func(p appliance.Place) bool {
			return slices.ContainsFunc(p.Hops, func(x appliance.Hop) bool { return x.Addr == h.Addr })
		})
	}
	for _, m := range group.Members {
		known := r.AddressesOf(m.Name)
		i := slices.IndexFunc(places, func(p appliance.Place) bool { return p.Member == m.Name && len(p.Hops) > 0 })
		next := Addresses{Member: m.Name, Hops: known.Hops, Subnets: known.Subnets, Seen: known.Seen}
		if i >= 0 {
			next = Addresses{Member: m.Name, Hops: places[i].Hops, Subnets: places[i].Subnets, Seen: now}
		}
		for _, h := range slices.Concat(known.Former, known.Hops) {
			if !taken(h) && !slices.Contains(next.Hops, h) && !slices.Contains(next.Former, h) {
				next.Former = append(next.Former, h)
			}
		}
		if n := len(next.Former); n > keepFormer {
			next.Former = next.Former[n-keepFormer:]
		}
		out = append(out, next)
	}
	r.Places = out
	return r
}

// transition returns the record after a change of the active member.
func (r Record) transition(to appliance.MemberName, reason Reason, now time.Time, by string) Record {
	t := Transition{Epoch: r.Epoch + 1, From: r.Active, To: to, Reason: reason, At: now, By: by}
	r.Epoch, r.Active = t.Epoch, to
	r.History = bounded(append(slices.Clone(r.History), t))
	return r
}

// bounded keeps the newest transitions of all and the newest automatic ones: the
// flap budget counts those, and orders must not push them out.
func bounded(history []Transition) []Transition {
	var kept []Transition
	automatic := 0
	for i, t := range slices.Backward(history) {
		if t.automatic() {
			automatic++
		}
		if len(history)-i <= keepTransitions || t.automatic() && automatic <= keepTransitions {
			kept = append(kept, t)
		}
	}
	slices.Reverse(kept)
	return kept
}

// Equal reports whether both records store the same.
func (r Record) Equal(o Record) bool {
	return r.Group == o.Group && r.Epoch == o.Epoch && r.Active == o.Active && r.Mode == o.Mode &&
		r.FrozenUntil.Equal(o.FrozenUntil) && r.Resume == o.Resume && r.Forced == o.Forced && r.Note == o.Note &&
		slices.EqualFunc(r.Health.Members, o.Health.Members, func(a, b MemberHealth) bool {
			return a.Member == b.Member && a.Verdict == b.Verdict && a.Since.Equal(b.Since)
		}) &&
		slices.EqualFunc(r.Health.Counters, o.Health.Counters, func(a, b Counter) bool {
			return a.Member == b.Member && a.Check == b.Check && a.Settled == b.Settled
		}) &&
		slices.EqualFunc(r.Places, o.Places, func(a, b Addresses) bool {
			return a.Member == b.Member && slices.Equal(a.Hops, b.Hops) && slices.Equal(a.Former, b.Former) &&
				slices.Equal(a.Subnets, b.Subnets) && a.Seen.Equal(b.Seen)
		}) &&
		slices.EqualFunc(r.History, o.History, func(a, b Transition) bool {
			return a.Epoch == b.Epoch && a.From == b.From && a.To == b.To && a.Reason == b.Reason && a.At.Equal(b.At) && a.By == b.By && a.Alone == b.Alone
		})
}
