package notify

import (
	"cmp"
	"time"
)

const (
	// settle is how long a condition that is not certain must last before it is told.
	settle = 30 * time.Second
	// freezeWarning is how long before its end a freeze is told to end.
	freezeWarning = 15 * time.Minute
)

// Policy says what is told how often.
type Policy struct {
	// Repeat is the time between two reminders of a bad condition that lasts; 0 is none.
	Repeat time.Duration
}

// News returns the messages that a situation is worth after what is remembered, and
// what to remember then. It is a value function: two processes that remember the same
// find the same news, with the same ids.
func (p Policy) News(m Memory, s Situation) (Memory, []Message) {
	n := news{memory: m, situation: s}
	n.begin()
	switch moved := n.transition(); {
	case moved:
	case n.changed():
		n.state()
	case n.lasting(p.Repeat):
		n.remind()
	}
	n.freezeEnds()
	n.leader()
	n.recordLost()
	return n.memory, n.out
}

// news is News under way.
type news struct {
	memory    Memory
	situation Situation
	out       []Message
}

// begin takes the condition of the situation.
func (n *news) begin() {
	m, s := &n.memory, n.situation
	if s.Condition != m.Condition {
		m.Condition, m.Since = s.Condition, s.At
		if !s.Since.IsZero() && s.Since.Before(s.At) {
			m.Since = s.Since
		}
		m.Seen = s.At
	}
	if m.Told == "" && s.Condition == Healthy {
		m.Told = Healthy // that all is well at the first look is no news
	}
}

// transition tells of a new active member, and with it of the condition.
func (n *news) transition() bool {
	m, s := &n.memory, n.situation
	known := m.Epoch
	if s.Epoch == 0 || s.Last == nil || s.Epoch == known {
		return false
	}
	m.Epoch = s.Epoch
	if known == 0 && !s.Moved || s.Epoch < known && !s.Moved || s.Last.From == "" {
		return false // whoever begins to look does not tell what was before
	}
	severity := Warning
	if s.Last.By != "" {
		severity = Info
	}
	if s.failed() > 0 {
		severity = Critical
	}
	n.told(n.message(KindTransition, severity).with(s))
	return true
}

// changed reports whether the condition is another than the one that was told, for
// certain or for long enough.
func (n *news) changed() bool {
	m, s := n.memory, n.situation
	return m.Condition != m.Told && (s.Certain || s.At.Sub(m.Seen) >= settle)
}

func (n *news) state() {
	n.told(n.message(KindState, n.memory.Condition.Severity()).with(n.situation))
}

// told remembers that the condition was told.
func (n *news) told(msg Message) {
	m := &n.memory
	msg.Ends = m.Worst
	n.say(msg)
	m.Told, m.ToldAt, m.Again = m.Condition, n.situation.At, 0
	m.Worst = max(m.Worst, m.Condition.Severity(), msg.Severity)
	if m.Condition == Healthy {
		m.Worst = Info
	}
}

// lasting reports whether a bad condition is to be told again.
func (n *news) lasting(repeat time.Duration) bool {
	m := n.memory
	return repeat > 0 && m.Condition == m.Told && m.Condition.Severity() > Info && n.situation.At.Sub(m.ToldAt) >= repeat
}

func (n *news) remind() {
	n.memory.ToldAt = n.situation.At
	n.memory.Again++
	n.say(n.message(KindReminder, n.memory.Condition.Severity()))
}

// freezeEnds tells once that a freeze is about to end.
func (n *news) freezeEnds() {
	m, s := &n.memory, n.situation
	if s.FrozenUntil.IsZero() || m.FreezeTold.Equal(s.FrozenUntil) {
		return
	}
	if !m.Freeze.Equal(s.FrozenUntil) {
		m.Freeze, m.FreezeSeen = s.FrozenUntil, s.At
	}
	left, whole := s.FrozenUntil.Sub(s.At), s.FrozenUntil.Sub(m.FreezeSeen)
	if left > min(freezeWarning, whole/2) || left <= 0 {
		return
	}
	m.FreezeTold = s.FrozenUntil
	n.say(n.message(KindFreezeEnds, Warning))
}

// leader tells of another leader.
func (n *news) leader() {
	m, s := &n.memory, n.situation
	if s.Leader == "" || s.Leader == m.Leader {
		return
	}
	before := m.Leader
	m.Leader = s.Leader
	if before == "" {
		return
	}
	msg := n.message(KindLeader, Info)
	msg.Sentence = s.Leader + " looks after the group now; before it was " + before
	n.say(msg)
}

// recordLost tells once of a record that was put aside.
func (n *news) recordLost() {
	m, s := &n.memory, n.situation
	if s.RecordLost == "" || s.RecordLost == m.RecordLost {
		return
	}
	m.RecordLost = s.RecordLost
	msg := n.message(KindRecordLost, Critical)
	msg.Problems = bounded([]string{s.RecordLost})
	n.say(msg)
}

// say adds a message with its subject and id.
func (n *news) say(msg Message) {
	msg.Subject = msg.subject()
	msg.Next = msg.next(n.situation)
	msg.ID = msg.id(n.situation)
	n.out = append(n.out, msg)
}

// message is what all kinds have in common.
func (n *news) message(kind Kind, severity Severity) Message {
	m, s := n.memory, n.situation
	msg := Message{
		Version: messageVersion, Kind: kind, Group: s.Group, Severity: severity,
		Condition: m.Condition, Since: m.Since.UTC(), At: s.At.UTC(), Epoch: s.Epoch, Active: s.Active,
		Reason: s.Reason, Because: s.Because, Members: s.Members, Problems: bounded(s.Problems), Again: m.Again,
		Transition: s.Last, Steps: []Step{}, Tables: []Table{}, Next: []string{},
	}
	msg.Sentence = msg.meaning()
	if kind == KindFreezeEnds {
		msg.Sentence = "the freeze ends at " + instant(s.FrozenUntil) + "; from then on hopguard moves traffic again by itself"
	}
	if msg.Members == nil {
		msg.Members = []Member{}
	}
	return msg
}

// with adds what a tick has done. Tables that are not done come first.
func (m Message) with(s Situation) Message {
	m.Steps = append(m.Steps, s.Steps[:min(len(s.Steps), mostSteps)]...)
	for _, done := range []bool{false, true} {
		for _, t := range s.Tables {
			if t.Done.IsZero() == done {
				continue
			}
			if len(m.Tables) == mostTables {
				m.MoreTables++
				continue
			}
			t.Error = cut(t.Error, mostProblem)
			m.Tables = append(m.Tables, t)
		}
	}
	return m
}

// meaning is the sentence of a kind.
func (m Message) meaning() string {
	switch m.Kind {
	case KindTransition:
		return cmp.Or(m.Transition.Because, m.Transition.Reason)
	case KindRecordLost:
		return "the record of the group could not be read and was put aside; Azure's routes say who is active. A freeze or a pin is forgotten"
	case KindState, KindReminder, KindFreezeEnds, KindLeader:
		return m.Condition.Sentence()
	case KindTest:
		return "this is a test of hopguard's messages; nothing has happened"
	default:
		panic("notify: kind " + string(m.Kind))
	}
}

// bounded returns the first problems, and never nil.
func bounded(texts []string) []string {
	out := []string{}
	for i, text := range texts {
		if i == mostProblems {
			out = append(out, count(len(texts)-mostProblems, "more problem"))
			break
		}
		out = append(out, cut(text, mostProblem))
	}
	return out
}
