package journal

import (
	"fmt"
	"strings"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
)

// instant prints a time to the second, in UTC.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// offset prints a time after a start in seconds: +4.02s.
func offset(d time.Duration) string { return fmt.Sprintf("%+.2fs", d.Seconds()) }

// span prints a duration as precisely as a person wants it: milliseconds below a
// second, hundredths below a minute, seconds below an hour, minutes above.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	case d < time.Hour:
		d = d.Round(time.Second)
	default:
		d = d.Round(time.Minute)
	}
	s := d.String()
	for _, nothing := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, nothing) {
			s = s[:len(s)-2]
		}
	}
	return s
}

// count prints a number and its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func stateColor(s controller.State) color {
	switch s {
	case controller.Agreed:
		return green
	case controller.Degraded:
		return yellow
	case controller.Failed:
		return red
	default:
		panic("journal: state " + string(s))
	}
}

func verdictColor(v appliance.Verdict) color {
	switch v {
	case appliance.Up:
		return green
	case appliance.Undecided:
		return yellow
	case appliance.Down:
		return red
	default:
		panic("journal: verdict " + v.String())
	}
}

func outcomeColor(o appliance.Outcome) color {
	switch o {
	case appliance.Pass:
		return green
	case appliance.Unknown:
		return yellow
	case appliance.Fail:
		return red
	default:
		panic("journal: outcome " + o.String())
	}
}

// lineColor colours a line of a plan by its mark.
func lineColor(line string) color {
	switch line = strings.TrimSpace(line); {
	case strings.HasPrefix(line, "~"):
		return yellow
	case strings.HasPrefix(line, "!"):
		return red
	case strings.HasPrefix(line, "table"):
		return bold
	default:
		return plain
	}
}
