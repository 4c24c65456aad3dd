package contender

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"hopguard/internal/config"
)

// hopguard is hopguard run at a place.
type hopguard struct {
	*process
	place  Place
	file   string // of the configuration
	client *http.Client

	mu      sync.Mutex
	reports []report // of the ticks that did something, and of orders; the oldest first
	orders  int
}

// askTime bounds a question to what runs beside us.
const askTime = 2 * time.Second

// startDaemon starts hopguard run.
func startDaemon(ctx context.Context, c Contender, p Place) (driver, error) {
	file := filepath.Join(p.Dir, "hopguard.yaml")
	if err := writeConfig(c.configure(p), file); err != nil {
		return nil, err
	}
	h := &hopguard{place: p, file: file, client: p.client()}
	cmd := p.hopguard("run", "--config", file, "--log-format", "json")
	ctx = context.WithoutCancel(ctx) // it bounds the start only
	var err error
	h.process, err = p.start("hopguard", cmd, func(line []byte) { h.hear(ctx, line) })
	return h, err
}

// writeConfig writes a configuration file, after a look at it.
func writeConfig(c config.Config, file string) error {
	if err := c.Validate(); err != nil {
		return err
	}
	text, err := c.YAML()
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

// hopguard is a command of the binary, with nothing in its environment that it does not need.
func (p Place) hopguard(args ...string) *exec.Cmd {
	cmd := exec.Command(p.Program, args...) //nolint:noctx // who ends it waits for its end
	cmd.Dir, cmd.Env = p.Dir, append(p.environment(), secretVariable+"="+string(p.Secret))
	return cmd
}

// hear reads a line of the log. After a tick that is news, its report is asked for at once:
// the next tick replaces it.
func (h *hopguard) hear(ctx context.Context, line []byte) {
	if !bytes.Contains(line, []byte(`"msg":"tick"`)) {
		return
	}
	if r, ok, err := h.status(ctx); err == nil && ok {
		h.keep(r)
	}
}

// keep remembers a report in which something was done.
func (h *hopguard) keep(r report) {
	did := r.MovedTo != ""
	for _, t := range r.Tables {
		did = did || !t.Accepted.IsZero()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if did {
		h.reports = append(h.reports, r)
	}
}

// status asks for the newest report. ok is false before the first.
func (h *hopguard) status(ctx context.Context) (r report, ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	req, err := h.place.statusRequest(ctx, "/v1/status")
	if err != nil {
		return report{}, false, err
	}
	body, err := ask(h.client, req)
	if err != nil {
		return report{}, false, err
	}
	return onlyGroup(body)
}

func (h *hopguard) ready(ctx context.Context) error {
	err := until(ctx, h.ended(), h.gone, func() (bool, string, error) {
		rec, err := h.place.readRecord()
		if err != nil || !rec.up() {
			return false, fmt.Sprintf("a record of epoch %d in which not all are up", rec.Epoch), err
		}
		r, ok, err := h.status(ctx)
		if err != nil {
			return false, err.Error(), nil //nolint:nilerr // it may not listen yet
		}
		if !ok || r.Epoch != rec.Epoch { // the report is of a tick that has ended, and so may be older than the record
			return false, "a tick that has not ended", nil
		}
		done, seen := r.steady()
		return done, seen, nil
	})
	if err != nil {
		return fmt.Errorf("wait until hopguard is ready: %w", err)
	}
	return nil
}

// order runs hopguard failover beside it.
func (h *hopguard) order(ctx context.Context, member string) error {
	h.mu.Lock()
	h.orders++
	name := fmt.Sprintf("failover-%d", h.orders)
	h.mu.Unlock()
	var out bytes.Buffer
	cmd := h.place.hopguard("failover", "--config", h.file, "--group", h.place.Group, "--to", member, "--yes", "--json", "--note", planned)
	cmd.Stdout = &out
	p, err := h.place.start(name, cmd, nil)
	if err != nil {
		return err
	}
	select {
	case <-p.ended():
	case <-ctx.Done():
		return errors.Join(context.Cause(ctx), p.stop())
	}
	r, err := obeyed(out.Bytes(), member)
	if err != nil {
		return fmt.Errorf("%w (%v; its log is %s)", err, p.cmd.ProcessState, p.log.Name())
	}
	h.keep(r)
	return nil
}

// planned is the note of a planned switch.
const planned = "planned switch"

// obeyed reads the report of an order. Its error says why the order was not carried out.
func obeyed(body []byte, member string) (report, error) {
	var r report
	if err := json.Unmarshal(body, &r); err != nil {
		return r, fmt.Errorf("switch to %s: no report: %w", member, err)
	}
	switch {
	case r.Refused != "":
		return r, fmt.Errorf("switch to %s: refused: %s", member, r.Refused)
	case len(r.Errors) > 0:
		return r, fmt.Errorf("switch to %s: %s", member, strings.Join(r.Errors, "; "))
	case r.Active != member:
		return r, fmt.Errorf("switch to %s: %s is active", member, r.Active)
	default:
		return r, nil
	}
}

func (h *hopguard) moments(_ context.Context, since time.Time) (Moments, error) {
	rec, err := h.place.readRecord()
	if err != nil {
		return Moments{}, err
	}
	t, ok := rec.newest(since)
	if !ok {
		return Moments{}, nil
	}
	m := Moments{Detected: rec.fell(t.From), Decided: t.At}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.reports {
		if r.MovedTo != "" && r.Epoch == t.Epoch {
			// By now the record may know that it is up again, or down once more.
			m.Detected, m.Decided = r.fell(t.From), later(t.At, r.Committed)
		}
	}
	m.Accepted, m.Succeeded, m.Effective = stages(h.reports, t.Epoch)
	return m.within(since), nil
}

// within drops a verdict that is not the cause of the transition: one from before since,
// or from after the decision.
func (m Moments) within(since time.Time) Moments {
	if m.Detected.Before(since) || m.Detected.After(m.Decided) {
		m.Detected = time.Time{}
	}
	return m
}

func (h *hopguard) moves(context.Context) (int, error) {
	rec, err := h.place.readRecord()
	return rec.moves(), err
}

func (h *hopguard) probes(ctx context.Context) (made, failed int, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	req, err := h.place.statusRequest(ctx, "/metrics")
	if err != nil {
		return 0, 0, err
	}
	body, err := ask(h.client, req)
	if err != nil {
		return 0, 0, err
	}
	return outcomes(body)
}
