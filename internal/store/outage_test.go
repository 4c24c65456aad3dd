package store_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
	"hopguard/internal/store"
)

// brittle is a store that can be down, and an outage before it.
type brittle struct {
	store.Memory
	down  error
	alone bool
	said  []string
	store.Outage
}

func newBrittle() *brittle {
	b := &brittle{alone: true}
	b.Outage = store.Outage{
		Records: theStore{b}, Alone: func() bool { return b.alone },
		Warn: func(err error) { b.said = append(b.said, err.Error()) },
	}
	return b
}

// theStore is the store without the outage.
type theStore struct{ b *brittle }

func (s theStore) Load(ctx context.Context, group appliance.GroupName) (decide.Record, string, error) {
	if s.b.down != nil {
		return decide.Record{}, "", s.b.down
	}
	return s.b.Memory.Load(ctx, group)
}

func (s theStore) Swap(ctx context.Context, r decide.Record, version string) (string, error) {
	if s.b.down != nil {
		return "", s.b.down
	}
	return s.b.Memory.Swap(ctx, r, version)
}

// put stores a record of an epoch as a controller would: over what it has read.
func (b *brittle) put(t *testing.T, epoch uint64) {
	t.Helper()
	_, version, err := b.Outage.Load(t.Context(), "emea")
	if err != nil && !errors.Is(err, decide.ErrOffline) {
		t.Fatal(err)
	}
	if _, err := b.Outage.Swap(t.Context(), record(epoch), version); err != nil {
		t.Fatal(err)
	}
}

func record(epoch uint64) decide.Record {
	r := decide.Record{Group: "emea", Epoch: epoch, Active: "vmx-a", Mode: decide.Auto}
	for e := range epoch {
		r.History = append(r.History, decide.Transition{Epoch: e + 1, To: "vmx-a", Reason: decide.ReasonActiveDown})
	}
	return r
}

// want checks what a controller reads, and what is stored.
func (b *brittle) want(t *testing.T, read uint64, readErr error, stored uint64) {
	t.Helper()
	r, _, err := b.Outage.Load(t.Context(), "emea")
	if r.Epoch != read || !errors.Is(err, readErr) || readErr == nil && err != nil {
		t.Errorf("Load() = epoch %d, %v, want epoch %d, %v", r.Epoch, err, read, readErr)
	}
	if s, _, _ := b.Memory.Load(t.Context(), "emea"); s.Epoch != stored {
		t.Errorf("epoch %d is stored, want %d", s.Epoch, stored)
	}
}

var errDown = errors.New("503 ServerBusy")

// slow is a store that takes a second, whatever is asked.
type slow struct{ *store.Memory }

func (s slow) Load(ctx context.Context, group appliance.GroupName) (decide.Record, string, error) {
	select {
	case <-time.After(time.Second):
		return s.Memory.Load(ctx, group)
	case <-ctx.Done():
		return decide.Record{}, "", context.Cause(ctx)
	}
}

// Tables that are written side by side ask for the record at once, and none waits for
// another one's answer. What was kept is stored once.
func TestOutageAnswersManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBrittle()
		b.put(t, 1)
		b.down = errDown
		b.put(t, 2)
		b.down = nil
		b.Records = slow{&b.Memory}
		for _, want := range []time.Duration{6 * time.Second, time.Second} { // the first ones catch up, one after the other
			began := time.Now()
			var all sync.WaitGroup
			for range 5 {
				all.Go(func() {
					if r, _, err := b.Outage.Load(t.Context(), "emea"); err != nil || r.Epoch != 2 {
						t.Errorf("Load() = epoch %d, %v, want epoch 2", r.Epoch, err)
					}
				})
			}
			all.Wait()
			if took := time.Since(began); took != want {
				t.Errorf("five at once took %v, want %v", took, want)
			}
		}
		if len(b.said) > 0 {
			t.Errorf("said %q, want nothing: nothing was dropped", b.said)
		}
		b.want(t, 2, nil, 2)
	})
}

func TestOutageGoesOnFromWhatIsKnown(t *testing.T) {
	b := newBrittle()
	b.put(t, 1)
	b.want(t, 1, nil, 1)
	b.down = errDown
	b.want(t, 1, decide.ErrOffline, 1)
	b.put(t, 2)
	b.put(t, 3)
	b.want(t, 3, decide.ErrOffline, 1)
	b.down = nil
	b.want(t, 3, nil, 3) // and it is stored again
	r, _, _ := b.Memory.Load(t.Context(), "emea")
	if last, _ := r.Last(); !last.Alone {
		t.Errorf("the last transition is %+v, want it signed as made alone", last)
	}
	b.put(t, 4)
	b.want(t, 4, nil, 4)
	if len(b.said) > 0 {
		t.Errorf("warned of %q", b.said)
	}
}

func TestOutageHoldsWithOthers(t *testing.T) {
	b := newBrittle()
	b.put(t, 1)
	b.down, b.alone = errDown, false
	b.want(t, 0, errDown, 1)
}

// What was never read cannot be gone on from: who is active is not known then.
func TestOutageFromTheBeginningHolds(t *testing.T) {
	b := newBrittle()
	b.down = errDown
	b.want(t, 0, errDown, 0)
}

// Somebody else has used the store after all: what is stored wins, loudly.
func TestOutageGivesWayToWhatIsStored(t *testing.T) {
	b := newBrittle()
	b.put(t, 1)
	b.down = errDown
	b.put(t, 2)
	_, version, err := b.Memory.Load(t.Context(), "emea")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Memory.Swap(t.Context(), decide.Record{Group: "emea", Epoch: 7, Active: "vmx-b", Mode: decide.Auto}, version); err != nil {
		t.Fatal(err)
	}
	b.down = nil
	b.want(t, 7, nil, 7)
	if len(b.said) != 1 || !strings.Contains(b.said[0], "somebody else has stored epoch 7, and epoch 2 was kept") {
		t.Errorf("warned of %q, want that epoch 2 is dropped", b.said)
	}
	b.put(t, 8)
	b.want(t, 8, nil, 8)
}

// A record that was read from memory cannot be stored as if it was read from the
// store, and the other way round.
func TestOutageKeepsVersionsApart(t *testing.T) {
	b := newBrittle()
	b.put(t, 1)
	_, before, _ := b.Outage.Load(t.Context(), "emea")
	b.down = errDown
	_, kept, _ := b.Outage.Load(t.Context(), "emea")
	if _, err := b.Outage.Swap(t.Context(), decide.Record{Group: "emea", Epoch: 2}, before); !errors.Is(err, errDown) {
		t.Errorf("Swap() of a stored version while the store is down = %v, want %v", err, errDown)
	}
	b.put(t, 2)
	if _, err := b.Outage.Swap(t.Context(), decide.Record{Group: "emea", Epoch: 3}, kept); !errors.Is(err, decide.ErrLostRace) {
		t.Errorf("Swap() of an old version in memory = %v, want a lost race", err)
	}
	b.down = nil
	if _, err := b.Outage.Swap(t.Context(), decide.Record{Group: "emea", Epoch: 3}, before); !errors.Is(err, decide.ErrLostRace) {
		t.Errorf("Swap() of a stored version before what was kept is stored = %v, want a lost race", err)
	}
	b.want(t, 2, nil, 2)
}
