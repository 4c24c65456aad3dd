package sim_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// modeRow is a mode and what each setting made of it.
type modeRow struct {
	mode
	measured []timing
}

// timing are medians over the moments at which a mode began.
type timing struct {
	// played says that the setting fits the mode, and left that it was left out this time.
	played, left  bool
	decided, back time.Duration
}

// cells are what the document shows: what was decided, and when packets arrived again.
func (m timing) cells(both bool) []string {
	show := func(d time.Duration) string {
		switch {
		case m.left:
			return ""
		case !m.played:
			return "."
		case d == never:
			return "-"
		default:
			return strconv.FormatFloat(d.Seconds(), 'f', 1, 64)
		}
	}
	if both {
		return []string{show(m.decided), show(m.back)}
	}
	return []string{show(m.decided)}
}

// cells are all of a row.
func (r modeRow) cells() []string {
	list := []string{"`" + r.name + "`", r.what, r.verdict}
	for i, m := range r.measured {
		list = append(list, m.cells(i == 0)...)
	}
	return list
}

const modesHead = `# Failure modes

What can fail, what hopguard does, and how long it takes. Every row is a scenario that
` + "`make test`" + ` plays in virtual time with the production code, a simulated Azure and a
simulated Meraki cloud, at several moments between two rounds of the checks
(` + "`internal/sim/mode_rows_test.go`" + `; ` + "`go test ./internal/sim -run TestFailureModes -update`" + `
writes this page). What became of the routes and of the packets is read from the
simulated Azure, never from what hopguard says.

The figures are seconds after the failure, medians. "decided" is when the record names
the other member; "back" is when the packets of all workloads arrive again, which needs
Azure's write (2 s here) and its fabric (3 s here) beside it. ` + "`-`" + ` means that nothing was
decided, or that no packet was lost for good or came back; ` + "`.`" + ` was not played.

Three ways to watch are shown:

- **through**: a TCP connection to an address behind each member, by that member's way
  alone, with the default times (every second, timeout 500 ms, confirmInterval 500 ms,
  fall 3), and a witness.
  This is the recommendation, and the only column that is right in every row. Its
  decisions come within interval + fall x confirmInterval + timeout = 3.0 s of every
  failure that stops traffic, and a few requests to Azure.
- **at**: a TCP connection to the member itself, with the same times. It is blind where
  the member answers and does not forward.
- **vm-status**: the power state alone, a timer of 30 s and three tries two seconds
  apart, as the old function had it. It is blind to everything inside the machine.

How to configure them is in [configuration.md](configuration.md); why each decision is
taken is in [decisions.md](decisions.md).

| failure | what happens | what hopguard does | through: decided | back | at: decided | vm-status: decided |
|---|---|---|---|---|---|---|
`

// throughColumns is the index of the last column of the first setting.
const throughColumns = 4

func modesDocument(rows []modeRow) string {
	var b strings.Builder
	b.WriteString(modesHead)
	for _, r := range rows {
		b.WriteString("| " + strings.Join(r.cells(), " | ") + " |\n")
	}
	return b.String()
}

// compareModes holds the document against what was measured: words must be the same,
// figures near.
func compareModes(t *testing.T, text string, rows []modeRow) {
	t.Helper()
	table, ok := strings.CutPrefix(text, modesHead)
	if !ok {
		t.Errorf("%s does not begin as it is generated; run with -update", modesFile)
		return
	}
	lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
	if len(lines) != len(rows) {
		t.Errorf("%s has %d rows, want %d; run with -update", modesFile, len(lines), len(rows))
		return
	}
	for i, r := range rows {
		got := strings.Split(strings.Trim(lines[i], "| "), " | ")
		for j, want := range r.cells() {
			// Other settings are played at one moment in a test, which says whether, not when.
			if want == "" {
				continue
			}
			if j >= len(got) || !near(got[j], want, r.chance || j > throughColumns) {
				t.Errorf("%s: row %s, column %d: %q, now %q; run with -update", modesFile, r.name, j+1, fmt.Sprint(got[min(j, len(got)-1)]), want)
			}
		}
	}
}

// near compares two cells; times of what happens by chance only with whether it does.
func near(a, b string, chance bool) bool {
	x, errA := strconv.ParseFloat(a, 64)
	y, errB := strconv.ParseFloat(b, 64)
	if errA != nil || errB != nil {
		return a == b
	}
	return chance || max(x, y)-min(x, y) <= 1+max(x, y)/4
}
