package functions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/functions"
)

// app is a handler, and what its process has written.
type app struct {
	functions.Handler
	stdout, stderr bytes.Buffer
}

func newApp(list ...functions.Function) *app {
	a := &app{}
	a.Functions, a.Limit = list, time.Minute
	a.Log = slog.New(functions.NewLog(functions.LogOptions{Stdout: &a.stdout, Stderr: &a.stderr, Level: slog.LevelInfo}))
	return a
}

// answer is what the host reads of an answer: null members are missing ones.
type answer struct {
	Outputs     map[string]any
	Logs        []string
	ReturnValue any
}

// ask sends one request, and wants an object that the host does not hang on.
func (a *app) ask(t testing.TB, method, path, body string, header ...string) (int, answer) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	var got answer
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || !strings.HasPrefix(w.Body.String(), "{") || got.Outputs == nil || got.Logs == nil || got.ReturnValue == nil {
		t.Fatalf("%s %s is answered %q, %v, want an object with all of its members", method, path, w.Body, err)
	}
	return w.Code, got
}

// echo answers with the text of the binding "message".
func echo() functions.Function {
	return functions.Function{Name: "Echo", Call: func(_ context.Context, in *functions.Invocation) (functions.Answer, error) {
		text, err := in.Text("message")
		return functions.Answer{Value: text}, err
	}}
}

// The host asks for / until it gets any answer, and now and then after that.
func TestReady(t *testing.T) {
	a := newApp()
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		r := httptest.NewRequestWithContext(t.Context(), method, "/", nil)
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Errorf("%s / = %d, want 200", method, w.Code)
		}
	}
	if a.stdout.Len()+a.stderr.Len() > 0 {
		t.Errorf("the log says %q %q, want nothing: it is asked often", &a.stdout, &a.stderr)
	}
}

func TestTextIsDecodedAsOftenAsTheHostHasEncodedIt(t *testing.T) {
	tests := []struct{ name, value, want string }{
		{"json-text-in-a-text", `"\"{\\\"group\\\":\\\"emea\\\"}\""`, `{"group":"emea"}`},
		{"text-in-a-text", `"\"a\""`, "a"},
		{"encoded-once", `"{\"group\":\"emea\"}"`, `{"group":"emea"}`},
		{"plain-text-encoded-once", `"a b"`, "a b"},
		{"an-object", `{"group":"emea"}`, `{"group":"emea"}`},
		{"a-number-in-a-text", `"1"`, "1"},
		{"a-text-that-says-null", `"null"`, "null"},
		{"unicode", `"\"\\u00e9\""`, "é"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, got := newApp(echo()).ask(t, "POST", "/Echo", `{"Data":{"message":`+tt.value+`},"Metadata":{}}`)
			if status != http.StatusOK || got.ReturnValue != tt.want {
				t.Errorf("answer = %d %q, want 200 %q", status, got.ReturnValue, tt.want)
			}
		})
	}
}

func TestWhatIsNoInvocationIsRefusedWithAnObject(t *testing.T) {
	tests := []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"unknown-function", "POST", "/Nobody", `{}`, 404, `there is no function "Nobody"`},
		{"function-in-another-case", "POST", "/echo", `{}`, 404, `there is no function "echo"`},
		{"function-below-another", "POST", "/Echo/x", `{}`, 404, `there is no function "Echo/x"`},
		{"function-with-a-long-name", "POST", "/" + strings.Repeat("x", 100), `{}`, 404, `there is no function "` + strings.Repeat("x", 64) + `..."`},
		{"another-method", "GET", "/Echo", `{}`, 405, "an invocation is a POST, not a GET"},
		{"empty-body", "POST", "/Echo", ``, 400, "the envelope is malformed: EOF"},
		{"null", "POST", "/Echo", `null`, 400, "the envelope is malformed: it is null"},
		{"a-list", "POST", "/Echo", `[]`, 400, "the envelope is malformed: "},
		{"torn", "POST", "/Echo", `{"Data":{"message":`, 400, "the envelope is malformed: unexpected EOF"},
		{"two-of-them", "POST", "/Echo", `{"Data":{}}{}`, 400, "the envelope is malformed: something follows it"},
		{"data-that-is-a-text", "POST", "/Echo", `{"Data":"x"}`, 400, "the envelope is malformed: "},
		{"no-data", "POST", "/Echo", `{}`, 500, `the envelope has no "message"`},
		{"null-data", "POST", "/Echo", `{"Data":{"message":null}}`, 500, `the envelope has no "message"`},
		{"oversized", "POST", "/Echo", `{"Data":{"message":"` + strings.Repeat("x", 8<<20) + `"}}`, 413, "the envelope is longer than 8388608 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newApp(echo())
			status, got := a.ask(t, tt.method, tt.path, tt.body)
			if text, _ := got.ReturnValue.(string); status != tt.status || !strings.HasPrefix(text, tt.want) {
				t.Errorf("answer = %d %q, want %d %q", status, got.ReturnValue, tt.status, tt.want)
			}
			if !strings.Contains(a.stderr.String(), `"level":"ERROR"`) {
				t.Errorf("standard error = %q, want an error: the host drops the answer of what failed", &a.stderr)
			}
		})
	}
}

// Nothing that a function does makes the host wait, or ends the process.
func TestFailures(t *testing.T) {
	tests := []struct {
		name string
		call func(context.Context, *functions.Invocation) (functions.Answer, error)
		want string
	}{
		{"error", func(context.Context, *functions.Invocation) (functions.Answer, error) {
			return functions.Answer{Outputs: map[string]any{"ticks": "x"}, Value: "done"}, errors.New("write route: 403")
		}, "write route: 403"},
		{"panic", func(context.Context, *functions.Invocation) (functions.Answer, error) { panic("broken") }, "the function panicked: broken"},
		{"answer-that-is-no-json", func(context.Context, *functions.Invocation) (functions.Answer, error) {
			return functions.Answer{Outputs: map[string]any{"x": make(chan int)}}, nil
		}, "encode the answer: json: unsupported type: chan int"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, got := newApp(functions.Function{Name: "F", Call: tt.call}).ask(t, "POST", "/F", `{}`)
			if status != http.StatusInternalServerError || got.ReturnValue != tt.want || len(got.Outputs) > 0 {
				t.Errorf("answer = %d %q with outputs %v, want 500 %q without", status, got.ReturnValue, got.Outputs, tt.want)
			}
		})
	}
}

// An invocation ends before the host would kill the process.
func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(functions.Function{Name: "F", Call: func(ctx context.Context, _ *functions.Invocation) (functions.Answer, error) {
			<-ctx.Done()
			return functions.Answer{}, context.Cause(ctx)
		}})
		began := time.Now()
		status, got := a.ask(t, "POST", "/F", `{}`)
		if took := time.Since(began); status != 500 || took != a.Limit || got.ReturnValue != functions.ErrTimeout.Error() {
			t.Errorf("answer = %d %q after %s, want 500 after %s", status, got.ReturnValue, took, a.Limit)
		}
	})
}

// Invocations overlap, also those of one function.
func TestInvocationsOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var together sync.WaitGroup
		together.Add(2)
		a := newApp(functions.Function{Name: "F", Call: func(ctx context.Context, in *functions.Invocation) (functions.Answer, error) {
			together.Done()
			together.Wait()
			text, err := in.Text("message")
			return functions.Answer{Value: text}, err
		}})
		var both sync.WaitGroup
		for _, text := range []string{"one", "two"} {
			both.Go(func() {
				if status, got := a.ask(t, "POST", "/F", `{"Data":{"message":"`+text+`"}}`); status != 200 || got.ReturnValue != text {
					t.Errorf("answer = %d %q, want 200 %q", status, got.ReturnValue, text)
				}
			})
		}
		both.Wait()
	})
}

func TestTimer(t *testing.T) {
	last := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name, value string
		want        functions.Timer
		err         string
	}{
		{"not-monitored", `{"Schedule":{"AdjustForDST":true},"ScheduleStatus":null,"IsPastDue":false}`, functions.Timer{}, ""},
		{
			"past-due", `{"Schedule":{"AdjustForDST":true},"ScheduleStatus":{"Last":"2026-11-22T12:00:00+00:00","Next":"2026-11-22T12:00:00+00:00","LastUpdated":"2026-11-22T12:00:00+00:00"},"IsPastDue":true}`,
			functions.Timer{IsPastDue: true, ScheduleStatus: &functions.ScheduleStatus{Last: last, Next: last, LastUpdated: last}}, "",
		},
		{"in-a-text", `"{\"IsPastDue\":true}"`, functions.Timer{IsPastDue: true}, ""},
		{"null", `null`, functions.Timer{}, `the envelope has no "timer"`},
		{"null-in-a-text", `"null"`, functions.Timer{}, `the timer "timer" is malformed: it is null`},
		{"a-number", `7`, functions.Timer{}, `the timer "timer" is malformed: `},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := &functions.Invocation{Data: map[string]json.RawMessage{"timer": json.RawMessage(tt.value)}}
			got, err := in.Timer("timer")
			if (err == nil) != (tt.err == "") || err != nil && !strings.HasPrefix(err.Error(), tt.err) {
				t.Fatalf("Timer() = %v, want %q", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); diff != "" {
				t.Errorf("Timer() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNumber(t *testing.T) {
	in := &functions.Invocation{Metadata: map[string]json.RawMessage{
		"text": json.RawMessage(`"3"`), "number": json.RawMessage(`4`), "word": json.RawMessage(`"x"`), "null": json.RawMessage(`null`),
	}}
	for name, want := range map[string]int{"text": 3, "number": 4, "word": 0, "null": 0, "missing": 0} {
		if got := in.Number(name); got != want {
			t.Errorf("Number(%q) = %d, want %d", name, got, want)
		}
	}
}

func TestServeEndsWithItsContextAndCancelsInvocations(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	entered := make(chan struct{})
	a := newApp(functions.Function{Name: "F", Call: func(ctx context.Context, _ *functions.Invocation) (functions.Answer, error) {
		close(entered)
		<-ctx.Done()
		return functions.Answer{}, context.Cause(ctx)
	}})
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	var all sync.WaitGroup
	all.Go(func() { ended <- a.Serve(ctx, ln) })
	all.Go(func() {
		req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, "http://"+ln.Addr().String()+"/F", strings.NewReader("{}"))
		if err != nil {
			t.Error(err)
			return
		}
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 500 || !strings.Contains(string(body), `"ReturnValue":"terminated"`) {
			t.Errorf("answer = %d %s, %v, want the cause of the end", resp.StatusCode, body, err)
		}
	})
	<-entered
	cancel(errors.New("terminated"))
	all.Wait()
	if err := <-ended; err != nil {
		t.Errorf("Serve() = %v, want nil", err)
	}
}

func TestServeSaysWhyItCannot(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if err := newApp().Serve(t.Context(), ln); err == nil || !strings.HasPrefix(err.Error(), "serve the Functions host: ") {
		t.Errorf("Serve() = %v, want an error", err)
	}
}

// Whatever comes, the answer is an object, and nothing but a function's own answer is
// a success.
func FuzzEnvelope(f *testing.F) {
	for _, seed := range []string{
		`{"Data":{"message":"\"x\""},"Metadata":{"DequeueCount":"1","sys":{"MethodName":"Echo"}}}`,
		`{"Data":{"req":{"Url":"https://x/api/y?z=1","Method":"POST","Headers":{"Host":["x"]},"Params":{"source":"meraki"},"Body":"{}"}}}`,
		`{"Data":{"req":{"Url":"//","Method":"a b"}}}`, `null`, `{`, `{"Data":{"message":"null"}}`, `{"data":{"MESSAGE":1}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a := newApp(echo(), functions.Function{Name: "HTTP", HTTP: func(w http.ResponseWriter, r *http.Request) map[string]any {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Errorf("the body cannot be read: %v", err)
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(body)
			return nil
		}})
		for _, name := range []string{"/Echo", "/HTTP"} {
			status, got := a.ask(t, "POST", name, string(body))
			if _, ok := got.Outputs["res"]; status == http.StatusOK && name == "/HTTP" && !ok {
				t.Errorf("POST %s = %v, want a response", name, got)
			}
		}
	})
}
