package decide_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/decide"
)

// nightly returns traffic by itself, but only in a window that opens once a day.
func nightly(start, long time.Duration) decide.Policy {
	p := auto()
	p.Windows = []decide.Window{{For: long, Next: func(t time.Time) time.Time {
		day := t.Truncate(24 * time.Hour).Add(start)
		if !day.After(t) {
			day = day.Add(24 * time.Hour)
		}
		return day
	}}}
	return p
}

func TestFailbackWindows(t *testing.T) {
	midnight := epoch.Truncate(24 * time.Hour).Add(24 * time.Hour)
	once := func(start time.Time, long time.Duration) decide.Window {
		return decide.Window{For: long, Next: func(t time.Time) time.Time {
			if start.After(t) {
				return start
			}
			return time.Time{}
		}}
	}
	several := auto()
	several.Windows = []decide.Window{once(midnight.Add(9*time.Hour), time.Hour), once(midnight.Add(4*time.Hour), time.Hour)}
	turned := auto()
	turned.Windows = []decide.Window{several.Windows[1], several.Windows[0]}
	stay := func(until time.Time) decide.Decision {
		return decide.Decision{Reason: decide.ReasonFailbackWindow, Active: "b", Write: true, Until: until}
	}
	back := decide.Decision{Reason: decide.ReasonFailback, Active: "a", From: "b", Write: true}
	tests := []struct {
		name   string
		policy decide.Policy
		at     time.Time
		want   decide.Decision
	}{
		{"before-the-window", nightly(2*time.Hour, time.Hour), midnight.Add(time.Hour), stay(midnight.Add(2 * time.Hour))},
		{"as-it-opens", nightly(2*time.Hour, time.Hour), midnight.Add(2 * time.Hour), back},
		{"inside", nightly(2*time.Hour, time.Hour), midnight.Add(3*time.Hour - time.Second), back},
		{"as-it-closes", nightly(2*time.Hour, time.Hour), midnight.Add(3 * time.Hour), stay(midnight.Add(26 * time.Hour))},
		{"over-midnight", nightly(23*time.Hour, 3*time.Hour), midnight.Add(time.Hour), back},
		{"the-first-of-several", several, midnight.Add(time.Hour), stay(midnight.Add(4 * time.Hour))},
		{"the-first-of-several-in-another-order", turned, midnight.Add(time.Hour), stay(midnight.Add(4 * time.Hour))},
		{"between-several", several, midnight.Add(6 * time.Hour), stay(midnight.Add(9 * time.Hour))},
		{"never-again", several, midnight.Add(12 * time.Hour), stay(time.Time{})},
		{"no-windows-are-any-time", auto(), midnight.Add(time.Hour), back},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, got := decide.Step(tt.policy, running("b", decide.Auto), decide.Input{Now: tt.at, Health: health("uu", epoch)})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Step() differs (-want +got):\n%s", diff)
			}
		})
	}
}

// A window holds back the return, never a failover.
func TestWindowDoesNotHoldUpAFailover(t *testing.T) {
	_, got := decide.Step(nightly(2*time.Hour, time.Hour), running("a", decide.Auto), decide.Input{Now: epoch.Truncate(24 * time.Hour).Add(36 * time.Hour), Health: health("du", epoch)})
	if got.Reason != decide.ReasonActiveDown || got.Active != "b" {
		t.Errorf("Step() = %+v, want a failover to b", got)
	}
}
