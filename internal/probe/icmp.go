package probe

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"hopguard/internal/appliance"
)

// PingFunc sends one echo request and returns how long its reply took. source is
// the address that it is sent from, or "" for any. It returns when ctx ends. Its
// errors mean what those of a connection mean: refused permission, for one, is the
// observer's trouble.
type PingFunc func(ctx context.Context, target netip.Addr, source string) (time.Duration, error)

// ICMP sends the member one echo request a question and waits for its reply. Who
// expects losses counts several questions. A member that drops echo requests fails
// although it forwards; a kernel answers them although the programs above it hang.
type ICMP struct {
	// Targets are addresses by member. As with TCP, one behind the member proves
	// more than one on it. A target cannot be a name: the answer must not depend on
	// a resolver.
	Targets map[appliance.MemberName]netip.Addr
	// Address is needed for members without a target.
	Address AddressFunc
	// From is where the request is sent from. Its Source has the target's family and
	// no zone. Its Interface only directs the request: a reply counts whichever way
	// it came.
	From From
	// Socket is what the operating system is asked for.
	Socket Socket
	// Ping sends the request; nil is a real one, which notices the end of ctx up to
	// 0.1 s late. Socket and From.Interface are the real one's.
	Ping PingFunc
}

// Ask passes when the reply comes. Silence is a fail, and so is word that the
// member cannot be reached; a request that the observer may not or cannot send is
// unknown.
func (i ICMP) Ask(ctx context.Context, m appliance.Member) (appliance.Outcome, string) {
	target, why := i.target(m.Name)
	if why != "" {
		return appliance.Unknown, why
	}
	asked := "ping " + target.String() + i.From.String()
	if ctx.Err() != nil {
		return appliance.Unknown, fmt.Sprintf("%s: not asked: no time was left: %v", asked, context.Cause(ctx))
	}
	var took time.Duration
	var err error
	if i.Ping != nil {
		took, err = i.Ping(ctx, target, i.From.source())
	} else {
		var used Socket
		used, took, err = echo(ctx, target, i.From, i.Socket)
		asked += " with " + used.String()
	}
	if err != nil {
		outcome, evidence := weigh(ctx, err)
		return outcome, asked + ": " + evidence
	}
	return appliance.Pass, fmt.Sprintf("%s: reply after %s", asked, took.Round(time.Microsecond))
}

func (i ICMP) target(name appliance.MemberName) (target netip.Addr, why string) {
	if t := i.Targets[name]; t.IsValid() {
		target = t.Unmap()
	} else if target, why = i.Address.of(name); why != "" {
		return netip.Addr{}, why
	}
	if s := i.From.Source; s.IsValid() && s.Unmap().Is4() != target.Is4() {
		return netip.Addr{}, fmt.Sprintf("not asked: %s is of another family than the source %s", target, s)
	}
	return target, ""
}
