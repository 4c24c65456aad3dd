package app

import (
	"context"
	"errors"
	"net/netip"
	"sync"

	"hopguard/internal/appliance"
	"hopguard/internal/azure"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
)

// addresses are the members' first next-hop addresses, for checks that ask there.
// The zero value knows none. It is safe for concurrent use.
type addresses struct {
	mu    sync.Mutex
	known map[appliance.MemberName]netip.Addr
}

// of returns the address of a member, if it is known.
func (a *addresses) of(name appliance.MemberName) (netip.Addr, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	addr, ok := a.known[name]
	return addr, ok
}

func (a *addresses) learn(name appliance.MemberName, hops []appliance.Hop) {
	if len(hops) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil {
		a.known = map[appliance.MemberName]netip.Addr{}
	}
	a.known[name] = hops[0].Addr
}

// complete asks Azure for the members whose address is not known: before the
// first record exists, nobody else knows it, and a check of the data path would
// have nowhere to ask. What Azure does not say stays unknown; the tick itself
// reports why, because it needs the addresses too.
func (a *addresses) complete(ctx context.Context, cloud *azure.Client, members []appliance.Member) {
	var missing []appliance.Member
	for _, m := range members {
		if _, ok := a.of(m.Name); !ok {
			missing = append(missing, m)
		}
	}
	if len(missing) == 0 {
		return
	}
	places, _ := cloud.Places(ctx, missing)
	for _, p := range places {
		a.learn(p.Member, p.Hops)
	}
}

// learning is a store of records that tells the addresses in them: a tick loads
// the record before it probes.
type learning struct {
	controller.Records
	known *addresses
	// trouble keeps how the newest call ended.
	trouble *trouble
}

// Load returns what the store does.
func (l learning) Load(ctx context.Context, group appliance.GroupName) (decide.Record, string, error) {
	record, version, err := l.Records.Load(ctx, group)
	for _, p := range record.Places {
		l.known.learn(p.Member, p.Hops)
	}
	l.trouble.saw(ctx, err)
	return record, version, err
}

// Swap does what the store does.
func (l learning) Swap(ctx context.Context, r decide.Record, version string) (string, error) {
	next, err := l.Records.Swap(ctx, r, version)
	if !errors.Is(err, decide.ErrLostRace) { // somebody else was faster, and the store is well
		l.trouble.saw(ctx, err)
	}
	return next, err
}

// trouble is how the newest call of a store ended. The zero value is well. It is safe
// for concurrent use.
type trouble struct {
	mu  sync.Mutex
	err error
}

// saw takes the end of a call. One that the caller gave up says nothing.
func (t *trouble) saw(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
}

// last returns what was wrong with the newest call, or nil.
func (t *trouble) last() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}
