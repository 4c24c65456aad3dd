package funchost

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// routePrefix begins the paths of all functions.
const routePrefix = "/api/"

// HTTP answers a request of the world: the host's front door. It is 401 without the
// key of a function that wants one, and 404 where there is no function.
func (h *Host) HTTP(r *http.Request) *http.Response {
	f, params := h.route(r)
	switch {
	case f.name == "":
		return plainResponse(http.StatusNotFound)
	case f.trigger.AuthLevel != "anonymous" && !h.knows(r):
		return plainResponse(http.StatusUnauthorized)
	}
	resp, err := h.serve(r, f, params)
	if err != nil {
		return plainResponse(http.StatusInternalServerError)
	}
	return resp
}

func plainResponse(status int) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody}
}

// knows reports whether a request shows the key, in either of its places.
func (h *Host) knows(r *http.Request) bool {
	key := r.Header.Get("x-functions-key")
	if key == "" {
		key = r.URL.Query().Get("code")
	}
	return h.options.Key != "" && key == h.options.Key
}

// route finds the function of a request, without the case of its path.
func (h *Host) route(r *http.Request) (function, map[string]string) {
	path, ok := strings.CutPrefix(r.URL.Path, routePrefix)
	if !ok {
		return function{}, nil
	}
	for _, f := range h.app.functions {
		if f.trigger.Type != "httpTrigger" || !slices.Contains(f.trigger.Methods, strings.ToLower(r.Method)) {
			continue
		}
		if params, ok := match(f.trigger.Route, path); ok {
			return f, params
		}
	}
	return function{}, nil
}

// match compares a path with a template such as "events/{source}".
func match(template, path string) (map[string]string, bool) {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	params := map[string]string{}
	for i := range want {
		name, isParam := strings.CutPrefix(want[i], "{")
		switch {
		case isParam:
			params[strings.TrimSuffix(name, "}")] = got[i]
		case !strings.EqualFold(want[i], got[i]):
			return nil, false
		}
	}
	return params, true
}

// serve hands a request on: as it is, if the package wants that and the function has
// nothing but a request and a response; otherwise in an envelope.
func (h *Host) serve(r *http.Request, f function, params map[string]string) (*http.Response, error) {
	var body []byte
	if r.ContentLength > 0 { // a body whose length is not said does not arrive
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	if h.app.forwarding && f.plain() {
		return h.forward(r, body)
	}
	data := map[string]any{
		"Url": "https://" + r.Host + r.URL.RequestURI(), "Method": r.Method, "Query": single(r.URL.Query()),
		"Headers": withHost(r), "Params": params, "Identities": []any{},
	}
	if len(body) > 0 {
		data["Body"] = string(body)
		media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // "" is text
		if media == "application/octet-stream" || strings.HasPrefix(media, "multipart/") {
			data["Body"] = base64.StdEncoding.EncodeToString(body)
		}
	}
	got, err := h.invoke(r.Context(), f, map[string]any{f.trigger.Name: data}, map[string]any{"Query": single(r.URL.Query())})
	if err != nil {
		return nil, err
	}
	for name, b := range f.out {
		if b.Type == "http" {
			return responseOf(got.Outputs[name])
		}
	}
	return plainResponse(http.StatusNoContent), nil
}

func withHost(r *http.Request) http.Header {
	headers := r.Header.Clone()
	headers.Set("Host", r.Host)
	return headers
}

func single(values map[string][]string) map[string]string {
	out := map[string]string{}
	for name, list := range values {
		out[name] = strings.Join(list, ",")
	}
	return out
}

// forward sends a request as it came, and returns what comes back.
func (h *Host) forward(r *http.Request, body []byte) (*http.Response, error) {
	var got *http.Response
	ask := func(ctx context.Context, l *life) (*http.Request, error) {
		to, err := http.NewRequestWithContext(ctx, r.Method, l.url(r.URL.RequestURI()), bytes.NewReader(body))
		if err == nil {
			to.Host, to.Header = r.Host, r.Header.Clone()
		}
		return to, err
	}
	err := h.exchange(r.Context(), ask, func(_ context.Context, resp *http.Response) error {
		body, err := io.ReadAll(resp.Body)
		got = &http.Response{StatusCode: resp.StatusCode, Header: resp.Header, Body: io.NopCloser(bytes.NewReader(body))}
		return err
	})
	return got, err
}

// responseOf makes a response of the value of an http output. A value is written as
// JSON; so is a text, which is the harsher reading of what the host's formatters do
// where the type is JSON.
func responseOf(raw json.RawMessage) (*http.Response, error) {
	var value *struct {
		StatusCode, Status string
		Body               json.RawMessage
		Headers            map[string]string
	}
	if err := json.Unmarshal(raw, &value); err != nil || value == nil {
		return nil, fmt.Errorf("output is not in the expected format: %w", err)
	}
	resp := plainResponse(http.StatusOK)
	if value.StatusCode == "" {
		value.StatusCode = value.Status
	}
	if n, err := strconv.Atoi(value.StatusCode); err == nil {
		resp.StatusCode = n
	}
	for name, text := range value.Headers {
		resp.Header.Set(name, text)
	}
	body := []byte(value.Body)
	var text string
	if json.Unmarshal(body, &text) == nil && !strings.Contains(resp.Header.Get("Content-Type"), "json") {
		body = []byte(text)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}
