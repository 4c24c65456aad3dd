package sim

import (
	"fmt"
	"time"

	"hopguard/internal/azuresim"
)

// Failure is what happens to the active appliance.
type Failure string

// The failures.
const (
	// PowerOff stops the machine.
	PowerOff Failure = "power-off"
	// GuestHang stops the guest; Azure goes on saying that the machine runs.
	GuestHang Failure = "guest-hang"
	// NVAAndAPI stops the machine while Azure Resource Manager is out of order too.
	NVAAndAPI Failure = "nva-and-api"
)

// Failures lists them, the usual one first.
func Failures() []Failure { return []Failure{PowerOff, GuestHang, NVAAndAPI} }

// How long the API is out of order with NVAAndAPI: first it answers 503, then it
// throttles.
const (
	apiDown      = 4 * time.Second
	apiThrottled = 6 * time.Second
)

// inflict makes the failure happen to a machine, now.
func (f Failure) inflict(c *Cloud, vm string) error {
	switch f {
	case PowerOff:
		return c.PowerOff(vm)
	case GuestHang:
		return c.Hang(vm)
	case NVAAndAPI:
		for _, fault := range []azuresim.Fault{
			{Kind: azuresim.Fault503, Duration: apiDown},
			{Kind: azuresim.FaultARM429, Duration: apiThrottled, Params: map[string]string{"retryAfter": "1"}},
		} {
			if _, err := c.Inject(fault); err != nil {
				return err
			}
		}
		return c.PowerOff(vm)
	default:
		panic(fmt.Sprintf("sim: failure %q", string(f)))
	}
}

// sentence tells a person what has just happened.
func (f Failure) sentence(vm string) string {
	switch f {
	case PowerOff:
		return vm + " loses its power"
	case GuestHang:
		return vm + " hangs: its guest stands still, its machine runs on"
	case NVAAndAPI:
		return fmt.Sprintf("%s loses its power, and ARM is out of order: 503 for %s, then 429 until %s", vm, apiDown, apiThrottled)
	default:
		panic(fmt.Sprintf("sim: failure %q", string(f)))
	}
}
