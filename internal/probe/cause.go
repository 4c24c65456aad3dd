package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"hopguard/internal/appliance"
)

// TimeoutError is the cause of a context that ended because the check's own time
// was over. Any other end of a context is the caller's and says nothing about a
// member.
type TimeoutError struct{ After time.Duration }

// Error says how long was waited.
func (e *TimeoutError) Error() string { return "no answer within " + e.After.String() }

// weigh says what it means that the connection to a member could not be made.
// Only what the member's side did, or did not do in time, is a fail; everything
// else, also an error that nobody thought of, is unknown.
func weigh(ctx context.Context, err error) (appliance.Outcome, string) {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return appliance.Unknown, fmt.Sprintf("not asked: the name %q was not resolved: %s", dns.Name, dns.Err)
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok && theirs(errno) {
		return appliance.Fail, errno.Error()
	}
	if o, evidence, ended := over(ctx, err); ended {
		return o, evidence
	}
	return appliance.Unknown, "not asked: " + err.Error()
}

// weighTalk says what it means that the talk with a connected member broke off.
// From here on every error is the member's, except that the caller ended it.
func weighTalk(ctx context.Context, err error) (appliance.Outcome, string) {
	if o, evidence, ended := over(ctx, err); ended {
		return o, evidence
	}
	return appliance.Fail, clip(err.Error())
}

// clip shortens what a peer has put into an error.
func clip(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// over says what it means that time is over, if that is why err happened. A
// socket may notice the deadline an instant before the context does.
func over(ctx context.Context, err error) (appliance.Outcome, string, bool) {
	if deadline, ok := ctx.Deadline(); ok && timeout(err) && !time.Now().Before(deadline) {
		<-ctx.Done()
	}
	if ctx.Err() == nil {
		return 0, "", false
	}
	if own, ok := errors.AsType[*TimeoutError](context.Cause(ctx)); ok {
		return appliance.Fail, own.Error(), true
	}
	return appliance.Unknown, "the probe was ended early: " + context.Cause(ctx).Error(), true
}

func timeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// theirs lists what an observer in order sees when the other side, or the way to
// it, is not. ENETUNREACH is not among them: it says that the observer itself has no
// way there.
func theirs(errno syscall.Errno) bool {
	switch errno {
	case syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.ETIMEDOUT,
		syscall.EHOSTUNREACH, syscall.EHOSTDOWN:
		return true
	default:
		return false
	}
}
