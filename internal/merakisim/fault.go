package merakisim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// FaultKind names what goes wrong.
type FaultKind string

// The kinds of fault.
const (
	FaultUnauthorized  FaultKind = "401"       // the key is not accepted
	FaultForbidden     FaultKind = "403"       // the key has no right
	FaultNotFound      FaultKind = "404"       // hidden
	FaultThrottled     FaultKind = "429"       // of the organization; Params retryAfter (1)
	FaultThrottledBare FaultKind = "429-bare"  // of the front: no Retry-After, no JSON
	Fault500           FaultKind = "500"       // with errors
	Fault502           FaultKind = "502"       // a page of the front
	Fault503           FaultKind = "503"       // with errors
	Fault504           FaultKind = "504"       // a page of the front
	FaultGarbage       FaultKind = "garbage"   // 200 with a page
	FaultTruncated     FaultKind = "truncated" // 200 with half of the JSON
	FaultEmpty         FaultKind = "empty"     // 200 with an empty list
	FaultQuirks        FaultKind = "quirks"    // numbers as strings, nulls, missing and unknown members
	FaultSlow          FaultKind = "slow"      // the answer comes late; Params delay (10s)
	FaultSlowBody      FaultKind = "slow-body" // the body comes in pieces; Params delay between them (1s)
	FaultHang          FaultKind = "hang"      // no answer until the client gives up
	FaultReset         FaultKind = "reset"     // the connection is reset; with Params applied=true after the work
	FaultRedirect      FaultKind = "redirect"  // to Params to (https://n143.meraki.com), Params status (302); that host answers
)

func kinds() []FaultKind {
	return []FaultKind{
		FaultUnauthorized, FaultForbidden, FaultNotFound, FaultThrottled, FaultThrottledBare, Fault500, Fault502, Fault503,
		Fault504, FaultGarbage, FaultTruncated, FaultEmpty, FaultQuirks, FaultSlow, FaultSlowBody, FaultHang, FaultReset, FaultRedirect,
	}
}

// Fault makes requests fail. Method and Path select them; empty selects everything.
type Fault struct {
	Kind   FaultKind `json:"kind"`
	Method string    `json:"method"`
	// Path is a regular expression that is looked for in the URL path.
	Path string `json:"path"`
	// Probability of each selected request to fail; 0 is certainty.
	Probability float64 `json:"probability"`
	// Count is how many requests fail before the fault is spent; 0 is without end.
	Count int `json:"count"`
	// After is how many selected requests pass first.
	After int `json:"after"`
	// Duration is how long the fault is active; 0 is without end. In JSON it is a text
	// such as "30s".
	Duration time.Duration `json:"-"`
	// Params refine the kind.
	Params map[string]string `json:"params"`
}

// UnmarshalJSON reads a fault whose duration is a text such as "30s"; an unknown member
// is an error.
func (f *Fault) UnmarshalJSON(data []byte) error {
	type plain Fault
	in := struct {
		*plain
		Duration string `json:"duration"`
	}{plain: (*plain)(f)}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return fmt.Errorf("fault: %w", err)
	}
	if in.Duration == "" {
		return nil
	}
	var err error
	if f.Duration, err = time.ParseDuration(in.Duration); err != nil {
		return fmt.Errorf("fault: duration: %w", err)
	}
	return nil
}

// injected is a fault and what became of it.
type injected struct {
	Fault
	path  *regexp.Regexp
	since time.Time
	past  int // selected requests
	hit   int // of them, those that failed
}

// Inject adds a fault. The first one that takes a request wins.
func (s *Sim) Inject(f Fault) error {
	known := false
	for _, k := range kinds() {
		known = known || k == f.Kind
	}
	if !known {
		return fmt.Errorf("fault %q: want one of %v", f.Kind, kinds())
	}
	if f.Probability < 0 || f.Probability > 1 {
		return fmt.Errorf("fault %q: probability %v: want 0 to 1", f.Kind, f.Probability)
	}
	path, err := regexp.Compile(f.Path)
	if err != nil {
		return fmt.Errorf("fault %q: path: %w", f.Kind, err)
	}
	for _, name := range []string{"delay", "retryAfter", "status"} {
		if err := checkParam(f, name); err != nil {
			return fmt.Errorf("fault %q: %s: %w", f.Kind, name, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &injected{Fault: f, path: path, since: time.Now()})
	return nil
}

func checkParam(f Fault, name string) error {
	text, ok := f.Params[name]
	if !ok {
		return nil
	}
	if name == "delay" {
		_, err := time.ParseDuration(text)
		return err
	}
	_, err := strconv.Atoi(text)
	return err
}

// Heal removes all faults.
func (s *Sim) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// match finds the fault that takes a request.
func (s *Sim) match(r *http.Request, t time.Time) *injected {
	for _, f := range s.faults {
		switch {
		case f.Method != "" && f.Method != r.Method, !f.path.MatchString(r.URL.Path),
			f.Duration > 0 && t.Sub(f.since) >= f.Duration, f.Count > 0 && f.hit >= f.Count,
			f.Kind == FaultRedirect && f.to() == origin(r):
			continue
		}
		f.past++
		if f.past <= f.After || f.Probability > 0 && s.faultRNG.Float64() >= f.Probability {
			continue
		}
		f.hit++
		return f
	}
	return nil
}

func (f *injected) to() string { return f.param("to", "https://n143.meraki.com") }

func (f *injected) param(name, otherwise string) string {
	if v, ok := f.Params[name]; ok {
		return v
	}
	return otherwise
}

func (f *injected) number(name string, otherwise int) int {
	n, err := strconv.Atoi(f.param(name, ""))
	if err != nil {
		return otherwise
	}
	return n
}

func (f *injected) duration(name string, otherwise time.Duration) time.Duration {
	d, err := time.ParseDuration(f.param(name, ""))
	if err != nil {
		return otherwise
	}
	return d
}

// before returns the answer of a fault that keeps the request from its work, or nil.
func (f *injected) before(r *http.Request) *reply {
	switch f.Kind {
	case FaultUnauthorized:
		return unauthorized()
	case FaultForbidden:
		return forbidden()
	case FaultNotFound:
		return notFound()
	case FaultThrottled:
		return throttled(f.number("retryAfter", 1))
	case FaultThrottledBare:
		return frontThrottled()
	case Fault500, Fault503:
		status, _ := strconv.Atoi(string(f.Kind))
		return problem(status, "Internal error")
	case Fault502, Fault504:
		status, _ := strconv.Atoi(string(f.Kind))
		return front(status)
	case FaultGarbage:
		return front(http.StatusOK)
	case FaultEmpty:
		return answer(http.StatusOK, []any{})
	case FaultHang:
		return &reply{hang: true}
	case FaultRedirect:
		rep := front(f.number("status", http.StatusFound))
		rep.header.Set("Location", f.to()+r.URL.RequestURI())
		return rep
	case FaultReset:
		if f.param("applied", "") != "true" {
			return &reply{reset: true}
		}
		return nil
	case FaultTruncated, FaultQuirks, FaultSlow, FaultSlowBody:
		return nil
	default:
		panic("merakisim: fault " + string(f.Kind))
	}
}

// after changes the answer of a request that was worked on.
func (f *injected) after(s *Sim, rep *reply) {
	switch f.Kind {
	case FaultTruncated:
		rep.body = rep.body[:len(rep.body)/2]
	case FaultQuirks:
		rep.body = s.quirk(rep.body)
	case FaultSlow:
		rep.late = f.duration("delay", 10*time.Second)
	case FaultSlowBody:
		rep.pieces = f.duration("delay", time.Second)
	case FaultReset:
		rep.reset = true
	case FaultUnauthorized, FaultForbidden, FaultNotFound, FaultThrottled, FaultThrottledBare, Fault500, Fault502, Fault503, Fault504,
		FaultGarbage, FaultEmpty, FaultHang, FaultRedirect:
		panic("merakisim: fault " + string(f.Kind) + " lets no request through")
	default:
		panic("merakisim: fault " + string(f.Kind))
	}
}
