package lease

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Replica is a live process and the keys that it can lead.
type Replica struct {
	Name   string
	Serves []string
}

// Note returns the text by which others learn what the replica serves. Keys have
// no commas.
func (r Replica) Note() string { return strings.Join(r.Serves, ",") }

// Replicas returns the live ones among the holdings of heartbeats.
func Replicas(heartbeats []Holding) []Replica {
	var out []Replica
	for _, h := range heartbeats {
		if h.Held && h.Holder != "" {
			out = append(out, Replica{Name: h.Holder, Serves: slices.DeleteFunc(strings.Split(h.Note, ","), isEmpty)})
		}
	}
	return out
}

func isEmpty(s string) bool { return s == "" }

// Rank returns the names of the replicas that serve the key, each once, the one
// that should lead it first.
//
// Everybody who knows the same replicas gets the same answer. When a replica goes,
// only its keys move, and when it comes back, only they move back (rendezvous
// hashing, Thaler and Ravishankar 1998).
func Rank(key string, live []Replica) []string {
	type candidate struct {
		name  string
		score uint64
	}
	var all []candidate
	for _, r := range live {
		known := slices.ContainsFunc(all, func(c candidate) bool { return c.name == r.Name })
		if !known && slices.Contains(r.Serves, key) {
			all = append(all, candidate{r.Name, score(key, r.Name)})
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.name, b.name))
	})
	var names []string
	for _, c := range all {
		names = append(names, c.name)
	}
	return names
}

// score is a random number that depends on the key and the name only. The length
// keeps "a"+"bc" from being "ab"+"c".
func score(key, name string) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d:%s%s", len(key), key, name))
	return binary.BigEndian.Uint64(sum[:])
}

// Move is what a replica should do about a key.
type Move int

// The moves. The zero value is the one that changes nothing.
const (
	// Stay: lead on if leading, else wait.
	Stay Move = iota
	// Take: try for the lease.
	Take
	// Leave: finish the tick, give the lease back, and let the rightful one take it.
	Leave
)

// String names the move.
func (m Move) String() string {
	switch m {
	case Stay:
		return "stay"
	case Take:
		return "take"
	case Leave:
		return "leave"
	default:
		panic(fmt.Sprintf("lease: move %d", int(m)))
	}
}

// Share is what one replica knows when it decides what to lead.
type Share struct {
	// Self is this replica's name.
	Self string
	// Live are the replicas whose heartbeats were seen, this one or not.
	Live []Replica
	// Patience is how long a key may be without a leader until the next in rank
	// steps in for the one before it: the rightful one may be alive and unable.
	Patience time.Duration
	// Stint is how long a replica leads at least what another one should lead, so
	// that a key whose rightful leader is unable is not without one all the time.
	Stint time.Duration
}

// Of says what to do about a key. span is for how long this replica has been
// leading it or, if leading is false, has seen it without a leader; it is 0 while
// another one leads. A replica that sees no heartbeat at all, not even its own,
// leads on what it leads and takes nothing.
func (s Share) Of(key string, leading bool, span time.Duration) Move {
	rank := slices.Index(Rank(key, s.Live), s.Self)
	switch {
	case leading && rank > 0 && span >= s.Stint:
		return Leave
	case leading, rank < 0:
		return Stay
	case rank == 0:
		return Take // or wait in front, if somebody leads it
	case span > 0 && span >= time.Duration(rank)*s.Patience:
		return Take
	default:
		return Stay
	}
}
