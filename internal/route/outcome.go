package route

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"hopguard/internal/appliance"
)

// Stage is how far the write of one table has come. Each stage is later than the
// one before, and none implies the next.
type Stage string

// The stages of a write.
const (
	// StageAccepted: Azure answered the PUT with success.
	StageAccepted Stage = "accepted"
	// StageSucceeded: the table's provisioning state is Succeeded again.
	StageSucceeded Stage = "succeeded"
	// StageReadBack: a read of the table by its id shows the wanted next hops.
	StageReadBack Stage = "read back"
	// StageEffective: an interface's effective routes show the wanted next hops.
	StageEffective Stage = "effective"
	// StageRetry: Azure refused for now; the write is tried again.
	StageRetry Stage = "retry"
	// StageFailed: the write failed for good in this tick.
	StageFailed Stage = "failed"
)

// Progress reports one stage of one table, or of one interface for
// StageEffective.
type Progress struct {
	Table appliance.ResourceID `json:"table"`
	Stage Stage                `json:"stage"`
	At    time.Time            `json:"at"`
	// Note is for a person: why it is tried again, or what failed.
	Note string `json:"note,omitzero"`
}

// Outcome is what became of the write of one table.
type Outcome struct {
	Table   appliance.ResourceID
	Changes []Change
	// Started is when the first attempt began. The other times are zero if the
	// stage was not observed.
	Started, Accepted, Succeeded, ReadBack time.Time
	// Writes counts the PUTs, also the refused ones.
	Writes int
	// Err is why the table is not known to be as wanted; nil only after ReadBack.
	Err error
}

// Done reports whether a read-back showed the table as wanted.
func (o Outcome) Done() bool { return o.Err == nil && !o.ReadBack.IsZero() }

// EffectiveRoute is one line of an interface's effective routes.
type EffectiveRoute struct {
	Prefix  string
	HopType string
	Hops    []netip.Addr
	Active  bool
}

// EffectiveAgrees reports whether every active effective route that goes to a
// member of the group goes to the active one, at an address that it has now. It is
// false if none goes to any.
func (g Goal) EffectiveAgrees(routes []EffectiveRoute) (bool, string) {
	found, current := false, g.member(g.Active).Hops
	for _, r := range routes {
		if !r.Active {
			continue
		}
		for _, h := range r.Hops {
			owner, _, ok := g.Owner(h)
			if !ok {
				continue
			}
			if !slices.ContainsFunc(current, func(c appliance.Hop) bool { return c.Addr == h }) {
				return false, fmt.Sprintf("%s still goes to %s (%s)", r.Prefix, h, owner)
			}
			found = true
		}
	}
	if !found {
		return false, "no effective route goes to a member"
	}
	return true, ""
}
