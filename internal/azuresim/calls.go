package azuresim

import (
	"slices"
	"strings"
	"time"
)

// Call is one request that was served.
type Call struct {
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	// Query is the raw query, without the signature of an operation's URL.
	Query string `json:"query,omitempty"`
	// Status is 0 when no answer was given (reset, timeout).
	Status int `json:"status"`
	// Principal is the caller's name in the world.
	Principal string `json:"principal,omitempty"`
	// IfMatch is the request's If-Match header.
	IfMatch string `json:"ifMatch,omitempty"`
	// Body is the request's body, for PUT and PATCH to ARM only: bodies to token endpoints hold secrets. Those of deployments may, too,
	// and are left out.
	Body []byte `json:"body,omitempty"`
	// Action is the permission that the request needed.
	Action string `json:"action,omitempty"`
	// Fault is the fault that took the request.
	Fault FaultKind `json:"fault,omitempty"`
}

// logCall remembers a call; the caller fills in the rest.
func (s *Sim) logCall(rq *request) *Call {
	c := &Call{Time: rq.now, Method: rq.http.Method, Path: rq.http.URL.Path, Query: rq.http.URL.RawQuery, IfMatch: rq.http.Header.Get("If-Match")}
	if rq.query.Has("s") && rq.query.Has("h") {
		c.Query = "api-version=" + rq.apiVersion
	}
	if (c.Method == "PUT" || c.Method == "PATCH") && !isAuthority(c.Path) && !strings.Contains(lower(c.Path), lower("/"+typeDeployment+"/")) {
		c.Body = rq.body
	}
	if len(s.calls) >= s.opts.CallLog {
		s.calls = slices.Delete(s.calls, 0, len(s.calls)/2+1)
	}
	s.calls = append(s.calls, c)
	return c
}

// Calls gives the calls so far, the oldest first. Calls of the control API are not among them.
func (s *Sim) Calls() []Call {
	s.enter()
	defer s.mu.Unlock()
	list := make([]Call, len(s.calls))
	for i, c := range s.calls {
		list[i] = *c
	}
	return list
}

// ResetCalls forgets the calls so far.
func (s *Sim) ResetCalls() {
	s.enter()
	defer s.mu.Unlock()
	s.calls = nil
}
