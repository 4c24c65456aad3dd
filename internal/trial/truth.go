package trial

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"hopguard/internal/appliance"
)

// spell is a time during which something lasted; an open one lasts yet.
type spell struct {
	from, to time.Time
	open     bool
}

// covers reports whether it lasted from one time to another.
func (s spell) covers(from, to time.Time) bool {
	return !s.from.After(from) && (s.open || !s.to.Before(to))
}

// truth is what a member really is, whoever believes what.
type truth struct {
	name appliance.MemberName
	// now are its addresses, ever all that it has had.
	now, ever []netip.Addr
	// moved is when it got the newest of them; zero if it has the first one.
	moved time.Time
	// forwards is whether it did when it was last seen, and failed when it last did not.
	forwards bool
	failed   time.Time
	// dead are the times in which it forwarded nothing, and all who are needed could see
	// so.
	dead []spell
}

func (t *truth) works() bool { return len(t.dead) == 0 || !t.dead[len(t.dead)-1].open }

// see takes what the simulated Azure says of the machine.
func (t *truth) see(works bool, now time.Time) {
	last := len(t.dead) - 1
	switch {
	case works && !t.works():
		t.dead[last].open = false
	case !works && t.works():
		t.dead = append(t.dead, spell{from: now, to: now, open: true})
	case !works:
		t.dead[last].to = now // it was seen dead, at least until now
	}
}

// throughout reports whether one of the spells covers a time.
func throughout(spells []spell, from, to time.Time) bool {
	return slices.ContainsFunc(spells, func(s spell) bool { return s.covers(from, to) })
}

// sight is what an actor can know of the members.
type sight struct {
	// tick is when the tick under way began to read; zero between two ticks.
	tick time.Time
	// offline is when the store last did not answer it as it should.
	offline time.Time
	// troubled is when Azure last did not answer it as it should.
	troubled time.Time
	// told is when the Meraki cloud last answered it, and throttled when that was 429.
	told, throttled time.Time
	// blurred is until when what it sees may be late or wrong: it stands still, or has no
	// way to the members.
	blurred time.Time
	// blind are the times without a way to the members.
	blind []spell
}

// stale is how old what a decision rests on may be: checks say nothing any more
// after three intervals and a timeout, by a clock that may run slow.
const stale = (3*checkInterval+checkTimeout)*10/9 + time.Second

// hearsay is the same where the word of the Meraki cloud is needed, which may be one
// that was given to somebody else a second before.
const hearsay = (3*merakiInterval+merakiTimeout+time.Second)*10/9 + time.Second

// sharp is how old it is at most where nothing keeps the actor from seeing the members:
// a check begins within its interval, and fails as often as it must.
const sharp = checkInterval + checkFall*checkTimeout + time.Second

// blur says that for a time the checks of an actor, or of all if it is nil, may be
// late or wrong.
func (j *judge) blur(a *actor, length time.Duration) {
	j.clouded = latest(j.clouded, time.Now().Add(length))
	until := &j.blurred
	if a != nil {
		until = &a.sight.blurred
	}
	*until = latest(*until, time.Now().Add(length))
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// blinded and sees follow the ways of an actor to the members.
func (j *judge) blinded(a *actor) {
	now := time.Now()
	if n := len(a.sight.blind); n == 0 || !a.sight.blind[n-1].open {
		a.sight.blind = append(a.sight.blind, spell{from: now, to: now, open: true})
	}
}

func (j *judge) sees(a *actor) {
	if n := len(a.sight.blind); n > 0 && a.sight.blind[n-1].open {
		a.sight.blind[n-1].open, a.sight.blind[n-1].to = false, time.Now()
	}
}

// jumped remembers by how much a clock was put back: observations look younger then.
func (j *judge) jumped(r *replica, by time.Duration) {
	if by < 0 {
		j.jumps = append(j.jumps, jump{r, time.Now(), -by})
	}
}

type jump struct {
	replica *replica
	at      time.Time
	by      time.Duration
}

// patience is how long something must have lasted before a tick for the tick to know.
func (j *judge) patience(a *actor) time.Duration {
	d := stale
	if j.w.voice == needed {
		d = hearsay
	}
	since := time.Now().Add(-2 * d)
	if j.w.voice != needed && j.blurred.Before(since) && a.sight.blurred.Before(since) && a.born.Before(since) {
		return sharp
	}
	for _, jump := range j.jumps {
		if jump.replica == a.replica && time.Since(jump.at) < time.Minute {
			d += jump.by
		}
	}
	return d
}

// ill says why an actor may not move traffic to a member or keep it there; "" if it
// may. Its tick knows the members as they were when it began, or later.
func (j *judge) ill(a *actor, name appliance.MemberName) string {
	now := time.Now()
	from := a.sight.tick.Add(-j.patience(a))
	if t := j.member(name); t != nil && throughout(t.dead, from, now) {
		return fmt.Sprintf("%s forwards nothing since more than %s before the tick of %s", name, j.patience(a), a.name)
	}
	if throughout(a.sight.blind, from, now) {
		return fmt.Sprintf("%s has not seen any member since more than %s before its tick", a.name, j.patience(a))
	}
	return ""
}

func (j *judge) member(name appliance.MemberName) *truth {
	for _, t := range j.members {
		if t.name == name {
			return t
		}
	}
	return nil
}

// owner returns whose address it is or was; nil if nobody's.
func (j *judge) owner(addr netip.Addr) *truth {
	for _, t := range j.members {
		if slices.Contains(t.now, addr) {
			return t
		}
	}
	for _, t := range j.members {
		if slices.Contains(t.ever, addr) {
			return t
		}
	}
	return nil
}

// memory is for how long trouble with Azure may have an effect: production code leaves
// it alone for a time.
const memory = 40 * time.Second

// outdated reports whether an actor should have known that a member had left an address
// before its tick began.
func (j *judge) outdated(a *actor, addr netip.Addr) bool {
	t := j.owner(addr)
	return t != nil && !slices.Contains(t.now, addr) && t.moved.Before(a.sight.tick) && time.Since(a.sight.troubled) > memory
}

// moved gives a member another address.
func (j *judge) moved(vm string, addr netip.Addr) {
	t := j.member(appliance.MemberName(vm))
	t.now, t.moved = []netip.Addr{addr}, time.Now()
	t.ever = append(t.ever, addr)
	j.redeployed = true
}

// sound reports whether a member has forwarded for so long, and nothing has kept
// anybody from seeing so, that nobody may take it for down: whatever a provider's API
// says of it.
func (j *judge) sound(a *actor, name appliance.MemberName) bool {
	since := time.Now().Add(-memory)
	t := j.member(name)
	return t != nil && t.failed.Before(since) && j.clouded.Before(since) && a.born.Before(since)
}
