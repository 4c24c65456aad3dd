package events

import (
	"encoding/json"
	"net/http"
	"strings"
)

// problem is an error as RFC 9457 has it. The detail repeats nothing that was sent.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

func (p problem) write(w http.ResponseWriter) {
	p.Title = strings.ToLower(http.StatusText(p.Status))
	write(w, p.Status, "application/problem+json", p)
}

// write answers with v, which must be of strings and numbers. No cache may keep it.
func write(w http.ResponseWriter, status int, contentType string, v any) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // such a v can be encoded, and the reader may have gone
}
