package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hopguard/internal/app"
	"hopguard/internal/appliance"
	"hopguard/internal/config"
	"hopguard/internal/decide"
	"hopguard/internal/funchost"
	"hopguard/internal/store"
)

// functionKey is that of the hosts of these tests.
const functionKey = "the key"

// errKilled is what a killed handler meets everywhere.
var errKilled = errors.New("killed")

// appFolder is the folder of an app whose handler is in this process.
func appFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "deploy", "functions"))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "handler"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// handlers is the worker of a host: each handler that it starts is an App of its own,
// in this process. What lasts beyond a handler is the simulated Azure and the records.
type handlers struct {
	world   world
	records store.Memory
	// broken is why the configuration cannot be read; nil if it can.
	broken error

	starts atomic.Uint64
	mu     sync.Mutex
	// ticks are when the timer's invocations came.
	ticks []time.Time
}

// handling returns handlers of a world whose configuration has a section functions.
func handling(w world, f config.Functions) *handlers {
	w.config.Functions = f
	return &handlers{world: w}
}

// host starts a host for them.
func (h *handlers) host(t *testing.T, dir string, queues funchost.Account) *funchost.Host {
	t.Helper()
	host, err := funchost.Start(t.Context(), funchost.Options{
		Root: dir, Worker: h, Key: functionKey, Queues: queues,
		Settings: map[string]string{"AzureWebJobsStorage": "UseDevelopmentStorage=true", "HOPGUARD_FUNCTIONS_SCHEDULE": "*/30 * * * * *"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return host
}

// Start implements [funchost.Worker].
func (h *handlers) Start(c funchost.Command) (funchost.Instance, error) {
	life, end := context.WithCancelCause(context.Background()) // it ends with the handler
	i := &instance{owner: h, life: life, end: end}
	f := &app.Functions{
		Stdout: c.Stdout, Stderr: c.Stderr,
		Open: func(log *slog.Logger) (*app.App, error) {
			if h.broken != nil {
				return nil, h.broken
			}
			a, err := app.New(app.Options{
				Config: h.world.config, Logger: log, Dial: h.world.dial, Meraki: h.world.meraki, Notify: mortal{i, h.world.notify},
				Transport: mortal{i, h.world.Transport()}, Records: mortalRecords{i, &h.records},
				Rand: rand.New(rand.NewPCG(h.world.seed, h.starts.Add(1))),
			})
			i.app.Store(a)
			return a, err
		},
	}
	i.handler = f.Handler()
	return i, nil
}

// instance is one handler.
type instance struct {
	owner   *handlers
	handler http.Handler
	life    context.Context //nolint:containedctx // the life of the handler
	end     context.CancelCauseFunc
	serving sync.WaitGroup
	door    sync.Mutex // nothing is served any more once killed is set
	killed  atomic.Bool
	app     atomic.Pointer[app.App] // nil until it is configured
}

// Kill implements [funchost.Instance]. Nothing that the handler asks for after it
// reaches anybody.
func (i *instance) Kill() {
	i.door.Lock()
	defer i.door.Unlock()
	i.killed.Store(true)
	i.end(errKilled)
}

// Wait implements [funchost.Instance].
func (i *instance) Wait() int {
	<-i.life.Done()
	i.serving.Wait()
	if a := i.app.Load(); a != nil {
		a.Close(i.life) // of what a process does alone, nothing is left
	}
	return 137
}

// RoundTrip implements [http.RoundTripper].
func (i *instance) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == "/Tick" {
		i.owner.mu.Lock()
		i.owner.ticks = append(i.owner.ticks, time.Now())
		i.owner.mu.Unlock()
	}
	answer, err := i.serve(r)
	if err != nil {
		return nil, err
	}
	select {
	case resp := <-answer:
		return resp, nil
	case <-i.life.Done():
		return nil, fmt.Errorf("connection reset: %w", errKilled)
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
}

// serve has a request served, if the handler lives.
func (i *instance) serve(r *http.Request) (<-chan *http.Response, error) {
	i.door.Lock()
	defer i.door.Unlock()
	if i.killed.Load() {
		return nil, errKilled
	}
	ctx, cancel := context.WithCancelCause(i.life)
	stop := context.AfterFunc(r.Context(), func() { cancel(context.Cause(r.Context())) }) //nolint:contextcheck // see the next
	in := r.Clone(ctx)                                                                    //nolint:contextcheck // a handler lives longer than a request
	in.RequestURI = r.URL.RequestURI()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	answer := make(chan *http.Response, 1)
	i.serving.Go(func() {
		defer cancel(nil)
		defer stop()
		w := httptest.NewRecorder()
		i.handler.ServeHTTP(w, in)
		answer <- w.Result()
	})
	return answer, nil
}

// mortal carries requests while the handler lives.
type mortal struct {
	of *instance
	to http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (m mortal) RoundTrip(r *http.Request) (*http.Response, error) {
	if m.of.killed.Load() {
		return nil, errKilled
	}
	return m.to.RoundTrip(r)
}

// mortalRecords keeps records while the handler lives.
type mortalRecords struct {
	of *instance
	*store.Memory
}

// Swap implements [controller.Records].
func (m mortalRecords) Swap(ctx context.Context, r decide.Record, version string) (string, error) {
	if m.of.killed.Load() {
		return "", errKilled
	}
	return m.Memory.Swap(ctx, r, version)
}

// record is what is stored of a group.
func (h *handlers) record(t *testing.T, group string) decide.Record {
	t.Helper()
	r, _, err := h.records.Load(t.Context(), appliance.GroupName(group))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// logged returns the texts of a level in a host's log.
func logged(h *funchost.Host, level funchost.Level) []string {
	var out []string
	for _, l := range h.Log() {
		if l.Level == level {
			out = append(out, l.Text)
		}
	}
	return out
}

// twoGroups adds a second group to a configuration: the table that is apac's.
func twoGroups(c *config.Config) {
	g := c.Groups[0]
	g.Name, g.Routes.Tag.Value = "apac", "apac"
	c.Groups = append(c.Groups, g)
}

// call makes a request of the world with the key.
func call(t *testing.T, h *funchost.Host, method, target, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	if body != "" {
		r = httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("X-Functions-Key", functionKey)
	resp := h.HTTP(r)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
