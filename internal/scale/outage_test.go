package main_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	scale "hopguard/internal/scale"
)

// needs are n tables of one subscription, spread over regions, known from then on.
func needs(subscription string, n, regions int, from time.Duration) []scale.Need {
	var list []scale.Need
	for i := range n {
		list = append(list, scale.NewNeed(subscription, string(rune('a'+i%regions)), from))
	}
	return list
}

func TestFloor(t *testing.T) {
	const write = 2 * time.Second
	tests := []struct {
		name       string
		needs      []scale.Need
		arm, azure time.Duration
	}{
		{"one", needs("s", 1, 1, 0), write, write},
		{"a-full-bucket", needs("s", 200, 1, 0), write, write},
		{"one-more", needs("s", 201, 1, 0), write + 100*time.Millisecond, write + 100*time.Millisecond},
		{"many", needs("s", 500, 1, 0), write + 30*time.Second, write + 30*time.Second},
		{"side-by-side", append(needs("s", 250, 1, 0), needs("t", 300, 1, 0)...), write + 10*time.Second, write + 10*time.Second},
		{"known-late", needs("s", 201, 1, time.Minute), write + time.Minute + 100*time.Millisecond, write + time.Minute + 100*time.Millisecond},
		{"refilled-meanwhile", append(needs("s", 200, 1, 0), needs("s", 100, 1, 10*time.Second)...), write + 10*time.Second, write + 10*time.Second},
		{"not-refilled-yet", append(needs("s", 200, 1, 0), needs("s", 101, 1, 10*time.Second)...), write + 10*time.Second + 100*time.Millisecond, write + 10*time.Second + 100*time.Millisecond},
		{"a-full-period", needs("s", 1000, 1, 0), write + 80*time.Second, write + 80*time.Second},
		{"two-periods", needs("s", 1001, 1, 0), write + 80*time.Second + 100*time.Millisecond, write + 5*time.Minute},
		{"two-regions", needs("s", 2000, 2, 0), write + 180*time.Second, write + 180*time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := scale.ARMFloor(tt.needs, write); got != tt.arm {
				t.Errorf("armFloor() = %v, want %v", got, tt.arm)
			}
			if got := scale.AzureFloor(tt.needs, write); got != tt.azure {
				t.Errorf("azureFloor() = %v, want %v", got, tt.azure)
			}
		})
	}
}

// outage plays one in a bubble of its own.
func outage(t *testing.T, c scale.OutageCase) scale.OutageResult {
	t.Helper()
	folder := t.TempDir()
	var r scale.OutageResult
	synctest.Test(t, func(t *testing.T) {
		var err error
		if r, err = scale.RunOutage(t.Context(), c, folder, t.Logf); err != nil {
			t.Error(err)
		}
	})
	return r
}

// A hundred groups in a single subscription: its buckets of reads and writes are what
// everything waits for.
func TestAnOutageTakesHardlyLongerThanItMust(t *testing.T) {
	r := outage(t, scale.NewOutageCase(100, 1))
	if r.Moved != 500 || r.Wrong != 0 || r.Again != 0 || len(r.Refused) != 0 || r.FailedTicks != 0 {
		t.Errorf("%d tables, %d wrong, %d written again, refused %v, %d ticks failed; want 500 and nothing else", r.Moved, r.Wrong, r.Again, r.Refused, r.FailedTicks)
	}
	if got := r.KnownRatio(); got < 1 || got > 1.05 {
		t.Errorf("took %.3f of the floor from detection on, want at most 1.05", got)
	}
	if wait := r.First - r.Down[0]; wait > 500*time.Millisecond {
		t.Errorf("the first write came %v after the first verdict, want at most 0.5 s", wait)
	}
	if r.Calls["table read"] != r.Moved || r.Calls["machine read"] > 16 {
		t.Errorf("calls %v, want one read of each table and few of machines", r.Calls)
	}
	if r.Critical[2] > r.Group[1] {
		t.Errorf("the last critical table agreed after %v, later than all of half of the groups, %v", r.Critical[2], r.Group[1])
	}
}

func TestTellOutagesKeepsPromises(t *testing.T) {
	good := scale.ResultOf(scale.NewOutageCase(10000, 50))
	good.Moved, good.First, good.Last = 50000, time.Second, 90*time.Second
	good.ARM, good.Azure, good.Known = 82*time.Second, 82*time.Second, 83*time.Second
	late, wrong, slow := good, good, good
	late.Last = 101 * time.Second
	wrong.Wrong = 1
	slow.Known = 60 * time.Second
	for name, tt := range map[string]struct {
		r    scale.OutageResult
		want string
	}{
		"good":  {good, "All promises hold."},
		"late":  {late, "NOT HELD: 5000 groups fail, 50 subscriptions: 1.22 of the floor, more than 1.2"},
		"wrong": {wrong, "1 tables are not as they must be"},
		"slow":  {slow, "1.50 of the floor from detection on, more than 1.2"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			held := scale.TellOutages(&out, scale.OutageResults{tt.r})
			if held != (name == "good") || !strings.Contains(out.String(), tt.want) {
				t.Errorf("held %t:\n%s\nwant %q", held, out.String(), tt.want)
			}
		})
	}
}
