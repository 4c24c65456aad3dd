package notify

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"hopguard/internal/appliance"
)

// id names the news: what is the same about the same group has the same one.
func (m Message) id(s Situation) string {
	since, who := m.Since, ""
	switch m.Kind {
	case KindTransition:
		since = m.Transition.At
	case KindFreezeEnds:
		since = s.FrozenUntil
	case KindLeader:
		who = s.Leader
	case KindRecordLost:
		who = s.RecordLost
	case KindState, KindReminder, KindTest:
	default:
		panic("notify: kind " + string(m.Kind))
	}
	text := fmt.Sprintf("%s %s %d %s %d %d %s", m.Group, m.Kind, m.Epoch, m.Condition, since.UnixMilli(), m.Again, who)
	sum := sha256.Sum256([]byte(text))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:26])
}

// subject is one line that says who, what and how bad.
func (m Message) subject() string {
	var what string
	switch m.Kind {
	case KindTransition:
		t := m.Transition
		what = fmt.Sprintf("traffic moved from %s to %s", t.From, t.To)
		if n := m.notDone(); n > 0 {
			what = fmt.Sprintf("traffic moves from %s to %s, but %s not done", t.From, t.To, count(n, "route table"))
		}
	case KindState, KindReminder:
		what = m.state()
		if m.Kind == KindReminder {
			what = "still: " + what
		}
	case KindFreezeEnds:
		what = "the freeze ends soon"
	case KindLeader:
		what = "another process looks after it"
	case KindRecordLost:
		what = "the record was lost"
	case KindTest:
		what = "a test"
	default:
		panic("notify: kind " + string(m.Kind))
	}
	return fmt.Sprintf("hopguard %s: %s", m.Group, what)
}

// notDone counts the tables that are not known to be done.
func (m Message) notDone() int { return Situation{Tables: m.Tables}.failed() }

// state is the condition in a few words.
func (m Message) state() string {
	switch m.Condition {
	case Healthy:
		return "all is well"
	case Frozen:
		return "frozen, so no failover"
	case Degraded:
		if down := m.away(); down != "" {
			return "no reserve: " + down
		}
		return "something needs a person"
	case Unknown, UnknownLong:
		return fmt.Sprintf("nothing is known of the active member %s", m.Active)
	case Stuck:
		return fmt.Sprintf("the active member %s is down and traffic stays there", m.Active)
	case BothDown:
		return "both members look down"
	case Failing:
		return "hopguard cannot do its work"
	case StoreLost:
		return "the store of the records cannot be reached"
	default:
		return string(m.Condition)
	}
}

// away names the members that are not up.
func (m Message) away() string {
	var names []string
	for _, x := range m.Members {
		switch x.Verdict {
		case appliance.Up:
		case appliance.Down:
			names = append(names, string(x.Name)+" is down")
		case appliance.Undecided:
			names = append(names, "nothing is known of "+string(x.Name))
		default:
			panic("notify: verdict " + x.Verdict.String())
		}
	}
	return strings.Join(names, ", ")
}

// next are the commands that a person would type.
func (m Message) next(s Situation) []string {
	group := " --group " + string(m.Group)
	why := "hopguard status" + group + " --why"
	force := func(to appliance.MemberName) string {
		if to == "" {
			to = "MEMBER"
		}
		return fmt.Sprintf("hopguard failover%s --to %s --force   # only if you know that it works", group, to)
	}
	switch m.Kind {
	case KindFreezeEnds:
		return []string{"hopguard freeze" + group + " --for 2h   # to stay frozen", "hopguard thaw" + group + "   # to end it now"}
	case KindLeader, KindTest:
		return []string{"hopguard status" + group}
	case KindRecordLost:
		return []string{why, "hopguard freeze" + group + " --for 8h   # if it was frozen before"}
	case KindTransition, KindState, KindReminder:
	default:
		panic("notify: kind " + string(m.Kind))
	}
	switch m.Condition {
	case Healthy:
		if s.Active != s.Preferred && s.Preferred != "" {
			return []string{"hopguard failback" + group + "   # returns traffic to " + string(s.Preferred)}
		}
		return []string{}
	case Frozen:
		return []string{"hopguard thaw" + group + "   # when the work is done"}
	case Degraded:
		return []string{why}
	case Unknown, UnknownLong, Stuck:
		return []string{why, force(s.Other)}
	case BothDown:
		return []string{why, "hopguard failover" + group + "   # as soon as one of them is up", force(s.Other)}
	case Failing:
		return []string{why, "hopguard plan" + group + "   # what is not done yet"}
	case StoreLost:
		return []string{"hopguard status" + group + "   # says what the store answers"}
	default:
		return []string{why}
	}
}

// Text is the message as plain text, for a mail.
func (m Message) Text() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("%s", sentence(m.Sentence))
	if m.Because != "" && m.Because != m.Sentence {
		p("%s (%s)", sentence(m.Because), m.Reason)
	} else if m.Reason != "" {
		p("Reason: %s", m.Reason)
	}
	p("")
	for _, f := range m.facts() {
		p("%-10s %s", f.name+":", f.value)
	}
	section := func(title string, lines []string) {
		if len(lines) > 0 {
			p("\n%s", title)
			for _, l := range lines {
				p("  %s", l)
			}
		}
	}
	section("Time line (UTC)", m.timeLine())
	section("Route tables", m.tableLines())
	section("What failed or needs a person", m.Problems)
	section("What to do next", m.Next)
	if note := m.note(); note != "" {
		p("\n%s", note)
	}
	p("\n%s  %s  %s", m.Kind, m.Severity, m.ID)
	return b.String()
}

// fact is a name and a value.
type fact struct{ name, value string }

// facts are the few lines that everybody wants to see first.
func (m Message) facts() []fact {
	list := []fact{{"Group", string(m.Group)}, {"State", fmt.Sprintf("%s since %s", m.Condition, instant(m.Since))}}
	if m.Active != "" {
		list = append(list, fact{"Active", fmt.Sprintf("%s, epoch %d", m.Active, m.Epoch)})
	}
	for _, x := range m.Members {
		value := x.Verdict.String()
		if !x.Since.IsZero() {
			value += " since " + instant(x.Since)
		}
		list = append(list, fact{string(x.Name), value})
	}
	if t := m.Transition; t != nil && m.Kind == KindTransition {
		by := "hopguard"
		if t.By != "" {
			by = t.By
		}
		list = append(list, fact{"Ordered by", by})
	}
	return list
}

func (m Message) timeLine() []string {
	var lines []string
	for _, s := range m.Steps {
		lines = append(lines, s.At.UTC().Format("15:04:05.000")+"  "+s.What)
	}
	return lines
}

func (m Message) tableLines() []string {
	var lines []string
	for _, t := range m.Tables {
		state := "done at " + t.Done.UTC().Format("15:04:05.000")
		if t.Done.IsZero() {
			state = "NOT DONE: " + t.Error
		}
		lines = append(lines, fmt.Sprintf("%s, %s, %s", t.ID.Name(), count(t.Routes, "route"), state))
	}
	if m.MoreTables > 0 {
		lines = append(lines, "and "+count(m.MoreTables, "more table"))
	}
	return lines
}

// note says what this message stands for, or what was lost before it.
func (m Message) note() string {
	var notes []string
	if m.Folded > 0 {
		notes = append(notes, fmt.Sprintf("%s about this group came too fast and are not shown one by one.", count(m.Folded, "earlier message")))
	}
	if m.Dropped > 0 {
		notes = append(notes, fmt.Sprintf("%s found no room and were dropped.", count(m.Dropped, "older message")))
	}
	return strings.Join(notes, " ")
}

// sentence makes a sentence of a phrase.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	r, n := utf8.DecodeRuneInString(s)
	s = strings.ToUpper(string(r)) + s[n:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

// instant prints a time to the second, in UTC.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// count prints a number and its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// cut bounds a text to bytes, at the end of a letter.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	const mark = "…"
	s = s[:max(most-len(mark), 0)]
	for len(s) > 0 {
		if r, n := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || n > 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s + mark
}
