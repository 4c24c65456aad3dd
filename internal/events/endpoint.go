package events

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
)

// dialect is how one source speaks. Each has its file.
type dialect struct {
	// limit is the longest body, in bytes.
	limit int64
	// media are the content types that the source sends.
	media []string
	// secretOf finds the secret in a body. If nil, it is in the query or in a header,
	// and is judged before a byte of the body is read. Not ok: the body is malformed.
	secretOf func(body []byte) (text string, ok bool)
	// challenge is what a 401 asks for.
	challenge string
	// handshake says that OPTIONS asks for permission to send.
	handshake bool
	// parse reads a body whose sender is known. Its errors are constant texts, which
	// are shown to the sender.
	parse func(http.Header, []byte) (delivery, error)
}

const jsonMedia = "application/json"

// delivery is what one request holds: messages, or else the code that confirms a
// subscription.
type delivery struct {
	messages   []message
	validation string
}

// refusal is why a request is not taken.
type refusal struct {
	outcome Outcome
	status  int
	detail  string
}

// endpoint takes the events of one source.
type endpoint struct {
	dialect
	source Source
	secret func() Secret
	nudge  func(Event)
	now    func() time.Time
	inbox  *inbox
}

func (e *endpoint) serve(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodPost:
		e.post(w, r)
	case r.Method == http.MethodOptions && e.handshake:
		e.options(w, r)
	default:
		w.Header().Set("Allow", e.allow())
		e.refuse(w, &refusal{Unsupported, http.StatusMethodNotAllowed, "events are sent by POST"})
	}
}

func (e *endpoint) allow() string {
	if e.handshake {
		return "OPTIONS, POST"
	}
	return "POST"
}

// post takes a delivery. All of its messages are read before the first one counts:
// a request that is refused has changed nothing.
func (e *endpoint) post(w http.ResponseWriter, r *http.Request) {
	d, refused := e.receive(w, r)
	if refused != nil {
		e.refuse(w, refused)
		return
	}
	if d.validation != "" {
		e.inbox.count(Handshake)
		write(w, http.StatusOK, jsonMedia, map[string]string{"validationResponse": d.validation})
		return
	}
	nudged := 0
	for i, o := range e.inbox.judge(e.now(), d.messages) {
		if o.nudges() {
			nudged++
			e.nudge(d.messages[i].Event)
		}
	}
	write(w, http.StatusOK, jsonMedia, map[string]int{"received": len(d.messages), "nudged": nudged})
}

// receive reads a delivery and proves its sender.
func (e *endpoint) receive(w http.ResponseWriter, r *http.Request) (delivery, *refusal) {
	if e.secretOf == nil {
		if refused := e.prove(tokens(r)...); refused != nil {
			return delivery{}, refused
		}
	}
	if !e.speaks(r.Header) {
		return delivery{}, &refusal{Unsupported, http.StatusUnsupportedMediaType,
			"the content must be plain " + strings.Join(e.media, " or ") + " in UTF-8"}
	}
	body, refused := e.read(w, r)
	if refused != nil {
		return delivery{}, refused
	}
	if e.secretOf != nil {
		text, ok := e.secretOf(body)
		if !ok {
			return delivery{}, malformed("the body is not a JSON object")
		}
		if refused := e.prove(text); refused != nil {
			return delivery{}, refused
		}
	}
	d, err := e.parse(r.Header, body)
	if err != nil {
		return delivery{}, malformed(err.Error())
	}
	return d, nil
}

func malformed(detail string) *refusal {
	return &refusal{Malformed, http.StatusBadRequest, detail}
}

// prove compares what was presented with the secret of now. A wrong secret and a
// missing one get the same answer.
func (e *endpoint) prove(presented ...string) *refusal {
	switch secret := e.secret(); {
	case secret.empty():
		return &refusal{Unready, http.StatusServiceUnavailable, "no events can be taken now"}
	case !secret.matches(presented...):
		return &refusal{Forged, http.StatusUnauthorized, "the sender is not known"}
	}
	return nil
}

// tokens returns what the query and the header Authorization present, empty where
// there is nothing, or more than one thing. Either may hold the secret: a gateway on
// the way, or Event Grid's own sign-in, may need the header for itself.
func tokens(r *http.Request) []string {
	query, header := "", ""
	if q := r.URL.Query()["token"]; len(q) == 1 {
		query = q[0]
	}
	if h := r.Header.Values("Authorization"); len(h) == 1 {
		if scheme, rest, _ := strings.Cut(h[0], " "); strings.EqualFold(scheme, "Bearer") {
			header = strings.TrimSpace(rest)
		}
	}
	return []string{query, header}
}

// speaks reports whether the headers announce what the source sends.
func (e *endpoint) speaks(h http.Header) bool {
	media, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || !slices.Contains(e.media, media) {
		return false
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return false
	}
	coding := h.Get("Content-Encoding")
	return coding == "" || strings.EqualFold(coding, "identity")
}

// read reads the whole body, if it is not too long.
func (e *endpoint) read(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	oversized := &refusal{Oversized, http.StatusRequestEntityTooLarge, "the body is too long for one delivery"}
	if r.ContentLength > e.limit {
		return nil, oversized
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, e.limit))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, oversized
	}
	if err != nil {
		return nil, malformed("the body ends too early")
	}
	return body, nil
}

// refuse counts and answers.
func (e *endpoint) refuse(w http.ResponseWriter, refused *refusal) {
	e.inbox.count(refused.outcome)
	if refused.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", e.challenge)
	}
	problem{Status: refused.status, Detail: refused.detail}.write(w)
}
