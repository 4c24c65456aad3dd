package peering

import (
	"time"

	"hopguard/internal/appliance"
)

// Stage is how far a pair has come.
type Stage string

// The stages.
const (
	// StageAccepted: Azure answered a write with success.
	StageAccepted Stage = "accepted"
	// StageSettled: the half that was written is settled, or gone.
	StageSettled Stage = "settled"
	// StageReadBack: a read of both halves shows what is wanted.
	StageReadBack Stage = "read back"
	// StageRetry: Azure refused for now; the write is tried again.
	StageRetry Stage = "retry"
	// StageFailed: the pair is given up in this run.
	StageFailed Stage = "failed"
)

// Progress reports one stage of one pair.
type Progress struct {
	Spoke appliance.ResourceID `json:"spoke"`
	Hub   appliance.ResourceID `json:"hub"`
	Stage Stage                `json:"stage"`
	At    time.Time            `json:"at"`
	// Side and Op are those of the write; empty if the stage is of the whole pair.
	Side Side `json:"side,omitzero"`
	Op   Op   `json:"op,omitzero"`
	// Note is for a person: why it is tried again, or what failed.
	Note string `json:"note,omitzero"`
}

// Outcome is what became of one pair.
type Outcome struct {
	Spoke, Hub appliance.ResourceID
	// Planned are the steps that the plan had, Made those that were accepted.
	Planned, Made []Step
	// Started is when the first attempt began. ReadBack is when both halves were read
	// as wanted; zero if they were not.
	Started, ReadBack time.Time
	// Writes counts the requests that change something, also the refused ones.
	Writes int
	// Gone says why there is nothing left to do: the network was deleted, or is not
	// selected any more.
	Gone string
	// Problem is what stands in the way, if that was found; Err says the same.
	Problem *Problem
	// Err is why the pair is not known to be as wanted; nil only after ReadBack, or if
	// Gone says something.
	Err error
}

// Done reports whether a read-back showed the pair as wanted.
func (o Outcome) Done() bool { return o.Err == nil && !o.ReadBack.IsZero() }
