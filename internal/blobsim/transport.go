package blobsim

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"syscall"
)

// ServeHTTP answers a client over a network.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Header.Set("Content-Length", strconv.FormatInt(max(r.ContentLength, 0), 10))
	rep, err := s.serve(r.Context(), r, "")
	if err != nil {
		panic(http.ErrAbortHandler) // breaks the connection
	}
	maps.Copy(w.Header(), rep.header)
	w.WriteHeader(rep.status)
	_, _ = w.Write(rep.body) // a client that has gone needs no answer
}

// Transport answers a client in memory, whatever host it asks for: it is safe in a
// testing/synctest bubble, where a real connection is not. The name tells clients
// apart in a Call.
func (s *Sim) Transport(client string) http.RoundTripper { return transport{s, client} }

type transport struct {
	sim    *Sim
	client string
}

// RoundTrip implements [http.RoundTripper].
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	r := req.Clone(req.Context())
	r.Header = http.Header{} // a connection would bring the names in this form
	for name, values := range req.Header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	// A transport sets what the header does not have.
	r.Header.Set("Content-Length", strconv.FormatInt(max(req.ContentLength, 0), 10))
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	rep, err := t.sim.serve(req.Context(), r, t.client)
	_ = r.Body.Close() // it has been read
	if ended := req.Context().Err(); ended != nil {
		return nil, ended
	}
	if errors.Is(err, errBroken) {
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{
		Status: strconv.Itoa(rep.status) + " " + http.StatusText(rep.status), StatusCode: rep.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: rep.header, Request: req,
		Body: io.NopCloser(bytes.NewReader(rep.body)), ContentLength: int64(len(rep.body)),
	}, nil
}
