package peering

import (
	"fmt"
	"slices"

	"hopguard/internal/appliance"
)

// Plan is the exact list of writes that give the group its peerings.
type Plan struct {
	Group appliance.GroupName `json:"group"`
	// Networks has every selected network, and every other one that has a half of the
	// group's, in the order of their ids. What else a network is to have beside its
	// peerings, such as a route table, becomes a member of NetworkPlan.
	Networks []NetworkPlan `json:"networks"`
	// Problem is of the whole: nothing is selected, no member's network is known.
	Problem *Problem `json:"problem,omitempty"`
}

// NetworkPlan is what one network needs.
type NetworkPlan struct {
	Network appliance.ResourceID `json:"network"`
	// Wanted reports that the network is selected.
	Wanted bool `json:"wanted"`
	// Skipped says why a selected network is not peered, as it should be.
	Skipped string     `json:"skipped,omitempty"`
	Pairs   []PairPlan `json:"pairs,omitempty"`
}

// PairPlan is what one peering, with its two halves, needs.
type PairPlan struct {
	Spoke appliance.ResourceID `json:"spoke"`
	Hub   appliance.ResourceID `json:"hub"`
	// Wanted reports that the two are to be peered; otherwise steps only delete.
	Wanted bool `json:"wanted"`
	// AtSpoke and AtHub are the halves as they were found; nil if missing.
	AtSpoke *Found `json:"atSpoke,omitempty"`
	AtHub   *Found `json:"atHub,omitempty"`
	// Steps are made one after the other.
	Steps   []Step   `json:"steps,omitempty"`
	Problem *Problem `json:"problem,omitempty"`
}

// Found is a half as it was found.
type Found struct {
	Name         string `json:"name"`
	State        State  `json:"state"`
	Sync         Sync   `json:"sync"`
	Provisioning string `json:"provisioning"`
	// Own reports that the name is the group's mark.
	Own bool `json:"own"`
}

// Side is one end of a pair.
type Side string

// The sides.
const (
	AtSpoke Side = "spoke"
	AtHub   Side = "hub"
)

// Op is what a step does.
type Op string

// The operations.
const (
	// OpCreate makes a half that is missing.
	OpCreate Op = "create"
	// OpWrite writes a half that exists, with the etag just read.
	OpWrite Op = "write"
	// OpDelete deletes a half of the group's own.
	OpDelete Op = "delete"
)

// Step is one write to Azure.
type Step struct {
	Op   Op     `json:"op"`
	Side Side   `json:"side"`
	Name string `json:"name"`
	// Flags are the flags that OpWrite sets to true.
	Flags []string `json:"flags,omitempty"`
	// Sync makes OpWrite take over the remote network's address space.
	Sync bool `json:"sync,omitzero"`
	// Why is a sentence for a person.
	Why string `json:"why"`
}

// Local returns the network that has the step's half.
func (p PairPlan) Local(s Step) appliance.ResourceID {
	if s.Side == AtHub {
		return p.Hub
	}
	return p.Spoke
}

// Remote returns the network that the step's half leads to.
func (p PairPlan) Remote(s Step) appliance.ResourceID {
	if s.Side == AtHub {
		return p.Spoke
	}
	return p.Hub
}

// Code names a kind of problem.
type Code string

// The codes. They are only ever added to.
const (
	// CodeNothingSelected: no network matches the selection.
	CodeNothingSelected Code = "nothing-selected"
	// CodeNoHub: the network of a member is not known.
	CodeNoHub Code = "no-hub"
	// CodeUnread: a network could not be read.
	CodeUnread Code = "unread"
	// CodeGone: the selected network does not exist any more.
	CodeGone Code = "gone"
	// CodeTenant: the networks are in different tenants.
	CodeTenant Code = "tenant"
	// CodeOverlap: the address spaces overlap.
	CodeOverlap Code = "overlap"
	// CodeLimit: a network has as many peerings as Azure allows.
	CodeLimit Code = "limit"
	// CodeForeign: somebody else's half is in the way.
	CodeForeign Code = "foreign"
	// CodeNameTaken: the name of the half belongs to a peering with another network.
	CodeNameTaken Code = "name-taken"
	// CodeBusy: Azure is still changing one of the two; it passes by itself. If it is a
	// network, the steps are those to make then; if it is a half, they cannot be told.
	CodeBusy Code = "busy"
	// CodeUnwanted: the group has made the peering, and nothing selects it any more.
	CodeUnwanted Code = "unwanted"
	// CodeKept: the peering is to be removed and must not be.
	CodeKept Code = "kept"
)

// Problem says what is wrong.
type Problem struct {
	Code Code `json:"code"`
	// Refused: what is needed, or asked for, is not done.
	Refused bool   `json:"refused"`
	Text    string `json:"text"`
}

func refuse(code Code, format string, args ...any) *Problem {
	return &Problem{Code: code, Refused: true, Text: fmt.Sprintf(format, args...)}
}

// Writes returns the pairs that need a write: those that have a half already come
// first, because they may carry traffic; otherwise in the plan's order.
func (p Plan) Writes() []PairPlan {
	var repairs, others []PairPlan
	for _, n := range p.Networks {
		for _, pair := range n.Pairs {
			switch {
			case len(pair.Steps) == 0:
			case pair.Wanted && (pair.AtSpoke != nil || pair.AtHub != nil):
				repairs = append(repairs, pair)
			default:
				others = append(others, pair)
			}
		}
	}
	return append(repairs, others...)
}

// First returns the plan with the writes of the first n pairs in the order of Writes,
// and all else as it is, for who wants to read again before the rest is made.
func (p Plan) First(n int) Plan {
	chosen := map[[2]string]bool{}
	for _, pair := range p.Writes()[:min(n, len(p.Writes()))] {
		chosen[[2]string{pair.Spoke.Key(), pair.Hub.Key()}] = true
	}
	p.Networks = slices.Clone(p.Networks)
	for i := range p.Networks {
		pairs := slices.Clone(p.Networks[i].Pairs)
		for j := range pairs {
			if !chosen[[2]string{pairs[j].Spoke.Key(), pairs[j].Hub.Key()}] {
				pairs[j].Steps = nil
			}
		}
		p.Networks[i].Pairs = pairs
	}
	return p
}

// Steps counts the writes.
func (p Plan) Steps() int {
	n := 0
	for _, pair := range p.Writes() {
		n += len(pair.Steps)
	}
	return n
}

// Agreed reports whether everything wanted is there and nothing is wrong. Peerings
// that nobody wants any more do not count, as long as nobody asked to remove them.
func (p Plan) Agreed() bool {
	if p.Problem != nil {
		return false
	}
	return !slices.ContainsFunc(p.Networks, func(n NetworkPlan) bool {
		return slices.ContainsFunc(n.Pairs, func(pair PairPlan) bool {
			return len(pair.Steps) > 0 || pair.Problem != nil && pair.Problem.Code != CodeUnwanted
		})
	})
}
