package outage

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
func SpreadOf(values []Seconds) Spread { panic("not yet") }

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
	// Lost counts lost packets of expected flows in all trials; Lossless the trials without any.
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
func (t Trial) Worst(outbound bool) (Flow, bool) { panic("not yet") }

// Cloud is how long a write takes until packets follow it, as the lab is set.
func (l Lab) Cloud() Seconds { return l.Request + l.Write + l.Fabric }

// Overhead returns the outage of the worst expected outbound flow, less the setting's bound,
// the cloud's time and the trial's Extra. It may be negative: a bound is a longest time. It
// reports false if the setting has no bound or the trial no such flow.
func Overhead(l Lab, s Setting, t Trial) (Seconds, bool) { panic("not yet") }

// Own returns the outage of the worst expected outbound flow, less the time to detection,
// the cloud's time and the trial's Extra: what the program itself adds. It reports false
// if detection was not observed or the trial has no such flow.
func Own(l Lab, t Trial) (Seconds, bool) { panic("not yet") }

// Summary returns a row for each setting and mode that has trials: in the order of the
// report's modes, and of its settings within a mode.
func Summary(r Report) []Row { panic("not yet") }
