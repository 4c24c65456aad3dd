package blobsim

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The longest body that is read; records are much smaller.
const maxBody = 4 << 20

// errBroken says that the connection breaks instead of an answer.
var errBroken = errors.New("connection reset by peer")

// request is a request that was understood.
type request struct {
	call   Call
	method string
	header http.Header
	query  url.Values
	// signed is the path as it is signed.
	signed string
	body   []byte
}

// parse reads a request. Names may be in the host (Azure) or in the path (Azurite).
func (s *Sim) parse(r *http.Request, client string) (*request, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return nil, err
	}
	req := &request{method: r.Method, header: r.Header, query: r.URL.Query(), signed: r.URL.EscapedPath(), body: body}
	path := strings.TrimPrefix(r.URL.Path, "/")
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	if !strings.HasPrefix(host, s.options.Account+".") {
		path = strings.TrimPrefix(path, s.options.Account+"/")
	}
	req.call.Client = client
	req.call.Container, req.call.Blob, _ = strings.Cut(path, "/")
	req.call.Op = req.op()
	return req, nil
}

// op names the operation.
func (r *request) op() Op {
	comp, restype := r.query.Get("comp"), r.query.Get("restype")
	if r.call.Blob == "" {
		ops := map[string]Op{
			"PUT container ": OpCreateContainer, "DELETE container ": OpDeleteContainer,
			"GET container ": OpHeadContainer, "HEAD container ": OpHeadContainer, "GET container list": OpListBlobs,
		}
		if op, ok := ops[r.method+" "+restype+" "+comp]; ok {
			return op
		}
		return opUnknown
	}
	ops := map[string]Op{
		"PUT ": OpPutBlob, "GET ": OpGetBlob, "HEAD ": OpHeadBlob, "DELETE ": OpDeleteBlob, "PUT metadata": OpSetMetadata,
	}
	if comp == "lease" && r.method == http.MethodPut {
		ops = map[string]Op{
			"PUT acquire": OpAcquireLease, "PUT renew": OpRenewLease, "PUT change": OpChangeLease,
			"PUT release": OpReleaseLease, "PUT break": OpBreakLease,
		}
		comp = strings.ToLower(r.header.Get("x-ms-lease-action"))
	}
	if op, ok := ops[r.method+" "+comp]; ok {
		return op
	}
	return opUnknown
}

// serve answers a request, or returns errBroken or the reason why ctx ended.
func (s *Sim) serve(ctx context.Context, r *http.Request, client string) (*reply, error) {
	req, err := s.parse(r, client)
	if err != nil {
		return nil, err
	}
	f := s.begin(req)
	switch f.Kind {
	case None:
		return s.finish(req), nil
	case Refuse:
		return s.refuse(req, f), nil
	case Reset:
		return nil, errBroken
	case Hang:
		return nil, forever(ctx)
	case Slow:
		if err := sleep(ctx, f.Delay); err != nil {
			return nil, err
		}
		return s.finish(req), nil
	case SlowAnswer:
		rep := s.finish(req)
		return rep, sleep(ctx, f.Delay)
	case LoseAnswer:
		s.finish(req)
		return nil, errBroken
	case HangAnswer:
		s.finish(req)
		return nil, forever(ctx)
	case Late:
		s.postpone(req, f.Delay)
		return nil, forever(ctx)
	case FailAfter:
		s.finish(req)
		return s.refuse(req, f), nil
	default:
		panic("blobsim: fault " + strconv.Itoa(int(f.Kind)))
	}
}

// begin counts a call and asks what goes wrong with it.
func (s *Sim) begin(req *request) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &req.call
	s.nth[c.Op]++
	c.Number, c.Nth, c.At = len(s.calls)+1, s.nth[c.Op], s.now()
	s.calls = append(s.calls, *c)
	if s.fault == nil {
		return Fault{}
	}
	return s.fault(*c)
}

// finish carries a call out.
func (s *Sim) finish(req *request) *reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrive()
	return s.complete(req, s.carryOut(req))
}

func (s *Sim) refuse(req *request, f Fault) *reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	rep := failure(f.Status, f.Code)
	if f.RetryAfter > 0 {
		rep.header.Set("Retry-After", strconv.Itoa(int(f.RetryAfter/time.Second)))
	}
	return s.complete(req, rep)
}

func (s *Sim) postpone(req *request, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.late = append(s.late, late{due: s.now().Add(d), do: func() { s.carryOut(req) }})
}

// carryOut does what a request asks for. The caller holds the Sim.
func (s *Sim) carryOut(req *request) *reply {
	if rep := s.authorize(req); rep != nil {
		return rep
	}
	if rep := req.unknown(); rep != nil {
		return rep
	}
	if req.call.Op == OpCreateContainer {
		return s.createContainer(req)
	}
	c := s.containers[req.call.Container]
	switch {
	case c == nil:
		return failure(http.StatusNotFound, "ContainerNotFound")
	case req.call.Blob == "":
		return s.onContainer(req, c)
	default:
		return s.onBlob(req, c)
	}
}

// unknown refuses what this stand-in does not do, so that nobody takes silence for
// consent.
func (r *request) unknown() *reply {
	if r.call.Op == opUnknown {
		return failure(http.StatusNotImplemented, "OperationNotInStandIn")
	}
	for name := range r.header {
		switch http.CanonicalHeaderKey(name) {
		case "If-Modified-Since", "If-Unmodified-Since", "X-Ms-If-Tags", "Range", "X-Ms-Range", "X-Ms-Tags", "X-Ms-Copy-Source", "X-Ms-Encryption-Key":
			return failure(http.StatusNotImplemented, "HeaderNotInStandIn")
		}
	}
	return nil
}

// forever waits until ctx ends.
func forever(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
