package contender_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/contender"
)

func TestCyclesAreThoseOfTheRhythm(t *testing.T) {
	got := map[string]time.Duration{}
	for _, c := range append(contender.All(), contender.Command("peer", []string{"true"})) {
		got[c.Setting.Name] = c.Cycle()
	}
	want := map[string]time.Duration{
		contender.Defaults: time.Second, contender.Fast: 100 * time.Millisecond,
		contender.Seed: 30 * time.Second, contender.Functions: 30 * time.Second, "peer": time.Minute,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Cycle() differs (-want +got):\n%s", diff)
	}
}
