package decide

import (
	"slices"
	"strings"
	"time"

	"hopguard/internal/appliance"
)

// Check says how the outcomes of one configured check are counted.
type Check struct {
	Name string
	// Fall is how many failures in a row make the check say down. At least 1.
	Fall int
	// Rise is how many passes in a row bring a check that said down back to up.
	Rise int
	// DataPath says that the observer sends something to the member itself, so that
	// a failure may be the observer's own. A provider's word about a member is not.
	DataPath bool
	// Second says that a failure counts only beside one of a check that is not
	// second: somebody else's word, which may be late or about another way.
	Second bool
	// Fresh is how old the newest observation may be. An older one says nothing. 0
	// means that age does not matter.
	Fresh time.Duration
}

// Vote says how the checks of a member make one verdict.
type Vote struct {
	// Down is how many checks must say down. 1 is "any"; the number of checks is
	// "all". Values outside 1..checks are taken as the nearest.
	Down int
}

// Rules say how a group's observations are judged.
type Rules struct {
	Group  appliance.Group
	Checks []Check
	Vote   Vote
	// Witness says that each round has an observation of the witness, a target that
	// depends on no member. While it does not pass, the observer is suspect, and
	// failures on the data path say nothing.
	Witness bool
}

// The witness is observed under the name of no member, by one check.
const (
	Witness      appliance.MemberName = ""
	WitnessCheck string               = "witness"
)

// Counter counts the outcomes of one check of one member.
type Counter struct {
	Member appliance.MemberName `json:"member"`
	Check  string               `json:"check"`
	// Settled is what the check said when it last counted to the end.
	Settled appliance.Verdict `json:"settled"`
	// Passes and Fails count in a row; an unknown outcome leaves both alone. They
	// are not kept from one process to the next: a tick settles its own verdicts.
	Passes int `json:"-"`
	Fails  int `json:"-"`
	// Last is the newest outcome, and At when its observation began.
	Last appliance.Outcome `json:"-"`
	At   time.Time         `json:"-"`
}

// Verdict is what the check says now. With an unknown newest outcome, or one that
// is too old, it says nothing, whatever it said before.
func (c Counter) Verdict(check Check, now time.Time) appliance.Verdict {
	if c.Last == appliance.Unknown || c.stale(check, now) {
		return appliance.Undecided
	}
	return c.Settled
}

// stale reports whether the newest outcome is too old to say anything.
func (c Counter) stale(check Check, now time.Time) bool {
	return check.Fresh > 0 && now.Sub(c.At) > check.Fresh
}

// Unsettled reports whether another outcome now could change what the check
// says: it has begun to fall or to rise and has not counted to the end.
func (c Counter) Unsettled() bool {
	if c.Settled == appliance.Down {
		return c.Passes > 0
	}
	return c.Fails > 0
}

// count returns the counter after one more outcome. A check without history is
// up after its first pass, because nothing speaks against it; a check that said
// down needs Rise passes.
func (c Counter) count(o appliance.Outcome, check Check) Counter {
	c.Last = o
	switch o {
	case appliance.Pass:
		c.Passes, c.Fails = c.Passes+1, 0
		if c.Settled != appliance.Down || c.Passes >= check.Rise {
			c.Settled = appliance.Up
		}
	case appliance.Fail:
		c.Fails, c.Passes = c.Fails+1, 0
		if c.Fails >= check.Fall {
			c.Settled = appliance.Down
		}
	case appliance.Unknown:
		c = c.doubted()
	default:
		panic("decide: outcome " + o.String())
	}
	return c
}

// doubted returns the counter after a time of which nothing is known. A check that
// said up says nothing then until it passes: the first failure that is seen again may
// be the hundredth. One that said down still does, until it has passed Rise times.
func (c Counter) doubted() Counter {
	if c.Settled == appliance.Up {
		c.Settled = appliance.Undecided
	}
	return c
}

// MemberHealth is the verdict on one member and since when it stands.
type MemberHealth struct {
	Member  appliance.MemberName `json:"member"`
	Verdict appliance.Verdict    `json:"verdict"`
	Since   time.Time            `json:"since"`
}

// Health is what is known of all members: counters by check, and the verdicts
// that the vote makes of them. It is a value; Judge returns a new one.
type Health struct {
	Members  []MemberHealth `json:"members"`
	Counters []Counter      `json:"counters"`
	// Suspect says that the newest observation of the witness was no pass.
	Suspect bool `json:"-"`
}

// Of returns the verdict on a member; Undecided if nothing was ever seen of it.
func (h Health) Of(name appliance.MemberName) MemberHealth {
	for _, m := range h.Members {
		if m.Member == name {
			return m
		}
	}
	return MemberHealth{Member: name}
}

// Unsettled reports whether the check is, at any member whose verdict could still
// change by it: a member that is down already does not become more so when another
// of its checks has fallen too, and waiting for that would cost the switch time.
func (h Health) Unsettled(check string) bool {
	return slices.ContainsFunc(h.Counters, func(c Counter) bool {
		if c.Check != check || !c.Unsettled() {
			return false
		}
		heads := appliance.Down
		if c.Settled == appliance.Down {
			heads = appliance.Up
		}
		return h.Of(c.Member).Verdict != heads
	})
}

// Judge counts one round of observations and votes. The order of the
// observations has no effect; of several observations of one check and member
// only the newest counts.
func Judge(rules Rules, before Health, round []appliance.Observation, now time.Time) Health {
	after := Health{Suspect: rules.suspect(before, round)}
	for _, m := range rules.Group.Members {
		var votes []ballot
		for _, check := range rules.Checks {
			c := before.counter(m.Name, check.Name)
			if o, ok := newest(round, m.Name, check.Name); ok {
				if after.Suspect && check.DataPath && o.Outcome == appliance.Fail {
					o.Outcome = appliance.Unknown
				}
				if c.stale(check, o.At) {
					c = c.doubted()
				}
				c = c.count(o.Outcome, check)
				c.At = o.At
			}
			after.Counters = append(after.Counters, c)
			votes = append(votes, ballot{says: c.Verdict(check, now), second: check.Second})
		}
		mh := before.Of(m.Name)
		if v := rules.Vote.verdict(votes); v != mh.Verdict || mh.Since.IsZero() {
			mh = MemberHealth{Member: m.Name, Verdict: v, Since: now}
		}
		after.Members = append(after.Members, mh)
	}
	return after
}

// suspect reports whether the observer itself may be cut off. A round without the
// witness says nothing new about it.
func (r Rules) suspect(before Health, round []appliance.Observation) bool {
	if !r.Witness {
		return false
	}
	o, ok := newest(round, Witness, WitnessCheck)
	if !ok {
		return before.Suspect
	}
	return o.Outcome != appliance.Pass
}

func (h Health) counter(member appliance.MemberName, check string) Counter {
	for _, c := range h.Counters {
		if c.Member == member && c.Check == check {
			return c
		}
	}
	return Counter{Member: member, Check: check}
}

func newest(round []appliance.Observation, member appliance.MemberName, check string) (appliance.Observation, bool) {
	var found appliance.Observation
	ok := false
	for _, o := range round {
		if o.Member != member || o.Check != check {
			continue
		}
		if !ok || later(o, found) {
			found, ok = o, true
		}
	}
	return found, ok
}

// later orders observations; at the same instant the worse outcome counts, so
// that the order of arrival never decides.
func later(a, b appliance.Observation) bool {
	if !a.At.Equal(b.At) {
		return a.At.After(b.At)
	}
	if a.Outcome != b.Outcome {
		return a.Outcome > b.Outcome
	}
	return strings.Compare(a.Evidence, b.Evidence) > 0
}

// ballot is what one check says of a member in the vote.
type ballot struct {
	says   appliance.Verdict
	second bool
}

// verdict: down when enough checks say down, up when too few are left that could
// still say it, otherwise nothing. Second checks add to others and begin nothing.
func (v Vote) verdict(votes []ballot) appliance.Verdict {
	need := min(max(v.Down, 1), len(votes))
	first, second := tally(votes, false), tally(votes, true)
	sure, most := 0, 0 // how many say down, and how many could come to say it
	if first.down > 0 {
		sure = first.down + second.down
	}
	if first.down+first.open > 0 {
		most = first.down + first.open + second.down + second.open
	}
	switch {
	case first.all == 0:
		return appliance.Undecided
	case sure >= need:
		return appliance.Down
	case most < need:
		return appliance.Up
	default:
		return appliance.Undecided
	}
}

// count of ballots by what they say: open ones say nothing.
type count struct{ all, down, open int }

// tally counts the second ballots, or the others.
func tally(votes []ballot, second bool) count {
	var n count
	for _, b := range votes {
		if b.second != second {
			continue
		}
		n.all++
		switch b.says {
		case appliance.Down:
			n.down++
		case appliance.Undecided:
			n.open++
		case appliance.Up:
		default:
			panic("decide: verdict " + b.says.String())
		}
	}
	return n
}
