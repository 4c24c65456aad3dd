package decide_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

// TestScenarios plays the stories under testdata/scenario. Each file is one story
// about members a (preferred) and b; `go test ./internal/decide -rewrite` writes
// what happens below the dashes, and the diff is for a person to review.
//
//	policy [failback=auto] [delay=5m] [hold=1m] [max=4] [per=1h]
//	    starts the story; what is left out is as shown, failback is manual
//	check name=tcp [fall=3] [rise=2]
//	    adds a check; before the first tick only
//	vote down=N
//	tick [after=10s] a=OUTCOMES b=OUTCOMES [routes=(a,b)] [order=KIND [to=M] [for=D] [force]]
//	    one tick: each letter is a round of all checks, 2s apart: p, f or ?
//	    a word of several checks is split by a comma: a=(fff,ppp)
//	ticks n=N [every=10s] a=OUTCOMES b=OUTCOMES
//	    as many ticks; only those are shown that differ from the one before
//	restart
//	    a new process: only what was stored is left
//	forget
//	    the record is lost
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata/scenario", func(t *testing.T, path string) {
		var s *story
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			t.Helper()
			if d.Cmd == "policy" {
				s = newStory(t, d)
				return s.text()
			}
			if s == nil {
				d.Fatalf(t, "a story begins with policy")
			}
			return s.run(t, d)
		})
	})
}

type story struct {
	policy decide.Policy
	checks []decide.Check
	vote   decide.Vote
	now    time.Time
	health decide.Health
	record decide.Record
	last   string
}

func newStory(t *testing.T, d *datadriven.TestData) *story {
	t.Helper()
	s := &story{policy: manual(), now: epoch}
	failback := string(s.policy.Failback)
	d.MaybeScanArgs(t, "failback", &failback)
	s.policy.Failback = decide.Failback(failback)
	s.policy.FailbackDelay = duration(t, d, "delay", s.policy.FailbackDelay)
	s.policy.HoldDown = duration(t, d, "hold", s.policy.HoldDown)
	s.policy.Per = duration(t, d, "per", s.policy.Per)
	d.MaybeScanArgs(t, "max", &s.policy.MaxTransitions)
	return s
}

func duration(t *testing.T, d *datadriven.TestData, key string, value time.Duration) time.Duration {
	t.Helper()
	var text string
	if d.MaybeScanArgs(t, key, &text) {
		var err error
		if value, err = time.ParseDuration(text); err != nil {
			d.Fatalf(t, "%s: %v", key, err)
		}
	}
	return value
}

func (s *story) text() string {
	p := s.policy
	return fmt.Sprintf("failback %s after %v, hold-down %v, at most %d in %v\n", p.Failback, p.FailbackDelay, p.HoldDown, p.MaxTransitions, p.Per)
}

func (s *story) run(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	switch d.Cmd {
	case "check":
		c := decide.Check{Fall: 3, Rise: 2}
		d.ScanArgs(t, "name", &c.Name)
		d.MaybeScanArgs(t, "fall", &c.Fall)
		d.MaybeScanArgs(t, "rise", &c.Rise)
		s.checks = append(s.checks, c)
		return fmt.Sprintf("%s: down after %d failures, up after %d passes\n", c.Name, c.Fall, c.Rise)
	case "vote":
		d.ScanArgs(t, "down", &s.vote.Down)
		return fmt.Sprintf("a member is down if %d of %d checks say so\n", s.vote.Down, len(s.checks))
	case "tick":
		s.now = s.now.Add(duration(t, d, "after", 10*time.Second))
		return s.tick(t, d)
	case "ticks":
		return s.ticks(t, d)
	case "restart":
		r, err := decode(encode(t, s.record))
		if err != nil {
			t.Fatal(err)
		}
		s.record, s.health = r, r.Health
		return "only the record is left\n"
	case "forget":
		s.record, s.health = decide.Record{}, decide.Health{}
		return "nothing is left\n"
	default:
		d.Fatalf(t, "unknown command %q", d.Cmd)
		return ""
	}
}

func (s *story) ticks(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	n := 0
	d.ScanArgs(t, "n", &n)
	var out strings.Builder
	for range n {
		s.now = s.now.Add(duration(t, d, "every", 10*time.Second))
		before := s.last
		if text := s.tick(t, d); s.last != before {
			out.WriteString(text)
		}
	}
	fmt.Fprintf(&out, "%d ticks, now %s\n", n, s.clock(s.now))
	return out.String()
}

func (s *story) tick(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	s.rounds(t, d)
	in := decide.Input{Now: s.now, Health: s.health, Order: s.order(t, d)}
	if d.HasArg("routes") {
		in.Shares = []decide.Share{{Member: "a"}, {Member: "b"}}
		d.ScanArgs(t, "routes", &in.Shares[0].Routes, &in.Shares[1].Routes)
	}
	before := s.record
	var decision decide.Decision
	s.record, decision = decide.Step(s.policy, before, in)

	a, b := s.health.Of("a"), s.health.Of("b")
	s.last = fmt.Sprintf("%v %v %+v", a.Verdict, b.Verdict, decision)
	return fmt.Sprintf("%-7s a %s (%s), b %s (%s)\n        %s\n", s.clock(s.now),
		a.Verdict, s.clock(a.Since), b.Verdict, s.clock(b.Since), s.tell(before, decision))
}

// rounds judges one round after the other, 2 s apart.
func (s *story) rounds(t *testing.T, d *datadriven.TestData) {
	t.Helper()
	outcomes := map[appliance.MemberName][]string{}
	n := 0
	for _, m := range []appliance.MemberName{"a", "b"} {
		arg, ok := d.Arg(string(m))
		if !ok || len(arg.Vals) != len(s.checks) {
			d.Fatalf(t, "%s: want the outcomes of %d checks", m, len(s.checks))
		}
		outcomes[m] = arg.Vals
		for _, v := range arg.Vals {
			n = max(n, len(v))
		}
	}
	for i := range n {
		if i > 0 {
			s.now = s.now.Add(2 * time.Second)
		}
		var round []appliance.Observation
		for m, of := range outcomes {
			for c, letters := range of {
				if i < len(letters) {
					round = append(round, appliance.Observation{Member: m, Check: s.checks[c].Name, Outcome: outcome(rune(letters[i])), At: s.now})
				}
			}
		}
		s.health = decide.Judge(decide.Rules{Group: s.policy.Group, Checks: s.checks, Vote: s.vote}, s.health, round, s.now)
	}
}

func (s *story) order(t *testing.T, d *datadriven.TestData) *decide.Order {
	t.Helper()
	if !d.HasArg("order") {
		return nil
	}
	var kind, to string
	d.ScanArgs(t, "order", &kind)
	d.MaybeScanArgs(t, "to", &to)
	return &decide.Order{
		Kind: decide.OrderKind(kind), To: appliance.MemberName(to), For: duration(t, d, "for", 0), Force: d.HasArg("force"), By: "ops",
	}
}

func (s *story) tell(before decide.Record, d decide.Decision) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: ", d.Reason)
	if d.Moved() {
		fmt.Fprintf(&b, "%s -> %s", d.From, d.Active)
	} else {
		fmt.Fprintf(&b, "%s", d.Active)
	}
	if d.Write {
		b.WriteString(", may write")
	} else {
		b.WriteString(", writes nothing")
	}
	if !d.Until.IsZero() {
		fmt.Fprintf(&b, ", until %s", s.clock(d.Until))
	}
	if d.Refused != "" {
		fmt.Fprintf(&b, ": %s", d.Refused)
	}
	if s.record.Epoch != before.Epoch {
		fmt.Fprintf(&b, "; epoch %d", s.record.Epoch)
	}
	if s.record.Mode != before.Mode {
		fmt.Fprintf(&b, "; mode %s", s.record.Mode)
	}
	if s.record.Forced {
		b.WriteString("; forced")
	}
	return b.String()
}

// clock prints a time as the story's own.
func (s *story) clock(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return "+" + at.Sub(epoch).String()
}
