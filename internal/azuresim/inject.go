package azuresim

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// injected is a fault in force.
type injected struct {
	Fault
	id      int
	path    *regexp.Regexp
	since   time.Time
	matched int
	hits    int
}

// Inject puts a fault in force and gives its number. Faults are tried in the order of their injection; the first that hits wins.
func (s *Sim) Inject(f Fault) (id int, err error) {
	re, err := regexp.Compile("(?i)" + f.Path)
	if err != nil {
		return 0, fmt.Errorf("azuresim: fault path: %w", err)
	}
	known := false
	for _, k := range faultKinds() {
		known = known || k == f.Kind
	}
	switch {
	case !known:
		return 0, fmt.Errorf("azuresim: fault kind %q: want one of %v", f.Kind, faultKinds())
	case f.Probability < 0 || f.Probability > 1:
		return 0, fmt.Errorf("azuresim: fault probability %v: want 0 to 1", f.Probability)
	}
	for _, name := range []string{"delay", "lag"} {
		if text := f.Params[name]; text != "" {
			if _, err := time.ParseDuration(text); err != nil {
				return 0, fmt.Errorf("azuresim: fault parameter %s: %w", name, err)
			}
		}
	}
	if text := f.Params["retryAfter"]; text != "" {
		if _, err := strconv.Atoi(text); err != nil {
			return 0, fmt.Errorf("azuresim: fault parameter retryAfter: %w", err)
		}
	}
	now := s.enter()
	defer s.mu.Unlock()
	s.faultSeq++
	s.faults = append(s.faults, &injected{Fault: f, id: s.faultSeq, path: re, since: now})
	return s.faultSeq, nil
}

func faultKinds() []FaultKind {
	return []FaultKind{
		FaultExpiredToken, FaultForbidden, FaultNotFound, FaultLocked, FaultPrecondition, FaultARM429, FaultNetwork429, FaultCompute429, FaultBusy429,
		Fault500, Fault502, Fault503, Fault504, FaultReset, FaultTimeout, FaultSlowBody, FaultGarbage, FaultFailedPoll, FaultLaggingList,
	}
}

// ClearFaults ends all faults.
func (s *Sim) ClearFaults() {
	s.enter()
	defer s.mu.Unlock()
	s.faults = nil
}

// ClearFault ends one fault; it reports whether it was in force.
func (s *Sim) ClearFault(id int) bool {
	s.enter()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if f.id == id {
			s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
			return true
		}
	}
	return false
}

// match finds the fault that takes this request.
func (s *Sim) match(rq *request) *Fault {
	for _, f := range s.faults {
		if f.Duration > 0 && rq.now.Sub(f.since) >= f.Duration || f.Count > 0 && f.hits >= f.Count || !f.selects(rq) {
			continue
		}
		f.matched++
		if f.matched <= f.After {
			continue
		}
		if f.Probability > 0 && s.faultRNG.Float64() >= f.Probability {
			continue
		}
		f.hits++
		hit := f.Fault
		return &hit
	}
	return nil
}

// selects reports whether the fault is about requests like this one.
func (f *injected) selects(rq *request) bool {
	if f.Method != "" && !strings.EqualFold(f.Method, rq.http.Method) || !f.path.MatchString(rq.http.URL.Path) {
		return false
	}
	t := rq.target
	if f.Type != "" && (t == nil || t.kind == nil || !strings.EqualFold(t.kind.name, f.Type)) {
		return false
	}
	switch f.Kind {
	case FaultFailedPoll:
		return t != nil && t.kind != nil && rq.write()
	case FaultLaggingList:
		return t != nil && (t.coll || t.special == "resources" || t.special == "graph")
	case FaultExpiredToken, FaultForbidden, FaultNotFound, FaultLocked, FaultPrecondition, FaultARM429, FaultNetwork429, FaultCompute429, FaultBusy429:
		return t != nil
	default:
		return true
	}
}

// breaks reports whether the fault takes the place of the whole answer.
func (f *Fault) breaks() bool {
	switch f.Kind {
	case Fault500, Fault502, Fault503, Fault504, FaultReset, FaultTimeout, FaultGarbage:
		return true
	default:
		return false
	}
}

// duration reads a parameter; Inject has checked it.
func (f *Fault) duration(name string, or time.Duration) time.Duration {
	if d, err := time.ParseDuration(f.Params[name]); err == nil {
		return d
	}
	return or
}

// wait reads retryAfter.
func (f *Fault) wait(or time.Duration) time.Duration {
	if n, err := strconv.Atoi(f.Params["retryAfter"]); err == nil {
		return time.Duration(n) * time.Second
	}
	return or
}

// broken is the answer of a fault that takes the place of the whole answer.
func (s *Sim) broken(rq *request, f *Fault) *reply {
	const page = "<!DOCTYPE html><html><head><title>%s</title></head><body><h1>%s</h1></body></html>\r\n"
	html := func(status int, text string) *reply {
		rep := rq.ok(status, fmt.Appendf(nil, page, text, text))
		rep.header.Set("Content-Type", "text/html")
		rep.header.Set("Date", rq.now.UTC().Format(http.TimeFormat))
		return rep
	}
	plain := func(status int, code, message string) *reply {
		rep := rq.provider(status, code, message)
		rep.header.Set("Content-Type", "application/json; charset=utf-8")
		rep.header.Set("Date", rq.now.UTC().Format(http.TimeFormat))
		rep.header.Set("x-ms-request-id", s.guid())
		if _, ok := f.Params["retryAfter"]; ok {
			rep.retryAfter(f.wait(0))
		}
		return rep
	}
	switch f.Kind {
	case Fault500:
		return plain(http.StatusInternalServerError, "InternalServerError", "An error occurred.")
	case Fault502:
		return html(http.StatusBadGateway, "502 Bad Gateway")
	case Fault503:
		return plain(http.StatusServiceUnavailable, "ServiceUnavailable", "The service is temporarily unavailable. Please retry the operation.")
	case Fault504:
		return plain(http.StatusGatewayTimeout, "GatewayTimeout", "The gateway did not receive a response from '"+lower(rq.http.URL.Host)+"' within the specified time period.")
	case FaultReset:
		return &reply{header: http.Header{}, abort: abortReset}
	case FaultTimeout:
		return &reply{header: http.Header{}, abort: abortSilence}
	case FaultGarbage:
		return html(http.StatusOK, "Sign in")
	default:
		panic("azuresim: fault " + string(f.Kind) + " does not break an answer")
	}
}

// refuse is the answer of a fault that ARM or the provider gives after its checks; nil for other faults.
func (s *Sim) refuse(rq *request, f *Fault) *reply {
	t := rq.target
	switch f.Kind {
	case FaultForbidden:
		return rq.forbidden(rq.permission(), t.scope)
	case FaultNotFound:
		if t.kind != nil && t.name != "" && t.kind.name != typeGroup {
			return s.notFound(rq)
		}
		return rq.gateway(http.StatusNotFound, "ResourceNotFound", "The Resource '"+t.id+"' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix")
	case FaultLocked:
		word := "write"
		if rq.http.Method == http.MethodDelete {
			word = "delete"
		}
		return rq.scopeLocked(word, t.scope)
	case FaultPrecondition:
		return rq.preconditionFailed(weakEtag(rq.http.Header.Get("If-Match")), s.newEtag(), t.id)
	case FaultARM429:
		word := "read"
		if rq.write() {
			word = "write"
		}
		return s.armThrottled(rq, word, f.wait(time.Second))
	case FaultNetwork429:
		return networkThrottled(rq, networkWrites, f.wait(windowLength))
	case FaultCompute429:
		return computeThrottled(rq, "HighCostGetSubscriptionMaximum", 900, f.wait(5*time.Second))
	case FaultBusy429:
		return busyReply(rq, "PutRouteTableOperation", s.guid(), t.id, f.wait(11*time.Second))
	default:
		return nil
	}
}
