package probe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"hopguard/internal/appliance"
)

// DeviceReader asks the Meraki cloud about devices. Implementations are safe for
// concurrent use, and their errors speak of the asking, never of a device.
type DeviceReader interface {
	// Reachability returns the cloud's word for the device: "online", "alerting",
	// "offline", "dormant", another one, or "" if it gives none; and when the question
	// was sent, which may be before the call if an answer is shared.
	Reachability(ctx context.Context, serial string) (word string, seen time.Time, err error)
	// Ping orders a live ping of the device from the cloud and returns how many
	// requests were sent and how many replies came.
	Ping(ctx context.Context, serial string) (sent, received int, err error)
}

// Meraki asks the Meraki cloud how it sees the member's device. The cloud notices
// minutes late that a device is gone, and "offline" says only that the cloud does not
// hear from it: it may forward all the while. So a fail of this check needs a second
// signal before it may count as a death, which is decide's to ask for.
type Meraki struct {
	// Devices is required.
	Devices DeviceReader
	// Serials are the devices of the members.
	Serials map[appliance.MemberName]string
	// Ping orders a live ping of a device that the cloud does not hear from. It takes
	// seconds of the check's time, and all askers of a device share one in 5 s.
	Ping bool
}

// Ask passes on "online" and "alerting", which is a complaint of a device that works,
// and fails on "offline" and "dormant". With Ping a single reply to a live ping turns
// that fail into a pass; no reply, and a ping without a result, leave it as it is,
// because how a ping of a dead device ends is documented nowhere. Everything that
// says more of the cloud than of the device is unknown: errors, the end of time, and
// words that nobody knows.
func (q Meraki) Ask(ctx context.Context, m appliance.Member) (appliance.Outcome, string) {
	serial := q.Serials[m.Name]
	if serial == "" {
		return appliance.Unknown, fmt.Sprintf("not asked: no serial of %s is configured", m.Name)
	}
	word, seen, err := q.Devices.Reachability(ctx, serial)
	if err != nil {
		return appliance.Unknown, "the Meraki cloud's word was not read: " + ownTimeout(ctx, err).Error()
	}
	word = strings.ToLower(word)
	asked := fmt.Sprintf("device %s, asked %s ago: ", serial, time.Since(seen).Round(time.Millisecond))
	switch word {
	case "online", "alerting":
		return appliance.Pass, asked + "the Meraki cloud says " + word
	case "offline", "dormant":
		outcome, evidence := appliance.Fail, asked+"the Meraki cloud says "+word
		if q.Ping {
			var pinged string
			outcome, pinged = q.ping(ctx, serial)
			evidence += "; " + pinged
		}
		return outcome, evidence
	case "":
		return appliance.Unknown, asked + "the Meraki cloud gives no status"
	default:
		return appliance.Unknown, asked + fmt.Sprintf("the status %q is not one that Meraki documents", clip(word))
	}
}

// ping asks a device that the cloud does not hear from for a sign of life.
func (q Meraki) ping(ctx context.Context, serial string) (appliance.Outcome, string) {
	began := time.Now()
	sent, received, err := q.Devices.Ping(ctx, serial)
	took := time.Since(began).Round(time.Millisecond)
	switch {
	case err != nil:
		return appliance.Fail, fmt.Sprintf("a live ping gave no result after %s, which adds nothing: %v", took, ownTimeout(ctx, err))
	case received > 0:
		return appliance.Pass, fmt.Sprintf("but %d of %d live pings came back after %s", received, sent, took)
	default:
		return appliance.Fail, fmt.Sprintf("%d of %d live pings came back after %s", received, sent, took)
	}
}

// ownTimeout returns an error that says whose time was over, if it was the check's.
func ownTimeout(ctx context.Context, err error) error {
	own, ok := errors.AsType[*TimeoutError](context.Cause(ctx))
	if ok && errors.Is(err, context.DeadlineExceeded) {
		return own
	}
	return err
}
