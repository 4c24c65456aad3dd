package outage_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hopguard/internal/outage"
)

// sec is a number of milliseconds.
func sec(milliseconds int) outage.Seconds {
	return outage.Seconds(time.Duration(milliseconds) * time.Millisecond)
}

func TestSpreadIsByNearestRank(t *testing.T) {
	tests := []struct {
		name string
		in   []outage.Seconds
		want outage.Spread
	}{
		{"nothing", nil, outage.Spread{}},
		{"one", []outage.Seconds{7}, outage.Spread{N: 1, Min: 7, Median: 7, P95: 7, Max: 7}},
		{"two", []outage.Seconds{9, 7}, outage.Spread{N: 2, Min: 7, Median: 7, P95: 9, Max: 9}},
		{"three", []outage.Seconds{9, 7, 8}, outage.Spread{N: 3, Min: 7, Median: 8, P95: 9, Max: 9}},
		{"twenty", upTo(20), outage.Spread{N: 20, Min: 1, Median: 10, P95: 19, Max: 20}},
		{"twenty-one", upTo(21), outage.Spread{N: 21, Min: 1, Median: 11, P95: 20, Max: 21}},
		{"hundred", upTo(100), outage.Spread{N: 100, Min: 1, Median: 50, P95: 95, Max: 100}},
		{"negative", []outage.Seconds{-3, 2}, outage.Spread{N: 2, Min: -3, Median: -3, P95: 2, Max: 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, outage.SpreadOf(tt.in)); diff != "" {
				t.Errorf("SpreadOf() (-want +got):\n%s", diff)
			}
		})
	}
}

// upTo is 1 to n, not in order.
func upTo(n int) []outage.Seconds {
	var s []outage.Seconds
	for i := range n {
		s = append(s, outage.Seconds(n-i))
	}
	slices.Reverse(s[:n/2])
	return s
}

// The ranks by their definition: counted, not computed.
func TestSpreadsRanksAreTheSmallestThatReachTheirShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var values []outage.Seconds
		for range rapid.IntRange(1, 60).Draw(t, "n") {
			values = append(values, outage.Seconds(rapid.IntRange(-20, 20).Draw(t, "value")))
		}
		before := slices.Clone(values)
		got := outage.SpreadOf(values)
		for _, r := range []struct {
			value   outage.Seconds
			percent int
		}{{got.Median, 50}, {got.P95, 95}} {
			below, upTo := 0, 0
			for _, v := range values {
				if v < r.value {
					below++
				}
				if v <= r.value {
					upTo++
				}
			}
			if below == upTo || 100*upTo < r.percent*len(values) || 100*below >= r.percent*len(values) {
				t.Errorf("%d %% of %v = %d: %d are below, %d not above", r.percent, values, r.value, below, upTo)
			}
		}
		if got.Min != slices.Min(values) || got.Max != slices.Max(values) || got.N != len(values) {
			t.Errorf("SpreadOf(%v) = %+v", values, got)
		}
		if !slices.Equal(before, values) {
			t.Errorf("SpreadOf changed its argument from %v to %v", before, values)
		}
	})
}

// scene is a lab in which a write takes 6 s and the fabric 2 s.
func scene() outage.Lab {
	return outage.Lab{Request: sec(100), Write: sec(5900), Fabric: sec(2000)}
}

func TestWorstIsOfExpectedFlowsInOneDirection(t *testing.T) {
	trial := outage.Trial{Flows: []outage.Flow{
		{Name: "a", Outbound: true, Expected: true, Outage: sec(5)},
		{Name: "b", Outbound: true, Expected: true, Outage: sec(9)},
		{Name: "c", Outbound: true, Outage: sec(50)},
		{Name: "d", Expected: true},
	}}
	if f, found := trial.Worst(true); !found || f.Name != "b" {
		t.Errorf("Worst(outbound) = %q, %v, want b", f.Name, found)
	}
	if f, found := trial.Worst(false); !found || f.Name != "d" {
		t.Errorf("Worst(inbound) = %q, %v, want d", f.Name, found)
	}
	if f, found := (outage.Trial{Flows: trial.Flows[2:3]}).Worst(true); found {
		t.Errorf("Worst(outbound) = %q of a trial without an expected flow, want none", f.Name)
	}
}

func TestOverheadAndOwn(t *testing.T) {
	flows := func(d outage.Seconds) []outage.Flow {
		return []outage.Flow{{Outbound: true, Expected: true, Outage: d}}
	}
	tests := []struct {
		name     string
		bound    outage.Seconds
		trial    outage.Trial
		overhead *outage.Seconds
		own      *outage.Seconds
	}{
		{"less-all-that-is-not-ours", sec(2000),
			outage.Trial{Flows: flows(sec(13_050)), Line: outage.Line{Detected: new(sec(1980))}, Extra: sec(3000)},
			new(sec(50)), new(sec(70))},
		{"sooner-than-the-bound", sec(2000),
			outage.Trial{Flows: flows(sec(9010)), Line: outage.Line{Detected: new(sec(1000))}},
			new(sec(-990)), new(sec(10))},
		{"no-bound", 0, outage.Trial{Flows: flows(sec(9010)), Line: outage.Line{Detected: new(sec(1000))}}, nil, new(sec(10))},
		{"detection-not-observed", sec(2000), outage.Trial{Flows: flows(sec(10_010))}, new(sec(10)), nil},
		{"no-flow", sec(2000), outage.Trial{Line: outage.Line{Detected: new(sec(1000))}}, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := outage.Overhead(scene(), outage.Setting{Bound: tt.bound}, tt.trial)
			if diff := cmp.Diff(tt.overhead, optional(got, ok)); diff != "" {
				t.Errorf("Overhead() (-want +got):\n%s", diff)
			}
			got, ok = outage.Own(scene(), tt.trial)
			if diff := cmp.Diff(tt.own, optional(got, ok)); diff != "" {
				t.Errorf("Own() (-want +got):\n%s", diff)
			}
		})
	}
}

func optional(s outage.Seconds, ok bool) *outage.Seconds {
	if !ok {
		return nil
	}
	return &s
}

func TestSummaryHasARowForWhatWasTried(t *testing.T) {
	r := outage.Report{
		Lab:      scene(),
		Settings: []outage.Setting{{Name: "fast", Bound: sec(400)}, {Name: "seed"}},
		Modes:    []outage.Mode{{Name: "hang", Moves: true}, {Name: "cut"}},
		Trials: []outage.Trial{
			{Setting: "peer", Mode: "hang"},
			{Setting: "seed", Mode: "hang", Trouble: []string{"routes differ"},
				Flows: []outage.Flow{
					{Outbound: true, Expected: true, Sent: 9, Lost: 5, Outage: sec(60_000), Open: true},
					{Outbound: true, Sent: 9, Lost: 8, Open: true},
				},
				Streams:  []outage.Stream{{Expected: true}, {Expected: true, Survived: true}, {Survived: true}},
				Connects: []outage.Connects{{Expected: true, Tried: 20, Failed: 7}, {Tried: 50, Failed: 50}}},
			{Setting: "fast", Mode: "cut", Moves: 2,
				Flows: []outage.Flow{{Outbound: true, Expected: true, Sent: 9}, {Expected: true, Sent: 9}}},
			{Setting: "fast", Mode: "hang", Moves: 1, Line: outage.Line{Detected: new(sec(300))},
				Flows: []outage.Flow{
					{Outbound: true, Expected: true, Sent: 9, Lost: 2, Outage: sec(8410)},
					{Expected: true, Sent: 9, Lost: 1, Outage: sec(700), Open: true},
				}},
			{Setting: "fast", Mode: "hang", Moves: 2, Line: outage.Line{Detected: new(sec(200))},
				Flows: []outage.Flow{{Outbound: true, Expected: true, Sent: 9, Lost: 3, Outage: sec(8310)}}},
		},
	}
	one := func(s outage.Seconds) outage.Spread { return outage.Spread{N: 1, Min: s, Median: s, P95: s, Max: s} }
	want := []outage.Row{
		{Setting: "fast", Mode: "hang", Trials: 2, Moved: 2, Moves: 3, Lost: 6,
			Outage:    outage.Spread{N: 2, Min: sec(8310), Median: sec(8310), P95: sec(8410), Max: sec(8410)},
			Inbound:   one(sec(700)),
			Detection: outage.Spread{N: 2, Min: sec(200), Median: sec(200), P95: sec(300), Max: sec(300)},
			Overhead:  outage.Spread{N: 2, Min: sec(-90), Median: sec(-90), P95: sec(10), Max: sec(10)},
			Own:       outage.Spread{N: 2, Min: sec(110), Median: sec(110), P95: sec(110), Max: sec(110)}},
		{Setting: "seed", Mode: "hang", Trials: 1, Troubled: 1, Unmoved: 1, Open: 1, Outage: one(sec(60_000)), Lost: 5,
			Streams: 2, Survived: 1, Tried: 20, Failed: 7},
		{Setting: "peer", Mode: "hang", Trials: 1, Unmoved: 1},
		{Setting: "fast", Mode: "cut", Trials: 1, Moved: 1, Moves: 2, Lossless: 1,
			Outage: one(0), Inbound: one(0), Overhead: one(sec(-8400))},
	}
	if diff := cmp.Diff(want, outage.Summary(r)); diff != "" {
		t.Errorf("Summary() (-want +got):\n%s", diff)
	}
}
