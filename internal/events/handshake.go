package events

import (
	"net/http"
	"strings"
)

// options answers the handshake of CloudEvents: it gives the sender that asks leave
// to deliver. The sender may name an address to be called instead, which is not done.
func (e *endpoint) options(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Allow", e.allow())
	if refused := e.prove(tokens(r)...); refused != nil {
		e.refuse(w, refused)
		return
	}
	origin := r.Header.Get("WebHook-Request-Origin")
	if !domain(origin) {
		e.refuse(w, malformed("the header WebHook-Request-Origin must name the sender's domain"))
		return
	}
	e.inbox.count(Handshake)
	h.Set("WebHook-Allowed-Origin", origin)
	// A delivery costs little. What costs is a tick, and those are limited here.
	h.Set("WebHook-Allowed-Rate", "*")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}

// domain reports whether s can be a name of the domain name system. A star, which
// would give leave to everybody, is none.
func domain(s string) bool {
	return s != "" && len(s) <= 253 && !strings.ContainsFunc(s, func(r rune) bool {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '.':
			return false
		}
		return true
	})
}
