package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Window is a recurring span of time in which traffic may return to the preferred member by itself.
type Window struct {
	// Cron is when it opens: minute, hour, day of month, month and day of week, as in a crontab. A time that a change of
	// the clocks leaves out does not come on that day.
	Cron string `yaml:"cron"`
	// For is how long it stays open.
	For time.Duration `yaml:"for"`
	// Timezone is where Cron is read: a name of the IANA database. After loading it is never empty.
	Timezone string `yaml:"timezone"`
}

// errCron says what Cron must be. Descriptors such as @daily are refused: they are short for what five fields say better,
// and @every means another time after each start.
var errCron = errors.New("five fields: minute, hour, day of the month, name or number of the month, day of the week")

// Schedule returns the function that gives the first opening after a time, in UTC, or zero if none comes within five years.
// The function depends on its argument alone and may be called from several goroutines. The error is for a Cron or Timezone
// that Validate refuses.
func (w Window) Schedule() (func(t time.Time) time.Time, error) {
	zone, err := w.zone()
	if err != nil {
		return nil, err
	}
	spec, err := w.spec()
	if err != nil {
		return nil, err
	}
	return func(t time.Time) time.Time { return spec.Next(t.In(zone)).UTC() }, nil
}

// zone returns the time zone. The name "Local" is refused: it is another zone on each machine.
func (w Window) zone() (*time.Location, error) {
	if w.Timezone == "Local" {
		return nil, errors.New(`time zone "Local" is another one on each machine`)
	}
	zone, err := time.LoadLocation(w.Timezone)
	if err != nil {
		return nil, fmt.Errorf("load the time zone: %w", err)
	}
	return zone, nil
}

// spec reads Cron. The library would also take a time zone in front, and panics on half of one.
func (w Window) spec() (cron.Schedule, error) {
	if n := len(strings.Fields(w.Cron)); n != 5 || strings.ContainsAny(w.Cron, "=@") {
		return nil, fmt.Errorf("read cron %q: %w", w.Cron, errCron)
	}
	spec, err := cron.ParseStandard(w.Cron)
	if err != nil {
		return nil, fmt.Errorf("read cron %q: %w", w.Cron, err)
	}
	return spec, nil
}
