package outage

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// What is promised.
const (
	// maxOverhead is how much longer than bound and cloud an outage may take, at p95.
	maxOverhead = Seconds(100 * time.Millisecond)
	// maxDetection is the fast setting's, at p95.
	maxDetection = Seconds(400 * time.Millisecond)
	// minGain is how many times shorter the defaults' median outage must be than the seed's.
	minGain = 5
	// soakLoss is the share of packets that must be lost in the fast setting's soak.
	soakLoss = 0.01
)

// Wanted is what a report must hold to be judged. What is not wanted is not judged; what
// is wanted and was not measured is a promise that does not hold.
type Wanted struct {
	// Runs is how many trials each judged setting and mode must have; at least 1.
	Runs int `json:"runs"`
	// Soak is how long the fast setting must have been watched under loss; zero wants none.
	Soak Seconds `json:"soak,omitzero"`
	// Settings and Modes are those that must have been tried, by name. Other settings are
	// programs that promise nothing.
	Settings []string `json:"settings"`
	Modes    []string `json:"modes"`
	// Cells says which of the settings must have been tried in which of the modes, as
	// SETTING/MODE. Empty: all of them in all.
	Cells []string `json:"cells,omitempty"`
}

// has reports whether a setting must have been tried in a mode.
func (w Wanted) has(c cell) bool {
	return slices.Contains(w.Settings, c.setting) && slices.Contains(w.Modes, c.mode) &&
		(len(w.Cells) == 0 || slices.Contains(w.Cells, c.String()))
}

// Full returns what the published figures must hold: everything, 20 times.
func Full() Wanted {
	return Wanted{
		Runs:     20,
		Soak:     Seconds(30 * time.Minute),
		Settings: []string{SettingDefaults, SettingFast, SettingSeed, SettingFunctions},
		Modes: []string{
			ModePowerOff, ModePanic, ModeGuestHang, ModeTunnelCut, ModeLoss, ModeDelay,
			ModeRegionCut, ModeARMOutage, ModeARMThrottle, ModeObserverCut, ModeFlapping, ModePlanned,
		},
	}
}

// Finding is one promise and what was measured of it.
type Finding struct {
	Promise  string `json:"promise"`
	Holds    bool   `json:"holds"`
	Measured string `json:"measured"`
	// Timed promises set a limit to a time, so that they say as much of the machine as of
	// the program when other things run there, too.
	Timed bool `json:"timed,omitempty"`
}

// Judge holds a report against the promises, in a fixed order. An outage that had not
// ended when its trial did holds no promise, however short it was until then.
func Judge(r Report, w Wanted) []Finding {
	j := judge{report: r, wanted: w, rows: map[cell]Row{}}
	for _, row := range Summary(r) {
		j.rows[cell{row.Setting, row.Mode}] = row
	}
	found := []Finding{timed(j.overhead())}
	if j.wants(SettingDefaults, ModePowerOff) && j.wants(SettingSeed, ModePowerOff) {
		found = append(found, j.gain())
	}
	if j.wants(SettingFast, ModePowerOff) {
		found = append(found, timed(j.detection()))
	}
	if w.Soak > 0 {
		found = append(found, j.soak())
	}
	if cells := j.tried(func(mode string) bool { return mode == ModePlanned }); len(cells) > 0 {
		found = append(found, j.planned(cells))
	}
	if cells := j.tried(j.stay); len(cells) > 0 {
		found = append(found, j.stays(cells))
	}
	return append(found, j.trouble(), j.runs(), j.recovers())
}

// timed marks a finding that sets a limit to a time.
func timed(f Finding) Finding {
	f.Timed = true
	return f
}

// cell is a setting and a mode.
type cell struct{ setting, mode string }

func (c cell) String() string { return c.setting + "/" + c.mode }

// judge is a report on trial.
type judge struct {
	report Report
	wanted Wanted
	rows   map[cell]Row
}

// cells returns some of the cells of the wanted settings and modes, by mode.
func (j judge) cells(some func(cell) bool) []cell {
	var cells []cell
	for _, mode := range j.wanted.Modes {
		for _, setting := range j.wanted.Settings {
			if c := (cell{setting, mode}); some(c) {
				cells = append(cells, c)
			}
		}
	}
	return cells
}

func (j judge) wants(setting, mode string) bool { return j.wanted.has(cell{setting, mode}) }

// setting returns a setting of the report by its name.
func (j judge) setting(name string) (Setting, bool) {
	i := slices.IndexFunc(j.report.Settings, func(s Setting) bool { return s.Name == name })
	if i < 0 {
		return Setting{}, false
	}
	return j.report.Settings[i], true
}

// mode returns a mode of the report by its name.
func (j judge) mode(name string) (Mode, bool) {
	i := slices.IndexFunc(j.report.Modes, func(m Mode) bool { return m.Name == name })
	if i < 0 {
		return Mode{}, false
	}
	return j.report.Modes[i], true
}

// verdict makes a finding of what went wrong: if nothing did, it is what was measured.
func verdict(promise string, wrong []string, measured string) Finding {
	if len(wrong) == 0 {
		return Finding{Promise: promise, Holds: true, Measured: measured}
	}
	text := strings.Join(wrong, "; ")
	if measured != "" {
		text += "; " + measured
	}
	return Finding{Promise: promise, Measured: text}
}

// notMeasured is said of what is wanted and has no trial.
const notMeasured = "not measured"

// overhead: hopguard adds little to what its checks and the cloud take.
func (j judge) overhead() Finding {
	promise := fmt.Sprintf("Outage less detection bound and cloud: at most %s at p95, in every mode that the checks see",
		maxOverhead)
	var wrong []string
	var worst Spread
	var where cell
	held := 0
	for _, c := range j.seen(&wrong) {
		row := j.rows[c]
		switch {
		case row.Trials == 0:
			wrong = append(wrong, c.String()+": "+notMeasured)
		case row.Overhead.N < row.Trials:
			wrong = append(wrong, fmt.Sprintf("%s: %d of %d trials without a flow that could be saved",
				c, row.Trials-row.Overhead.N, row.Trials))
		case row.Open > 0:
			wrong = append(wrong, fmt.Sprintf("%s: %d of %d outages had not ended", c, row.Open, row.Trials))
		case row.Overhead.P95 > maxOverhead:
			wrong = append(wrong, fmt.Sprintf("%s: %s", c, row.Overhead.P95))
		default:
			if held == 0 || row.Overhead.P95 > worst.P95 {
				worst, where = row.Overhead, c
			}
			held++
		}
	}
	measured := ""
	if held > 0 {
		measured = fmt.Sprintf("%d of %d hold, the slowest of them %s with %s",
			held, held+len(wrong), where, worst.P95)
	} else if len(wrong) == 0 {
		wrong = []string{notMeasured}
	}
	return verdict(promise, wrong, measured)
}

// seen returns the wanted cells in which a failure must be seen and traffic moved. What is
// wanted and not in the report at all is wrong.
func (j judge) seen(wrong *[]string) []cell {
	var cells []cell
	for _, name := range j.wanted.Settings {
		s, found := j.setting(name)
		if !found {
			*wrong = append(*wrong, "setting "+name+": "+notMeasured)
			continue
		}
		for _, mode := range j.wanted.Modes {
			m, found := j.mode(mode)
			if j.wants(name, mode) && s.Bound > 0 && slices.Contains(s.Sees, mode) && (m.Moves || !found) {
				cells = append(cells, cell{name, mode})
			}
		}
	}
	return cells
}

// gain: the defaults are worth the move from the old function.
func (j judge) gain() Finding {
	promise := fmt.Sprintf("Power-off: median outage at least %d times shorter with the defaults than with the seed's settings", minGain)
	ours, seed := j.rows[cell{SettingDefaults, ModePowerOff}], j.rows[cell{SettingSeed, ModePowerOff}]
	switch {
	case ours.Outage.N == 0 || seed.Outage.N == 0:
		return Finding{Promise: promise, Measured: notMeasured}
	case ours.Open > 0:
		return Finding{Promise: promise, Measured: fmt.Sprintf("%s of the defaults had not ended", times(ours.Open, "outage"))}
	case seed.Outage.Median <= 0:
		return Finding{Promise: promise, Measured: "the seed's settings had no outage"}
	}
	measured := fmt.Sprintf("%s against %s", ours.Outage.Median, seed.Outage.Median)
	if ours.Outage.Median > 0 {
		measured += fmt.Sprintf(": %.1f times", float64(seed.Outage.Median)/float64(ours.Outage.Median))
	}
	return Finding{Promise: promise, Holds: seed.Outage.Median >= minGain*ours.Outage.Median, Measured: measured}
}

// detection: the fast setting is fast.
func (j judge) detection() Finding {
	promise := fmt.Sprintf("Fast setting, power-off: detection at most %s at p95", maxDetection)
	row := j.rows[cell{SettingFast, ModePowerOff}]
	if row.Trials == 0 {
		return Finding{Promise: promise, Measured: notMeasured}
	}
	if row.Detection.N < row.Trials {
		return Finding{Promise: promise,
			Measured: fmt.Sprintf("not detected, or not observed, in %d of %d trials", row.Trials-row.Detection.N, row.Trials)}
	}
	return Finding{Promise: promise, Holds: row.Detection.P95 <= maxDetection,
		Measured: fmt.Sprintf("%s in %d trials", row.Detection.P95, row.Trials)}
}

// soak: the fast setting is not nervous.
func (j judge) soak() Finding {
	promise := fmt.Sprintf("Fast setting, %g %% of packets lost for %s: no move", 100*soakLoss, j.wanted.Soak)
	var longest Seconds
	moves := 0
	for _, s := range j.report.Soaks {
		if s.Setting == SettingFast && s.Loss >= soakLoss {
			longest, moves = max(longest, s.Length), moves+s.Moves
		}
	}
	if longest == 0 {
		return Finding{Promise: promise, Measured: notMeasured}
	}
	return Finding{Promise: promise, Holds: longest >= j.wanted.Soak && moves == 0,
		Measured: fmt.Sprintf("%s in %s", times(moves, "move"), longest)}
}
