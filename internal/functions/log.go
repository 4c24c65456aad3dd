package functions

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"sync"
)

// LogOptions say where a log goes. All fields are required.
type LogOptions struct {
	// Stdout is the host's log at the level Information. Of what comes to Stderr the host
	// makes an error, and a warning of a line with "warn" in it.
	Stdout, Stderr io.Writer
	// Level is that of the least important line.
	Level slog.Leveler
}

// NewLog returns a handler that brings each line to the host at its own level, as JSON.
// Warnings and errors go to Stderr at once, so that a killed invocation has told them.
// What is less goes into the answer of the invocation that it belongs to, which shows
// it with that invocation, or to Stdout.
func NewLog(o LogOptions) slog.Handler {
	return &logHandler{out: &outlets{options: o}, dress: func(h slog.Handler) slog.Handler { return h }}
}

// scope is the invocation that a context belongs to.
type scope struct {
	function, id, trace string
	lines               *lines // nil if the answer has none
}

// The host's header with the id of the invocation, and that of its newer versions
// where it is a proxy.
const idHeader, proxyIDHeader = "X-Azure-Functions-InvocationId", "X-Ms-Invocation-Id"

// traceparent is the W3C's header by which a trace goes on.
var traceparent = regexp.MustCompile(`^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$`)

// scopeOf reads who the request belongs to.
func scopeOf(r *http.Request, function string, lines *lines) scope {
	s := scope{function: clip(function), id: clip(r.Header.Get(idHeader)), lines: lines}
	if s.id == "" {
		s.id = clip(r.Header.Get(proxyIDHeader))
	}
	if m := traceparent.FindStringSubmatch(r.Header.Get("Traceparent")); m != nil {
		s.trace = m[1]
	}
	return s
}

// facts are the scope's attributes.
func (s scope) facts() []slog.Attr {
	facts := []slog.Attr{slog.String("function", s.function)}
	if s.id != "" {
		facts = append(facts, slog.String("invocation", s.id))
	}
	if s.trace != "" {
		facts = append(facts, slog.String("trace", s.trace))
	}
	return facts
}

const (
	// mostLines and mostBytes bound the log in one answer.
	mostLines, mostBytes = 500, 256 << 10
)

// lines are those that an answer brings. It is safe for concurrent use.
type lines struct {
	mu    sync.Mutex
	list  []string
	bytes int
	lost  int
}

func (l *lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) >= mostLines || l.bytes+len(line) > mostBytes {
		l.lost++
		return
	}
	l.list, l.bytes = append(l.list, line), l.bytes+len(line)
}

func (l *lines) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost > 0 {
		return append(l.list, fmt.Sprintf("%d more lines do not fit into an answer", l.lost))
	}
	return l.list
}

// outlets are the process's streams.
type outlets struct {
	options LogOptions
	mu      sync.Mutex
}

// logHandler makes lines.
type logHandler struct {
	out *outlets
	// dress adds the attributes and groups of this handler.
	dress func(slog.Handler) slog.Handler
}

// Enabled implements [slog.Handler].
func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.out.options.Level.Level()
}

// WithAttrs implements [slog.Handler].
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logHandler{out: h.out, dress: func(inner slog.Handler) slog.Handler { return h.dress(inner).WithAttrs(attrs) }}
}

// WithGroup implements [slog.Handler].
func (h *logHandler) WithGroup(name string) slog.Handler {
	return &logHandler{out: h.out, dress: func(inner slog.Handler) slog.Handler { return h.dress(inner).WithGroup(name) }}
}

// Handle implements [slog.Handler].
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	var line bytes.Buffer
	var inner slog.Handler = slog.NewJSONHandler(&line, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: readable})
	s, scoped := ctx.Value(scope{}).(scope)
	if scoped {
		inner = inner.WithAttrs(s.facts())
	}
	if err := h.dress(inner).Handle(ctx, r); err != nil {
		return err
	}
	switch text := bytes.TrimRight(line.Bytes(), "\n"); {
	case r.Level >= slog.LevelError:
		return h.out.write(h.out.options.Stderr, soften(text))
	case r.Level >= slog.LevelWarn:
		return h.out.write(h.out.options.Stderr, text) // "WARN" is in it
	case scoped && s.lines != nil:
		s.lines.add(string(text))
		return nil
	default:
		return h.out.write(h.out.options.Stdout, text)
	}
}

func (o *outlets) write(w io.Writer, line []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, err := w.Write(append(bytes.Clone(line), '\n'))
	return err
}

// readable writes durations with their unit.
func readable(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

var warnWord = regexp.MustCompile(`(?i)(w)(arn)`)

// soften breaks the word by which the host makes a warning of an error.
func soften(line []byte) []byte { return warnWord.ReplaceAll(line, []byte("$1.$2")) }
