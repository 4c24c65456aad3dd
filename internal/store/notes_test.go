package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"hopguard/internal/decide"
	"hopguard/internal/store"
)

func TestNotesAreComparedAndSwapped(t *testing.T) {
	n := store.Notes{Folder: filepath.Join(t.TempDir(), "state")}
	raw, version, err := n.Load(t.Context(), "emea")
	if raw != nil || version != "" || err != nil {
		t.Fatalf("Load() = %q, %q, %v, want nothing", raw, version, err)
	}
	first, err := n.Swap(t.Context(), "emea", []byte("one"), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, stale := range []string{"", "x"} {
		if _, err := n.Swap(t.Context(), "emea", []byte("two"), stale); !errors.Is(err, decide.ErrLostRace) {
			t.Errorf("Swap() over %q = %v, want a lost race", stale, err)
		}
	}
	second, err := n.Swap(t.Context(), "emea", []byte("two"), first)
	if err != nil || second == first {
		t.Fatalf("Swap() = %q, %v", second, err)
	}
	if raw, version, err := n.Load(t.Context(), "emea"); string(raw) != "two" || version != second || err != nil {
		t.Errorf("Load() = %q, %q, %v", raw, version, err)
	}
	if _, _, err := n.Load(t.Context(), "../emea"); err == nil {
		t.Error("a group's name leads out of the folder")
	}
}

// Of several writers of one version one succeeds.
func TestOneWriterOfNotesWins(t *testing.T) {
	n := store.Notes{Folder: t.TempDir()}
	won := make(chan int, 20)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if _, err := n.Swap(t.Context(), "emea", fmt.Append(nil, i), ""); err == nil {
				won <- i
			}
		})
	}
	all.Wait()
	close(won)
	winner, ok := <-won
	if _, more := <-won; !ok || more {
		t.Fatalf("%t, and more than one: %t", ok, more)
	}
	if raw, err := os.ReadFile(filepath.Join(n.Folder, "notes", "emea.json")); err != nil || string(raw) != fmt.Sprint(winner) {
		t.Errorf("stored is %q, %v, want %d", raw, err, winner)
	}
}
