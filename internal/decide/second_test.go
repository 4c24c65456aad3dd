package decide_test

import (
	"testing"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

// A second check, here the third one, adds its failure to those of others and
// begins nothing: "offline" in somebody's dashboard never moves traffic alone.
func TestSecondCheckNeedsAnother(t *testing.T) {
	tests := []struct {
		name  string
		down  int
		round string // tcp, vm, and the second one
		want  appliance.Verdict
	}{
		{"alone-with-any", 1, "ppf", appliance.Up},
		{"alone-with-quorum", 2, "ppf", appliance.Up},
		{"beside-a-failure", 2, "fpf", appliance.Down},
		{"a-failure-alone-is-not-enough-for-the-quorum", 2, "fpp", appliance.Up},
		{"beside-an-unknown-one", 2, "?pf", appliance.Undecided},
		{"unknown-beside-a-failure-may-still-be-one", 2, "fp?", appliance.Undecided},
		{"unknown-alone", 2, "pp?", appliance.Up},
		{"unknown-alone-with-any", 1, "pp?", appliance.Up},
		{"unknown-both-first-ones", 2, "??p", appliance.Undecided},
		{"all", 3, "fff", appliance.Down},
		{"all-but-the-second", 3, "ffp", appliance.Up},
		{"with-any-others-are-as-ever", 1, "fpp", appliance.Down},
	}
	names := []string{"tcp", "vm", "meraki"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rules := decide.Rules{Group: pair(), Vote: decide.Vote{Down: tt.down}}
			var round []appliance.Observation
			for i, letter := range tt.round {
				rules.Checks = append(rules.Checks, decide.Check{Name: names[i], Fall: 1, Rise: 1, Second: i == 2})
				round = append(round, appliance.Observation{Member: "a", Check: names[i], Outcome: outcome(letter), At: epoch})
			}
			if got := decide.Judge(rules, decide.Health{}, round, epoch).Of("a").Verdict; got != tt.want {
				t.Errorf("verdict = %s, want %s", got, tt.want)
			}
		})
	}
}

// Without any other check nothing is known, whatever the second ones say.
func TestSecondChecksAloneSayNothing(t *testing.T) {
	rules := decide.Rules{
		Group: pair(), Checks: []decide.Check{{Name: "meraki", Fall: 1, Rise: 1, Second: true}}, Vote: decide.Vote{Down: 1},
	}
	for _, letter := range "pf?" {
		round := []appliance.Observation{{Member: "a", Check: "meraki", Outcome: outcome(letter), At: epoch}}
		if got := decide.Judge(rules, decide.Health{}, round, epoch).Of("a").Verdict; got != appliance.Undecided {
			t.Errorf("verdict after %c = %s, want %s", letter, got, appliance.Undecided)
		}
	}
}
