package lease_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hopguard/internal/lease"
)

// world draws keys and replicas that each serve some of them.
func world(t *rapid.T) ([]string, []lease.Replica) {
	keys := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9.-]{1,8}`), 1, 12, rapid.ID).Draw(t, "keys")
	names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,3}/[0-9]{1,2}`), 1, 6, rapid.ID).Draw(t, "names")
	var live []lease.Replica
	for _, name := range names {
		serves := slices.Clone(keys)
		if rapid.Bool().Draw(t, "serves some only") {
			serves = slices.DeleteFunc(serves, func(string) bool { return rapid.Bool().Draw(t, "not") })
		}
		live = append(live, lease.Replica{Name: name, Serves: serves})
	}
	return keys, live
}

func owner(key string, live []lease.Replica) string {
	if rank := lease.Rank(key, live); len(rank) > 0 {
		return rank[0]
	}
	return ""
}

func without(live []lease.Replica, name string) []lease.Replica {
	return slices.DeleteFunc(slices.Clone(live), func(r lease.Replica) bool { return r.Name == name })
}

// Each key has exactly one owner among those that serve it, whoever asks.
func TestRankIsTheSameForAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys, live := world(t)
		for _, key := range keys {
			rank := lease.Rank(key, live)
			var serving []string
			for _, r := range live {
				if slices.Contains(r.Serves, key) {
					serving = append(serving, r.Name)
				}
			}
			if diff := cmp.Diff(slices.Sorted(slices.Values(serving)), slices.Sorted(slices.Values(rank))); diff != "" {
				t.Fatalf("Rank(%q) has not each that serves it once (-want +got):\n%s", key, diff)
			}
			again := append(rapid.Permutation(live).Draw(t, "another order"), live[0])
			if diff := cmp.Diff(rank, lease.Rank(key, again)); diff != "" {
				t.Fatalf("Rank(%q) depends on the order or on doubles (-want +got):\n%s", key, diff)
			}
		}
	})
}

// When a replica goes, only its keys move; when it returns, it gets exactly them.
func TestRankMovesAsLittleAsPossible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys, live := world(t)
		gone := rapid.SampledFrom(live).Draw(t, "gone").Name
		for _, key := range keys {
			before, after := owner(key, live), owner(key, without(live, gone))
			if before != gone && before != after {
				t.Fatalf("%q moved from %q to %q when %q went", key, before, after, gone)
			}
			want := slices.DeleteFunc(lease.Rank(key, live), func(name string) bool { return name == gone })
			if got := lease.Rank(key, without(live, gone)); !slices.Equal(got, want) {
				t.Fatalf("Rank(%q) without %q = %v, want %v", key, gone, got, want)
			}
		}
	})
}

func TestRankSpreads(t *testing.T) {
	const keys, replicas = 3000, 3
	var names []string
	for k := range keys {
		names = append(names, fmt.Sprint("group-", k))
	}
	var live []lease.Replica
	for r := range replicas {
		live = append(live, lease.Replica{Name: fmt.Sprint("host-", r), Serves: names})
	}
	count := map[string]int{}
	for _, key := range names {
		count[owner(key, live)]++
	}
	for name, n := range count {
		if n < keys/replicas*9/10 || n > keys/replicas*11/10 {
			t.Errorf("%s has %d of %d keys, want about a third", name, n, keys)
		}
	}
}

// One replica at the most is told to take or to keep a key that is led by its
// owner, and it is the owner.
func TestMovesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys, live := world(t)
		leader := rapid.SampledFrom(live).Draw(t, "leader").Name
		span := rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.IntRange(0, 120).Draw(t, "s")) * time.Second
		}).Draw(t, "led for")
		for _, key := range keys {
			want := owner(key, live)
			for _, r := range live {
				s := lease.Share{Self: r.Name, Live: live, Patience: 10 * time.Second, Stint: time.Minute}
				var for1 time.Duration
				if r.Name == leader {
					for1 = span
				}
				got := s.Of(key, r.Name == leader, for1)
				switch {
				case r.Name == leader && got == lease.Take,
					r.Name == leader && got == lease.Leave && (want == leader || want == "" || span < time.Minute),
					r.Name == leader && got == lease.Stay && want != leader && want != "" && span >= time.Minute && slices.Contains(r.Serves, key),
					r.Name != leader && got != lease.Stay && r.Name != want:
					t.Fatalf("%s, while %s has led %q for %s and %s should: %s", r.Name, leader, key, span, want, got)
				}
			}
		}
	})
}

func TestMove(t *testing.T) {
	live := []lease.Replica{{Name: "a", Serves: []string{"k"}}, {Name: "b", Serves: []string{"k"}}, {Name: "c", Serves: []string{"k"}}, {Name: "d", Serves: []string{"x"}}}
	rank := lease.Rank("k", live)
	for _, test := range []struct {
		name    string
		self    string
		live    []lease.Replica
		leading bool
		span    time.Duration
		want    lease.Move
	}{
		{"owner-leads", rank[0], live, true, time.Hour, lease.Stay},
		{"owner-waits-in-front", rank[0], live, false, 0, lease.Take},
		{"another-one-leads-and-owner-is-back", rank[1], live, true, time.Minute, lease.Leave},
		{"another-one-stepped-in-a-moment-ago", rank[1], live, true, time.Minute - 1, lease.Stay},
		{"nobody-leads-yet", rank[1], live, false, 10*time.Second - 1, lease.Stay},
		{"nobody-leads-and-the-second-steps-in", rank[1], live, false, 10 * time.Second, lease.Take},
		{"nobody-leads-and-the-third-waits-longer", rank[2], live, false, 20*time.Second - 1, lease.Stay},
		{"nobody-leads-and-the-third-steps-in", rank[2], live, false, 20 * time.Second, lease.Take},
		{"others-do-not-serve-it", "d", live, false, time.Hour, lease.Stay},
		{"no-heartbeat-seen-and-leading", "a", nil, true, time.Hour, lease.Stay},
		{"no-heartbeat-seen-and-waiting", "a", nil, false, time.Hour, lease.Stay},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := lease.Share{Self: test.self, Live: test.live, Patience: 10 * time.Second, Stint: time.Minute}
			if got := s.Of("k", test.leading, test.span); got != test.want {
				t.Errorf("Of() = %s, want %s", got, test.want)
			}
		})
	}
	// Without patience a key that somebody leads is left alone all the same.
	if got := (lease.Share{Self: rank[1], Live: live}).Of("k", false, 0); got != lease.Stay {
		t.Errorf("Of() = %s, want stay", got)
	}
}

func TestHeartbeatsTellWhoLives(t *testing.T) {
	a := lease.Replica{Name: "host-a/1", Serves: []string{"emea", "apac"}}
	b := lease.Replica{Name: "host-b/1"}
	got := lease.Replicas([]lease.Holding{
		{Key: "1", Held: true, Holder: a.Name, Note: a.Note()},
		{Key: "2", Held: true, Holder: b.Name, Note: b.Note()},
		{Key: "3", Held: false, Holder: "gone/1", Note: "emea"},
		{Key: "4", Held: true}, // taken a moment ago, and not yet signed
	})
	if diff := cmp.Diff([]lease.Replica{a, {Name: b.Name, Serves: []string{}}}, got); diff != "" {
		t.Errorf("Replicas() (-want +got):\n%s", diff)
	}
}
