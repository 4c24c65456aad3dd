package notify_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/notify"
)

func TestNews(t *testing.T) {
	const minute, hour = time.Minute, time.Hour
	unsure := func(s notify.Situation) notify.Situation { s.Certain = false; return s }
	frozen := func(at, until time.Duration) notify.Situation {
		s := in(notify.Frozen, at)
		s.FrozenUntil = start().Add(until)
		return s
	}
	led := func(at time.Duration, by string) notify.Situation {
		s := healthy(at)
		s.Leader = by
		return s
	}
	ordered := func(s notify.Situation) notify.Situation {
		last := *s.Last
		last.By, s.Last = "anna", &last
		return s
	}
	after := func(s notify.Situation) notify.Situation { s.Moved, s.Steps, s.Tables = false, nil, nil; return s }
	broken := func(s notify.Situation) notify.Situation { s.Tables[1].Done = time.Time{}; return s }
	lost := func(at time.Duration) notify.Situation {
		s := healthy(at)
		s.RecordLost = "emea.json: it is no JSON; it is kept as emea.json.corrupt"
		return s
	}
	for _, test := range []struct {
		name string
		in   []notify.Situation
		want string
	}{
		{"healthy-at-first-is-no-news", []notify.Situation{healthy(0), healthy(minute)}, ""},
		{"degraded-at-first-is-news", []notify.Situation{in(notify.Degraded, 0)}, "state degraded warning/info"},
		{"a-failover-is-one-message", []notify.Situation{healthy(0), moved(minute), after(moved(2 * minute))}, "transition degraded warning/info"},
		{"a-failover-that-is-not-done-is-critical", []notify.Situation{healthy(0), broken(moved(minute))}, "transition degraded critical/info"},
		{"an-order-is-info", []notify.Situation{healthy(0), ordered(moved(minute))}, "transition degraded info/info"},
		{"what-was-before-the-first-look-is-no-news", []notify.Situation{after(moved(0))}, "state degraded warning/info"},
		{"a-failover-in-the-first-look-is-news", []notify.Situation{moved(0)}, "transition degraded warning/info"},
		{"a-failover-that-another-process-made-is-news", []notify.Situation{healthy(0), after(moved(minute))}, "transition degraded warning/info"},
		{"an-adopted-record-is-no-transition", []notify.Situation{after(moved(0)), healthy(minute)}, "state degraded warning/info, state healthy info/warning"},
		{"recovery-ends-the-worst", []notify.Situation{in(notify.BothDown, 0), in(notify.Degraded, minute), healthy(2 * minute), in(notify.Degraded, 3*minute)},
			"state both-down critical/info, state degraded warning/critical, state healthy info/critical, state degraded warning/info"},
		{"a-short-failure-is-no-news", []notify.Situation{healthy(0), unsure(in(notify.Failing, minute)), unsure(in(notify.Failing, minute+29*time.Second)), healthy(2 * minute)}, ""},
		{"a-failure-that-lasts-is-news", []notify.Situation{healthy(0), unsure(in(notify.Failing, minute)), unsure(in(notify.Failing, minute+30*time.Second)), healthy(2 * minute)},
			"state failing critical/info, state healthy info/critical"},
		{"a-bad-state-is-repeated", []notify.Situation{in(notify.BothDown, 0), in(notify.BothDown, hour-1), in(notify.BothDown, hour), in(notify.BothDown, hour+minute), in(notify.BothDown, 2*hour)},
			"state both-down critical/info, reminder both-down critical/info, reminder both-down critical/info"},
		{"a-good-state-is-not-repeated", []notify.Situation{in(notify.Degraded, 0), healthy(1), healthy(5 * hour)}, "state degraded warning/info, state healthy info/warning"},
		{"a-freeze-and-its-end", []notify.Situation{healthy(0), frozen(minute, 2*hour), frozen(hour+40*minute, 2*hour), frozen(hour+46*minute, 2*hour), frozen(hour+50*minute, 2*hour), healthy(2*hour + 1)},
			"state frozen warning/info, reminder frozen warning/info, freeze-ends frozen warning/info, state healthy info/warning"},
		{"a-short-freeze-is-half-over-first", []notify.Situation{healthy(0), frozen(0, 10*minute), frozen(4*minute, 10*minute), frozen(6*minute, 10*minute)},
			"state frozen warning/info, freeze-ends frozen warning/info"},
		{"a-freeze-that-is-prolonged-ends-later", []notify.Situation{frozen(0, 10*minute), frozen(6*minute, 10*minute), frozen(7*minute, 60*minute), frozen(46*minute, 60*minute)},
			"state frozen warning/info, freeze-ends frozen warning/info, freeze-ends frozen warning/info"},
		{"a-leader", []notify.Situation{led(0, "one"), led(1, "one"), led(2, ""), led(3, "two"), led(4, "two")}, "leader healthy info/info"},
		{"a-record-that-was-lost", []notify.Situation{healthy(0), lost(1), lost(2), healthy(3)}, "record-lost healthy critical/info"},
		{"no-record-could-be-read", []notify.Situation{healthy(0), func() notify.Situation {
			s := unsure(in(notify.StoreLost, minute))
			s.Epoch, s.Last, s.Active = 0, nil, ""
			return s
		}(), healthy(2 * minute)}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var m notify.Memory
			var got []string
			ids := map[string]bool{}
			for _, s := range test.in {
				var out []notify.Message
				m, out = notify.Policy{Repeat: time.Hour}.News(m, s)
				for _, x := range out {
					got = append(got, fmt.Sprintf("%s %s %s/%s", x.Kind, x.Condition, x.Severity, x.Ends))
					if ids[x.ID] || len(x.ID) != 26 {
						t.Errorf("the id %q is not a new one", x.ID)
					}
					ids[x.ID] = true
				}
			}
			if got := strings.Join(got, ", "); got != test.want {
				t.Errorf("News() = %q, want %q", got, test.want)
			}
		})
	}
}

// Two processes that remember the same find the same news under the same id.
func TestNewsIsTheSameForEverybody(t *testing.T) {
	m, _ := notify.Policy{}.News(notify.Memory{}, healthy(0))
	_, one := notify.Policy{}.News(m, moved(time.Minute))
	other := moved(time.Minute)
	other.At = other.At.Add(3 * time.Second)
	_, two := notify.Policy{}.News(m, other)
	if one[0].ID != two[0].ID {
		t.Errorf("the ids are %q and %q, want the same", one[0].ID, two[0].ID)
	}
}

func TestNoRepeat(t *testing.T) {
	m, _ := notify.Policy{}.News(notify.Memory{}, in(notify.BothDown, 0))
	if _, out := (notify.Policy{}).News(m, in(notify.BothDown, 100*time.Hour)); len(out) != 0 {
		t.Errorf("News() = %v, want nothing without a time to repeat", out)
	}
}

func TestWanted(t *testing.T) {
	for _, test := range []struct {
		severity, ends, min notify.Severity
		want                bool
	}{
		{notify.Info, notify.Info, notify.Info, true}, {notify.Info, notify.Info, notify.Warning, false},
		{notify.Info, notify.Critical, notify.Critical, true}, {notify.Warning, notify.Warning, notify.Critical, false},
		{notify.Info, notify.Warning, notify.Warning, true}, {notify.Critical, notify.Info, notify.Critical, true},
	} {
		if got := (notify.Message{Severity: test.severity, Ends: test.ends}).Wanted(test.min); got != test.want {
			t.Errorf("a message of %s that ends %s: Wanted(%s) = %t", test.severity, test.ends, test.min, got)
		}
	}
}

// A message has bounds, and what failed comes first.
func TestMessagesAreBounded(t *testing.T) {
	m, _ := notify.Policy{}.News(notify.Memory{}, healthy(0))
	s := moved(time.Minute)
	for i := range 200 {
		s.Tables = append(s.Tables, notify.Table{ID: table(fmt.Sprint("t", i)), Done: start()})
		s.Steps = append(s.Steps, notify.Step{At: start(), What: "x"})
		s.Problems = append(s.Problems, strings.Repeat("ä", 1000))
	}
	s.Tables[201].Done, s.Tables[201].Error = time.Time{}, "403 Forbidden"
	_, out := notify.Policy{}.News(m, s)
	x := out[0]
	if len(x.Tables) != 40 || x.MoreTables != 162 || x.Tables[0].Error == "" || len(x.Steps) != 20 || len(x.Problems) != 11 || len(x.Problems[0]) > 500 {
		t.Errorf("%d tables of %d more, first error %q, %d steps, %d problems", len(x.Tables), x.MoreTables, x.Tables[0].Error, len(x.Steps), len(x.Problems))
	}
	if !strings.Contains(x.Subject, "1 route table not done") || x.Severity != notify.Critical {
		t.Errorf("Subject = %q, severity %s", x.Subject, x.Severity)
	}
}

func TestSeverityWords(t *testing.T) {
	for _, s := range []notify.Severity{notify.Info, notify.Warning, notify.Critical} {
		text, err := s.MarshalText()
		var back notify.Severity
		if err != nil || back.UnmarshalText(text) != nil || back != s {
			t.Errorf("%s is read back as %s", s, back)
		}
	}
	var s notify.Severity
	if err := s.UnmarshalText([]byte("error")); err == nil || !strings.Contains(err.Error(), "want info, warning or critical") {
		t.Errorf("UnmarshalText() = %v", err)
	}
}

// Every condition has a severity, a sentence and something to do.
func TestEveryConditionSaysWhatToDo(t *testing.T) {
	for _, c := range notify.Conditions() {
		m, _ := notify.Policy{}.News(notify.Memory{}, in(notify.Degraded, 0))
		if c == notify.Degraded {
			m, _ = notify.Policy{}.News(notify.Memory{}, healthy(0))
		}
		s := in(c, time.Hour)
		s.Active = "vmx-b"
		s.Members[1].Verdict = appliance.Undecided
		_, out := notify.Policy{}.News(m, s)
		if len(out) != 1 || len(out[0].Next) == 0 || !strings.HasPrefix(out[0].Next[0], "hopguard ") || c.Sentence() == "" ||
			strings.HasSuffix(out[0].Subject, string(c)) {
			t.Errorf("%s: %+v", c, out)
		}
	}
}
