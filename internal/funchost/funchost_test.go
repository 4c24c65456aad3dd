package funchost_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/funchost"
)

// small is a package with one function of each kind.
func small() map[string]string {
	return map[string]string{
		"handler": "",
		"host.json": `{"version":"2.0","functionTimeout":"00:01:00","extensionBundle":{"id":"Microsoft.Azure.Functions.ExtensionBundle","version":"[4.*, 5.0.0)"},
			"extensions":{"queues":{"maxPollingInterval":"00:00:02","visibilityTimeout":"00:00:05","maxDequeueCount":2}},
			"customHandler":{"description":{"defaultExecutablePath":"handler"},"enableForwardingHttpRequest":true}}`,
		"Timer/function.json": `{"bindings":[{"type":"timerTrigger","direction":"in","name":"timer","schedule":"%EVERY%"},
			{"type":"queue","direction":"out","name":"out","queueName":"work","connection":"Storage"}]}`,
		"Queue/function.json":  `{"bindings":[{"type":"queueTrigger","direction":"in","name":"msg","queueName":"work","connection":"Storage"}]}`,
		"Plain/function.json":  `{"bindings":[{"type":"httpTrigger","direction":"in","name":"req","authLevel":"function","methods":["get"],"route":"plain"},{"type":"http","direction":"out","name":"res"}]}`,
		"Double/function.json": `{"bindings":[{"type":"httpTrigger","direction":"in","name":"req","authLevel":"anonymous","methods":["post"],"route":"double/{id}"},{"type":"http","direction":"out","name":"res"},{"type":"queue","direction":"out","name":"out","queueName":"work","connection":"Storage"}]}`,
	}
}

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func settings() map[string]string {
	return map[string]string{"EVERY": "*/30 * * * * *", "Storage": "x"}
}

// fake is a worker whose handlers are a function; one ends with a code when it is told.
type fake struct {
	serve http.HandlerFunc
	// deaf is how long a handler does not answer after its start.
	deaf time.Duration
	// refused is why no handler can be started.
	refused error

	mu     sync.Mutex
	newest *fakeInstance
	starts []funchost.Command
}

type fakeInstance struct {
	of    *fake
	began time.Time
	once  sync.Once
	ended chan struct{}
	code  int
}

func (f *fake) Start(c funchost.Command) (funchost.Instance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refused != nil {
		return nil, f.refused
	}
	f.starts = append(f.starts, c)
	f.newest = &fakeInstance{of: f, began: time.Now(), ended: make(chan struct{})}
	return f.newest, nil
}

// exit ends the newest handler.
func (f *fake) exit(code int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.newest.end(code)
}

func (f *fake) started() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.starts)
}

func (i *fakeInstance) end(code int) {
	i.once.Do(func() {
		i.code = code
		close(i.ended)
	})
}

func (i *fakeInstance) Kill() { i.end(137) }

func (i *fakeInstance) Wait() int {
	<-i.ended
	return i.code
}

func (i *fakeInstance) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-i.ended:
		return nil, errors.New("connection refused")
	default:
	}
	if time.Since(i.began) < i.of.deaf {
		return nil, errors.New("connection refused")
	}
	if r.URL.Path == "/" {
		return &http.Response{StatusCode: http.StatusNotFound, Body: http.NoBody}, nil
	}
	w := httptest.NewRecorder()
	i.of.serve(w, r)
	return w.Result(), r.Context().Err()
}

// hosted runs a test with a host of the small package.
func hosted(t *testing.T, f *fake, o funchost.Options, run func(t *testing.T, h *funchost.Host)) {
	t.Helper()
	hostedIn(t, small(), f, o, run)
}

func hostedIn(t *testing.T, files map[string]string, f *fake, o funchost.Options, run func(t *testing.T, h *funchost.Host)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		o.Root, o.Settings, o.Worker = folder(t, files), settings(), f
		h, err := funchost.Start(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		run(t, h)
	})
}

func answering(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
}

func TestHandlerIsToldWhatTheHostTells(t *testing.T) {
	f := &fake{serve: answering("{}"), deaf: 90 * time.Millisecond}
	hosted(t, f, funchost.Options{}, func(t *testing.T, h *funchost.Host) {
		c := f.starts[0]
		port := fmt.Sprint(c.Port)
		for _, want := range []string{"FUNCTIONS_CUSTOMHANDLER_PORT=" + port, "FUNCTIONS_HTTPWORKER_PORT=" + port, "EVERY=*/30 * * * * *", "FUNCTIONS_APP_ROOT_PATH=" + c.Dir} {
			if !slices.Contains(c.Env, want) {
				t.Errorf("the environment is %q, want %s in it", c.Env, want)
			}
		}
		if got := h.Starts(); len(got) != 1 || got[0] != 100*time.Millisecond {
			t.Errorf("ready after %v, want 100ms: it is asked every 25ms", got)
		}
		if diff := cmp.Diff([]string{"Double", "Plain", "Queue", "Timer"}, h.Functions()); diff != "" {
			t.Errorf("functions (-want +got):\n%s", diff)
		}
	})
}

func TestAnswersThatTheHostBelieves(t *testing.T) {
	tests := []struct {
		name, answer string
		status       int
		want         string // of the error; "" is success
	}{
		{"empty-object", `{}`, 200, ""},
		{"all-members", `{"Outputs":{"out":null,"nothing":"x"},"Logs":["a line"],"ReturnValue":"x"}`, 201, ""},
		{"failed", `{}`, 500, "response status code does not indicate success: 500"},
		{"redirect", `{}`, 302, "response status code does not indicate success: 302"},
		{"no-json", `ok`, 200, "invalid HttpResponseMessage"},
		{"a-list", `[]`, 200, "invalid HttpResponseMessage"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{serve: func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.answer)
			}}
			hosted(t, f, funchost.Options{}, func(t *testing.T, h *funchost.Host) {
				err := h.Timer(t.Context(), "Timer")
				if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
					t.Errorf("Timer() = %v, want %q", err, tt.want)
				}
			})
		})
	}
}

// Null, nothing, and a handler that does not answer: the host waits until the time of
// the function is over, and kills.
func TestHostHangsAndKills(t *testing.T) {
	for name, serve := range map[string]http.HandlerFunc{
		"null": answering("null"), "nothing": answering(""),
		"no-answer": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{serve: serve}
			hosted(t, f, funchost.Options{}, func(t *testing.T, h *funchost.Host) {
				began := time.Now()
				if err := h.Timer(t.Context(), "Timer"); !errors.Is(err, funchost.ErrTimeout) || time.Since(began) != time.Minute {
					t.Errorf("Timer() = %v after %s, want a time-out after 1m", err, time.Since(began))
				}
				synctest.Wait()
				if err := h.Started(t.Context(), 2); err != nil || f.started() != 2 {
					t.Errorf("the handler was started %d times, %v, want again", f.started(), err)
				}
			})
		})
	}
}

func TestWhoEndsIsStartedAgainOrNot(t *testing.T) {
	tests := []struct {
		name   string
		codes  []int
		apart  time.Duration
		starts int
		want   string // of why the host has stopped
	}{
		{"with-0-never", []int{0}, 0, 1, "ended with 0"},
		{"with-200-always", []int{200, 200, 200, 200}, time.Minute, 5, ""},
		{"with-an-error-twice", []int{1, 137}, time.Minute, 3, ""},
		{"with-a-third-error-not", []int{1, 137, 2}, 29 * time.Minute, 3, "3 times with an error, the last time with 2"},
		{"errors-far-apart", []int{1, 1, 1, 1, 1}, 31 * time.Minute, 6, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{serve: answering("{}")}
			hosted(t, f, funchost.Options{}, func(t *testing.T, h *funchost.Host) {
				for _, code := range tt.codes {
					time.Sleep(tt.apart)
					f.exit(code)
					synctest.Wait()
				}
				err := h.Stopped()
				if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
					t.Errorf("Stopped() = %v, want %q", err, tt.want)
				}
				if n := f.started(); n != tt.starts {
					t.Errorf("the handler was started %d times, want %d", n, tt.starts)
				}
				if invoked := h.Timer(t.Context(), "Timer"); (invoked == nil) != (tt.want == "") {
					t.Errorf("Timer() = %v after Stopped() = %v", invoked, err)
				}
			})
		})
	}
}

func TestHandlerThatIsNeverReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{deaf: time.Hour}
		began := time.Now()
		if _, err := funchost.Start(t.Context(), funchost.Options{Root: folder(t, small()), Settings: settings(), Worker: f}); !errors.Is(err, funchost.ErrStopped) {
			t.Errorf("Start() = %v, want it to give up", err)
		}
		if took := time.Since(began); took != 90*time.Second || f.started() != 3 {
			t.Errorf("gave up after %s and %d starts, want three times 30s", took, f.started())
		}
	})
	f := &fake{refused: errors.New("permission denied")}
	if _, err := funchost.Start(t.Context(), funchost.Options{Root: folder(t, small()), Settings: settings(), Worker: f}); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("Start() = %v, want why", err)
	}
}

// A program without the bit is not started, and not tried again.
func TestProgramThatMayNotBeExecuted(t *testing.T) {
	_, err := funchost.Start(t.Context(), funchost.Options{Root: folder(t, small()), Settings: settings()})
	if err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("Start() = %v, want that it may not be executed", err)
	}
}

func TestTimersDoNotOverlapAndAreMadeUpForOnce(t *testing.T) {
	var at []time.Duration
	var began time.Time
	take := []time.Duration{time.Second, 70 * time.Second, time.Second, time.Second}
	f := &fake{serve: func(w http.ResponseWriter, _ *http.Request) {
		at = append(at, time.Since(began))
		if n := len(at); n <= len(take) {
			time.Sleep(take[n-1])
		}
		fmt.Fprint(w, "{}")
	}}
	hosted(t, f, funchost.Options{Timeout: 5 * time.Minute}, func(t *testing.T, h *funchost.Host) {
		began = time.Now().Truncate(30 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Until(began)+205*time.Second)
		defer cancel()
		if err := h.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run() = %v", err)
		}
		want := []time.Duration{30 * time.Second, 60 * time.Second, 130 * time.Second, 150 * time.Second, 180 * time.Second}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Errorf("timers (-want +got):\n%s", diff)
		}
	})
}

func TestMessages(t *testing.T) {
	var bodies []string
	fail := true
	f := &fake{serve: func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.URL.Path == "/Timer":
			fmt.Fprint(w, `{"Outputs":{"out":["one",{"two":2}]}}`)
		case fail && strings.Contains(string(body), "one"):
			w.WriteHeader(http.StatusInternalServerError)
		default:
			bodies = append(bodies, string(body))
			fmt.Fprint(w, `{}`)
		}
	}}
	queues := &funchost.Queues{}
	hosted(t, f, funchost.Options{Queues: queues}, func(t *testing.T, h *funchost.Host) {
		if err := h.Timer(t.Context(), "Timer"); err != nil {
			t.Fatal(err)
		}
		if n, err := h.Deliver(t.Context()); n != 2 || err == nil {
			t.Errorf("Deliver() = %d, %v, want two, one of which fails", n, err)
		}
		if len(bodies) != 1 || !strings.Contains(bodies[0], `"msg":"\"{\\\"two\\\":2}\""`) || !strings.Contains(bodies[0], `"DequeueCount":"1"`) || !strings.Contains(bodies[0], `"MethodName":"Queue"`) {
			t.Errorf("envelopes = %q", bodies)
		}
		if n, _ := h.Deliver(t.Context()); n != 0 {
			t.Errorf("%d messages are visible at once again", n)
		}
		time.Sleep(5 * time.Second)
		if n, err := h.Deliver(t.Context()); n != 1 || err == nil {
			t.Errorf("Deliver() = %d, %v, want the second try", n, err)
		}
		if queues.Len("work") != 0 || queues.Len("work-poison") != 1 {
			t.Errorf("%d messages are left and %d are poison, want 0 and 1", queues.Len("work"), queues.Len("work-poison"))
		}
	})
}

func TestRequests(t *testing.T) {
	var got []string
	f := &fake{serve: func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.Method+" "+r.URL.String()+" "+r.Host+" "+string(body))
		if r.URL.Path == "/Double" {
			fmt.Fprint(w, `{"Outputs":{"res":{"statusCode":"202","body":{"a":1},"headers":{"X-A":"b"}},"out":"msg"}}`)
			return
		}
		w.WriteHeader(http.StatusTeapot)
	}}
	queues := &funchost.Queues{}
	hosted(t, f, funchost.Options{Key: "k", Queues: queues}, func(t *testing.T, h *funchost.Host) {
		ask := func(method, target, body string) *http.Response {
			return h.HTTP(httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body)))
		}
		for target, want := range map[string]int{"/api/plain": 401, "/api/plain?code=x": 401, "/api/nothing": 404, "/plain?code=k": 404} {
			if resp := ask("GET", target, ""); resp.StatusCode != want {
				t.Errorf("GET %s = %d, want %d", target, resp.StatusCode, want)
			}
		}
		if resp := ask("GET", "/api/Plain?code=k", ""); resp.StatusCode != http.StatusTeapot {
			t.Errorf("a forwarded request = %d, want the handler's own answer", resp.StatusCode)
		}
		resp := ask("POST", "/api/double/7?x=1", `{"b": 2}`)
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 202 || string(body) != `{"a":1}` || resp.Header.Get("X-A") != "b" || queues.Len("work") != 1 {
			t.Errorf("an enveloped request = %d %s %v, %v, and %d messages", resp.StatusCode, body, resp.Header, err, queues.Len("work"))
		}
		if len(got) != 2 || !strings.HasSuffix(got[0], "/api/Plain?code=k example.com ") {
			t.Fatalf("requests = %q", got)
		}
		for _, want := range []string{`/Double 127.0.0.1`, `"Body":"{\"b\": 2}"`, `"Params":{"id":"7"}`, `"Url":"https://example.com/api/double/7?x=1"`, `"Query":{"x":"1"}`, `"Host":["example.com"]`} {
			if !strings.Contains(got[1], want) {
				t.Errorf("the envelope is %s, want %s in it", got[1], want)
			}
		}
	})
}
