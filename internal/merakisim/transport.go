package merakisim

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// bodyPieces is in how many pieces a slow body comes.
const bodyPieces = 4

// ServeHTTP answers a client over a network.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rep := s.serve(r)
	if rep.hang || rep.reset {
		breakOff(w)
	}
	maps.Copy(w.Header(), rep.header)
	if rep.pieces == 0 {
		w.Header().Set("Content-Length", strconv.Itoa(len(rep.body)))
	}
	w.WriteHeader(rep.status)
	for i, piece := range split(rep) {
		if i > 0 && sleep(r.Context(), rep.pieces) != nil {
			panic(http.ErrAbortHandler)
		}
		if _, err := w.Write(piece); err != nil {
			panic(http.ErrAbortHandler)
		}
		_ = http.NewResponseController(w).Flush() // a writer that cannot has no pieces
	}
}

// breakOff ends the connection without an answer, and does not return. A connection
// that lingers for no time is reset.
func breakOff(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset where it can be had
		}
		_ = conn.Close() // there is nobody to tell
	}
	panic(http.ErrAbortHandler)
}

func split(rep *reply) [][]byte {
	if rep.pieces == 0 || len(rep.body) < bodyPieces {
		return [][]byte{rep.body}
	}
	return slices.Collect(slices.Chunk(rep.body, (len(rep.body)+bodyPieces-1)/bodyPieces))
}

// Transport answers a client in memory, whatever host it asks for: it is safe in a
// testing/synctest bubble, where a real connection is not.
func (s *Sim) Transport() http.RoundTripper { return transport{s} }

type transport struct{ sim *Sim }

// RoundTrip implements [http.RoundTripper].
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	r := req.Clone(ctx)
	r.RemoteAddr, r.RequestURI = "192.0.2.1:50000", req.URL.RequestURI()
	if r.Host == "" {
		r.Host = req.URL.Host
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	rep := t.sim.serve(r)
	_ = r.Body.Close() // it has been read
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if rep.reset || rep.hang {
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	resp := &http.Response{
		Status: strconv.Itoa(rep.status) + " " + http.StatusText(rep.status), StatusCode: rep.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: rep.header, Request: req, ContentLength: int64(len(rep.body)),
	}
	resp.Body = io.NopCloser(&slowBody{ctx: ctx, pieces: split(rep), pause: rep.pieces})
	if rep.pieces > 0 {
		resp.ContentLength = -1
	}
	return resp, nil
}

// slowBody gives its pieces one after the other, with a pause between them.
type slowBody struct {
	ctx    context.Context //nolint:containedctx // a body is read under the context of its request
	pieces [][]byte
	pause  time.Duration
	begun  bool
	now    bytes.Reader
}

func (b *slowBody) Read(p []byte) (int, error) {
	for b.now.Len() == 0 {
		if len(b.pieces) == 0 {
			return 0, io.EOF
		}
		if b.begun {
			if err := sleep(b.ctx, b.pause); err != nil {
				return 0, err
			}
		}
		b.begun = true
		b.now.Reset(b.pieces[0])
		b.pieces = b.pieces[1:]
	}
	return b.now.Read(p)
}

// origin is the scheme and the host that a client used.
func origin(r *http.Request) string {
	scheme := "https"
	if r.TLS == nil && r.URL.Scheme != "https" {
		scheme = "http"
	}
	return scheme + "://" + r.Host
}

func sortedKeys(q url.Values) []string { return slices.Sorted(maps.Keys(q)) }
