package decide_test

import (
	"testing"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

// A member that was up, and of which nothing was known for a time, is not up at the
// first failure that is seen again, although one failure does not make it down: it may
// be dead since long. Found by trial's seed 2067, in which a tick repaired routes
// towards such a member.
func TestP4AFailureAfterDoubtIsNotUp(t *testing.T) {
	const fresh = 10 * time.Second
	rules := decide.Rules{
		Group: pair(), Vote: decide.Vote{Down: 1}, Witness: true,
		Checks: []decide.Check{{Name: "tcp", Fall: 2, Rise: 2, Fresh: fresh, DataPath: true}},
	}
	type look struct {
		after       time.Duration
		tcp         string
		witness     string
		wantVerdict appliance.Verdict
	}
	for _, tt := range []struct {
		name  string
		looks []look
	}{
		{"the-observer-was-cut-off", []look{{0, "p", "p", appliance.Up}, {1, "f", "f", appliance.Undecided}, {2, "f", "p", appliance.Undecided}, {3, "f", "p", appliance.Down}}},
		{"the-check-could-not-be-made", []look{{0, "p", "p", appliance.Up}, {1, "?", "p", appliance.Undecided}, {2, "f", "p", appliance.Undecided}, {3, "f", "p", appliance.Down}}},
		{"the-last-pass-is-too-old", []look{{0, "p", "p", appliance.Up}, {fresh/time.Second + 1, "f", "p", appliance.Undecided}, {fresh/time.Second + 2, "f", "p", appliance.Down}}},
		{"a-pass-brings-it-back-at-once", []look{{0, "p", "p", appliance.Up}, {1, "?", "p", appliance.Undecided}, {2, "f", "p", appliance.Undecided}, {3, "p", "p", appliance.Up}}},
		{"one-failure-after-a-young-pass-is-up", []look{{0, "p", "p", appliance.Up}, {fresh / time.Second, "f", "p", appliance.Up}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var h decide.Health
			for i, l := range tt.looks {
				now := at(l.after * time.Second) //nolint:durationcheck // looks are numbered by seconds
				h = decide.Judge(rules, h, []appliance.Observation{
					{Member: "a", Check: "tcp", Outcome: outcome(rune(l.tcp[0])), At: now},
					{Member: decide.Witness, Check: decide.WitnessCheck, Outcome: outcome(rune(l.witness[0])), At: now},
				}, now)
				if got := h.Of("a").Verdict; got != l.wantVerdict {
					t.Errorf("verdict after look %d = %v, want %v", i+1, got, l.wantVerdict)
				}
			}
		})
	}
}
