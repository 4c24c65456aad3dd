package contender

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// record is what hopguard has stored of a group, as far as it matters here.
type record struct {
	Epoch  uint64
	Health struct {
		Members []struct {
			Member  string
			Verdict string
			Since   time.Time
		}
	}
	History []transition // the newest last
}

// transition is a change of the active member; the first one has no From.
type transition struct {
	Epoch    uint64
	From, To string
	Reason   string
	At       time.Time
}

// readRecord reads the record of a place; the zero value if there is none yet. A file is
// replaced as a whole, so it is never half a record.
func (p Place) readRecord() (record, error) {
	raw, err := os.ReadFile(filepath.Join(p.Dir, recordFolder, p.Group+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, nil
	}
	if err != nil {
		return record{}, err
	}
	var document struct {
		Format int
		Record record
	}
	if err := json.Unmarshal(raw, &document); err != nil || document.Format != 1 {
		return record{}, fmt.Errorf("record of group %s: format %d, want 1: %w", p.Group, document.Format, err)
	}
	return document.Record, nil
}

// up reports whether all members are known to be.
func (r record) up() bool {
	for _, m := range r.Health.Members {
		if m.Verdict != "up" {
			return false
		}
	}
	return len(r.Health.Members) > 0
}

// newest returns the newest transition that moved traffic, if it is not from before a time.
func (r record) newest(since time.Time) (transition, bool) {
	if n := len(r.History); n > 0 && r.History[n-1].From != "" && !r.History[n-1].At.Before(since) {
		return r.History[n-1], true
	}
	return transition{}, false
}

// fell is when a member was found down, by the record; zero if it is not now.
func (r record) fell(member string) time.Time {
	for _, m := range r.Health.Members {
		if m.Member == member && m.Verdict == "down" {
			return m.Since
		}
	}
	return time.Time{}
}

// moves counts the transitions that moved traffic. The record keeps only the newest ones, so
// the epochs count; the first one is the adoption of what was there.
func (r record) moves() int { return int(max(r.Epoch, 1) - 1) }
