package contender

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hopguard/internal/config"
)

// The failure modes that a setting can see, by the names of the lab.
const (
	powerOff    = "power-off"
	panicked    = "panic"
	guestHang   = "guest-hang"
	tunnelCut   = "tunnel-cut"
	delayed     = "delay"
	regionCut   = "region-cut"
	armOutage   = "arm-outage"
	armThrottle = "arm-throttle"
)

// delay is how much later packets arrive in the mode of that name.
const delay = 300 * time.Millisecond

// Bound returns the longest time from a failure that the check sees until it has fallen:
// interval + fall x confirmInterval + timeout, as docs/configuration.md has it. A check on the data path
// fails by its timeout and does not overlap itself, so it is confirmed at the pace of the
// longer one of timeout and confirmInterval.
func Bound(k config.Check) time.Duration {
	pace := k.ConfirmInterval
	if through(k) {
		pace = max(pace, k.Timeout)
	}
	return k.Interval + time.Duration(k.Fall)*pace + k.Timeout
}

// through reports whether a check asks something behind the member by the member's path.
func through(k config.Check) bool {
	switch k.Kind {
	case config.KindTCP, config.KindHTTP, config.KindICMP:
		return true
	case config.KindVMStatus, config.KindMeraki, config.KindExec:
		return false
	default:
		panic("contender: check kind " + string(k.Kind))
	}
}

// seeing are the checks that a failure is seen by first: those through the members, or
// all where there are none.
func seeing(g config.Group) []config.Check {
	list := slices.DeleteFunc(slices.Clone(g.Checks), func(k config.Check) bool { return !through(k) })
	if len(list) == 0 {
		return g.Checks
	}
	return list
}

// votes is how many checks must say that a member is down.
func votes(g config.Group) int {
	switch g.Vote {
	case config.VoteAny:
		return 1
	case config.VoteAll:
		return len(g.Checks)
	case config.VoteQuorum:
		return g.Quorum
	default:
		panic("contender: vote " + string(g.Vote))
	}
}

// bound is the longest time until as many checks have fallen as the vote asks for. It is
// 0, which is no promise, if too few checks see the same.
func bound(g config.Group) time.Duration {
	var each []time.Duration
	for _, k := range seeing(g) {
		each = append(each, Bound(k))
	}
	slices.Sort(each)
	if n := votes(g); n <= len(each) {
		return each[n-1]
	}
	return 0
}

// sees lists the modes that the checks see within their bound. What Azure says of a
// machine is only whether it was stopped. What goes through a member sees all that
// stops its traffic, and a delay if that outlasts the timeouts. Loss is in no list: it
// makes three failures in a row likely sooner or later, and promises nothing.
func sees(g config.Group) []string {
	list := seeing(g)
	if !through(list[0]) {
		return []string{powerOff, armOutage, armThrottle}
	}
	modes := []string{powerOff, panicked, guestHang, tunnelCut}
	slow := slices.DeleteFunc(slices.Clone(list), func(k config.Check) bool { return k.Timeout > delay })
	if len(slow) >= votes(g) {
		modes = append(modes, delayed)
	}
	return append(modes, regionCut, armOutage, armThrottle)
}

// words says what is asked, and how often.
func words(g config.Group) string {
	var list []string
	for _, k := range g.Checks {
		list = append(list, fmt.Sprintf("%s every %s, %d x %s, timeout %s", k.Kind, k.Interval, k.Fall, k.ConfirmInterval, k.Timeout))
	}
	text := strings.Join(list, "; ")
	if len(g.Checks) > 1 {
		text += fmt.Sprintf("; %d of %d must fail", votes(g), len(g.Checks))
	}
	return text
}
