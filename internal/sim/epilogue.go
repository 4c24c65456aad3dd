package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hopguard/internal/azuresim"
)

// prologue says what the world is.
func (s *show) prologue() {
	p := azuresim.ProfileDefault()
	s.say("%s", s.paint(bold, "hopguard demo: "+s.Failure.sentence(s.from)))
	s.say("Azure is simulated: a write takes %s, its fabric follows %s later. \nhopguard is the real one, and so is the time.\n", p.WriteTime, p.FabricDelay)
	s.say("%s\n", s.cloud.picture())
}

// result looks at the simulated Azure.
func (s *show) result(before, after snapshot) Result {
	name, value, _ := s.cloud.tag()
	members := s.cloud.appliances()
	r := Result{
		Failure: s.Failure, Seed: s.Seed, From: s.from, To: s.to,
		comparison: compare(before, after, name, value, address(members[0]), address(members[1])),
		Times:      s.rec.times(s.cloud.managed()),
		Outage:     s.rec.outage(time.Now()),
	}
	seen, err := s.cloud.look(s.flows)
	r.OK = err == nil && delivered(seen) && r.Managed > 0 && r.moved() == r.Managed && len(r.Other) == 0
	return r
}

// epilogue shows what became of it.
func (s *show) epilogue(r Result) {
	s.heading("What became of it (seconds after the failure, as hopguard saw it)")
	s.say("%-16s %-28s %9s %10s %10s %10s", "table", "next hops now", "accepted", "succeeded", "read back", "effective")
	for _, id := range slices.Sorted(maps.Keys(r.Moved)) {
		t := s.rec.table(id)
		s.say("%-16s %-28s %9s %10s %10s %10s", id[strings.LastIndexByte(id, '/')+1:],
			fmt.Sprintf("%d at %s", r.Moved[id], s.to), s.rec.after(t.accepted), s.rec.after(t.succeeded), s.rec.after(t.readBack), s.rec.effective(s.cloud.nicOf(id)))
	}
	s.say("")
	s.verdict(r.moved() == r.Managed && r.Managed > 0, "%d of %d managed routes moved from %s to %s", r.moved(), r.Managed, r.From, r.To)
	s.verdict(len(r.Other) == 0, "nothing else changed: %d route tables compared member by member, %d of them not hopguard's", r.Tables, r.Tables-s.cloud.managed())
	for _, other := range r.Other {
		s.say("       %s", other)
	}
	s.verdict(r.Back >= 0, "traffic flows again; workloads were cut off for %s", seconds(r.Outage))
}

// verdict prints one line that is true or not.
func (s *show) verdict(ok bool, format string, args ...any) {
	word := s.paint(green, "  ok  ")
	if !ok {
		word = s.paint(red, "  NOT ")
	}
	s.say("%s %s", word, fmt.Sprintf(format, args...))
}

// compared shows the settings side by side.
func (s *show) compared(all []Measured) {
	if len(all) == 0 {
		return
	}
	s.heading(fmt.Sprintf("The same failure, other settings (virtual time; median of %d moments of failure)", all[0].Runs))
	s.say("%-50s %8s %8s %8s %8s", "", "detected", "decided", "written", "traffic")
	for _, m := range all {
		s.say("%-50s %8s %8s %8s %8s", m.Setting, seconds(m.Detected), seconds(m.Decided), seconds(m.Written), seconds(m.Back))
	}
	s.say("written: the last table had succeeded. traffic: all workloads reach the branches again.")
}

// seconds prints a time of a step.
func seconds(d time.Duration) string {
	if d < 0 {
		return "never"
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}
