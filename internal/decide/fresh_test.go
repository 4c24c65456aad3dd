package decide_test

import (
	"testing"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

// An observation that is too old says nothing, neither up nor down; what was
// counted is not forgotten by that.
func TestOldObservationsSayNothing(t *testing.T) {
	const fresh = 30 * time.Second
	tests := []struct {
		name    string
		outcome appliance.Outcome
		age     time.Duration
		fresh   time.Duration
		want    appliance.Verdict
	}{
		{"young-pass", appliance.Pass, fresh, fresh, appliance.Up},
		{"old-pass", appliance.Pass, fresh + 1, fresh, appliance.Undecided},
		{"young-failure", appliance.Fail, fresh, fresh, appliance.Down},
		{"old-failure", appliance.Fail, fresh + 1, fresh, appliance.Undecided},
		{"age-does-not-matter", appliance.Pass, time.Hour, 0, appliance.Up},
		{"from-a-clock-that-was-ahead", appliance.Pass, -time.Hour, fresh, appliance.Up},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rules := decide.Rules{Group: pair(), Checks: []decide.Check{{Name: "tcp", Fall: 1, Rise: 1, Fresh: tt.fresh}}, Vote: decide.Vote{Down: 1}}
			h := decide.Judge(rules, decide.Health{}, []appliance.Observation{{Member: "a", Check: "tcp", Outcome: tt.outcome, At: epoch}}, epoch)
			later := decide.Judge(rules, h, nil, epoch.Add(tt.age))
			if got := later.Of("a").Verdict; got != tt.want {
				t.Errorf("verdict %v after the last observation = %v, want %v", tt.age, got, tt.want)
			}
			again := decide.Judge(rules, later, []appliance.Observation{{Member: "a", Check: "tcp", Outcome: tt.outcome, At: epoch.Add(tt.age)}}, epoch.Add(tt.age))
			if got, want := again.Of("a").Verdict, h.Of("a").Verdict; got != want {
				t.Errorf("verdict after a fresh look = %v, want %v as before", got, want)
			}
		})
	}
}
