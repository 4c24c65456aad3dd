// Package functions is the custom handler of an Azure Functions app: the HTTP
// envelope that the Functions host puts around an invocation, around functions
// of a context.
//
// It guarantees what the host relies on: it is ready as soon as it is served, every
// answer but that of a forwarded request is a JSON object (the host hangs on null),
// an invocation that failed is never answered with success, and no request makes it
// end. It keeps nothing between invocations, so it may be killed at any point. It
// does not know what the functions do, does not keep invocations from overlapping,
// and authorizes nobody: keys are the host's business. It imports nothing of this
// module; app imports it.
package functions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// ErrTimeout is the cause of the end of an invocation's context that took longer than
// the handler's limit.
var ErrTimeout = errors.New("the time of the invocation is over")

// Function is one function of the app. Either Call or HTTP is set.
type Function struct {
	// Name is that of the function's folder, in its case.
	Name string
	// Call answers one invocation. An error makes the invocation fail, which drops the
	// outputs. It returns soon after its context has ended.
	Call func(context.Context, *Invocation) (Answer, error)
	// HTTP answers a request of the binding "req" through the binding "res", and returns
	// the values of the other output bindings. The request's path is that of the route.
	HTTP func(http.ResponseWriter, *http.Request) map[string]any
	// Route is the path of HTTP below the host's prefix, such as "events/{source}".
	Route string
}

// Answer is what a successful invocation gives back.
type Answer struct {
	// Outputs are the values of output bindings, by their names. A list is several
	// messages of a queue.
	Outputs map[string]any
	// Value says in a few words what came of it.
	Value string
}

// Handler is the [http.Handler] of the host's requests. All fields are required. It
// is safe for concurrent use.
type Handler struct {
	Functions []Function
	// Log is made of [NewLog].
	Log *slog.Logger
	// Limit bounds an invocation. It is shorter than the host's functionTimeout, at
	// which the host kills this process with all that is under way.
	Limit time.Duration
}

const (
	// prefix begins the paths of forwarded requests: the host's usual routePrefix.
	prefix = "/api/"
	// maxBody is the longest request, in bytes. An envelope quotes what it holds once or
	// twice.
	maxBody = 8 << 20
	// The time-outs of the server. The host's client drops idle connections after a
	// minute or two: it must be the first to do so, or an invocation fails.
	headerTimeout, readTimeout, idleTimeout = 10 * time.Second, 30 * time.Second, 10 * time.Minute
	// shutdownTimeout is how long cancelled invocations may take when the server ends.
	shutdownTimeout = 3 * time.Second
)

// Serve answers on ln until ctx ends; then it cancels the invocations that are under
// way, lets them answer for a while, and returns nil. It closes ln in any case.
func (h *Handler) Serve(ctx context.Context, ln net.Listener) error {
	server := &http.Server{
		Handler:           h,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(h.Log.Handler(), slog.LevelWarn),
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if err := server.Shutdown(limited); err != nil {
			h.Log.WarnContext(ctx, "invocations cut off", "err", errors.Join(err, server.Close()))
		}
	})
	err := server.Serve(ln)
	if stop() {
		return fmt.Errorf("serve the Functions host: %w", err)
	}
	<-ended
	return nil
}

// ServeHTTP answers the host: whatever comes to / says that the handler is ready, a
// path below /api/ is a forwarded request, and any other is an invocation.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/":
		reply{ReturnValue: "ready"}.write(w, http.StatusOK)
	case strings.HasPrefix(r.URL.Path, prefix):
		h.forwarded(w, r)
	default:
		h.invoke(w, r, strings.TrimPrefix(r.URL.Path, "/"))
	}
}

// invoke answers an invocation.
func (h *Handler) invoke(w http.ResponseWriter, r *http.Request, name string) {
	lines := &lines{}
	ctx := context.WithValue(r.Context(), scope{}, scopeOf(r, name, lines))
	answer, status, err := h.answer(ctx, w, r, name)
	if err != nil {
		h.Log.ErrorContext(ctx, "invocation failed", "err", err)
		reply{Logs: lines.take(), ReturnValue: err.Error()}.write(w, status)
		return
	}
	reply{Outputs: answer.Outputs, Logs: lines.take(), ReturnValue: answer.Value}.write(w, http.StatusOK)
}

// answer runs a function. The status is that of an error.
func (h *Handler) answer(ctx context.Context, w http.ResponseWriter, r *http.Request, name string) (Answer, int, error) {
	f, ok := h.function(name)
	if !ok {
		return Answer{}, http.StatusNotFound, fmt.Errorf("there is no function %q", clip(name))
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return Answer{}, http.StatusMethodNotAllowed, fmt.Errorf("an invocation is a POST, not a %s", clip(r.Method))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return Answer{}, http.StatusRequestEntityTooLarge, fmt.Errorf("the envelope is longer than %d bytes", maxBody)
	}
	if err != nil {
		return Answer{}, http.StatusBadRequest, fmt.Errorf("read the envelope: %w", err)
	}
	in, err := parse(body)
	if err != nil {
		return Answer{}, http.StatusBadRequest, err
	}
	call := f.Call
	if call == nil {
		call = enveloped(f.HTTP)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, h.Limit, ErrTimeout)
	defer cancel()
	answer, err := h.safely(ctx, func() (Answer, error) { return call(ctx, in) })
	return answer, http.StatusInternalServerError, err
}

// forwarded answers a request that the host has handed on as it came.
func (h *Handler) forwarded(w http.ResponseWriter, r *http.Request) {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		reply{ReturnValue: "there is nothing here"}.write(w, http.StatusNotFound)
	})
	for _, f := range h.Functions {
		if f.HTTP == nil {
			continue
		}
		mux.HandleFunc(prefix+f.Route, func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeoutCause(r.Context(), h.Limit, ErrTimeout)
			defer cancel()
			ctx = context.WithValue(ctx, scope{}, scopeOf(r, f.Name, nil))
			got := newRecorder()
			_, err := h.safely(ctx, func() (Answer, error) {
				if outputs := f.HTTP(got, r.WithContext(ctx)); len(outputs) > 0 {
					return Answer{}, errors.New("a forwarded request has no outputs: the function needs its output bindings in function.json")
				}
				return Answer{}, nil
			})
			if err != nil {
				h.Log.ErrorContext(ctx, "invocation failed", "err", err)
				reply{ReturnValue: "the function failed"}.write(w, http.StatusInternalServerError)
				return
			}
			got.copy(w)
		})
	}
	mux.ServeHTTP(w, r)
}

// safely makes an error of a panic: the process goes on, because other invocations
// are under way in it.
func (h *Handler) safely(ctx context.Context, call func() (Answer, error)) (answer Answer, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			h.Log.ErrorContext(ctx, "panic", "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			err = fmt.Errorf("the function panicked: %v", cause)
		}
	}()
	return call()
}

func (h *Handler) function(name string) (Function, bool) {
	for _, f := range h.Functions {
		if f.Name == name {
			return f, true
		}
	}
	return Function{}, false
}

// clip shortens what somebody else wrote.
func clip(s string) string {
	const most = 64
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
