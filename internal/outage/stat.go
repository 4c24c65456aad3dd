package outage

import "slices"

// Spread is how a figure is distributed over trials. Median and P95 are by nearest rank:
// the smallest value that at least that share of the values does not exceed. So each
// figure is one that was measured.
type Spread struct {
	N      int     `json:"n"`
	Min    Seconds `json:"min"`
	Median Seconds `json:"median"`
	P95    Seconds `json:"p95"`
	Max    Seconds `json:"max"`
}

// SpreadOf returns the spread of values in any order; the zero Spread if there are none.
func SpreadOf(values []Seconds) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	return Spread{
		N:      len(sorted),
		Min:    sorted[0],
		Median: rank(sorted, 50),
		P95:    rank(sorted, 95),
		Max:    sorted[len(sorted)-1],
	}
}

// rank returns the smallest of some sorted values that at least that percentage of them
// does not exceed.
func rank(sorted []Seconds, percent int) Seconds {
	n := (len(sorted)*percent + 99) / 100
	return sorted[n-1]
}

// Row is what the trials of one mode under one setting say together.
type Row struct {
	Setting string `json:"setting"`
	Mode    string `json:"mode"`
	Trials  int    `json:"trials"`
	// Troubled counts the trials with trouble; they are in the figures all the same.
	Troubled int `json:"troubled,omitzero"`
	// Moved counts the trials in which routes were moved, Moves how often that was.
	Moved int `json:"moved"`
	Moves int `json:"moves"`
	// Unmoved counts the trials in which traffic had to move and was not: not detected.
	Unmoved int `json:"unmoved,omitzero"`
	// Open counts the trials whose outage had not ended: their outages are at least so long.
	Open int `json:"open,omitzero"`
	// Outage is of the worst expected outbound flow of each trial, Inbound of the other direction.
	Outage  Spread `json:"outage"`
	Inbound Spread `json:"inbound"`
	// Detection is from the failure to the verdict, of the trials that say it.
	Detection Spread `json:"detection"`
	// Overhead is what of the outage is neither the setting's bound nor the cloud's time.
	// It has no values for a setting without a bound.
	Overhead Spread `json:"overhead"`
	// Own is what of the outage is neither detection nor the cloud's time.
	Own Spread `json:"own"`
	// Lost counts lost packets of expected flows in all trials; Lossless the trials in
	// which all of their packets arrived.
	Lost     int `json:"lost"`
	Lossless int `json:"lossless"`
	// Streams counts the expected long connections of all trials, Survived those that lived.
	Streams  int `json:"streams"`
	Survived int `json:"survived"`
	// Tried and Failed count the expected short connections of all trials.
	Tried  int `json:"tried"`
	Failed int `json:"failed"`
}

// Worst returns the flow with the longest outage of those that are expected, in one
// direction. It reports false if the trial has none.
func (t Trial) Worst(outbound bool) (Flow, bool) {
	var worst Flow
	found := false
	for _, f := range t.Flows {
		if f.Expected && f.Outbound == outbound && (!found || f.Outage > worst.Outage) {
			worst, found = f, true
		}
	}
	return worst, found
}

// Cloud is how long a write takes until packets follow it, as the lab is set.
func (l Lab) Cloud() Seconds { return l.Request + l.Write + l.Fabric }

// Overhead returns the outage of the worst expected outbound flow, less the setting's bound,
// the cloud's time and the trial's Extra. It may be negative: a bound is a longest time. It
// reports false if the setting has no bound or the trial no such flow.
func Overhead(l Lab, s Setting, t Trial) (Seconds, bool) {
	f, found := t.Worst(true)
	if s.Bound == 0 || !found {
		return 0, false
	}
	return f.Outage - s.Bound - l.Cloud() - t.Extra, true
}

// Own returns the outage of the worst expected outbound flow, less the time to detection,
// the cloud's time and the trial's Extra: what the program itself adds. It reports false
// if detection was not observed or the trial has no such flow.
func Own(l Lab, t Trial) (Seconds, bool) {
	f, found := t.Worst(true)
	if t.Line.Detected == nil || !found {
		return 0, false
	}
	return f.Outage - *t.Line.Detected - l.Cloud() - t.Extra, true
}

// Summary returns a row for each setting and mode that has trials: in the order of the
// report's modes, and of its settings within a mode. Those that the report does not list
// come last, in the order of their trials.
func Summary(r Report) []Row {
	var settings, modes []string
	moves := map[string]bool{}
	listed := map[string]Setting{}
	for _, s := range r.Settings {
		settings, listed[s.Name] = append(settings, s.Name), s
	}
	for _, m := range r.Modes {
		modes, moves[m.Name] = append(modes, m.Name), m.Moves
	}
	trials := map[cell][]Trial{}
	for _, t := range r.Trials {
		c := cell{t.Setting, t.Mode}
		trials[c] = append(trials[c], t)
		if !slices.Contains(settings, t.Setting) {
			settings = append(settings, t.Setting)
		}
		if !slices.Contains(modes, t.Mode) {
			modes = append(modes, t.Mode)
		}
	}
	var rows []Row
	for _, mode := range modes {
		for _, name := range settings {
			of := trials[cell{name, mode}]
			if len(of) == 0 {
				continue
			}
			s := listed[name]
			s.Name = name
			rows = append(rows, row(r.Lab, s, Mode{Name: mode, Moves: moves[mode]}, of))
		}
	}
	return rows
}

// row sums up the trials of one mode under one setting.
func row(l Lab, s Setting, m Mode, trials []Trial) Row {
	sum := Row{Setting: s.Name, Mode: m.Name, Trials: len(trials)}
	var outages, inbound, detections, overheads, own []Seconds
	for _, t := range trials {
		if f, found := t.Worst(true); found {
			outages = append(outages, f.Outage)
		}
		if f, found := t.Worst(false); found {
			inbound = append(inbound, f.Outage)
		}
		if t.Line.Detected != nil {
			detections = append(detections, *t.Line.Detected)
		}
		if d, ok := Overhead(l, s, t); ok {
			overheads = append(overheads, d)
		}
		if d, ok := Own(l, t); ok {
			own = append(own, d)
		}
		sum.count(t, m.Moves)
	}
	sum.Outage, sum.Inbound = SpreadOf(outages), SpreadOf(inbound)
	sum.Detection, sum.Overhead, sum.Own = SpreadOf(detections), SpreadOf(overheads), SpreadOf(own)
	return sum
}

// count adds what is counted, not timed, in one trial.
func (r *Row) count(t Trial, moves bool) {
	if len(t.Trouble) > 0 {
		r.Troubled++
	}
	r.Moves += t.Moves
	if t.Moves > 0 {
		r.Moved++
	} else if moves {
		r.Unmoved++
	}
	lost, unsure, sent, open := 0, 0, 0, false
	for _, f := range t.Flows {
		if f.Expected {
			lost, unsure, sent = lost+f.Lost, unsure+f.Undecided, sent+f.Sent
			open = open || (f.Open && f.Outbound)
		}
	}
	r.Lost += lost
	if lost+unsure == 0 && sent > 0 {
		r.Lossless++
	}
	if open {
		r.Open++
	}
	for _, s := range t.Streams {
		if s.Expected {
			r.Streams++
			if s.Survived {
				r.Survived++
			}
		}
	}
	for _, c := range t.Connects {
		if c.Expected {
			r.Tried += c.Tried
			r.Failed += c.Failed
		}
	}
}
