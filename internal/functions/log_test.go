package functions_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"hopguard/internal/functions"
)

// What is less than a warning comes with the answer; a warning and an error are told
// at once, in the words by which the host tells them apart.
func TestLogReachesTheHostAtItsLevel(t *testing.T) {
	var a *app
	a = newApp(functions.Function{Name: "F", Call: func(ctx context.Context, _ *functions.Invocation) (functions.Answer, error) {
		log := a.Log.With("group", "emea").WithGroup("tick")
		log.DebugContext(ctx, "probe")
		log.InfoContext(ctx, "tick", "took", 1500*time.Millisecond)
		log.WarnContext(ctx, "degraded")
		log.ErrorContext(ctx, "failed", "warnings", "Warning: a WARNING", "err", errors.New("403"))
		a.Log.InfoContext(context.Background(), "of nobody") //nolint:contextcheck,usetesting // not of the invocation
		return functions.Answer{}, nil
	}})
	_, got := a.ask(t, "POST", "/F", `{}`, "X-Azure-Functions-InvocationId", "id-1", "Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if len(got.Logs) != 1 {
		t.Fatalf("the answer has the lines %q, want the one at info", got.Logs)
	}
	type line struct {
		Level, Msg, Function, Invocation, Trace, Group string
		Tick                                           struct{ Took, Err string }
	}
	parse := func(text string) (l line) {
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Errorf("the line %q is no JSON: %v", text, err)
		}
		return l
	}
	info := parse(got.Logs[0])
	if want := (line{Level: "INFO", Msg: "tick", Function: "F", Invocation: "id-1", Trace: "0af7651916cd43dd8448eb211c80319c", Group: "emea"}); info.Msg != want.Msg || info.Level != want.Level || info.Function != want.Function || info.Invocation != want.Invocation || info.Trace != want.Trace || info.Group != want.Group || info.Tick.Took != "1.5s" {
		t.Errorf("line = %+v, want %+v", info, want)
	}
	if out := parse(strings.TrimSpace(a.stdout.String())); out.Msg != "of nobody" || out.Invocation != "" {
		t.Errorf("standard output = %q, want what belongs to no invocation", &a.stdout)
	}
	told := strings.Split(strings.TrimSpace(a.stderr.String()), "\n")
	if len(told) != 2 {
		t.Fatalf("standard error = %q, want two lines", &a.stderr)
	}
	if warn := parse(told[0]); warn.Msg != "degraded" || warn.Invocation != "id-1" || !strings.Contains(strings.ToLower(told[0]), "warn") {
		t.Errorf("warning = %q", told[0])
	}
	if failed := parse(told[1]); failed.Msg != "failed" || failed.Tick.Err != "403" || strings.Contains(strings.ToLower(told[1]), "warn") {
		t.Errorf("error = %q, want no word of which the host makes a warning", told[1])
	}
}

// The newer host names the invocation elsewhere, and a header that is no trace is none.
func TestOtherHeaders(t *testing.T) {
	a := newApp()
	a.ask(t, "POST", "/Nobody", `{}`, "X-Ms-Invocation-Id", "id-2", "Traceparent", "0-x")
	if text := a.stderr.String(); !strings.Contains(text, `"invocation":"id-2"`) || strings.Contains(text, "trace") {
		t.Errorf("standard error = %q", text)
	}
}

func TestLogOfAnAnswerIsBounded(t *testing.T) {
	var a *app
	a = newApp(functions.Function{Name: "F", Call: func(ctx context.Context, _ *functions.Invocation) (functions.Answer, error) {
		for i := range 1000 {
			a.Log.InfoContext(ctx, "line", "n", i)
		}
		return functions.Answer{}, nil
	}})
	_, got := a.ask(t, "POST", "/F", `{}`)
	if n := len(got.Logs); n != 501 || got.Logs[500] != fmt.Sprintf("%d more lines do not fit into an answer", 500) {
		t.Errorf("%d lines, the last %q, want 500 and a word of the rest", n, got.Logs[n-1])
	}
	a = newApp(functions.Function{Name: "F", Call: func(ctx context.Context, _ *functions.Invocation) (functions.Answer, error) {
		for range 5 {
			a.Log.InfoContext(ctx, strings.Repeat("x", 100<<10)) //nolint:sloglint // its length is what matters
		}
		return functions.Answer{}, nil
	}})
	if _, got := a.ask(t, "POST", "/F", `{}`); len(got.Logs) != 3 {
		t.Errorf("%d lines of 100 KiB, want two and a word of the rest", len(got.Logs))
	}
}

// The level may be set when the configuration is known.
func TestLevel(t *testing.T) {
	level := new(slog.LevelVar)
	a := newApp()
	log := slog.New(functions.NewLog(functions.LogOptions{Stdout: &a.stdout, Stderr: &a.stderr, Level: level}))
	log.Debug("early")
	level.Set(slog.LevelDebug)
	log.Debug("late")
	if got := a.stdout.String(); strings.Contains(got, "early") || !strings.Contains(got, "late") {
		t.Errorf("standard output = %q, want what came after the level was set", got)
	}
}
