package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
	"hopguard/internal/store"
)

// records is what the tick wants of a store, in the tick's own words.
type records interface {
	Load(ctx context.Context, group appliance.GroupName) (decide.Record, string, error)
	Swap(ctx context.Context, r decide.Record, version string) (string, error)
}

var (
	_ records = store.File{}
	_ records = (*store.Memory)(nil)
)

func start() time.Time { return time.Date(2026, 8, 1, 10, 0, 0, 0, time.UTC) }

func file(t *testing.T) store.File {
	t.Helper()
	return store.File{Folder: filepath.Join(t.TempDir(), "state"), Now: start}
}

// full is a record with every member set.
func full(group appliance.GroupName) decide.Record {
	hop := func(role, addr string) appliance.Hop {
		return appliance.Hop{Role: role, Addr: netip.MustParseAddr(addr)}
	}
	at := start()
	return decide.Record{
		Group: group, Epoch: 7, Active: "vmx-b", Mode: decide.Frozen, FrozenUntil: at.Add(time.Hour), Forced: true, Note: "maintenance <1>",
		Health: decide.Health{
			Members:  []decide.MemberHealth{{Member: "vmx-a", Verdict: appliance.Down, Since: at}, {Member: "vmx-b", Verdict: appliance.Up, Since: at.Add(-time.Hour)}},
			Counters: []decide.Counter{{Member: "vmx-a", Check: "tcp", Settled: appliance.Down}, {Member: "vmx-b", Check: "tcp", Settled: appliance.Up}},
		},
		Places: []decide.Addresses{
			{Member: "vmx-a", Hops: []appliance.Hop{hop("lan", "10.1.0.4"), hop("lan6", "fd00::4")}, Subnets: []appliance.ResourceID{"/subnets/a"}, Seen: at, Former: []appliance.Hop{hop("lan", "10.1.0.9")}},
			{Member: "vmx-b", Hops: []appliance.Hop{hop("lan", "10.2.0.4"), hop("lan6", "fd01::4")}, Seen: at},
		},
		History: []decide.Transition{{Epoch: 7, From: "vmx-a", To: "vmx-b", Reason: decide.ReasonOrdered, At: at, By: "jane"}},
	}
}

// kinds are the stores that keep the contract.
func kinds() map[string]func(folder string) records {
	return map[string]func(folder string) records{
		"file":   func(folder string) records { return store.File{Folder: folder, Now: start} },
		"memory": func(string) records { return new(store.Memory) },
	}
}

func mustSwap(t *testing.T, s records, r decide.Record, version string) string {
	t.Helper()
	version, err := s.Swap(t.Context(), r, version)
	if err != nil {
		t.Fatalf("Swap() = %v, want no error", err)
	}
	return version
}

func wantStored(t *testing.T, s records, want decide.Record, version string) {
	t.Helper()
	got, v, err := s.Load(t.Context(), want.Group)
	if err != nil || v != version || !got.Equal(want) {
		t.Errorf("Load() = %+v, %q, %v, want %+v, %q", got, v, err, want, version)
	}
}

func wantAbsent(t *testing.T, s records, group appliance.GroupName) {
	t.Helper()
	got, v, err := s.Load(t.Context(), group)
	if err != nil || v != "" || !got.Equal(decide.Record{}) {
		t.Errorf("Load() = %+v, %q, %v, want nothing", got, v, err)
	}
}

func TestStoreWithoutARecord(t *testing.T) {
	for name, open := range kinds() {
		t.Run(name, func(t *testing.T) {
			s := open(t.TempDir())
			wantAbsent(t, s, "emea")
		})
	}
}

func TestStoreKeepsWhatWasSwappedIn(t *testing.T) {
	for name, open := range kinds() {
		t.Run(name, func(t *testing.T) {
			s := open(t.TempDir())
			first := full("emea")
			v1 := mustSwap(t, s, first, "")
			wantStored(t, s, first, v1)
			second := first
			second.Epoch++
			v2 := mustSwap(t, s, second, v1)
			if v1 == "" || v1 == v2 {
				t.Errorf("versions are %q and %q, want two", v1, v2)
			}
			wantStored(t, s, second, v2)
			wantAbsent(t, s, "apac")
			other := full("apac")
			v3 := mustSwap(t, s, other, "")
			wantStored(t, s, other, v3)
			wantStored(t, s, second, v2)
		})
	}
}

func TestStoreRefusesTheLoserOfARace(t *testing.T) {
	for name, open := range kinds() {
		t.Run(name, func(t *testing.T) {
			s := open(t.TempDir())
			lost := func(version string) {
				t.Helper()
				loser := full("emea")
				loser.Note = "lost"
				if v, err := s.Swap(t.Context(), loser, version); !errors.Is(err, decide.ErrLostRace) || v != "" {
					t.Errorf("Swap(%q) = %q, %v, want decide.ErrLostRace", version, v, err)
				}
			}
			lost("1") // a version of a record that is not there
			wantAbsent(t, s, "emea")
			first := full("emea")
			v1 := mustSwap(t, s, first, "")
			lost("") // create over an existing one
			second := first
			second.Epoch++
			v2 := mustSwap(t, s, second, v1)
			lost(v1) // a stale version
			lost("nonsense")
			wantStored(t, s, second, v2)
		})
	}
}

// What the caller does to its record later, or to one that it got, is not seen by
// others.
func TestStoreCopies(t *testing.T) {
	for name, open := range kinds() {
		t.Run(name, func(t *testing.T) {
			s := open(t.TempDir())
			mine := full("emea")
			v := mustSwap(t, s, mine, "")
			mine.History[0].By, mine.Places[0].Hops[0].Role = "mallory", "wan"
			got, _, err := s.Load(t.Context(), "emea")
			if err != nil {
				t.Fatal(err)
			}
			got.Health.Members[0].Verdict = appliance.Up
			wantStored(t, s, full("emea"), v)
		})
	}
}

// Both stores keep the same members of a record.
func TestStoresAgree(t *testing.T) {
	var loaded []decide.Record
	for name, open := range kinds() {
		t.Run(name, func(t *testing.T) {
			s := open(t.TempDir())
			r := full("emea")
			r.Health.Counters[0].Fails = 2 // not kept from one process to the next
			mustSwap(t, s, r, "")
			got, _, err := s.Load(t.Context(), "emea")
			if err != nil {
				t.Fatal(err)
			}
			loaded = append(loaded, got)
		})
	}
	for _, got := range loaded {
		if diff := cmp.Diff(full("emea"), got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("Load() (-want +got):\n%s", diff)
		}
	}
}

func TestStoreEndsWithTheContext(t *testing.T) {
	for name, open := range kinds() {
		t.Run(name, func(t *testing.T) {
			s := open(t.TempDir())
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, _, err := s.Load(ctx, "emea"); !errors.Is(err, context.Canceled) {
				t.Errorf("Load() = %v, want context.Canceled", err)
			}
			if _, err := s.Swap(ctx, full("emea"), ""); !errors.Is(err, context.Canceled) {
				t.Errorf("Swap() = %v, want context.Canceled", err)
			}
			wantAbsent(t, s, "emea")
		})
	}
}

// A record that JSON cannot hold changes nothing.
func TestStoreRefusesWhatItCannotKeep(t *testing.T) {
	for name, open := range kinds() {
		t.Run(name, func(t *testing.T) {
			s := open(t.TempDir())
			v := mustSwap(t, s, full("emea"), "")
			odd := full("emea")
			odd.FrozenUntil = time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)
			_, err := s.Swap(t.Context(), odd, v)
			contains(t, err, "encode record")
			wantStored(t, s, full("emea"), v)
		})
	}
}

// Of eight writers that start from one version, exactly one wins, and the record
// is the winner's. The file store is opened twice, as by two processes.
func TestStoreHasOneWinnerForEachVersion(t *testing.T) {
	const writers, rounds = 8, 25
	for name, open := range kinds() {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			stores := []records{open(folder)}
			if name == "file" {
				stores = append(stores, open(folder))
			}
			version := ""
			for round := range rounds {
				won := make([]string, writers)
				failed := make([]error, writers)
				var all sync.WaitGroup
				for i := range writers {
					all.Go(func() {
						r := full("emea")
						r.Note = fmt.Sprintf("round %d writer %d", round, i)
						won[i], failed[i] = stores[i%len(stores)].Swap(t.Context(), r, version)
					})
				}
				all.Wait()
				winner := slices.IndexFunc(won, func(v string) bool { return v != "" })
				if winner < 0 {
					t.Fatalf("round %d: nobody won: %v", round, failed)
				}
				for i, err := range failed {
					if i != winner && (won[i] != "" || !errors.Is(err, decide.ErrLostRace)) {
						t.Errorf("round %d: writer %d got %q, %v, and writer %d won", round, i, won[i], err, winner)
					}
				}
				version = won[winner]
				want := full("emea")
				want.Note = fmt.Sprintf("round %d writer %d", round, winner)
				wantStored(t, stores[len(stores)-1], want, version)
			}
		})
	}
}

// names lists a folder.
func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func contains(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error, want one")
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not name %q", err, p)
		}
	}
}
