package config_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/config"
)

// A window opens at the wall clock of its time zone; the times are in UTC.
func TestScheduleFollowsTheClockOfTheTimeZone(t *testing.T) {
	for _, test := range []struct {
		name   string
		window config.Window
		after  string
		want   []string
	}{
		{"each-saturday", config.Window{Cron: "0 2 * * 6", Timezone: "UTC"}, "2026-07-29T12:00:00Z",
			[]string{"2026-08-01T02:00:00Z", "2026-08-08T02:00:00Z"}},
		{"an-empty-zone-is-UTC", config.Window{Cron: "30 1 * * *"}, "2026-07-29T01:29:59.5Z", []string{"2026-07-29T01:30:00Z"}},
		{"strictly-after", config.Window{Cron: "30 1 * * *"}, "2026-07-29T01:30:00Z", []string{"2026-07-30T01:30:00Z"}},
		{"asked-in-another-zone", config.Window{Cron: "0 3 * * *"}, "2026-07-29T01:30:00+02:00", []string{"2026-07-29T03:00:00Z"}},
		{"summer-time-begins", config.Window{Cron: "0 4 * * *", Timezone: "Europe/Berlin"}, "2026-03-28T00:00:00Z",
			[]string{"2026-03-28T03:00:00Z", "2026-03-29T02:00:00Z"}},
		{"a-time-that-is-left-out", config.Window{Cron: "30 2 * * *", Timezone: "Europe/Berlin"}, "2026-03-28T12:00:00Z",
			[]string{"2026-03-30T00:30:00Z"}},
		{"summer-time-ends", config.Window{Cron: "0 4 * * *", Timezone: "Europe/Berlin"}, "2026-10-24T12:00:00Z",
			[]string{"2026-10-25T03:00:00Z"}},
		{"the-other-side-of-the-world", config.Window{Cron: "0 2 1 * *", Timezone: "Pacific/Auckland"}, "2026-07-15T00:00:00Z",
			[]string{"2026-07-31T14:00:00Z"}},
		{"a-leap-day", config.Window{Cron: "0 0 29 2 *"}, "2026-07-29T00:00:00Z", []string{"2028-02-29T00:00:00Z"}},
		{"never", config.Window{Cron: "0 0 30 2 *"}, "2026-07-29T00:00:00Z", []string{"0001-01-01T00:00:00Z"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			next, err := test.window.Schedule()
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.Parse(time.RFC3339, test.after)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for range test.want {
				at = next(at)
				got = append(got, at.Format(time.RFC3339))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Schedule() differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestScheduleRefusesWhatValidateRefuses(t *testing.T) {
	for _, test := range []struct {
		window config.Window
		want   string
	}{
		{config.Window{Cron: "@daily"}, `read cron "@daily": five fields: minute, hour, day of the month, name or number of the month, day of the week`},
		{config.Window{Cron: "0 25 * * *"}, `read cron "0 25 * * *": end of range (25) above maximum (23): 25`},
		{config.Window{Cron: "0 2 * * *", Timezone: "Local"}, `time zone "Local" is another one on each machine`},
		{config.Window{Cron: "0 2 * * *", Timezone: "Mars/Olympus"}, `load the time zone: unknown time zone Mars/Olympus`},
	} {
		if _, err := test.window.Schedule(); err == nil || err.Error() != test.want {
			t.Errorf("Schedule() = %v, want %s", err, test.want)
		}
	}
}

// FuzzSchedule: whatever is in Cron and Timezone, nothing panics, and an opening is after the time asked for, in UTC.
func FuzzSchedule(f *testing.F) {
	for _, cron := range []string{"0 2 * * 6", "*/15 1-4,22 1,15 JAN-mar SUN", "TZ=0 2 * * 6", "@every 1 2 3 4", "0 0 30 2 *", "*/18446744073709551615 * * * *"} {
		f.Add(cron, "Europe/Berlin", int64(1774656000))
	}
	f.Fuzz(func(t *testing.T, cron, zone string, second int64) {
		next, err := config.Window{Cron: cron, Timezone: zone}.Schedule()
		if err != nil {
			return
		}
		after := time.Unix(second%(1<<33), 0)
		if got := next(after); !got.IsZero() && (!got.After(after) || got.Location() != time.UTC) {
			t.Errorf("%q in %q after %s opens %s", cron, zone, after, got)
		}
	})
}
