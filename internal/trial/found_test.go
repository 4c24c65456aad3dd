package trial_test

import "testing"

// TestFoundSeeds plays the seeds that have found a bug, under the name of what was wrong.
// A change of what a seed draws changes its history: the bug has a test of its own where
// it was, and make mutants says whether the seeds find it still.
func TestFoundSeeds(t *testing.T) {
	for _, tt := range []struct {
		name string
		seed uint64
	}{
		// decide took a member for up that had failed once after a time of which nothing
		// was known: TestP4AFailureAfterDoubtIsNotUp.
		{"a-failure-after-doubt-is-not-up", 340},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if r := play(t, tt.seed); r.Violation != "" {
				t.Errorf("seed %d: %s\n%s", r.Seed, r.Violation, r.Transcript)
			}
		})
	}
}
