package sim_test

import (
	"encoding/json"
	"flag"
	"os"
	"slices"
	"testing"
	"time"

	"hopguard/internal/appliance"
)

const modesFile = "../../docs/failure-modes.md"

var update = flag.Bool("update", false, "write docs/failure-modes.md")

// Every mode ends right when the data path is checked through the members, at every
// moment at which it may begin. What the other settings see is measured, and whatever
// that is, the routes are where the record says.
func TestFailureModes(t *testing.T) {
	all := modes()
	rows := make([]modeRow, len(all))
	t.Run("play", func(t *testing.T) {
		for i, m := range all {
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				rows[i] = modeRow{mode: m}
				for _, setting := range modeSettings() {
					rows[i].measured = append(rows[i].measured, m.measure(t, setting))
				}
			})
		}
	})
	if t.Failed() {
		return
	}
	if *update {
		if err := os.WriteFile(modesFile, []byte(modesDocument(rows)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(modesFile)
	if err != nil {
		t.Fatal(err)
	}
	compareModes(t, string(text), rows)
}

// phases are how many of the moments the mode is played at with a setting: all for
// the document, fewer for the test.
func (m mode) phases(setting string) int {
	switch {
	case *update:
		return modePhases
	case setting == "through" && m.watch <= 5*time.Minute:
		return 3
	default:
		return 1
	}
}

// measure plays the mode with one setting at each moment.
func (m mode) measure(t *testing.T, setting modeSetting) timing {
	t.Helper()
	switch {
	case setting.name == "through":
	case m.only:
		return timing{}
	case !*update && m.watch > 2*time.Minute: // those settings promise nothing that a test must hold
		return timing{left: true}
	}
	var decided, back []time.Duration
	phases := m.phases(setting.name)
	for i := range phases {
		phase := i * modePhases / phases
		s := play(t, m, setting.change, phase)
		o := s.outcome(a)
		s.agree(t, o, setting.name, m.want.hop)
		if setting.name == "through" {
			m.check(t, o, phase)
		}
		if o.decided >= 0 {
			decided = append(decided, o.decided-m.at)
		}
		if o.back > m.at {
			back = append(back, o.back-m.at)
		}
	}
	return timing{played: true, decided: median(decided, phases), back: median(back, phases)}
}

// median is that of the runs in which something happened, if that is most of them;
// otherwise never.
func median(list []time.Duration, of int) time.Duration {
	if 2*len(list) <= of {
		return never
	}
	slices.Sort(list)
	return list[len(list)/2]
}

// agree checks that all managed routes are where the record says.
func (s *scene) agree(t *testing.T, o outcome, setting, hop string) {
	t.Helper()
	if hop == "" || o.last.Standing().Active != b {
		hop = map[appliance.MemberName]string{a: "10.1.0.4", b: "10.2.0.4"}[o.last.Standing().Active]
	}
	if got := s.hops(); len(got) != 1 || got[hop] == 0 {
		t.Errorf("%s: next hops at the end = %v, want %s alone", setting, got, hop)
	}
	if o.moves == 0 && o.writes > 0 {
		t.Errorf("%s: %d tables were written without a transition", setting, o.writes)
	}
}

// check asks of an outcome what the mode wants.
func (m mode) check(t *testing.T, o outcome, phase int) {
	t.Helper()
	wrong := func(format string, args ...any) {
		t.Helper()
		t.Errorf("phase %d: "+format, append([]any{phase}, args...)...)
	}
	w := m.want
	if w.active != "" && o.last.Standing().Active != w.active {
		wrong("%s is active at the end, want %s: %s", o.last.Standing().Active, w.active, o.last.Decision.Reason.Sentence())
	}
	if o.moves < w.moves[0] || o.moves > w.moves[1] {
		wrong("%d transitions, want %d to %d; reasons %v", o.moves, w.moves[0], w.moves[1], slices.Compact(o.reasons))
	}
	if w.within > 0 && (o.decided < m.at || o.decided-m.at > w.within) {
		wrong("decided %s after the failure, want at most %s", o.decided-m.at, w.within)
	}
	if w.reason != "" && !slices.Contains(o.reasons, w.reason) {
		wrong("reasons %v, want %s among them", slices.Compact(o.reasons), w.reason)
	}
	if w.never != "" && slices.Contains(o.reasons, w.never) {
		wrong("reasons %v, want %s never", slices.Compact(o.reasons), w.never)
	}
	if o.failed != w.failed {
		wrong("ticks failed: %t, want %t: %v", o.failed, w.failed, o.last.Err())
	}
}

// hops counts the managed routes by next hop, as the simulated Azure has them.
func (s *scene) hops() map[string]int {
	n := map[string]int{}
	for _, id := range s.RouteTables() {
		raw, err := s.RouteTable(id)
		s.must(err)
		var table struct {
			Tags       map[string]string
			Properties struct {
				Routes []struct {
					Properties struct{ NextHopType, NextHopIPAddress string }
				}
			}
		}
		s.must(json.Unmarshal(raw, &table))
		for _, r := range table.Properties.Routes {
			if table.Tags["nva_ha_udr"] == "emea" && r.Properties.NextHopType == "VirtualAppliance" {
				n[r.Properties.NextHopIPAddress]++
			}
		}
	}
	return n
}
