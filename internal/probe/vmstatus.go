package probe

import (
	"context"
	"fmt"
	"strings"

	"hopguard/internal/appliance"
)

// PowerReader reads power states from Azure. Implementations are safe for
// concurrent use.
type PowerReader interface {
	// PowerState returns the word after "PowerState/" in the machine's instance
	// view: "running", "starting", "stopping", "stopped", "deallocating",
	// "deallocated" or "unknown"; "" if the view has no such entry; "deleted" if
	// Azure says that the machine does not exist.
	PowerState(ctx context.Context, vm appliance.ResourceID) (string, error)
}

// VMStatus asks Azure for the power state of the member's machine. It does not
// see a guest that hangs or a tunnel that is down: the state stays "running".
type VMStatus struct {
	// Power is required.
	Power PowerReader
}

// Ask passes on "running" and fails on the states in which the machine does not
// run. Everything that says more of Azure than of the machine is unknown: errors,
// timeouts, no state, and words that nobody knows.
func (v VMStatus) Ask(ctx context.Context, m appliance.Member) (appliance.Outcome, string) {
	word, err := v.Power.PowerState(ctx, m.VM)
	if err != nil {
		return appliance.Unknown, "power state was not read: " + ownTimeout(ctx, err).Error()
	}
	switch word := strings.ToLower(word); word {
	case "running":
		return appliance.Pass, "power state is running"
	case "starting", "stopping", "stopped", "deallocating", "deallocated":
		return appliance.Fail, "power state is " + word
	case "deleted":
		return appliance.Fail, "the machine does not exist"
	case "":
		return appliance.Unknown, "Azure reports no power state"
	case "unknown":
		return appliance.Unknown, "Azure reports the power state as unknown"
	default:
		return appliance.Unknown, fmt.Sprintf("power state %q is not one that Azure documents", word)
	}
}
