package functions

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// The names of the bindings of an HTTP function.
const requestBinding, responseBinding = "req", "res"

// wireRequest is a request inside an envelope. Lists are lists of texts, and whatever
// is no text there is not used.
type wireRequest struct {
	URL     string `json:"Url"`
	Method  string
	Headers map[string]json.RawMessage
	Params  map[string]json.RawMessage
	Body    json.RawMessage
}

// enveloped makes an invocation of a function of requests.
func enveloped(serve func(http.ResponseWriter, *http.Request) map[string]any) func(context.Context, *Invocation) (Answer, error) {
	return func(ctx context.Context, in *Invocation) (Answer, error) {
		r, err := request(ctx, in.Data[requestBinding])
		if err != nil {
			return Answer{}, err
		}
		got := newRecorder()
		outputs := maps.Clone(serve(got, r))
		if outputs == nil {
			outputs = map[string]any{}
		}
		outputs[responseBinding] = got.wire()
		return Answer{Outputs: outputs, Value: strconv.Itoa(got.status)}, nil
	}
}

// request makes the request that the host has taken apart.
func request(ctx context.Context, raw json.RawMessage) (*http.Request, error) {
	var wire *wireRequest
	if err := json.Unmarshal(raw, &wire); err != nil {
		return nil, fmt.Errorf("the request in the envelope is malformed: %w", err)
	}
	if wire == nil {
		return nil, errors.New("the request in the envelope is malformed: it is null")
	}
	header := http.Header{}
	for name, raw := range wire.Headers {
		for _, value := range texts(raw) {
			header.Add(name, value)
		}
	}
	body, err := bodyOf(wire.Body, header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	if _, err := url.ParseRequestURI(wire.URL); err != nil {
		// The error quotes the URL, which may hold a key.
		return nil, errors.New("the request in the envelope is malformed: its Url is none")
	}
	r, err := http.NewRequestWithContext(ctx, wire.Method, wire.URL, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the request in the envelope is malformed: its Method or Url is none")
	}
	r.RequestURI = r.URL.RequestURI()
	r.Header = header
	if host := header.Get("Host"); host != "" {
		r.Host = host
	}
	for name, raw := range wire.Params {
		for _, value := range texts(raw) {
			r.SetPathValue(name, value)
		}
	}
	return r, nil
}

// texts returns a text, or all texts of a list.
func texts(raw json.RawMessage) []string {
	if s, ok := unquote(raw); ok {
		return []string{s}
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil
	}
	var out []string
	for _, item := range list {
		if s, ok := unquote(item); ok {
			out = append(out, s)
		}
	}
	return out
}

// bodyOf returns the bytes of a body. The host writes those of octets and of several
// parts in base64, and others as text.
func bodyOf(raw json.RawMessage, contentType string) ([]byte, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	text, ok := unquote(raw)
	if !ok {
		return raw, nil
	}
	media, _, _ := mime.ParseMediaType(contentType) // "" is text
	if media == "application/octet-stream" || strings.HasPrefix(media, "multipart/") {
		body, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, errors.New("the request in the envelope is malformed: its Body is no base64")
		}
		return body, nil
	}
	return []byte(text), nil
}

// recorder keeps a response until it is complete.
type recorder struct {
	header  http.Header
	status  int
	written bool
	body    bytes.Buffer
}

func newRecorder() *recorder { return &recorder{header: http.Header{}, status: http.StatusOK} }

// Header implements [http.ResponseWriter].
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements [http.ResponseWriter].
func (r *recorder) WriteHeader(status int) {
	if !r.written {
		r.status, r.written = status, true
	}
}

// Write implements [http.ResponseWriter].
func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

// copy writes the response to the host, as it is.
func (r *recorder) copy(w http.ResponseWriter) {
	maps.Copy(w.Header(), r.header)
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body.Bytes()) // the host may have gone
}

// wireResponse is the value of an http output binding.
type wireResponse struct {
	StatusCode string            `json:"statusCode"`
	Headers    map[string]string `json:"headers"`
	Body       any               `json:"body"`
}

// wire takes the response apart. JSON is a value and not a text: of a text the host
// would make a JSON string.
func (r *recorder) wire() wireResponse {
	out := wireResponse{StatusCode: strconv.Itoa(r.status), Headers: map[string]string{}, Body: r.body.String()}
	for _, name := range slices.Sorted(maps.Keys(r.header)) {
		out.Headers[name] = strings.Join(r.header[name], ", ")
	}
	media, _, _ := mime.ParseMediaType(r.header.Get("Content-Type")) // "" is text
	if (media == "application/json" || strings.HasSuffix(media, "+json")) && json.Valid(r.body.Bytes()) {
		out.Body = json.RawMessage(r.body.Bytes())
	}
	return out
}
