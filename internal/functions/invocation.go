package functions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// Invocation is one call of a function that has no HTTP trigger.
type Invocation struct {
	// Data are the values of the input bindings by their names, and Metadata those that
	// the trigger adds, as the host encodes them: see Text.
	Data, Metadata map[string]json.RawMessage
}

// parse reads an envelope: one JSON object.
func parse(body []byte) (*Invocation, error) {
	var in *Invocation
	dec := json.NewDecoder(bytes.NewReader(body))
	if err := dec.Decode(&in); err != nil {
		return nil, fmt.Errorf("the envelope is malformed: %w", err)
	}
	if in == nil {
		return nil, errors.New("the envelope is malformed: it is null")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the envelope is malformed: something follows it")
	}
	return in, nil
}

// Text returns the text that is bound to a name. The host writes a text as JSON into a
// JSON string, some of its versions only once, and a JSON message now and then as it
// is.
func (in *Invocation) Text(name string) (string, error) {
	raw, ok := in.Data[name]
	if !ok || string(raw) == "null" {
		return "", fmt.Errorf("the envelope has no %q", name)
	}
	once, quoted := unquote(raw)
	if !quoted {
		return string(raw), nil
	}
	if twice, quoted := unquote([]byte(once)); quoted {
		return twice, nil
	}
	return once, nil
}

// unquote decodes a JSON string.
func unquote(raw []byte) (string, bool) {
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return "", false
	}
	return *s, true
}

// Number returns a number of Metadata, which the host writes into a string; 0 if
// there is none.
func (in *Invocation) Number(name string) int {
	raw := in.Metadata[name]
	if s, quoted := unquote(raw); quoted {
		raw = []byte(s)
	}
	n, err := strconv.Atoi(string(raw))
	if err != nil {
		return 0
	}
	return n
}

// Timer is the value of a timer trigger.
type Timer struct {
	// IsPastDue says that the invocation is late. The host only knows for a schedule
	// that it monitors: one that fires less often than once a minute.
	IsPastDue bool
	// ScheduleStatus is nil for a schedule that is not monitored.
	ScheduleStatus *ScheduleStatus
}

// ScheduleStatus is what the host remembers of a timer.
type ScheduleStatus struct {
	Last, Next, LastUpdated time.Time
}

// Timer returns the value of a timer trigger.
func (in *Invocation) Timer(name string) (Timer, error) {
	text, err := in.Text(name)
	if err != nil {
		return Timer{}, err
	}
	var t *Timer
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		return Timer{}, fmt.Errorf("the timer %q is malformed: %w", name, err)
	}
	if t == nil {
		return Timer{}, fmt.Errorf("the timer %q is malformed: it is null", name)
	}
	return *t, nil
}
