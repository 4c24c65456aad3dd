package blobsim

import "time"

// Op is an operation of the service.
type Op string

// The operations.
const (
	OpPutBlob         Op = "put-blob"
	OpGetBlob         Op = "get-blob"
	OpHeadBlob        Op = "head-blob"
	OpDeleteBlob      Op = "delete-blob"
	OpSetMetadata     Op = "set-metadata"
	OpAcquireLease    Op = "acquire-lease"
	OpRenewLease      Op = "renew-lease"
	OpChangeLease     Op = "change-lease"
	OpReleaseLease    Op = "release-lease"
	OpBreakLease      Op = "break-lease"
	OpCreateContainer Op = "create-container"
	OpDeleteContainer Op = "delete-container"
	OpHeadContainer   Op = "head-container"
	OpListBlobs       Op = "list-blobs"
	opUnknown         Op = "unknown"
)

// Call is one request, as a fault may look at it.
type Call struct {
	// Number counts the calls, from 1; Nth those of the same operation.
	Number, Nth int
	// Client is the name that was given to Transport; empty over a network.
	Client    string
	Op        Op
	Container string
	Blob      string
	At        time.Time // by the service's clock
}

// Kind is what goes wrong with a call.
type Kind int

// The kinds of trouble.
const (
	// None: the call is carried out and answered.
	None Kind = iota
	// Refuse: answered with Status and Code, and not carried out.
	Refuse
	// Reset: the connection breaks before anything is carried out.
	Reset
	// Hang: never answered, and not carried out.
	Hang
	// Slow: carried out after Delay; if the client has gone by then, not at all.
	Slow
	// SlowAnswer: carried out at once, answered after Delay.
	SlowAnswer
	// LoseAnswer: carried out, and then the connection breaks.
	LoseAnswer
	// HangAnswer: carried out, and never answered.
	HangAnswer
	// Late: never answered; carried out after Delay, whether the client waits or not.
	// It was on its way all the time.
	Late
	// FailAfter: carried out, and answered with Status and Code all the same.
	FailAfter
)

// Fault is what happens to one call.
type Fault struct {
	Kind  Kind
	Delay time.Duration
	// Status and Code are those of Refuse and FailAfter.
	Status int
	Code   string
	// RetryAfter is sent with a refusal, in seconds.
	RetryAfter time.Duration
}

// late is a request that is still on its way.
type late struct {
	due time.Time
	do  func()
}

// arrive carries out what was on its way and is due. The caller holds the Sim.
func (s *Sim) arrive() {
	now := s.now()
	for {
		first := -1
		for i, l := range s.late {
			if !l.due.After(now) && (first < 0 || l.due.Before(s.late[first].due)) {
				first = i
			}
		}
		if first < 0 {
			return
		}
		do := s.late[first].do
		s.late = append(s.late[:first], s.late[first+1:]...)
		do()
	}
}
