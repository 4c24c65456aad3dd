package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

// Records is a store, as [Outage] stands before it.
type Records interface {
	Load(ctx context.Context, group appliance.GroupName) (decide.Record, string, error)
	Swap(ctx context.Context, r decide.Record, version string) (string, error)
}

// Outage lets a controller that is alone act while its store is down: it goes on from
// the newest record that it knows, keeps what it decides in memory, and stores that
// as soon as it can. If the store has changed meanwhile, what is stored wins.
//
// A controller that believes to be alone and is not makes two decisions of one, so
// this must be asked for. It is safe for concurrent use.
type Outage struct {
	// Records is the store itself. Required.
	Records Records
	// Alone reports whether no other controller is known that uses the store. Required.
	Alone func() bool
	// Warn is told what was not stored in the end; nil if nobody listens.
	Warn func(error)

	// mu is never held while the store is asked: tables that are written side by side
	// ask for the record, too.
	mu    sync.Mutex
	known map[appliance.GroupName]known
	loads uint64
	turn  chan struct{} // held by whoever stores what was kept in memory
}

// known is the newest that is known of a record.
type known struct {
	record decide.Record
	// version is the store's, of the record or of the one that it was made from.
	version string
	// kept counts the changes that are in memory only.
	kept uint64
	// load numbers the Load or Swap that it is from: an answer that was asked for
	// earlier is not newer.
	load uint64
}

// offline begins the versions of records that are in memory only.
const offline = "offline/"

// Load returns the record of the store. While the store is down and the controller is
// alone, it returns the newest one that is known with an error that wraps
// decide.ErrOffline.
func (o *Outage) Load(ctx context.Context, group appliance.GroupName) (decide.Record, string, error) {
	number := o.number()
	r, version, err := o.Records.Load(ctx, group)
	k, ok := o.newest(group)
	switch {
	case err == nil && k.kept > 0:
		return o.catchUp(ctx, group)
	case err == nil, errors.Is(err, decide.ErrCorrupt):
		o.know(group, known{record: r, version: version, load: number})
		return r, version, err
	case ok && ctx.Err() == nil && o.Alone():
		return k.record, k.word(), fmt.Errorf("%w: %w", decide.ErrOffline, err)
	default:
		return r, version, err
	}
}

// catchUp stores what was kept in memory, now that the store answers again, unless
// somebody else has stored something, or stores it just now.
func (o *Outage) catchUp(ctx context.Context, group appliance.GroupName) (decide.Record, string, error) {
	turn := o.turns()
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return decide.Record{}, "", context.Cause(ctx)
	}
	number := o.number()
	r, version, err := o.Records.Load(ctx, group)
	k, _ := o.newest(group)
	if err != nil || k.kept == 0 {
		return r, version, err
	}
	if version == k.version {
		stored, err := o.Records.Swap(ctx, k.record, version)
		switch {
		case err == nil:
			o.know(group, known{record: k.record, version: stored, load: number})
			return k.record, stored, nil
		case !errors.Is(err, decide.ErrLostRace):
			return decide.Record{}, "", fmt.Errorf("store what was decided while the store was down: %w", err)
		}
		if r, version, err = o.Records.Load(ctx, group); err != nil {
			return r, version, err
		}
	}
	o.warn(fmt.Errorf("group %s: what was decided while the store was down is dropped: somebody else has stored epoch %d, and epoch %d was kept",
		group, r.Epoch, k.record.Epoch))
	o.know(group, known{record: r, version: version, load: number})
	return r, version, nil
}

// Swap stores the record, or keeps it in memory if that is where its version is from.
func (o *Outage) Swap(ctx context.Context, r decide.Record, version string) (string, error) {
	number := o.number()
	if !strings.HasPrefix(version, offline) {
		if k, _ := o.newest(r.Group); k.kept > 0 {
			return "", fmt.Errorf("group %s: the newest record is %s, in memory, not %s: %w", r.Group, k.word(), version, decide.ErrLostRace)
		}
		stored, err := o.Records.Swap(ctx, r, version)
		if err == nil {
			o.know(r.Group, known{record: r, version: stored, load: number})
		}
		return stored, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	k := o.known[r.Group]
	if version != k.word() {
		return "", fmt.Errorf("group %s: the newest record is %s, in memory, not %s: %w", r.Group, k.word(), version, decide.ErrLostRace)
	}
	k = known{record: signed(r, k.record.Epoch), version: k.version, kept: k.kept + 1, load: max(k.load, number)}
	o.known[r.Group] = k
	return k.word(), nil
}

// signed says in the newest transition, if it is younger than an epoch, that it was
// made alone.
func signed(r decide.Record, epoch uint64) decide.Record {
	if n := len(r.History); n > 0 && r.Epoch > epoch {
		r.History = slices.Clone(r.History)
		r.History[n-1].Alone = true
	}
	return r
}

// know remembers k, unless something newer is known.
func (o *Outage) know(group appliance.GroupName, k known) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.known == nil {
		o.known = map[appliance.GroupName]known{}
	}
	if k.load >= o.known[group].load {
		o.known[group] = k
	}
}

func (o *Outage) newest(group appliance.GroupName) (known, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	k, ok := o.known[group]
	return k, ok
}

// number numbers what is asked of the store, from 1.
func (o *Outage) number() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.loads++
	return o.loads
}

func (o *Outage) turns() chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.turn == nil {
		o.turn = make(chan struct{}, 1)
	}
	return o.turn
}

func (o *Outage) warn(err error) {
	if o.Warn != nil {
		o.Warn(err)
	}
}

// word is the version of a record in memory.
func (k known) word() string { return offline + strconv.FormatUint(k.kept, 10) }
