package contender

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"hopguard/deploy/functions"
	"hopguard/internal/funchost"
)

// handler is hopguard as the custom handler of a function app, under a stand-in for the
// host of Azure Functions that fires its timers in real time.
type handler struct {
	place   Place
	host    *funchost.Host
	cancel  context.CancelFunc
	running sync.WaitGroup
	done    chan struct{} // closed when the host has stopped; err is known then
	err     error
	told    sync.Once
	failure error // of stop; known after told

	mu sync.Mutex
	// fell is, by epoch, when the member was found down that traffic left. The record forgets
	// it when the member is up again.
	fell map[uint64]time.Time
	// orders are the reports of those; their lines in the log may come later than the answers.
	orders []report
}

// functionKey opens the front door of the app, which is reached only from here.
const functionKey = "key"

// startApp unpacks the package of the app and starts its host.
func startApp(ctx context.Context, c Contender, p Place) (driver, error) {
	root := filepath.Join(p.Dir, "app")
	if err := unpack(root, p.Program); err != nil {
		return nil, err
	}
	if err := writeConfig(c.configure(p), filepath.Join(root, "hopguard.yaml")); err != nil {
		return nil, err
	}
	settings := map[string]string{
		"AzureWebJobsStorage": "UseDevelopmentStorage=true", secretVariable: string(p.Secret),
		"HOPGUARD_FUNCTIONS_SCHEDULE": fmt.Sprintf("*/%d * * * * *", int(c.timer.Seconds())),
	}
	for _, v := range p.environment() {
		name, value, _ := strings.Cut(v, "=")
		settings[name] = value
	}
	host, err := funchost.Start(ctx, funchost.Options{Root: root, Settings: settings, Worker: worker{p}, Key: functionKey})
	if err != nil {
		return nil, err
	}
	h := &handler{place: p, host: host, done: make(chan struct{}), fell: map[uint64]time.Time{}}
	ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx)) // it bounds the start only
	h.running.Go(func() {
		defer close(h.done)
		h.err = host.Run(ctx)
	})
	h.running.Go(func() { h.remember(ctx) })
	return h, nil
}

// remember looks at the record until ctx ends.
func (h *handler) remember(ctx context.Context) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if rec, err := h.place.readRecord(); err == nil { // whoever asks for moments sees the error
				h.note(rec)
			}
		}
	}
}

func (h *handler) note(rec record) {
	t, ok := rec.newest(time.Time{})
	at := rec.fell(t.From)
	if !ok || at.IsZero() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fell[t.Epoch].IsZero() {
		h.fell[t.Epoch] = at
	}
}

// unpack makes the folder of the app: what is deployed, with the program as its handler.
func unpack(root, program string) error {
	err := os.CopyFS(root, functions.Files)
	if err == nil {
		err = os.Symlink(program, filepath.Join(root, "handler"))
	}
	if err != nil {
		return fmt.Errorf("unpack the function app: %w", err)
	}
	return nil
}

// worker starts handlers at a place.
type worker struct{ place Place }

// Start implements [funchost.Worker].
func (w worker) Start(c funchost.Command) (funchost.Instance, error) {
	cmd := exec.Command(c.Path, c.Args...) //nolint:noctx // it is killed, not cancelled
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = c.Dir, c.Env, c.Stdout, c.Stderr, drainTime
	cmd.SysProcAttr = ownGroup()
	if err := w.place.Start(cmd); err != nil {
		return nil, err
	}
	w.place.say("handler started as process %d", cmd.Process.Pid)
	return &instance{cmd: cmd, Transport: &http.Transport{DialContext: w.place.Dial}}, nil
}

// instance is one process of the handler.
type instance struct {
	*http.Transport
	cmd *exec.Cmd
}

// Kill implements [funchost.Instance].
func (i *instance) Kill() { _ = signalAll(i.cmd.Process, syscall.SIGKILL) } // it may have ended

// Wait implements [funchost.Instance].
func (i *instance) Wait() int {
	defer i.CloseIdleConnections()
	if err := i.cmd.Wait(); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			return -1
		}
	}
	return i.cmd.ProcessState.ExitCode()
}

func (h *handler) ended() <-chan struct{} { return h.done }

// stop kills the handler, as the platform does.
func (h *handler) stop() error {
	h.told.Do(func() {
		select {
		case <-h.done:
			h.failure = h.gone()
		default:
		}
		h.cancel()
		h.running.Wait()
		h.host.Close()
		h.failure = errors.Join(h.failure, h.writeLog())
	})
	return h.failure
}

// writeLog leaves the host's log in Dir.
func (h *handler) writeLog() error {
	var text bytes.Buffer
	for _, l := range h.host.Log() {
		fmt.Fprintf(&text, "%s %s\n", l.Level, l.Text)
	}
	return os.WriteFile(filepath.Join(h.place.Dir, "functions.log"), text.Bytes(), fs.FileMode(0o600))
}

func (h *handler) gone() error { return fmt.Errorf("the function app has stopped: %w", h.err) }

// ready waits until an invocation has stored that all is well, and then asks as a person would.
func (h *handler) ready(ctx context.Context) error {
	err := until(ctx, h.done, h.gone, func() (bool, string, error) {
		rec, err := h.place.readRecord()
		if err != nil || !rec.up() {
			return false, fmt.Sprintf("a record of epoch %d in which not all are up", rec.Epoch), err
		}
		body, err := h.call(ctx, http.MethodGet, "/api/status", "")
		if err != nil {
			return false, "", err
		}
		r, ok, err := onlyGroup(body)
		if err != nil || !ok {
			return false, "no group", err
		}
		done, seen := r.steady()
		return done, seen, nil
	})
	if err != nil {
		return fmt.Errorf("wait until the function app is ready: %w", err)
	}
	return nil
}

// call makes a request of somebody who has the key.
func (h *handler) call(ctx context.Context, method, target, body string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, "https://app.example"+target, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("X-Functions-Key", functionKey)
	resp := h.host.HTTP(r)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %d %s", method, target, resp.StatusCode, answer)
	}
	return answer, err
}

// order calls the function Failover.
func (h *handler) order(ctx context.Context, member string) error {
	body, err := json.Marshal(map[string]string{"to": member, "note": planned})
	if err != nil {
		return err
	}
	answer, err := h.call(ctx, http.MethodPost, "/api/failover", string(body))
	if err != nil {
		return fmt.Errorf("switch to %s: %w", member, err)
	}
	r, err := obeyed(answer, member)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.orders = append(h.orders, r)
	return nil
}

// line is one line of hopguard's log.
type line struct {
	Time     time.Time
	Msg      string
	Member   string
	Resource string
	Stage    string
	Outcome  string
}

// lines are those of the handler's log.
func (h *handler) lines() []line {
	var list []line
	for _, l := range h.host.Log() {
		var one line
		if json.Unmarshal([]byte(l.Text), &one) == nil {
			list = append(list, one)
		}
	}
	return list
}

func (h *handler) moments(_ context.Context, since time.Time) (Moments, error) {
	rec, err := h.place.readRecord()
	if err != nil {
		return Moments{}, err
	}
	t, ok := rec.newest(since)
	if !ok {
		return Moments{}, nil
	}
	h.note(rec)
	h.mu.Lock()
	m, orders := Moments{Detected: h.fell[t.Epoch], Decided: t.At}, slices.Clone(h.orders)
	h.mu.Unlock()
	m.Accepted, m.Succeeded, m.Effective = written(h.lines(), t.At)
	for _, r := range orders {
		if r.Epoch == t.Epoch {
			m.Decided = later(t.At, r.Committed)
			m.Accepted, m.Succeeded, m.Effective = stages(orders, t.Epoch)
		}
	}
	return m.within(since), nil
}

// written is what a log says of the writes since a time: each table by the first write that
// succeeded, and of the tables the last.
func written(log []line, since time.Time) (accepted, succeeded, effective time.Time) {
	started, done := map[string]time.Time{}, map[string]bool{} // by table
	for _, l := range log {
		if l.Msg != "write" || l.Time.Before(since) {
			continue
		}
		switch {
		case l.Stage == "effective":
			effective = later(effective, l.Time)
		case done[l.Resource]: // what comes later is a repair
		case l.Stage == "accepted":
			started[l.Resource] = l.Time
		case l.Stage == "succeeded":
			done[l.Resource] = true
			accepted, succeeded = later(accepted, started[l.Resource]), later(succeeded, l.Time)
		}
	}
	return accepted, succeeded, effective
}

func (h *handler) moves(context.Context) (int, error) {
	rec, err := h.place.readRecord()
	return rec.moves(), err
}

func (h *handler) probes(context.Context) (made, failed int, err error) {
	for _, l := range h.lines() {
		if l.Msg != "probe" || l.Member == "" { // the witness is no member
			continue
		}
		made++
		if l.Outcome == "fail" {
			failed++
		}
	}
	return made, failed, nil
}
