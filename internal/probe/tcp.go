package probe

import (
	"context"
	"fmt"

	"hopguard/internal/appliance"
)

// TCP opens a connection to the member and closes it. A member that accepts and
// then says nothing passes: its kernel answers while the program behind it may
// hang. HTTP catches that.
type TCP struct {
	// Targets are "host:port" by member. A target behind the member, to which the
	// observer's route leads through it alone, proves that the member forwards; one
	// on the member proves only that it answers.
	Targets map[appliance.MemberName]string
	// Port is asked on the next-hop address of a member without a target.
	Port uint16
	// Address is needed for members without a target.
	Address AddressFunc
	// From is where a plain dialer connects from.
	From From
	// Dial opens the connection; nil is a plain dialer.
	Dial DialFunc
}

// Ask passes when the connection stands. Refused, unreachable and silent are
// fails; what goes wrong on the observer's side is unknown.
func (t TCP) Ask(ctx context.Context, m appliance.Member) (appliance.Outcome, string) {
	target, why := t.target(m.Name)
	if why != "" {
		return appliance.Unknown, why
	}
	asked := target + t.From.String()
	conn, err := t.Dial.or(t.From)(ctx, "tcp", target)
	if err != nil {
		outcome, evidence := weigh(ctx, err)
		return outcome, asked + ": " + evidence
	}
	_ = conn.Close() // nothing was sent that could be lost
	return appliance.Pass, asked + ": connected"
}

func (t TCP) target(name appliance.MemberName) (target, why string) {
	if target := t.Targets[name]; target != "" {
		return target, ""
	}
	if t.Port == 0 {
		return "", fmt.Sprintf("not asked: neither a target nor a port is configured for %s", name)
	}
	addr, why := t.Address.of(name)
	if why != "" {
		return "", why
	}
	return at(addr, t.Port), ""
}
