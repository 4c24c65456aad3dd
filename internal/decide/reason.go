package decide

import "fmt"

// Reason says why a decision was taken. Reasons leave the process (reports,
// metrics, records), so the list only ever grows.
type Reason string

// The reasons.
const (
	// Routes stay where they are, and all is as it should be.
	ReasonActiveUp        Reason = "active-up"
	ReasonAdopted         Reason = "adopted"
	ReasonFailbackWaiting Reason = "failback-waiting"
	ReasonFailbackWindow  Reason = "failback-window"

	// Automatic transitions.
	ReasonActiveDown Reason = "active-down"
	ReasonFailback   Reason = "failback"

	// The active member does not carry traffic, or may not, and hopguard holds.
	ReasonBothDown        Reason = "both-down"
	ReasonActiveUnknown   Reason = "active-unknown"
	ReasonStandbyUnknown  Reason = "standby-unknown"
	ReasonObserverSuspect Reason = "observer-suspect"
	ReasonHoldDown        Reason = "hold-down"
	ReasonFlapBudget      Reason = "flap-budget"

	// A human decides.
	ReasonPinned       Reason = "pinned"
	ReasonFrozen       Reason = "frozen"
	ReasonForced       Reason = "forced"
	ReasonOrdered      Reason = "ordered"
	ReasonOrderPin     Reason = "order-pin"
	ReasonOrderFreeze  Reason = "order-freeze"
	ReasonOrderThaw    Reason = "order-thaw"
	ReasonOrderRefused Reason = "order-refused"
	ReasonOrderNothing Reason = "order-changes-nothing"
)

// Reasons lists every reason, in the order of the reference.
func Reasons() []Reason {
	return []Reason{
		ReasonActiveUp, ReasonAdopted, ReasonFailbackWaiting, ReasonFailbackWindow,
		ReasonActiveDown, ReasonFailback,
		ReasonBothDown, ReasonActiveUnknown, ReasonStandbyUnknown, ReasonObserverSuspect, ReasonHoldDown, ReasonFlapBudget,
		ReasonPinned, ReasonFrozen, ReasonForced,
		ReasonOrdered, ReasonOrderPin, ReasonOrderFreeze, ReasonOrderThaw, ReasonOrderRefused, ReasonOrderNothing,
	}
}

// Sentence explains the reason to a person.
func (r Reason) Sentence() string {
	switch r {
	case ReasonActiveUp:
		return "the active member is up"
	case ReasonAdopted:
		return "no record existed: the member that the routes point at was taken as active"
	case ReasonFailbackWaiting:
		return "the preferred member is up again and must stay so for the failback delay"
	case ReasonFailbackWindow:
		return "the preferred member was up for the failback delay: traffic returns in the next window"
	case ReasonActiveDown:
		return "the active member is down and the other one is up: traffic moves"
	case ReasonFailback:
		return "the preferred member was up for the failback delay: traffic returns"
	case ReasonBothDown:
		return "both members look down: nothing is written, because the observer may be the sick one"
	case ReasonActiveUnknown:
		return "nothing is known of the active member: nothing is written"
	case ReasonStandbyUnknown:
		return "the active member is down but the other one is not proven up: traffic stays"
	case ReasonObserverSuspect:
		return "the witness does not answer either: the observer may be cut off, so its failures say nothing"
	case ReasonHoldDown:
		return "the active member is down, but the last automatic transition is too recent"
	case ReasonFlapBudget:
		return "the active member is down, but the budget of automatic transitions is spent"
	case ReasonPinned:
		return "a human pinned the active member: nothing moves by itself"
	case ReasonFrozen:
		return "a human froze the group: nothing is written until it is thawed or the freeze expires"
	case ReasonForced:
		return "a human forced the active member although it was not up: nothing moves by itself until it was"
	case ReasonOrdered:
		return "a human ordered the change"
	case ReasonOrderPin:
		return "a human pinned the group"
	case ReasonOrderFreeze:
		return "a human froze the group"
	case ReasonOrderThaw:
		return "a human gave the group back to automatic control"
	case ReasonOrderRefused:
		return "the order was refused"
	case ReasonOrderNothing:
		return "the order changes nothing: it is so already"
	default:
		panic(fmt.Sprintf("decide: reason %q", string(r)))
	}
}
