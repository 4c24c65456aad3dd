package azure_test

import (
	"context"
	"errors"
	"testing"

	"hopguard/internal/azure"
	"hopguard/internal/blobsim"
	"hopguard/internal/decide"
)

func TestBlobNotesAreComparedAndSwapped(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		sim := newSim()
		a, b := azure.Notes{Container: opened(t, sim, "a")}, azure.Notes{Container: opened(t, sim, "b")}
		if raw, version, err := a.Load(ctx, "emea"); raw != nil || version != "" || err != nil {
			t.Fatalf("Load() = %q, %q, %v, want nothing", raw, version, err)
		}
		first, err := a.Swap(ctx, "emea", []byte("one"), "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Swap(ctx, "emea", []byte("two"), ""); !errors.Is(err, decide.ErrLostRace) {
			t.Errorf("Swap() over nothing = %v, want a lost race", err)
		}
		if _, err := b.Swap(ctx, "emea", []byte("two"), first); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Swap(ctx, "emea", []byte("three"), first); !errors.Is(err, decide.ErrLostRace) {
			t.Errorf("Swap() over what was = %v, want a lost race", err)
		}
		if raw, _, err := a.Load(ctx, "emea"); string(raw) != "two" || err != nil {
			t.Errorf("Load() = %q, %v", raw, err)
		}
		// The record of the group is another blob.
		if _, version, err := recordsOf(opened(t, sim, "c")).Load(ctx, "emea"); version != "" || err != nil {
			t.Errorf("Load() of the record = %q, %v, want nothing", version, err)
		}
		if _, _, err := a.Load(ctx, "../emea"); err == nil {
			t.Error("a group's name leads out of the folder")
		}
	})
}

// A container that is missing is made, where it may be, and an answer that is lost is
// settled by reading.
func TestBlobNotesInTrouble(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		sim := newSim()
		n := azure.Notes{Container: opened(t, sim, "a")}
		sim.SetFault(faultOn(blobsim.OpPutBlob, 1, 1, blobsim.Fault{Kind: blobsim.LoseAnswer}))
		version, err := n.Swap(ctx, "emea", []byte("one"), "")
		if err != nil {
			t.Fatalf("Swap() whose answer was lost = %v", err)
		}
		if _, err := n.Swap(ctx, "emea", []byte("two"), version); err != nil {
			t.Errorf("Swap() = %v", err)
		}
		sim.SetFault(faultOn(blobsim.OpGetBlob, 1, 99, blobsim.Fault{Kind: blobsim.Refuse, Status: 403, Code: "AuthorizationFailure"}))
		if _, _, err := n.Load(ctx, "emea"); err == nil {
			t.Error("Load() = nil, want what was refused")
		}
	})
}
