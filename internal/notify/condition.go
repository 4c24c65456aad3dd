package notify

import (
	"time"

	"hopguard/internal/appliance"
)

// Condition is the state of a group as people care about it. Conditions leave the
// process, so the list only grows.
type Condition string

// The conditions, from good to bad.
const (
	Healthy     Condition = "healthy"
	Frozen      Condition = "frozen"
	Degraded    Condition = "degraded"
	Unknown     Condition = "unknown"
	UnknownLong Condition = "unknown-long"
	Stuck       Condition = "stuck"
	BothDown    Condition = "both-down"
	Failing     Condition = "failing"
	StoreLost   Condition = "store-lost"
)

// Conditions lists every condition, in the order of the reference.
func Conditions() []Condition {
	return []Condition{Healthy, Frozen, Degraded, Unknown, UnknownLong, Stuck, BothDown, Failing, StoreLost}
}

// Severity is how bad the condition is.
func (c Condition) Severity() Severity {
	switch c {
	case Healthy, "":
		return Info
	case Frozen, Degraded, Unknown:
		return Warning
	case UnknownLong, Stuck, BothDown, Failing, StoreLost:
		return Critical
	default: // a later program has written it
		return Warning
	}
}

// Sentence says what the condition means.
func (c Condition) Sentence() string {
	switch c {
	case Healthy:
		return "every member is up, and all routes are as they should be"
	case Frozen:
		return "the group is frozen: nothing is written, and no failover happens, until it is thawed or the freeze ends"
	case Degraded:
		return "traffic flows, but the group has no reserve, or something needs a person"
	case Unknown:
		return "nothing is known of the active member: nothing moves by itself"
	case UnknownLong:
		return "nothing has been known of the active member for too long: a person must look"
	case Stuck:
		return "the active member is down, and traffic may not move by itself"
	case BothDown:
		return "both members look down: nothing is written"
	case Failing:
		return "hopguard cannot do its work: what was to be read or written was not"
	case StoreLost:
		return "the store of the records cannot be reached: no failover can be decided safely"
	default:
		return string(c)
	}
}

// Situation is what a tick has found, as far as messages need it.
type Situation struct {
	Group appliance.GroupName
	// At is when the tick ended.
	At    time.Time
	Epoch uint64
	// Active carries traffic, Other does not, Preferred should.
	Active, Other, Preferred appliance.MemberName
	Condition                Condition
	// Certain says that the condition follows from what was counted or ordered. One
	// that is not must last before it is told: a single request that failed is no news.
	Certain bool
	// Since is when the condition began, if that is known better than by At.
	Since           time.Time
	Reason, Because string
	// FrozenUntil ends a freeze; zero without one.
	FrozenUntil time.Time
	// Leader looks after the group, if several processes share the store.
	Leader string
	// Last is the newest transition of the record. Moved says that this tick made it.
	Last  *Transition
	Moved bool
	// RecordLost says how the record was lost; empty if it was not.
	RecordLost string
	Members    []Member
	Steps      []Step
	Tables     []Table
	Problems   []string
}

// failed counts the tables that are not known to be done.
func (s Situation) failed() int {
	n := 0
	for _, t := range s.Tables {
		if t.Done.IsZero() {
			n++
		}
	}
	return n
}
