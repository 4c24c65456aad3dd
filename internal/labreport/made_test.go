package labreport_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"hopguard/internal/outage"
)

// made is a report with numbers such as a lab brings, drawn from a seed.
type made struct {
	r    *rand.Rand
	runs int
	outage.Report
}

func ms(n float64) outage.Seconds {
	return outage.Seconds(time.Duration(n * float64(time.Millisecond)).Round(time.Microsecond))
}

// detection says how long each setting takes, from and to, in milliseconds; a mode that is
// not in it is never detected.
func detections() map[string]map[string][2]float64 {
	tcp := func(from, to float64) map[string][2]float64 {
		m := map[string][2]float64{}
		for _, mode := range []string{"power-off", "panic", "guest-hang", "tunnel-cut", "loss", "delay", "region-cut", "arm-outage", "arm-throttle", "flapping"} {
			m[mode] = [2]float64{from, to}
		}
		return m
	}
	return map[string]map[string][2]float64{
		"defaults": tcp(1100, 2400), "fast": tcp(210, 390), "functions": tcp(1100, 2500),
		"seed":   {"power-off": {4000, 33000}, "arm-outage": {4000, 33000}, "arm-throttle": {4000, 33000}},
		"script": {"power-off": {500, 58000}},
	}
}

func settings() []outage.Setting {
	return []outage.Setting{
		{Name: "defaults", Title: "hopguard, its defaults", Checks: "tcp through the member every 1 s, vm-status every 10 s; any", Bound: ms(2500), Sees: []string{"power-off"}},
		{Name: "fast", Title: "hopguard, fast profile", Checks: "icmp and tcp through the member every 100 ms; both", Bound: ms(400), Sees: []string{"power-off"}},
		{Name: "functions", Title: "hopguard on Azure Functions, timer 30s, watch 25s", Checks: "as defaults; a timer every 30 s, which watches for 25 s", Bound: ms(7500)},
		{Name: "seed", Title: "hopguard, set as the old function", Checks: "vm-status every 30 s, three times 2 s apart; one table after the other", Bound: ms(36000)},
	}
}

func modes() []outage.Mode {
	return []outage.Mode{
		{Name: "power-off", Title: "the active appliance is switched off", Moves: true},
		{Name: "panic", Title: "its kernel panics; its power state is still running", Moves: true},
		{Name: "guest-hang", Title: "it stops forwarding; its ports and its tunnel answer", Moves: true},
		{Name: "tunnel-cut", Title: "its Internet is cut: no tunnel to the branch", Moves: true},
		{Name: "loss", Title: "it loses 30 % of the packets that reach it", Moves: true},
		{Name: "delay", Title: "packets reach it 300 ms later", Moves: true},
		{Name: "region-cut", Title: "its region is cut off from the other one and from the Internet", Moves: true},
		{Name: "arm-outage", Title: "it is switched off while Azure Resource Manager answers 503 for 5 s", Moves: true},
		{Name: "arm-throttle", Title: "it is switched off, and each table's first write is answered 429, Retry-After 2", Moves: true},
		{Name: "observer-cut", Title: "the controller's own network is cut for 8 s; both appliances are well"},
		{Name: "flapping", Title: "it is off for 2 s and on for 2 s, four times", Moves: true},
		{Name: "planned", Title: "both are well, and a person orders the switch", Moves: true},
	}
}

// makeReport makes one with so many runs of each failure under each setting.
func makeReport(seed uint64, runs int, settings []outage.Setting, modes []outage.Mode) outage.Report {
	began := time.Date(2026, 8, 1, 10, 0, 0, 0, time.UTC)
	m := made{r: rand.New(rand.NewPCG(seed, 1)), runs: runs, Report: outage.Report{
		Version: outage.Version, Began: began, Ended: began.Add(7*time.Hour + 12*time.Minute), Machine: "Linux 6.18, 2 cores",
		Lab: outage.Lab{Tunnel: "vxlan", Regions: ms(12), WAN: ms(20), Branch: ms(4000), Profile: "azure",
			Request: ms(150), Write: ms(2000), Fabric: ms(3000), Tables: 3, Spacing: ms(1)},
		Settings: settings, Modes: modes,
	}}
	for _, mode := range modes {
		for _, s := range settings {
			for n := range runs {
				m.Trials = append(m.Trials, m.trial(s.Name, mode, n+1))
			}
		}
	}
	for _, s := range settings {
		m.Soaks = append(m.Soaks, outage.Soak{Setting: s.Name, Title: "1 % random loss", Loss: 0.01, Length: ms(30 * 60 * 1000), Probes: 71982, Failed: 1431})
	}
	return m.Report
}

func (m made) trial(setting string, mode outage.Mode, number int) outage.Trial {
	t := outage.Trial{Setting: setting, Mode: mode.Name, Number: number, Seed: m.r.Uint64N(100000), Failed: m.Began.Add(time.Duration(len(m.Trials)) * time.Minute)}
	end := 90000.0
	lost, open := 0.0, false
	d, sees := detections()[setting][mode.Name]
	switch {
	case mode.Name == "planned":
		t.Moves = 1
		t.Line = m.line(0, 150)
		t.Line.Detected, t.Line.FirstLoss, t.Line.Through = nil, nil, nil
	case sees:
		t.Moves = 1
		t.Line = m.line(d[0]+m.r.Float64()*(d[1]-d[0]), 150)
		if mode.Name == "arm-outage" || mode.Name == "arm-throttle" {
			t.Extra = ms(8000)
			for _, s := range []*outage.Seconds{t.Line.Accepted, t.Line.Succeeded, t.Line.Effective, t.Line.Through} {
				*s += t.Extra
			}
		}
		lost = float64(t.Line.Through.Duration())/1e6 - 1
	case mode.Moves:
		t.Line.FirstLoss = new(ms(1))
		lost, open = end, true
	}
	for i := range 3 {
		for _, out := range []bool{true, false} {
			f := outage.Flow{Name: fmt.Sprintf("app-%d to branch", i+1), Outbound: out, Expected: true, Sent: int(end), Delay: ms(21.3), Worst: ms(35)}
			if !out {
				f.Name = fmt.Sprintf("branch to app-%d", i+1)
			}
			if lost > 0 {
				o := lost
				if !out {
					o = 4000 + m.r.Float64()*60
				}
				f.Lost, f.Bursts, f.FirstLost, f.LastLost, f.Outage, f.Open = int(o), 1, new(ms(1)), new(ms(1+o)), ms(o), open && out
			}
			t.Flows = append(t.Flows, f)
		}
		t.Streams = append(t.Streams, outage.Stream{Name: fmt.Sprintf("app-%d to branch", i+1), Expected: true, Survived: lost < 60000, Stall: ms(lost * 1.3)})
	}
	t.Connects = []outage.Connects{{Name: "app-1 to branch", Expected: true, Tried: 9000, Failed: int(max(lost-3000, 0) / 10), Slowest: ms(min(lost, 3000))}}
	return t
}

// line is a transition that was detected after so many milliseconds.
func (m made) line(detected, request float64) outage.Line {
	at := detected
	next := func(d float64) *outage.Seconds {
		at += d
		return new(ms(at))
	}
	l := outage.Line{FirstLoss: new(ms(m.r.Float64())), Detected: next(0), Decided: next(4 + m.r.Float64()*8),
		Accepted: next(request + m.r.Float64()*30), Succeeded: next(2000 + m.r.Float64()*30), Effective: next(3000 + m.r.Float64()*5)}
	l.Through = next(m.r.Float64() * 2)
	return l
}

// script is a program that is not hopguard, and says nothing of itself.
func script() outage.Setting {
	return outage.Setting{Name: "script", Title: "python3 move-routes.py --interval 30", Checks: "its own"}
}
