package decide_test

import (
	"testing"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

// The witness tells the observer's own trouble from a member's: rounds of the
// witness (w), a data-path check of a (d) and a provider's word about a (v).
func TestP5WitnessFreezesWhatTheObserverSees(t *testing.T) {
	tests := []struct {
		name    string
		witness bool
		w, d, v string // one outcome a round; a dot is no observation
		want    string // the verdict on a after each round
		suspect bool
	}{
		{"a-member-fails-while-the-witness-answers", true, "pp", "ff", "pp", "?d", false},
		{"the-observer-is-cut-off", true, "pfff", "pfff", "pppp", "u???", true},
		{"a-witness-that-cannot-be-asked-is-no-better", true, "p???", "pfff", "pppp", "u???", true},
		{"without-a-witness-the-failures-count", false, "fff", "pff", "ppp", "uud", false},
		{"a-providers-word-does-not-depend-on-the-observer", true, "pff", "pff", "pff", "u?d", true},
		{"passes-count-whatever-the-witness-says", true, "fff", "ppp", "ppp", "uuu", true},
		{"failures-from-before-do-not-add-up-with-those-after", true, "pffp", "pffp", "pppp", "u??u", false},
		{"the-witness-comes-back", true, "pffpp", "pffff", "ppppp", "u???d", false},
		{"a-round-without-the-witness-says-nothing-new-of-it", true, "pf.", "pff", "ppp", "u??", true},
		{"a-down-member-does-not-come-up-by-it", true, "ppfp", "fffp", "pppp", "?d?d", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rules := decide.Rules{
				Group: pair(), Vote: decide.Vote{Down: 1}, Witness: tt.witness,
				Checks: []decide.Check{{Name: "tcp", Fall: 2, Rise: 2, DataPath: true}, {Name: "vm-status", Fall: 2, Rise: 2}},
			}
			var h decide.Health
			var verdicts []appliance.Verdict
			for i := range tt.w {
				now := at(time.Duration(i) * time.Second)
				var round []appliance.Observation
				see := func(m appliance.MemberName, check, outcomes string) {
					if outcomes[i] != '.' {
						round = append(round, appliance.Observation{Member: m, Check: check, Outcome: outcome(rune(outcomes[i])), At: now})
					}
				}
				see("a", "tcp", tt.d)
				see("a", "vm-status", tt.v)
				see(decide.Witness, decide.WitnessCheck, tt.w)
				h = decide.Judge(rules, h, round, now)
				verdicts = append(verdicts, h.Of("a").Verdict)
			}
			if got := letters(verdicts); got != tt.want || h.Suspect != tt.suspect {
				t.Errorf("verdicts = %s, suspect = %v, want %s, %v", got, h.Suspect, tt.want, tt.suspect)
			}
		})
	}
}

// While the observer is suspect, that is the reason for holding.
func TestObserverSuspectIsTheReason(t *testing.T) {
	for _, ab := range []string{"?u", "??", "d?"} {
		h := health(ab, epoch)
		h.Suspect = true
		_, d := decide.Step(manual(), running("a", decide.Auto), decide.Input{Now: at(time.Hour), Health: h})
		if d.Reason != decide.ReasonObserverSuspect || d.Write || d.Moved() {
			t.Errorf("Step() with %s = %+v, want to hold because the observer is suspect", ab, d)
		}
	}
}
