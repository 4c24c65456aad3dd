package merakisim

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	// prefix is where the API begins.
	prefix = "/api/v1/"
	// maxBody is the largest body of a request that is read.
	maxBody = 1 << 20
	// callLog is how many calls are remembered.
	callLog = 100_000
)

// request is one request and what is known of it.
type request struct {
	http   *http.Request
	now    time.Time
	source string // the address that it comes from
	query  url.Values
	body   []byte
	key    *principal
}

// Call is one request that was made, without its key.
type Call struct {
	At     time.Time  `json:"at"`
	Method string     `json:"method"`
	Host   string     `json:"host"`
	Path   string     `json:"path"`
	Query  url.Values `json:"query,omitempty"`
	// Status of the answer; 0 if none was sent.
	Status int       `json:"status"`
	Fault  FaultKind `json:"fault,omitempty"`
	// Authorized says that the request came with a key that is known.
	Authorized bool   `json:"authorized"`
	UserAgent  string `json:"userAgent,omitempty"`
}

// Calls returns what was asked, in order.
func (s *Sim) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// serve answers one request. It holds the lock only while it works.
func (s *Sim) serve(r *http.Request) *reply {
	if isControl(r.URL.Path) {
		return s.control(r)
	}
	ctx := r.Context()
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if sleep(ctx, s.profile.Latency) != nil {
		return &reply{hang: true}
	}
	rep := s.work(r, body, err)
	if rep.hang {
		<-ctx.Done()
		return rep
	}
	if rep.late > 0 && sleep(ctx, rep.late) != nil {
		return &reply{hang: true}
	}
	return rep
}

// work is serve without its waits.
func (s *Sim) work(r *http.Request, body []byte, bodyErr error) *reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	source, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		source = r.RemoteAddr
	}
	rq := &request{http: r, now: time.Now(), source: source, query: r.URL.Query(), body: body}
	rq.key = s.keys[credential(r.Header).fingerprint()]
	call := Call{
		At: rq.now, Method: r.Method, Host: r.Host, Path: r.URL.Path, Query: rq.query,
		Authorized: rq.key != nil, UserAgent: r.UserAgent(),
	}
	f := s.match(r, rq.now)
	var rep *reply
	if f != nil {
		call.Fault = f.Kind
		rep = f.before(r)
	}
	switch {
	case rep != nil:
	case bodyErr != nil:
		rep = problem(http.StatusRequestEntityTooLarge, "The body is too large")
	default:
		rep = s.api(rq)
		if f != nil {
			f.after(s, rep)
		}
	}
	if rep.header == nil {
		rep.header = http.Header{}
	}
	rep.header.Set("X-Request-Id", fmt.Sprintf("%016x%016x", s.rng.Uint64(), s.rng.Uint64()))
	if !rep.reset && !rep.hang {
		call.Status = rep.status
	}
	if len(s.calls) == callLog {
		s.calls = slices.Delete(s.calls, 0, callLog/10)
	}
	s.calls = append(s.calls, call)
	s.log.DebugContext(r.Context(), "request", "method", r.Method, "path", r.URL.Path, "status", call.Status)
	return rep
}

// credential reads the key from either header of page Authorization.
func credential(h http.Header) Secret {
	if scheme, key, ok := strings.Cut(h.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return Secret(strings.TrimSpace(key))
	}
	return Secret(h.Get("X-Cisco-Meraki-API-Key"))
}

// api takes a request to its operation: front, key, path, limits.
func (s *Sim) api(rq *request) *reply {
	if rep := s.throttleSource(rq); rep != nil {
		return rep
	}
	if rq.key == nil {
		return unauthorized()
	}
	path, ok := strings.CutPrefix(rq.http.URL.EscapedPath(), prefix)
	if !ok {
		return notFound()
	}
	parts := strings.Split(path, "/")
	for i := range parts {
		p, err := url.PathUnescape(parts[i])
		if err != nil {
			return notFound()
		}
		parts[i] = p
	}
	switch {
	case len(parts) > 2 && parts[0] == "organizations":
		return s.organizationAPI(rq, parts[1], strings.Join(parts[2:], "/"))
	case len(parts) > 3 && parts[0] == "devices" && parts[2] == "liveTools":
		return s.deviceAPI(rq, parts[1], parts[3], parts[4:])
	default:
		return notFound()
	}
}

func (s *Sim) organizationAPI(rq *request, id, rest string) *reply {
	o := s.organizations[id]
	if o == nil || !slices.Contains(rq.key.organizations, id) {
		return notFound() // hidden and missing look the same
	}
	if rep := s.throttleOrganization(rq, o); rep != nil {
		return rep
	}
	l, ok := lists()[rest]
	switch {
	case !ok:
		return notFound()
	case rq.http.Method != http.MethodGet:
		return problem(http.StatusMethodNotAllowed, "Method not allowed") // [U]
	default:
		return s.list(rq, o, l)
	}
}

func (s *Sim) deviceAPI(rq *request, serial, tool string, rest []string) *reply {
	d := s.devices[serial]
	if d == nil || !slices.Contains(rq.key.organizations, d.network.org.id) {
		return notFound()
	}
	if rep := s.throttleOrganization(rq, d.network.org); rep != nil {
		return rep
	}
	switch {
	case tool != toolPing && tool != toolPingDevice:
		return notFound()
	case len(rest) == 0 && rq.http.Method == http.MethodPost:
		return s.orderPing(rq, d, tool)
	case len(rest) == 1 && rq.http.Method == http.MethodGet:
		return s.readPing(rq, d, tool, rest[0])
	case len(rest) < 2:
		return problem(http.StatusMethodNotAllowed, "Method not allowed") // [U]
	default:
		return notFound()
	}
}

// sleep waits in a way that a client which gives up ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
