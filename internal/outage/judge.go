package outage

// Wanted is what a report must hold to be judged. What is not wanted is not judged; what
// is wanted and was not measured is a promise that does not hold.
type Wanted struct {
	// Runs is how many trials each judged setting and mode must have.
	Runs int
	// Soak is how long the fast setting must have been watched under loss; zero wants none.
	Soak Seconds
	// Settings and Modes are those that must have been tried, by name. Other settings are
	// programs that promise nothing.
	Settings []string
	Modes    []string
}

// Full returns what the published figures must hold: everything, 20 times.
func Full() Wanted { panic("not yet") }

// Finding is one promise and what was measured of it.
type Finding struct {
	Promise  string `json:"promise"`
	Holds    bool   `json:"holds"`
	Measured string `json:"measured"`
}

// Judge holds a report against the promises.
func Judge(r Report, w Wanted) []Finding { panic("not yet") }
