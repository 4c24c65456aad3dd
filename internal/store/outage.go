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

	mu    sync.Mutex
	known map[appliance.GroupName]known
}

// known is the newest that is known of a record.
type known struct {
	record decide.Record
	// version is the store's, of the record or of the one that it was made from.
	version string
	// kept counts the changes that are in memory only.
	kept uint64
}

// offline begins the versions of records that are in memory only.
const offline = "offline/"

// Load returns the record of the store. While the store is down and the controller is
// alone, it returns the newest one that is known with an error that wraps
// decide.ErrOffline.
func (o *Outage) Load(ctx context.Context, group appliance.GroupName) (decide.Record, string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	r, version, err := o.Records.Load(ctx, group)
	k, ok := o.known[group]
	switch {
	case err == nil && k.kept > 0:
		return o.catchUp(ctx, group, k, r, version)
	case err == nil, errors.Is(err, decide.ErrCorrupt):
		o.know(group, known{record: r, version: version})
		return r, version, err
	case ok && ctx.Err() == nil && o.Alone():
		return k.record, k.word(), fmt.Errorf("%w: %w", decide.ErrOffline, err)
	default:
		return r, version, err
	}
}

// catchUp stores what was kept in memory, now that the store answers with r.
func (o *Outage) catchUp(ctx context.Context, group appliance.GroupName, k known, r decide.Record, version string) (decide.Record, string, error) {
	if version == k.version {
		stored, err := o.Records.Swap(ctx, k.record, version)
		switch {
		case err == nil:
			o.know(group, known{record: k.record, version: stored})
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
	o.know(group, known{record: r, version: version})
	return r, version, nil
}

// Swap stores the record, or keeps it in memory if that is where its version is from.
func (o *Outage) Swap(ctx context.Context, r decide.Record, version string) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	k := o.known[r.Group]
	kept := strings.HasPrefix(version, offline)
	switch {
	case kept && version != k.word(), !kept && k.kept > 0:
		return "", fmt.Errorf("group %s: the newest record is %s, in memory, not %s: %w", r.Group, k.word(), version, decide.ErrLostRace)
	case !kept:
		stored, err := o.Records.Swap(ctx, r, version)
		if err == nil {
			o.know(r.Group, known{record: r, version: stored})
		}
		return stored, err
	}
	k.record, k.kept = signed(r, k.record.Epoch), k.kept+1
	o.know(r.Group, k)
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

func (o *Outage) know(group appliance.GroupName, k known) {
	if o.known == nil {
		o.known = map[appliance.GroupName]known{}
	}
	o.known[group] = k
}

func (o *Outage) warn(err error) {
	if o.Warn != nil {
		o.Warn(err)
	}
}

// word is the version of a record in memory.
func (k known) word() string { return offline + strconv.FormatUint(k.kept, 10) }
