package azuresim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"syscall"
)

// ServeHTTP serves ARM, the token endpoints, the cloud's metadata and, under /_sim/, the control API. Managed identity is not
// served here: it is plain HTTP on another address (see IdentityHandler).
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isControl(r.URL.Path) {
		s.control.ServeHTTP(w, r)
		return
	}
	s.write(w, r, s.serve(r))
}

// IdentityHandler serves the managed-identity endpoints: /msi/token (and /token) as App Service does, in the forms of
// api-version 2019-08-01 (X-IDENTITY-HEADER) and 2017-09-01 (secret) or, for a POST, as Cloud Shell does; and /metadata/identity/oauth2/token as a machine's metadata service.
func (s *Sim) IdentityHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isIdentity(r.URL.Path) {
			http.NotFound(w, r)
			return
		}
		s.write(w, r, s.identity(r))
	})
}

// write sends an answer, or breaks the connection as the answer says.
func (s *Sim) write(w http.ResponseWriter, r *http.Request, rep *reply) {
	switch rep.abort {
	case abortReset:
		panic(http.ErrAbortHandler)
	case abortSilence:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	default:
	}
	maps.Copy(w.Header(), rep.header)
	w.Header().Set("Content-Length", strconv.Itoa(len(rep.body)))
	w.WriteHeader(rep.status)
	if r.Method == http.MethodHead {
		return
	}
	body := io.Reader(bytes.NewReader(rep.body))
	if rep.pieces > 0 {
		body = slowly(r.Context(), rep)
		w = flushing{w}
	}
	_, _ = io.Copy(w, body) // a client that has gone is its own business
}

// flushing sends each piece at once.
type flushing struct{ http.ResponseWriter }

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.ResponseWriter.Write(p)
	if fl, ok := f.ResponseWriter.(http.Flusher); ok {
		fl.Flush()
	}
	return n, err
}

// slowBody gives a body in ten pieces with a pause before each.
type slowBody struct {
	rest  []byte
	pause func() error // waits as long as the client does
	piece int          // the size of a piece, once it is known
	left  int          // of the present piece
}

// slowly makes the body of an answer that comes in pieces.
func slowly(ctx context.Context, rep *reply) *slowBody {
	return &slowBody{rest: rep.body, pause: func() error { return sleep(ctx, rep.pieces) }}
}

// Read waits when a piece has been read, then gives the next.
func (b *slowBody) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		return 0, io.EOF
	}
	if b.piece == 0 {
		b.piece = (len(b.rest) + 9) / 10
	}
	if b.left == 0 {
		if err := b.pause(); err != nil {
			return 0, err
		}
		b.left = min(b.piece, len(b.rest))
	}
	n := copy(p, b.rest[:b.left])
	b.rest, b.left = b.rest[n:], b.left-n
	return n, nil
}

// Close does nothing; there is nothing behind the body.
func (b *slowBody) Close() error { return nil }

// Transport carries requests to the simulator in memory: no socket, no goroutine, so it works in a synctest bubble. https URLs reach
// ARM, the token endpoints and /_sim/ under any host name; http URLs reach the managed-identity endpoints, and anything else at
// http is refused, as nobody listens there.
func (s *Sim) Transport() http.RoundTripper { return transport{s} }

type transport struct{ s *Sim }

// RoundTrip serves one request.
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if req.Body != nil {
		defer func() { _ = req.Body.Close() }() // reading it has told its errors
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	in := req.Clone(ctx)
	if req.Body == nil {
		in.Body = http.NoBody
	}
	if in.Host == "" {
		in.Host = req.URL.Host
	}
	if in.Host == "" {
		in.Host = t.s.opts.Host
	}
	in.RequestURI, in.Proto, in.ProtoMajor, in.ProtoMinor = req.URL.RequestURI(), "HTTP/1.1", 1, 1
	switch {
	case req.URL.Scheme == "http" && isIdentity(req.URL.Path):
		return t.response(req, t.s.identity(in))
	case req.URL.Scheme == "http":
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: dialAddr{"tcp", in.Host}, Err: syscall.ECONNREFUSED}
	case req.URL.Scheme != "https":
		return nil, fmt.Errorf("azuresim: unsupported scheme %q", req.URL.Scheme)
	case isControl(req.URL.Path):
		w := &recorder{header: http.Header{}, status: http.StatusOK}
		t.s.control.ServeHTTP(w, in)
		return t.response(req, &reply{status: w.status, header: w.header, body: w.body.Bytes()})
	default:
		return t.response(req, t.s.serve(in))
	}
}

// response makes what a client sees of an answer.
func (t transport) response(req *http.Request, rep *reply) (*http.Response, error) {
	switch rep.abort {
	case abortReset:
		return nil, &net.OpError{Op: "read", Net: "tcp", Addr: dialAddr{"tcp", req.URL.Host}, Err: syscall.ECONNRESET}
	case abortSilence:
		<-req.Context().Done()
		return nil, req.Context().Err()
	default:
	}
	canonical := http.Header{}
	for name, values := range rep.header {
		canonical[http.CanonicalHeaderKey(name)] = values
	}
	canonical.Set("Content-Length", strconv.Itoa(len(rep.body)))
	res := &http.Response{
		Status: strconv.Itoa(rep.status) + " " + http.StatusText(rep.status), StatusCode: rep.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: canonical, ContentLength: int64(len(rep.body)), Request: req, Body: io.NopCloser(bytes.NewReader(rep.body)),
	}
	switch {
	case req.Method == http.MethodHead:
		res.Body = http.NoBody
	case rep.pieces > 0:
		res.Body = slowly(req.Context(), rep)
	}
	return res, nil
}

// recorder keeps the answer of the control API.
type recorder struct {
	header http.Header
	body   bytes.Buffer
	status int
}

// Header, Write and WriteHeader are http.ResponseWriter.
func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) Write(p []byte) (int, error) { return w.body.Write(p) }
func (w *recorder) WriteHeader(status int)      { w.status = status }
