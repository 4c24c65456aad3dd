package functions_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/functions"
)

// seen is what a function of requests sees.
type seen struct {
	Method, URL, Host, Path, Source, Body, Accept string
	Twice                                         []string
	Length                                        int64
}

// mirror answers with what it sees.
func mirror() functions.Function {
	return functions.Function{Name: "Mirror", Route: "mirror/{source}", HTTP: func(w http.ResponseWriter, r *http.Request) map[string]any {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			body = []byte(err.Error())
		}
		w.Header().Set("Content-Type", "application/problem+json; charset=utf-8")
		w.Header().Add("X-Twice", "one")
		w.Header().Add("X-Twice", "two")
		w.WriteHeader(http.StatusTeapot)
		_ = json.NewEncoder(w).Encode(seen{
			Method: r.Method, URL: r.URL.String(), Host: r.Host, Path: r.URL.Path, Source: r.PathValue("source"), Body: string(body),
			Accept: r.Header.Get("accept"), Twice: r.Header["X-Twice"], Length: r.ContentLength,
		})
		return nil
	}}
}

// response is the value of an http output binding.
type response struct {
	StatusCode string
	Headers    map[string]string
	Body       any
}

func responseOf(t *testing.T, a answer) response {
	t.Helper()
	raw, err := json.Marshal(a.Outputs["res"])
	if err != nil {
		t.Fatal(err)
	}
	var r response
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatalf("the output res is %s: %v", raw, err)
	}
	return r
}

func seenIn(t *testing.T, body any) seen {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	var s seen
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatalf("the body is %s: %v", raw, err)
	}
	return s
}

func TestEnvelopedRequestIsTheCallersOwn(t *testing.T) {
	const envelope = `{"Data":{"req":{"Url":"https://app.example/api/mirror/meraki?token=a%20b","Method":"POST",
		"Query":{"token":"a b"},"Headers":{"Accept":["*/*"],"Host":["app.example"],"X-Twice":["one","two"],"Content-Type":["application/json"],"X-One":"text"},
		"Params":{"source":"meraki"},"Identities":[],"Body":"{\"a\": 1.0,\n \"b\":\"\\u00e9\"}"}},"Metadata":{"sys":{"MethodName":"Mirror"}}}`
	status, got := newApp(mirror()).ask(t, "POST", "/Mirror", envelope)
	if status != http.StatusOK || got.ReturnValue != "418" {
		t.Fatalf("answer = %d %v, want 200: the invocation succeeds whatever the response is", status, got)
	}
	r := responseOf(t, got)
	want := seen{
		Method: "POST", URL: "https://app.example/api/mirror/meraki?token=a%20b", Host: "app.example", Path: "/api/mirror/meraki",
		Source: "meraki", Body: "{\"a\": 1.0,\n \"b\":\"\\u00e9\"}", Accept: "*/*", Twice: []string{"one", "two"}, Length: 25,
	}
	if diff := cmp.Diff(want, seenIn(t, r.Body)); diff != "" {
		t.Errorf("the function sees (-want +got):\n%s", diff)
	}
	if r.StatusCode != "418" || r.Headers["X-Twice"] != "one, two" || !strings.HasPrefix(r.Headers["Content-Type"], "application/problem+json") {
		t.Errorf("response = %+v", r)
	}
}

func TestBodiesInEnvelopes(t *testing.T) {
	tests := []struct{ name, media, body, want string }{
		{"text", "text/plain", `"a"`, "a"},
		{"octets-are-base64", "application/octet-stream", `"AP8="`, "\x00\xff"},
		{"parts-are-base64", "multipart/form-data; boundary=x", `"YQ=="`, "a"},
		{"none", "", `null`, ""},
		{"an-object-of-another-host", "application/json", `{"a": 1}`, `{"a": 1}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []byte
			a := newApp(functions.Function{Name: "F", HTTP: func(_ http.ResponseWriter, r *http.Request) map[string]any {
				got, _ = io.ReadAll(r.Body)
				return map[string]any{"ticks": []string{"x"}}
			}})
			status, answer := a.ask(t, "POST", "/F", `{"Data":{"req":{"Url":"https://x/","Method":"POST","Headers":{"Content-Type":["`+tt.media+`"]},"Body":`+tt.body+`}}}`)
			if status != 200 || string(got) != tt.want {
				t.Errorf("answer = %d, body %q, want %q", status, got, tt.want)
			}
			if diff := cmp.Diff([]any{"x"}, answer.Outputs["ticks"]); diff != "" {
				t.Errorf("the other output (-want +got):\n%s", diff)
			}
			if r := responseOf(t, answer); r.StatusCode != "200" || r.Body != "" {
				t.Errorf("response = %+v, want an empty one", r)
			}
		})
	}
}

// An error does not repeat a URL, which may hold a key.
func TestMalformedRequests(t *testing.T) {
	for name, req := range map[string]string{
		"missing": `null`, "a-list": `[]`, "no-url": `{"Method":"GET"}`, "no-method-of-http": `{"Url":"https://x/?code=k3y","Method":"a b"}`,
		"url-that-is-none": `{"Url":"https://%zz/?code=k3y","Method":"GET"}`,
		"no-base64":        `{"Url":"https://x/?code=k3y","Method":"POST","Headers":{"Content-Type":["application/octet-stream"]},"Body":"%"}`,
	} {
		t.Run(name, func(t *testing.T) {
			a := newApp(mirror())
			status, got := a.ask(t, "POST", "/Mirror", `{"Data":{"req":`+req+`}}`)
			text, _ := got.ReturnValue.(string)
			if status != 500 || !strings.HasPrefix(text, "the request in the envelope is malformed: ") || strings.Contains(text+a.stderr.String(), "k3y") {
				t.Errorf("answer = %d %q, log %s", status, text, &a.stderr)
			}
		})
	}
}

// With enableForwardingHttpRequest the host hands on a request and its response as they
// are.
func TestForwardedRequests(t *testing.T) {
	outputs := functions.Function{Name: "Outputs", Route: "outputs", HTTP: func(http.ResponseWriter, *http.Request) map[string]any {
		return map[string]any{"ticks": "x"}
	}}
	broken := functions.Function{Name: "Broken", Route: "broken", HTTP: func(w http.ResponseWriter, _ *http.Request) map[string]any {
		w.WriteHeader(http.StatusOK)
		panic("broken")
	}}
	a := newApp(mirror(), outputs, broken, echo())
	ask := func(method, target, body string) *http.Response {
		r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
		r.Header.Set("Accept", "text/plain")
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		return w.Result()
	}
	resp := ask("PUT", "/api/mirror/meraki?x=1", "a body")
	var got seen
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	want := seen{Method: "PUT", URL: "/api/mirror/meraki?x=1", Host: "example.com", Path: "/api/mirror/meraki", Source: "meraki", Body: "a body", Accept: "text/plain", Length: 6}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the function sees (-want +got):\n%s", diff)
	}
	if resp.StatusCode != http.StatusTeapot || len(resp.Header["X-Twice"]) != 2 {
		t.Errorf("response = %d %v, want the function's own", resp.StatusCode, resp.Header)
	}
	for target, want := range map[string]int{"/api/outputs": 500, "/api/broken": 500, "/api/nothing": 404, "/api/Echo": 404} {
		if resp := ask("GET", target, ""); resp.StatusCode != want {
			t.Errorf("GET %s = %d, want %d", target, resp.StatusCode, want)
		}
	}
}
