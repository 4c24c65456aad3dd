package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"sync"
	"time"
)

// controller is one process of hopguard. It is safe for concurrent use.
type controller struct {
	name  string
	slot  *slot
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has been waited for
	heard func(*controller, line, time.Time)

	mu      sync.Mutex
	api     string
	leads   bool
	ledAt   time.Time // when it last said that it leads
	ticks   []heardTick
	tail    []string // of its log
	paused  bool
	exitErr error
}

// line is one line of a controller's log, as far as it matters here.
type line struct {
	Time    time.Time
	Msg     string
	Address string
	Active  string
	State   string
	Epoch   uint64
	Changes int
	Took    string
}

type heardTick struct {
	line
	at time.Time
}

// tailLines is how much of a log is kept to be shown when something went wrong.
const tailLines = 25

// start runs a controller until it is killed.
func (s *slot) start(program, name string, heard func(*controller, line, time.Time)) (*controller, error) {
	c := &controller{name: name, slot: s, ended: make(chan struct{}), heard: heard}
	// Not CommandContext: who ends it waits for the end.
	c.cmd = exec.Command(program, "run", "--config", s.conf, "--log-format", "json") //nolint:noctx // see above
	c.cmd.Env = append(s.env[:len(s.env):len(s.env)], "HOPGUARD_REPLICAS_NAME="+name)
	c.cmd.SysProcAttr = attributes()
	log, err := c.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	s.world.running.Go(func() {
		defer close(c.ended)
		c.read(log)
		err := c.cmd.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.exitErr, c.leads = err, false
	})
	return c, nil
}

func (c *controller) read(log io.Reader) {
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		now := time.Now()
		var l line
		_ = json.Unmarshal(lines.Bytes(), &l) // what is no line has no message
		c.note(l, lines.Text(), now)
		c.heard(c, l, now)
	}
}

func (c *controller) note(l line, text string, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tail = append(c.tail, text)
	if len(c.tail) > tailLines {
		c.tail = c.tail[1:]
	}
	switch l.Msg {
	case "api listening":
		c.api = l.Address
	case "leads":
		c.leads, c.ledAt = true, now
	case "leads no longer":
		c.leads = false
	case "tick":
		c.ticks = append(c.ticks, heardTick{l, now})
	default:
	}
}

// leading reports whether it says that it leads, and since when.
func (c *controller) leading() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ledAt, c.leads && !c.paused
}

// tick returns the first line of a tick that it wrote after t and that want likes.
func (c *controller) tick(t time.Time, want func(line) bool) (heardTick, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.ticks {
		if h.at.After(t) && want(h.line) {
			return h, true
		}
	}
	return heardTick{}, false
}

// alive reports whether the process runs.
func (c *controller) alive() bool {
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

// kill ends the process with SIGKILL and waits for its end.
func (c *controller) kill() {
	_ = c.cmd.Process.Kill() // it may have ended, which is seen
	<-c.ended
}

func (c *controller) isPaused() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.paused
}

// stop makes it stand still; goOn undoes that.
func (c *controller) stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = true
	return pause(c.cmd.Process)
}

func (c *controller) goOn() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = false
	return resume(c.cmd.Process)
}

func (c *controller) log() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string{fmt.Sprintf("--- %s, process %d", c.name, c.cmd.Process.Pid)}, c.tail...)
}

// status is what a controller shows of its one group.
type status struct {
	// Groups has one element in the process that looks after it.
	Groups []struct {
		State   string    `json:"state"`
		Active  string    `json:"active"`
		Epoch   uint64    `json:"epoch"`
		Started time.Time `json:"started"`
		Errors  []string  `json:"errors"`
		Tables  []struct {
			Changes []json.RawMessage `json:"changes"`
		} `json:"tables"`
	} `json:"groups"`
	// Elsewhere has one in the others.
	Elsewhere []struct {
		Leader struct {
			Name string `json:"name"`
		} `json:"leader"`
	} `json:"elsewhere"`
}

// ask reads its status. Nothing is known of one that does not answer.
func (c *controller) ask(ctx context.Context) (status, bool) {
	c.mu.Lock()
	api := c.api
	c.mu.Unlock()
	if api == "" {
		return status{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+api+"/v1/status", nil)
	if err != nil {
		return status{}, false
	}
	resp, err := c.slot.world.client.Do(req)
	if err != nil {
		return status{}, false
	}
	defer resp.Body.Close()
	var s status
	return s, json.NewDecoder(resp.Body).Decode(&s) == nil
}
