package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"hopguard/internal/appliance"
)

// memoryFormat is the form of a memory that this program reads and writes.
const memoryFormat = 1

// ErrChanged says that somebody else has changed what a notebook keeps of a group:
// read it again.
var ErrChanged = errors.New("the notes were changed by somebody else")

// Notebook keeps what was announced, beside the records. Implementations are safe for
// concurrent use and bound their own time.
type Notebook interface {
	// Load returns what was stored for a group, and its version; nil and "" if nothing was.
	Load(ctx context.Context, group appliance.GroupName) ([]byte, string, error)
	// Swap stores if the stored version is still the given one, and returns the new
	// version. Otherwise it changes nothing and its error wraps ErrChanged.
	Swap(ctx context.Context, group appliance.GroupName, raw []byte, version string) (string, error)
}

// Memory is what was announced about a group, and what is still to be delivered. It is
// never part of the record, and nothing is decided by it.
type Memory struct {
	Format int `json:"format"`
	// Epoch is the newest transition that was told or passed over.
	Epoch  uint64 `json:"epoch"`
	Leader string `json:"leader,omitzero"`
	// Condition is the newest one, Since when it began, and Seen when it was first seen.
	Condition Condition `json:"condition"`
	Since     time.Time `json:"since,omitzero"`
	Seen      time.Time `json:"seen,omitzero"`
	// Told is the condition that people know, ToldAt when they last heard of it, and
	// Again how often they were reminded. Worst is the worst that they heard since
	// the group was healthy.
	Told   Condition `json:"told,omitzero"`
	ToldAt time.Time `json:"toldAt,omitzero"`
	Again  int       `json:"again,omitzero"`
	Worst  Severity  `json:"worst"`
	// Freeze is the end of the freeze that was seen first at FreezeSeen; FreezeTold is
	// the one whose end was told.
	Freeze     time.Time `json:"freeze,omitzero"`
	FreezeSeen time.Time `json:"freezeSeen,omitzero"`
	FreezeTold time.Time `json:"freezeTold,omitzero"`
	RecordLost string    `json:"recordLost,omitzero"`
	// Outbox is what is not delivered yet, oldest first.
	Outbox []Entry `json:"outbox,omitempty"`
}

// Entry is a message on its way.
type Entry struct {
	Message Message `json:"message"`
	// Left names the targets that do not have it yet.
	Left []string `json:"left"`
	// Holder delivers it. Another process may when Claimed is old.
	Holder  string    `json:"holder"`
	Claimed time.Time `json:"claimed,omitzero"`
}

// mostEntries bounds the outbox of a group.
const mostEntries = 32

func decodeMemory(raw []byte) (Memory, error) {
	if raw == nil {
		return Memory{Format: memoryFormat}, nil
	}
	var m Memory
	if err := json.Unmarshal(raw, &m); err != nil {
		return Memory{}, fmt.Errorf("read the notes: %w", err)
	}
	if m.Format != memoryFormat {
		return Memory{}, fmt.Errorf("read the notes: format %d: this program knows %d", m.Format, memoryFormat)
	}
	return m, nil
}

func (m Memory) encode() []byte {
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		panic("notify: " + err.Error()) // it is made of texts, numbers and times
	}
	return append(raw, '\n')
}

// put adds a message for some targets. The outbox is bounded like a queue.
func (m Memory) put(msg Message, targets []string, holder string) Memory {
	m.Outbox = append(slices.Clone(m.Outbox), Entry{Message: msg, Left: targets, Holder: holder, Claimed: msg.At})
	for len(m.Outbox) > mostEntries {
		i := leastOf(m.Outbox, func(e Entry) Severity { return e.Message.Severity })
		m.Outbox = slices.Delete(m.Outbox, i, i+1)
	}
	return m
}

// leastOf returns the oldest of those that matter least.
func leastOf[T any](list []T, severity func(T) Severity) int {
	least := 0
	for i, x := range list {
		if severity(x) < severity(list[least]) {
			least = i
		}
	}
	return least
}

// settled removes a target from the entry of a message, and the entry with the last.
func (m Memory) settled(id, target string) Memory {
	m.Outbox = slices.Clone(m.Outbox)
	for i := range m.Outbox {
		if m.Outbox[i].Message.ID == id {
			m.Outbox[i].Left = slices.DeleteFunc(slices.Clone(m.Outbox[i].Left), func(s string) bool { return s == target })
		}
	}
	m.Outbox = slices.DeleteFunc(m.Outbox, func(e Entry) bool { return len(e.Left) == 0 })
	return m
}

// givenBack lets anybody deliver what a process holds.
func (m Memory) givenBack(holder string) Memory {
	m.Outbox = slices.Clone(m.Outbox)
	for i := range m.Outbox {
		if m.Outbox[i].Holder == holder {
			m.Outbox[i].Holder, m.Outbox[i].Claimed = "", time.Time{}
		}
	}
	return m
}

// merged returns what to go on with after a time in which ours could not be stored:
// what was told last is true, and nobody's message is lost.
func (m Memory) merged(stored Memory) Memory {
	winner, other := m, stored
	if stored.ToldAt.After(m.ToldAt) {
		winner, other = stored, m
	}
	winner.Outbox = slices.Clone(winner.Outbox)
	for _, e := range other.Outbox {
		if !slices.ContainsFunc(winner.Outbox, func(x Entry) bool { return x.Message.ID == e.Message.ID }) {
			winner.Outbox = append(winner.Outbox, e)
		}
	}
	return winner
}
