package store

import (
	"context"
	"fmt"
	"sync"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

// Memory keeps records until the process ends. It stores what File would store,
// so a record comes back the same from both. The zero value is empty and ready;
// it is safe for concurrent use.
type Memory struct {
	mu      sync.Mutex
	written uint64 // counts all swaps, so that a version is never used twice
	stored  map[appliance.GroupName][]byte
}

// Load returns a copy of the record and its version; without a record the zero
// value and "".
func (m *Memory) Load(ctx context.Context, group appliance.GroupName) (decide.Record, string, error) {
	if err := ctx.Err(); err != nil {
		return decide.Record{}, "", fmt.Errorf("group %s: %w", group, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, version, err := m.load(group)
	return r, word(version), err
}

func (m *Memory) load(group appliance.GroupName) (decide.Record, uint64, error) {
	raw, ok := m.stored[group]
	if !ok {
		return decide.Record{}, 0, nil
	}
	return Decode(raw, group)
}

// Swap stores a copy of the record if the stored version is the given one, and
// returns the new version. Otherwise its error wraps decide.ErrLostRace.
func (m *Memory) Swap(ctx context.Context, r decide.Record, version string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("group %s: %w", r.Group, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, stored, err := m.load(r.Group)
	if err != nil {
		return "", err
	}
	if word(stored) != version {
		return "", lost(r.Group, stored, version)
	}
	raw, err := Encode(m.written+1, r)
	if err != nil {
		return "", err
	}
	if m.stored == nil {
		m.stored = map[appliance.GroupName][]byte{}
	}
	m.stored[r.Group] = raw
	m.written++
	return word(m.written), nil
}
