package config

import "time"

// Functions says how the invocations of an Azure Functions app look after the groups. Nothing else reads it.
type Functions struct {
	// Watch is how long an invocation of the timer goes on watching; 0 is one pass.
	Watch time.Duration `yaml:"watch"`
	// FanOut has the timer put one message for each group into a queue, and other invocations tick the groups.
	FanOut bool `yaml:"fanOut"`
}

// longestWatch leaves time for a switch before an invocation must end.
const longestWatch = 2 * time.Minute

// functions finds what is wrong in the section functions.
func (r *rules) functions(f Functions) {
	if f.Watch < 0 || f.Watch > longestWatch {
		r.add("functions.watch", short(f.Watch), "a duration from 0s, which is one pass, to "+short(longestWatch))
	}
}
