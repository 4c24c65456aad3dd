// Package notify tells people what happens to a group: by mail, by webhook, in Teams
// and Slack, and through PagerDuty.
//
// It guarantees that nobody waits for it: what it is told is taken at once, and each
// target has a goroutine and a bounded queue of its own, so one that fails or hangs
// touches neither the others nor a tick. What was announced is remembered beside the
// record, so that another process does not announce it again and delivers what a dead
// one has left. A message is tried again until it is taken, refused for good or too
// old, and what is dropped is counted and said. No secret is in an error or a log: of
// a URL only scheme and host are.
//
// It does not guarantee that a message arrives exactly once: a process that dies
// between a delivery and its note of it leaves the message to be delivered again,
// under the same id. It judges nothing: the state of a group is what it is told.
// app imports it.
package notify

import (
	"fmt"
	"time"

	"hopguard/internal/appliance"
)

// Severity is how much a message matters.
type Severity int

// The severities.
const (
	Info Severity = iota
	Warning
	Critical
)

// String is the word of the configuration.
func (s Severity) String() string {
	switch s {
	case Info:
		return "info"
	case Warning:
		return "warning"
	case Critical:
		return "critical"
	default:
		panic(fmt.Sprintf("notify: severity %d", int(s)))
	}
}

// MarshalText writes the word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the word.
func (s *Severity) UnmarshalText(text []byte) error {
	for _, known := range []Severity{Info, Warning, Critical} {
		if known.String() == string(text) {
			*s = known
			return nil
		}
	}
	return fmt.Errorf("severity %q: want info, warning or critical", text)
}

// Kind is what a message is about. Kinds leave the process, so the list only grows.
type Kind string

// The kinds.
const (
	// KindTransition: the active member has changed.
	KindTransition Kind = "transition"
	// KindState: the condition of the group has changed.
	KindState Kind = "state"
	// KindReminder: a bad condition lasts.
	KindReminder Kind = "reminder"
	// KindFreezeEnds: a freeze will end by itself soon.
	KindFreezeEnds Kind = "freeze-ends"
	// KindLeader: another process looks after the group.
	KindLeader Kind = "leader"
	// KindRecordLost: the record could not be read and was put aside.
	KindRecordLost Kind = "record-lost"
	// KindTest: somebody asks whether messages arrive.
	KindTest Kind = "test"
)

// Message is one message about one group. Its JSON is what a webhook gets, and is
// stable: members are added, and none changes its meaning while Version stays.
type Message struct {
	// Version is 1.
	Version int `json:"version"`
	// ID is that of the news, the same for every delivery of it and from every process.
	ID    string              `json:"id"`
	Kind  Kind                `json:"kind"`
	Group appliance.GroupName `json:"group"`
	// Severity is how much this message matters, and Ends the worst that was told of
	// the group since it was last healthy: whoever heard that hears this too.
	Severity Severity `json:"severity"`
	Ends     Severity `json:"ends"`
	// Condition is the state of the group now, and Since when it began.
	Condition Condition `json:"condition"`
	Since     time.Time `json:"since,omitzero"`
	// At is when the message was made.
	At     time.Time            `json:"at"`
	Epoch  uint64               `json:"epoch"`
	Active appliance.MemberName `json:"active"`
	// Subject is a line, and Sentence says what has happened, or what the state means.
	Subject  string `json:"subject"`
	Sentence string `json:"sentence"`
	// Reason is the code of the newest decision, and Because the same for a person.
	Reason  string `json:"reason,omitzero"`
	Because string `json:"because,omitzero"`
	// Transition is the newest change of the active member.
	Transition *Transition `json:"transition,omitempty"`
	Members    []Member    `json:"members"`
	// Steps are the time line, and Tables what became of the route tables that were
	// to be written; MoreTables counts those that are left out,
	// those that are done first.
	Steps      []Step  `json:"steps"`
	Tables     []Table `json:"tables"`
	MoreTables int     `json:"moreTables"`
	// Problems are what failed or needs a person.
	Problems []string `json:"problems"`
	// Next are the commands to type.
	Next []string `json:"next"`
	// Again counts the reminders of one condition.
	Again int `json:"again"`
	// Folded counts the earlier messages about the group that this one stands for at
	// this target, because there were too many; Dropped those of any group that found
	// no room since the last delivery.
	Folded  int `json:"folded"`
	Dropped int `json:"dropped"`
}

// Transition is a change of the active member.
type Transition struct {
	Epoch   uint64               `json:"epoch"`
	From    appliance.MemberName `json:"from"`
	To      appliance.MemberName `json:"to"`
	Reason  string               `json:"reason"`
	Because string               `json:"because"`
	At      time.Time            `json:"at"`
	// By names the person who ordered it; empty for an automatic one.
	By string `json:"by,omitzero"`
}

// Member is what is known of a member.
type Member struct {
	Name    appliance.MemberName `json:"name"`
	Verdict appliance.Verdict    `json:"verdict"`
	Since   time.Time            `json:"since,omitzero"`
}

// Step is one line of a time line.
type Step struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
}

// Table is a route table that was to be written.
type Table struct {
	ID     appliance.ResourceID `json:"id"`
	Routes int                  `json:"routes"`
	// Done is when a read showed the wanted routes; zero if none did.
	Done time.Time `json:"done,omitzero"`
	// Error says why it is not known to be done.
	Error string `json:"error,omitzero"`
}

// bounds of a message: what it stands in has some too.
const (
	messageVersion = 1
	mostTables     = 40
	mostSteps      = 20
	mostProblems   = 10
	mostProblem    = 500 // bytes
)

// Wanted reports whether a target gets this message that wants a least severity.
func (m Message) Wanted(least Severity) bool {
	return m.Severity >= least || m.Ends >= least && m.Ends > Info
}
