package main_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	chaos "hopguard/internal/chaos"
)

func TestSpread(t *testing.T) {
	for _, test := range []struct {
		in   []time.Duration
		want chaos.Spread
	}{
		{nil, chaos.Spread{}},
		{[]time.Duration{3}, chaos.Spread{Min: 3, Median: 3, Max: 3}},
		{[]time.Duration{9, 1, 4}, chaos.Spread{Min: 1, Median: 4, Max: 9}},
		{[]time.Duration{9, 1, 4, 6}, chaos.Spread{Min: 1, Median: 5, Max: 9}},
	} {
		if got := chaos.SpreadOf(test.in); got != test.want {
			t.Errorf("SpreadOf(%v) = %v, want %v", test.in, got, test.want)
		}
	}
}

func TestSummaryIsGoodOnlyWithAllRoundsAndNoDamage(t *testing.T) {
	rounds := []chaos.Round{
		{Takeover: 12 * time.Second, Right: 15 * time.Second},
		{Takeover: 14 * time.Second, Right: time.Second, Done: true, Refused: 2},
	}
	var out bytes.Buffer
	if !chaos.Summary(&out, 2, rounds, []time.Duration{3 * time.Second}) {
		t.Error("Summary() says that something was damaged")
	}
	for _, want := range []string{
		"until another one leads                       12.00  13.00  14.00   (2)",
		"until the routes are right                    15.00  15.00  15.00   (1)",
		"wrong routes 0, lost routes 0", "that were refused 2",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the summary does not have %q:\n%s", want, &out)
		}
	}
	if out.Reset(); chaos.Summary(&out, 3, rounds, nil) || !strings.Contains(out.String(), "2 of 3") {
		t.Errorf("a round that did not come to its end is good:\n%s", &out)
	}
	rounds[1].Damage.Lost = 1
	if out.Reset(); chaos.Summary(&out, 2, rounds, nil) || !strings.Contains(out.String(), "lost routes 1") {
		t.Errorf("a lost route is no damage:\n%s", &out)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-mode", "sleep"}, {"-kills", "0"}, {"-worlds", "0"}, {"now"}, {"-nonsense"}} {
		var out, complaints bytes.Buffer
		if code := chaos.Main(t.Context(), args, &out, &complaints); code != 2 || complaints.Len() == 0 || out.Len() > 0 {
			t.Errorf("%v: code %d, %q, %q, want a complaint and 2", args, code, &out, &complaints)
		}
	}
}
