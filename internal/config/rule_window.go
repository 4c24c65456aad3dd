package config

import (
	"fmt"
	"time"
)

const (
	wantCron = "five fields: minute, hour, day of month, month and day of week, like 0 2 * * 6"
	// longestWindow is the longest time that a window may stay open: one that opens each week and stays open longer is
	// never closed.
	longestWindow = 7 * 24 * time.Hour
)

// windows finds what is wrong in the windows in which traffic may return.
func (r *rules) windows(at string, p Policy) {
	if len(p.Windows) > 0 && p.Failback == FailbackManual {
		r.add(at+".failbackWindows", "[…]", "none, because failback is manual; or set failback: auto", at+".failback")
	}
	for i, w := range p.Windows {
		path := fmt.Sprintf("%s.failbackWindows[%d]", at, i)
		r.between(path+".for", w.For, 0, longestWindow)
		if _, err := w.zone(); err != nil {
			r.add(path+".timezone", w.Timezone, "a time zone like UTC or Europe/Berlin")
		}
		if spec, err := w.spec(); err != nil {
			want := wantCron
			if why := cause(err); why != errCron.Error() {
				want += ": " + why
			}
			r.add(path+".cron", w.Cron, want)
		} else if spec.Next(time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC)).IsZero() { // a leap year; any would do
			r.add(path+".cron", w.Cron, "a day that comes")
		}
	}
}
