// Package funchost is a stand-in for the Azure Functions host, as far as a custom
// handler sees it: it starts the handler of an unpacked package, waits until it is
// ready, invokes its functions by timer, queue and HTTP, believes the answers that the
// host believes, and starts the handler again, or does not, as the host would.
//
// It is written from the documented contract and from what is known of the host's
// source, and shares no code with the handler, so that it cannot share a mistake. Where
// the contract leaves something open it takes the harsher reading. Queues are in memory,
// or those of a storage account or Azurite. It does not scale out, has no monitor of schedules,
// knows only the bindings and the schedules that the package uses, and refuses
// others by name. Tests of the handler may import it, and contender, which runs it in the
// lab; production code may not.
package funchost

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Options say what is hosted. Root is required.
type Options struct {
	// Root is the folder of the unpacked package.
	Root string
	// Settings are the app settings: the handler's environment.
	Settings map[string]string
	// Worker starts the handler; nil starts the program that host.json names.
	Worker Worker
	// Queues are those of the storage account; nil is an account of its own in memory.
	// Hosts that share one are instances of one app.
	Queues Account
	// Key is the function key; "" refuses all who must show one.
	Key string
	// Timeout is the functionTimeout; 0 is that of host.json.
	Timeout time.Duration
}

// What the host does without being asked.
const (
	// pingEvery is how often a handler that starts is asked, and startLimit for how long.
	pingEvery, startLimit = 25 * time.Millisecond, 30 * time.Second
	// mostErrors within errorWindow of each other end the host.
	mostErrors, errorWindow = 3, 30 * time.Minute
	// version is what it says it is.
	version = "4.1037.0.0"
)

// restartUncounted is the exit code after which a handler is started again and nothing
// is counted.
const restartUncounted = 200

// ErrStopped says that the host has given up: the handler has ended too often, or with
// 0. The platform would start the app again after a while, or not.
var ErrStopped = errors.New("the host has stopped")

// Host runs one handler. All methods are safe for concurrent use.
type Host struct {
	options Options
	app     app
	log     journal
	keeper  sync.WaitGroup

	mu      sync.Mutex
	changed chan struct{} // closed and made anew with each change of the following
	present *life         // nil before the first
	stopped error
	starts  []time.Duration
	errors  []time.Time // when the handler ended with an error, the newest last
}

// life is one process of the handler.
type life struct {
	instance Instance
	port     int
	ready    bool
	ended    chan struct{} // closed when the process has
	code     int           // known then
}

// Start reads the package, starts its handler and waits until that is ready. The error
// says what the host could not load or start. Close it after use.
func Start(ctx context.Context, o Options) (*Host, error) {
	a, err := load(o.Root, o.Settings)
	if err != nil {
		return nil, err
	}
	if o.Worker == nil {
		o.Worker = Process{}
	}
	if o.Queues == nil {
		o.Queues = &Queues{}
	}
	o.Timeout = cmp.Or(o.Timeout, a.timeout)
	h := &Host{options: o, app: a, changed: make(chan struct{})}
	h.keeper.Go(func() { h.keep(context.WithoutCancel(ctx)) })
	if _, err := h.await(ctx); err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}

// Close kills the handler and waits for its end.
func (h *Host) Close() {
	h.stop(errors.New("it was closed"))
	h.Kill()
	h.keeper.Wait()
}

// Kill kills the handler, as a lack of memory would. The host starts it again, if it
// has not stopped.
func (h *Host) Kill() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.present != nil {
		h.present.instance.Kill()
	}
}

// Starts are the times that the handler took to be ready, for each of its starts.
func (h *Host) Starts() []time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.starts)
}

// Started waits until the handler has been ready n times.
func (h *Host) Started(ctx context.Context, n int) error {
	for {
		h.mu.Lock()
		got, stopped, changed := len(h.starts), h.stopped, h.changed
		h.mu.Unlock()
		switch {
		case got >= n:
			return nil
		case stopped != nil:
			return stopped
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
	}
}

// Functions are the names of the functions, in order.
func (h *Host) Functions() []string { return slices.Sorted(maps.Keys(h.app.functions)) }

// Log is what was logged, in order.
func (h *Host) Log() []Line { return h.log.all() }

// Stopped is why the host has given up; nil if it has not.
func (h *Host) Stopped() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stopped
}

// change tells those who wait. The lock is held.
func (h *Host) change() {
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *Host) stop(why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped == nil {
		h.stopped = fmt.Errorf("%w: %w", ErrStopped, why)
		h.change()
	}
}

// await returns the process that invocations go to, as soon as it is ready.
func (h *Host) await(ctx context.Context) (*life, error) {
	for {
		h.mu.Lock()
		l, stopped, changed := h.present, h.stopped, h.changed
		ready := l != nil && l.ready
		h.mu.Unlock()
		switch {
		case stopped != nil:
			return nil, stopped
		case ready:
			return l, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-changed:
		}
	}
}

// keep starts the handler, and again after its end, until the host stops.
func (h *Host) keep(ctx context.Context) {
	for h.Stopped() == nil {
		began := time.Now()
		l, err := h.begin()
		if err != nil {
			h.stop(err)
			return
		}
		if err := l.answers(ctx); err != nil {
			h.log.add(Error, err.Error())
			l.instance.Kill()
		} else {
			h.mu.Lock()
			l.ready, h.starts = true, append(h.starts, time.Since(began))
			h.change()
			h.mu.Unlock()
		}
		<-l.ended
		h.judge(l.code)
	}
}

// begin starts one process.
func (h *Host) begin() (*life, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped != nil {
		return nil, h.stopped
	}
	instance, err := h.options.Worker.Start(Command{
		Path: h.app.program, Args: h.app.arguments, Dir: h.app.dir, Env: h.environment(port), Port: port,
		Stdout: h.log.writer(false), Stderr: h.log.writer(true),
	})
	if err != nil {
		return nil, fmt.Errorf("start the handler: %w", err) // and it is not tried again
	}
	l := &life{instance: instance, port: port, ended: make(chan struct{})}
	h.keeper.Go(func() {
		l.code = instance.Wait()
		h.mu.Lock()
		defer h.mu.Unlock()
		l.ready = false
		close(l.ended)
	})
	h.present = l
	h.change()
	return l, nil
}

// judge says whether the handler is started again after it has ended with a code.
func (h *Host) judge(code int) {
	now := time.Now()
	switch code {
	case 0:
		h.stop(errors.New("the handler ended with 0, and is not started again"))
		return
	case restartUncounted:
		return
	}
	h.mu.Lock()
	if n := len(h.errors); n > 0 && now.Sub(h.errors[n-1]) > errorWindow {
		h.errors = nil
	}
	h.errors = append(h.errors, now)
	n := len(h.errors)
	h.mu.Unlock()
	if n >= mostErrors {
		h.stop(fmt.Errorf("the handler ended %d times with an error, the last time with %d", n, code))
	}
}

// environment is the handler's.
func (h *Host) environment(port int) []string {
	text := strconv.Itoa(port)
	vars := map[string]string{}
	maps.Copy(vars, h.options.Settings)
	maps.Copy(vars, map[string]string{
		"FUNCTIONS_CUSTOMHANDLER_PORT": text, "FUNCTIONS_HTTPWORKER_PORT": text,
		"FUNCTIONS_CUSTOMHANDLER_WORKER_ID": newID(), "FUNCTIONS_HTTPWORKER_ID": newID(),
		"FUNCTIONS_APP_ROOT_PATH": h.options.Root,
	})
	var env []string
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		env = append(env, name+"="+vars[name])
	}
	return env
}

// answers waits until the handler answers anything at all.
func (l *life) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url("/"), nil)
		if err != nil {
			return err
		}
		resp, err := l.instance.RoundTrip(r)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			return errors.Join(err, resp.Body.Close())
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the handler was not ready within %s: %w", startLimit, err)
		case <-l.ended:
			return fmt.Errorf("the handler ended before it was ready: %w", err)
		case <-time.After(pingEvery):
		}
	}
}

func (l *life) url(path string) string {
	return "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(l.port)) + path
}
