// Package appliance is the vocabulary that every other package speaks: groups,
// members, next-hop addresses, observations and verdicts.
//
// It guarantees nothing beyond its types: it has no clock, no I/O and no state.
// It is a leaf: everybody may import it and it imports nothing of this module.
package appliance

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// GroupName names one active/passive set of appliances.
type GroupName string

// MemberName names one appliance inside its group.
type MemberName string

// Group is the unit of decision, locking and status: the appliances that share
// a set of routes.
type Group struct {
	Name GroupName
	// Preferred carries traffic when all members are well.
	Preferred MemberName
	// Members are in the order of the configuration. A group has two.
	Members []Member
}

// Member returns the member called name.
func (g Group) Member(name MemberName) (Member, bool) {
	i := slices.IndexFunc(g.Members, func(m Member) bool { return m.Name == name })
	if i < 0 {
		return Member{}, false
	}
	return g.Members[i], true
}

// Member is one appliance: an Azure virtual machine with its interfaces.
type Member struct {
	Name MemberName
	VM   ResourceID
	// Hops maps next-hop addresses to roles explicitly. Empty means that the
	// roles are read from the names of the subnets of its interfaces.
	Hops []HopSource
}

// Maps reports whether hops have just the roles that the member's explicit mapping
// gives, and the addresses that it names. Without a mapping any hops do.
func (m Member) Maps(hops []Hop) bool {
	if len(m.Hops) == 0 {
		return true
	}
	mapped := func(h Hop) bool {
		return slices.ContainsFunc(m.Hops, func(s HopSource) bool {
			return (s.Role == h.Role || s.Role+IPv6Suffix == h.Role) && (!s.Addr.IsValid() || s.Addr == h.Addr)
		})
	}
	for _, s := range m.Hops {
		if !slices.ContainsFunc(hops, func(h Hop) bool { return s.Role == h.Role || s.Role+IPv6Suffix == h.Role }) {
			return false
		}
	}
	return !slices.ContainsFunc(hops, func(h Hop) bool { return !mapped(h) })
}

// IPv6Suffix ends the roles of IPv6 addresses: a route never changes family.
const IPv6Suffix = "/ipv6"

// HopSource says where the next-hop address of a role is found. Exactly one of
// Subnet, NIC and Addr is set.
type HopSource struct {
	Role string
	// Subnet is the name or the id of the subnet that the interface is in.
	Subnet string
	// NIC is the name or the id of the network interface.
	NIC string
	// Addr is the address itself.
	Addr netip.Addr
}

// Hop is an address that routes may use as next hop. Members of a group have the
// same roles; a route keeps its role when it moves.
type Hop struct {
	Role string     `json:"role"`
	Addr netip.Addr `json:"addr"`
}

// String prints the hop as role=address.
func (h Hop) String() string { return h.Role + "=" + h.Addr.String() }

// Place is where Azure says a member is.
type Place struct {
	Member MemberName
	Hops   []Hop
	// Subnets hold the member's interfaces. A route table that is associated with
	// one of them would loop the member's own traffic.
	Subnets []ResourceID
}

// Hop returns the address of a role.
func (p Place) Hop(role string) (netip.Addr, bool) {
	for _, h := range p.Hops {
		if h.Role == role {
			return h.Addr, true
		}
	}
	return netip.Addr{}, false
}

// Outcome is the result of one check of one member. The zero value says nothing.
type Outcome int

// The outcomes. A check that could not be made is Unknown, never Fail.
const (
	Unknown Outcome = iota
	Pass
	Fail
)

// String returns the word used in logs and JSON.
func (o Outcome) String() string {
	switch o {
	case Unknown:
		return "unknown"
	case Pass:
		return "pass"
	case Fail:
		return "fail"
	default:
		panic(fmt.Sprintf("appliance: outcome %d", int(o)))
	}
}

// MarshalText writes the word.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads the word.
func (o *Outcome) UnmarshalText(text []byte) error {
	for _, w := range []Outcome{Unknown, Pass, Fail} {
		if w.String() == string(text) {
			*o = w
			return nil
		}
	}
	return fmt.Errorf("outcome %q: want pass, fail or unknown", text)
}

// Verdict is a member's health after counting and voting. The zero value is the
// safe one: nothing is known.
type Verdict int

// The verdicts.
const (
	Undecided Verdict = iota
	Up
	Down
)

// String returns the word used in logs and JSON; Undecided prints as "unknown".
func (v Verdict) String() string {
	switch v {
	case Undecided:
		return "unknown"
	case Up:
		return "up"
	case Down:
		return "down"
	default:
		panic(fmt.Sprintf("appliance: verdict %d", int(v)))
	}
}

// MarshalText writes the word.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads the word.
func (v *Verdict) UnmarshalText(text []byte) error {
	for _, w := range []Verdict{Undecided, Up, Down} {
		if w.String() == string(text) {
			*v = w
			return nil
		}
	}
	return fmt.Errorf("verdict %q: want up, down or unknown", text)
}

// Observation is what one check of one member saw once.
type Observation struct {
	Member  MemberName `json:"member"`
	Check   string     `json:"check"`
	Outcome Outcome    `json:"outcome"`
	// At is when the check began, by the observer's clock.
	At   time.Time     `json:"at"`
	Took time.Duration `json:"took"`
	// Evidence says what was asked and what came back, for a person.
	Evidence string `json:"evidence"`
}
