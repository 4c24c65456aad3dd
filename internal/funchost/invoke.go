package funchost

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"
)

// InvocationError is why an invocation has failed.
type InvocationError struct {
	Function string
	Err      error
}

// Error names the function and the cause.
func (e *InvocationError) Error() string { return "invocation of " + e.Function + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *InvocationError) Unwrap() error { return e.Err }

// ErrTimeout says that an invocation took longer than functionTimeout: the handler was
// killed, with all that it had under way.
var ErrTimeout = errors.New("FunctionTimeoutException: the handler is killed")

// result is an answer that the host believes.
type result struct {
	Outputs map[string]json.RawMessage
}

// invoke makes one invocation of a function with an envelope, and carries out what it
// says for queues.
func (h *Host) invoke(ctx context.Context, f function, data, metadata map[string]any) (result, error) {
	body, err := json.Marshal(map[string]any{"Data": data, "Metadata": withSys(f.name, metadata)})
	if err != nil {
		return result{}, err
	}
	ask := func(ctx context.Context, l *life) (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url("/"+f.name), bytes.NewReader(body))
		if err == nil {
			r.Header.Set("Content-Type", "application/json; charset=utf-8")
		}
		return r, err
	}
	var got result
	err = h.exchange(ctx, ask, func(ctx context.Context, resp *http.Response) (err error) {
		got, err = h.believe(ctx, resp)
		return err
	})
	if err == nil {
		err = h.carryOut(ctx, f, got)
	}
	if err != nil {
		h.log.add(Error, fmt.Sprintf("Executed 'Functions.%s' (Failed): %v", f.name, err))
		return result{}, &InvocationError{f.name, err}
	}
	return got, nil
}

// withSys adds what every envelope has.
func withSys(name string, metadata map[string]any) map[string]any {
	out := map[string]any{"sys": map[string]any{
		"MethodName": name, "UtcNow": time.Now().UTC().Format("2006-01-02T15:04:05.0000000Z"), "RandGuid": newID(),
	}}
	maps.Copy(out, metadata)
	return out
}

// exchange sends one request to the handler once that is ready, and has its answer
// read, both within functionTimeout.
func (h *Host) exchange(ctx context.Context, ask func(context.Context, *life) (*http.Request, error), read func(context.Context, *http.Response) error) error {
	l, err := h.await(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, h.options.Timeout, ErrTimeout)
	defer cancel()
	r, err := ask(ctx, l)
	if err != nil {
		return err
	}
	r.Header.Set("X-Azure-Functions-HostVersion", version)
	r.Header.Set("X-Azure-Functions-InvocationId", newID())
	r.Header.Add("User-Agent", "Azure-Functions-Host/"+version)
	resp, err := l.instance.RoundTrip(r)
	if err == nil {
		defer resp.Body.Close()
		err = read(ctx, resp)
	}
	if errors.Is(context.Cause(ctx), ErrTimeout) {
		l.instance.Kill()
		return ErrTimeout
	}
	return err
}

// believe reads an answer as the host does.
func (h *Host) believe(ctx context.Context, resp *http.Response) (result, error) {
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return result{}, err
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return result{}, fmt.Errorf("response status code does not indicate success: %d", resp.StatusCode)
	}
	var answer *struct {
		Outputs map[string]json.RawMessage
		Logs    []string
	}
	if len(bytes.TrimSpace(body)) > 0 {
		if err := json.Unmarshal(body, &answer); err != nil {
			return result{}, fmt.Errorf("invalid HttpResponseMessage: %w", err)
		}
	}
	if answer == nil { // nobody sets the result
		<-ctx.Done()
		return result{}, context.Cause(ctx)
	}
	for _, line := range answer.Logs {
		h.log.add(Information, line)
	}
	return result{Outputs: answer.Outputs}, nil
}

// carryOut puts messages into queues. Names that are no binding are passed over.
func (h *Host) carryOut(ctx context.Context, f function, got result) error {
	for name, b := range f.out {
		raw, ok := got.Outputs[name]
		if !ok || b.Type != "queue" || string(raw) == "null" {
			continue
		}
		list := []json.RawMessage{raw}
		if bytes.HasPrefix(raw, []byte("[")) {
			if err := json.Unmarshal(raw, &list); err != nil {
				return err
			}
		}
		for _, item := range list {
			var text string
			if json.Unmarshal(item, &text) != nil {
				text = string(item)
			}
			if err := h.options.Queues.Send(ctx, b.QueueName, text); err != nil {
				return err
			}
		}
	}
	return nil
}

// function finds one by its name.
func (h *Host) function(name, trigger string) (function, error) {
	f, ok := h.app.functions[name]
	if !ok || f.trigger.Type != trigger {
		return function{}, fmt.Errorf("the package has no function %q with a %s", name, trigger)
	}
	return f, nil
}

// Timer fires the timer of a function once, and waits until the invocation has ended.
func (h *Host) Timer(ctx context.Context, name string) error {
	f, err := h.function(name, "timerTrigger")
	if err != nil {
		return err
	}
	// A schedule that fires more often than once a minute is not monitored.
	value := map[string]any{"Schedule": map[string]any{"AdjustForDST": true}, "ScheduleStatus": nil, "IsPastDue": false}
	_, err = h.invoke(ctx, f, map[string]any{f.trigger.Name: value}, nil)
	return err
}
