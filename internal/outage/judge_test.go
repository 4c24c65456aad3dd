package outage_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/outage"
)

// good is a report in which every promise holds, by a little.
func good() outage.Report {
	all := []string{outage.ModePowerOff, outage.ModeGuestHang}
	r := outage.Report{
		Lab: scene(),
		Settings: []outage.Setting{
			{Name: outage.SettingDefaults, Bound: sec(2000), Sees: all},
			{Name: outage.SettingFast, Bound: sec(400), Sees: all},
			{Name: outage.SettingSeed, Bound: sec(44_000), Sees: []string{outage.ModePowerOff}},
		},
		Modes: []outage.Mode{
			{Name: outage.ModePowerOff, Moves: true}, {Name: outage.ModeGuestHang, Moves: true},
			{Name: outage.ModeObserverCut}, {Name: outage.ModePlanned, Moves: true},
		},
		Soaks: []outage.Soak{{Setting: outage.SettingFast, Loss: 0.01, Length: outage.Seconds(30 * time.Minute)}},
	}
	// add makes 20 trials; one of them is slower than the others, which p95 does not count.
	add := func(setting, mode string, took, slowest, detected outage.Seconds) {
		for i := range 20 {
			t := outage.Trial{Setting: setting, Mode: mode, Number: i + 1,
				Flows: []outage.Flow{{Outbound: true, Expected: true, Sent: 100, Outage: took}}}
			if i == 7 {
				t.Flows[0].Outage = slowest
			}
			if took > 0 {
				t.Flows[0].Lost = 50
			}
			if mode != outage.ModeObserverCut {
				t.Moves = 1
			}
			if detected > 0 {
				t.Line.Detected = new(detected)
			}
			r.Trials = append(r.Trials, t)
		}
	}
	add(outage.SettingDefaults, outage.ModePowerOff, sec(10_090), sec(15_000), sec(2000))
	add(outage.SettingDefaults, outage.ModeGuestHang, sec(10_100), sec(15_000), sec(2000))
	add(outage.SettingFast, outage.ModePowerOff, sec(8500), sec(15_000), sec(400))
	add(outage.SettingFast, outage.ModeGuestHang, sec(8450), sec(15_000), sec(400))
	add(outage.SettingSeed, outage.ModePowerOff, sec(52_000), sec(60_000), sec(44_000))
	add(outage.SettingSeed, outage.ModeGuestHang, sec(90_000), sec(90_000), 0)
	add(outage.SettingDefaults, outage.ModeObserverCut, 0, 0, 0)
	add(outage.SettingDefaults, outage.ModePlanned, 0, 0, 0)
	return r
}

// wanted is what good has.
func wanted() outage.Wanted {
	return outage.Wanted{
		Runs: 20, Soak: outage.Seconds(30 * time.Minute),
		Settings: []string{outage.SettingDefaults, outage.SettingFast, outage.SettingSeed},
		Modes:    []string{outage.ModePowerOff, outage.ModeGuestHang, outage.ModeObserverCut, outage.ModePlanned},
		Cells: []string{
			"defaults/power-off", "defaults/guest-hang", "fast/power-off", "fast/guest-hang", "seed/power-off",
			"defaults/observer-cut", "defaults/planned",
		},
	}
}

func TestJudgeSaysWhatWasMeasured(t *testing.T) {
	r := good()
	for i := range r.Trials {
		// Five times shorter, just so.
		if r.Trials[i].Setting == outage.SettingSeed && r.Trials[i].Mode == outage.ModePowerOff {
			r.Trials[i].Flows[0].Outage = sec(50_450)
		}
	}
	want := []outage.Finding{
		{Holds: true, Timed: true, Measured: "5 of 5 hold, the slowest of them defaults/guest-hang with 100ms",
			Promise: "Outage less detection bound and cloud: at most 100ms at p95, in every mode that the checks see"},
		{Holds: true, Measured: "10.09s against 50.45s: 5.0 times",
			Promise: "Power-off: median outage at least 5 times shorter with the defaults than with the seed's settings"},
		{Holds: true, Timed: true, Measured: "400ms in 20 trials", Promise: "Fast setting, power-off: detection at most 400ms at p95"},
		{Holds: true, Measured: "0 moves in 30m0s", Promise: "Fast setting, 1 % of packets lost for 30m0s: no move"},
		{Holds: true, Measured: "20 trials", Promise: "Planned switch: no packet lost in any of at least 20 trials"},
		{Holds: true, Measured: "20 trials", Promise: "No move in the modes in which traffic has to stay"},
		{Holds: true, Measured: "160 trials", Promise: "No trial with trouble"},
		{Holds: true, Measured: "7 judged", Promise: "At least 20 trials of each setting and mode that is judged"},
		{Holds: true, Measured: "100 trials", Promise: "Traffic was moved and flowed again, in every mode that the checks see"},
	}
	if diff := cmp.Diff(want, outage.Judge(r, wanted())); diff != "" {
		t.Errorf("Judge() (-want +got):\n%s", diff)
	}
}

// Each row breaks one thing, and names the finding that must say so.
func TestJudgeFindsWhatDoesNotHold(t *testing.T) {
	const (
		overhead = iota
		gain
		detection
		soak
		planned
		stays
		trouble
		runs
		recovers
	)
	// nth is a trial of a setting and a mode.
	nth := func(r *outage.Report, setting, mode string, n int) *outage.Trial {
		i := slices.IndexFunc(r.Trials, func(t outage.Trial) bool {
			return t.Setting == setting && t.Mode == mode && t.Number == n
		})
		return &r.Trials[i]
	}
	without := func(r *outage.Report, setting, mode string) {
		r.Trials = slices.DeleteFunc(r.Trials, func(t outage.Trial) bool {
			return t.Mode == mode && (setting == "" || t.Setting == setting)
		})
	}
	tests := []struct {
		name string
		do   func(r *outage.Report)
		want map[int]string // a part of what was measured, by finding
	}{
		{"two-of-twenty-are-too-slow", func(r *outage.Report) {
			nth(r, "fast", "power-off", 3).Flows[0].Outage = sec(8501)
		}, map[int]string{overhead: "fast/power-off: 101ms; 4 of 5 hold, the slowest of them defaults/guest-hang with 100ms"}},
		{"arm-was-slow-because-of-the-failure", func(r *outage.Report) {
			t := nth(r, "fast", "power-off", 3)
			t.Flows[0].Outage, t.Extra = sec(8601), sec(101)
		}, nil},
		{"an-outage-that-had-not-ended", func(r *outage.Report) {
			nth(r, "defaults", "power-off", 3).Flows[0].Open = true
		}, map[int]string{overhead: "defaults/power-off: 1 of 20 outages had not ended", gain: "1 outage of the defaults had not ended",
			recovers: "defaults/power-off: 1 of 20 outages had not ended"}},
		{"a-flow-that-nothing-could-save-had-not-ended", func(r *outage.Report) {
			t := nth(r, "defaults", "power-off", 3)
			t.Flows = append(t.Flows, outage.Flow{Outbound: true, Open: true, Outage: sec(99_000)})
		}, nil},
		{"a-trial-without-a-flow", func(r *outage.Report) {
			nth(r, "fast", "guest-hang", 3).Flows = nil
		}, map[int]string{overhead: "fast/guest-hang: 1 of 20 trials without a flow that could be saved"}},
		{"what-is-seen-was-not-tried", func(r *outage.Report) { without(r, "fast", "guest-hang") },
			map[int]string{overhead: "fast/guest-hang: not measured", runs: "fast/guest-hang: 0", recovers: "fast/guest-hang: not measured"}},
		{"what-is-not-seen-was-not-tried", func(r *outage.Report) { without(r, "seed", "guest-hang") }, nil},
		{"a-setting-was-not-tried", func(r *outage.Report) {
			r.Settings = r.Settings[:2]
			without(r, "seed", "power-off")
		}, map[int]string{overhead: "setting seed: not measured", gain: "not measured", runs: "seed/power-off: 0", recovers: "setting seed: not measured"}},
		{"a-mode-was-not-tried", func(r *outage.Report) {
			r.Modes = r.Modes[1:]
			without(r, "", "power-off")
		}, map[int]string{overhead: "defaults/power-off: not measured; fast/power-off: not measured; seed/power-off: not measured",
			gain: "not measured", detection: "not measured",
			stays: "defaults/power-off: not measured; fast/power-off: not measured; seed/power-off: not measured; 20 trials",
			runs:  "defaults/power-off: 0; fast/power-off: 0; seed/power-off: 0", recovers: "defaults/power-off: not measured"}},
		{"a-failure-after-which-nothing-moves", func(r *outage.Report) { nth(r, "fast", "guest-hang", 2).Moves = 0 },
			map[int]string{recovers: "fast/guest-hang: nothing was moved in 1 of 20 trials"}},
		{"the-gain-is-too-small", func(r *outage.Report) {
			for n := range 20 {
				nth(r, "seed", "power-off", n+1).Flows[0].Outage = sec(50_449)
			}
		}, map[int]string{gain: "10.09s against 50.449s"}},
		{"the-seed-loses-nothing", func(r *outage.Report) {
			for n := range 20 {
				nth(r, "seed", "power-off", n+1).Flows[0].Outage = 0
			}
		}, map[int]string{gain: "the seed's settings had no outage"}},
		{"two-of-twenty-detected-too-late", func(r *outage.Report) {
			nth(r, "fast", "power-off", 3).Line.Detected = new(sec(401))
			nth(r, "fast", "power-off", 4).Line.Detected = new(sec(401))
		}, map[int]string{detection: "401ms"}},
		{"one-of-twenty-detected-too-late", func(r *outage.Report) {
			nth(r, "fast", "power-off", 3).Line.Detected = new(sec(9000))
		}, nil},
		{"not-detected", func(r *outage.Report) { nth(r, "fast", "power-off", 3).Line.Detected = nil },
			map[int]string{detection: "in 1 of 20 trials"}},
		{"a-soak-that-moves", func(r *outage.Report) { r.Soaks[0].Moves = 1 }, map[int]string{soak: "1 move in 30m0s"}},
		{"a-short-soak-that-moves-beside-a-long-one", func(r *outage.Report) {
			r.Soaks = append(r.Soaks, outage.Soak{Setting: "fast", Loss: 0.02, Length: sec(1000), Moves: 2})
		}, map[int]string{soak: "2 moves in 30m0s"}},
		{"a-soak-that-is-short", func(r *outage.Report) { r.Soaks[0].Length -= sec(1) }, map[int]string{soak: "0 moves in 29m59.999s"}},
		{"a-soak-without-loss", func(r *outage.Report) { r.Soaks[0].Loss = 0.009 }, map[int]string{soak: "not measured"}},
		{"a-soak-of-another-setting", func(r *outage.Report) { r.Soaks[0].Setting = "defaults" }, map[int]string{soak: "not measured"}},
		{"a-switch-that-loses-a-packet", func(r *outage.Report) { nth(r, "defaults", "planned", 20).Flows[0].Lost = 1 },
			map[int]string{planned: "defaults/planned: not all packets arrived in 1 of 20 trials, 1 lost"}},
		{"a-switch-with-a-packet-that-may-be-lost", func(r *outage.Report) { nth(r, "defaults", "planned", 20).Flows[0].Undecided = 1 },
			map[int]string{planned: "defaults/planned: not all packets arrived in 1 of 20 trials, 0 lost"}},
		{"a-switch-without-packets", func(r *outage.Report) { nth(r, "defaults", "planned", 20).Flows[0].Sent = 0 },
			map[int]string{planned: "defaults/planned: not all packets arrived in 1 of 20 trials, 0 lost"}},
		{"a-switch-that-switches-nothing", func(r *outage.Report) { nth(r, "defaults", "planned", 20).Moves = 0 },
			map[int]string{planned: "defaults/planned: nothing was moved in 1 of 20 trials"}},
		{"no-switch", func(r *outage.Report) { without(r, "", "planned") }, map[int]string{planned: "defaults/planned: not measured; 0 trials", runs: "defaults/planned: 0"}},
		{"a-move-where-traffic-has-to-stay", func(r *outage.Report) { nth(r, "defaults", "observer-cut", 20).Moves = 1 },
			map[int]string{stays: "defaults/observer-cut: 1 move in 20 trials"}},
		{"a-move-in-a-trial-that-is-not-wanted", func(r *outage.Report) {
			r.Trials = append(r.Trials, outage.Trial{Setting: "seed", Mode: "observer-cut", Moves: 1})
		}, map[int]string{stays: "seed/observer-cut: 1 move in 1 trial"}},
		{"a-loss-in-a-switch-that-is-not-wanted", func(r *outage.Report) {
			t := *nth(r, "defaults", "planned", 1)
			t.Setting, t.Flows = "seed", []outage.Flow{{Expected: true, Sent: 100, Lost: 2}}
			r.Trials = append(r.Trials, t)
		}, map[int]string{planned: "seed/planned: not all packets arrived in 1 of 1 trial, 2 lost"}},
		{"nothing-in-which-traffic-has-to-stay", func(r *outage.Report) { without(r, "", "observer-cut") },
			map[int]string{stays: "defaults/observer-cut: not measured; 0 trials", runs: "defaults/observer-cut: 0"}},
		{"trouble", func(r *outage.Report) {
			nth(r, "defaults", "planned", 4).Trouble = []string{"routes differ", "a crash"}
		},
			map[int]string{trouble: "defaults/planned 4: routes differ, a crash"}},
		{"too-few", func(r *outage.Report) {
			r.Trials = slices.DeleteFunc(r.Trials, func(t outage.Trial) bool {
				return t.Number == 8 && (t.Mode == "planned" || t.Setting == "seed")
			})
		}, map[int]string{runs: "seed/power-off: 19; defaults/planned: 19"}},
		{"another-program-has-its-own-troubles", func(r *outage.Report) {
			r.Settings = append(r.Settings, outage.Setting{Name: "peer", Bound: sec(1), Sees: []string{"power-off"}})
			r.Trials = append(r.Trials,
				outage.Trial{Setting: "peer", Mode: "observer-cut", Moves: 3, Trouble: []string{"a crash"}},
				outage.Trial{Setting: "peer", Mode: "power-off"}, outage.Trial{Setting: "peer", Mode: "planned"})
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := good()
			tt.do(&r)
			for i, f := range outage.Judge(r, wanted()) {
				part, broken := tt.want[i]
				if f.Holds == broken {
					t.Errorf("%s: holds = %v (%s), want %v", f.Promise, f.Holds, f.Measured, !broken)
				}
				if broken && !strings.Contains(f.Measured, part) {
					t.Errorf("%s: %q, want it to say %q", f.Promise, f.Measured, part)
				}
			}
		})
	}
}

func TestJudgeLetsNothingPassThatWasNotMeasured(t *testing.T) {
	for _, w := range []outage.Wanted{outage.Full(), wanted()} {
		found := outage.Judge(outage.Report{}, w)
		if len(found) != 9 {
			t.Errorf("%d findings, want 9", len(found))
		}
		for _, f := range found {
			if f.Holds {
				t.Errorf("%s: holds (%s) of an empty report, want not", f.Promise, f.Measured)
			}
		}
	}
	for _, f := range outage.Judge(outage.Report{}, outage.Wanted{}) {
		if f.Holds {
			t.Errorf("%s: holds (%s) of an empty report, want not", f.Promise, f.Measured)
		}
	}
}

func TestJudgeTheShortForm(t *testing.T) {
	r := good()
	r.Soaks = nil
	r.Trials = slices.DeleteFunc(r.Trials, func(t outage.Trial) bool { return t.Number > 1 || t.Setting == outage.SettingSeed })
	w := outage.Wanted{Runs: 1, Settings: []string{outage.SettingDefaults, outage.SettingFast},
		Modes: []string{outage.ModePowerOff, outage.ModeObserverCut, outage.ModePlanned},
		Cells: []string{"defaults/power-off", "fast/power-off", "defaults/observer-cut", "defaults/planned"}}
	found := outage.Judge(r, w)
	if len(found) != 7 {
		t.Errorf("%d findings, want 7: nothing of the seed's settings, and no soak", len(found))
	}
	for _, f := range found {
		if !f.Holds {
			t.Errorf("%s: does not hold (%s), want that it does", f.Promise, f.Measured)
		}
	}
}

func TestJudgeLeavesOutWhatIsNotWanted(t *testing.T) {
	r := good()
	w := wanted()
	r.Trials = slices.DeleteFunc(r.Trials, func(t outage.Trial) bool {
		return t.Setting == outage.SettingFast && t.Mode == outage.ModeGuestHang
	})
	broken := func() (n int) {
		for _, f := range outage.Judge(r, w) {
			if !f.Holds {
				n++
			}
		}
		return n
	}
	if got := broken(); got != 3 { // the overhead, the number of trials, and the recovery
		t.Errorf("without a wanted cell %d promises are broken, want 2", got)
	}
	w.Cells = slices.DeleteFunc(w.Cells, func(c string) bool { return c == "fast/guest-hang" })
	if got := broken(); got != 0 {
		t.Errorf("without a cell that is not wanted %d promises are broken, want 0", got)
	}
}
