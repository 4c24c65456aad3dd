package api

import (
	"encoding/json"
	"net/http"
)

// problem is an error as RFC 9457 has it.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	// Groups is an extension of /readyz.
	Groups []readiness `json:"groups,omitempty"`
}

func (p problem) write(w http.ResponseWriter) { write(w, p.Status, "application/problem+json", p) }

// write answers with v as JSON.
func write(w http.ResponseWriter, status int, contentType string, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		status, contentType = http.StatusInternalServerError, "application/problem+json"
		body = []byte(`{"title":"internal error","status":500,"detail":"the answer cannot be encoded"}`)
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	uncached(h)
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the reader may have gone
}

// uncached says that no cache may keep the answer, nor a browser guess what it is.
func uncached(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}
