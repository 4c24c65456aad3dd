package meraki

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

const (
	// pingEvery is the limit of live tools per device, which everybody shares; the
	// burst of 5 that it allows is left to people (operation createDeviceLiveToolsPing).
	pingEvery = 5 * time.Second
	// mostPings is the most that one order may send.
	mostPings = 5
	// pollEvery is the time between two looks at a ping.
	pollEvery = time.Second
	// pingWithin bounds a ping whose caller has more time than that.
	pingWithin = time.Minute
)

// Ping is the result of a live ping.
type Ping struct {
	ID     string
	Serial Serial
	// Target is what the device pinged; empty if the device itself was pinged.
	Target   string
	Sent     int
	Received int
	// Loss is in percent.
	Loss float64
	// The times between question and reply; 0 if none was given.
	Fastest, Average, Slowest time.Duration
	// Seen is as in Status.
	Seen time.Time
}

// pingKey names pings that can answer each other's askers.
type pingKey struct {
	serial Serial
	target string
	count  int
}

type pingRound struct {
	round round // its turn guards held
	held  Ping
}

// PingDevice orders count pings, 1 to 5, from the cloud to a device, and waits for
// their result, which takes seconds. Whether a device that does not answer ends as
// lost pings or as a PingError is not documented.
//
// One ping serves everybody who asks for the same within a second; a device gets at
// most one in five seconds, and the others wait. It is safe for concurrent use
// (operation createDeviceLiveToolsPingDevice).
func (c *Client) PingDevice(ctx context.Context, id OrganizationID, serial Serial, count int) (Ping, error) {
	return c.sharePing(ctx, id, pingKey{serial: serial, count: count})
}

// PingFrom is PingDevice for pings from a device to a target, an address or a name
// (operation createDeviceLiveToolsPing). It shares the limit of PingDevice.
func (c *Client) PingFrom(ctx context.Context, id OrganizationID, serial Serial, target string, count int) (Ping, error) {
	if target == "" {
		return Ping{}, errors.New("ping from a device: no target")
	}
	return c.sharePing(ctx, id, pingKey{serial: serial, target: target, count: count})
}

func (c *Client) sharePing(ctx context.Context, id OrganizationID, k pingKey) (Ping, error) {
	k.serial = Serial(capitals(string(k.serial)))
	switch {
	case id == "" || k.serial == "":
		return Ping{}, errors.New("ping: an id is empty")
	case k.count < 1 || k.count > mostPings:
		return Ping{}, fmt.Errorf("ping: count %d: want 1 to %d", k.count, mostPings)
	}
	o, device, r := c.organization(id), c.device(k.serial), c.pingRound(k)
	var p Ping
	err := r.round.join(ctx,
		func() bool { return true },
		func(began time.Time) error {
			var err error
			r.held, err = c.ping(ctx, o, device, k)
			return err
		},
		func() { p = r.held })
	if err != nil {
		return Ping{}, fmt.Errorf("ping device %s: %w", k.serial, err)
	}
	return p, nil
}

// device returns our share of a device's limit.
func (c *Client) device(s Serial) *budget {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.devices[s]
	if b == nil {
		b = newBudget("live tools of device "+string(s), rate.Every(pingEvery), 1)
		c.devices[s] = b
	}
	return b
}

func (c *Client) pingRound(k pingKey) *pingRound {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.pings[k]
	if r == nil {
		r = &pingRound{round: newRound()}
		c.pings[k] = r
	}
	return r
}

// order is the body that creates a ping.
type order struct {
	Target string `json:"target,omitempty"`
	Count  int    `json:"count"`
}

// ping orders a ping and polls until it has ended.
func (c *Client) ping(ctx context.Context, o *organization, device *budget, k pingKey) (Ping, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, pingWithin, fmt.Errorf("not complete within %s", pingWithin))
	defer cancel()
	tool := "pingDevice"
	if k.target != "" {
		tool = "ping"
	}
	body, err := json.Marshal(order{Target: k.target, Count: k.count})
	if err != nil {
		panic("meraki: encode an order: " + err.Error()) // it has a text and a number
	}
	created, err := c.send(ctx, request{
		method: http.MethodPost, url: c.url(nil, "devices", string(k.serial), "liveTools", tool), body: string(body),
		budgets: []*budget{device, o.budget, c.source},
	})
	if err != nil {
		return Ping{}, err
	}
	id := pingID(created.value)
	if id == "" {
		return Ping{}, created.wrong("a body without a pingId")
	}
	status := "new"
	for {
		var a answer
		err := sleep(ctx, pollEvery)
		if err == nil {
			a, err = c.send(ctx, request{
				method: http.MethodGet, url: c.url(nil, "devices", string(k.serial), "liveTools", tool, id),
				budgets: []*budget{o.budget, c.source},
			})
		}
		switch {
		case err != nil && ctx.Err() != nil:
			return Ping{}, fmt.Errorf("ping %q is still %q: %w", id, status, context.Cause(ctx))
		case err != nil:
			return Ping{}, err
		}
		root, _ := a.value.(map[string]any)
		status = string(object(root).word("status"))
		switch {
		case strings.HasPrefix(status, "complete"):
			p, ok := readPing(root)
			if !ok {
				return Ping{}, a.wrong("a complete ping without results")
			}
			p.ID, p.Serial, p.Target, p.Seen = id, k.serial, k.target, created.sent
			return p, nil
		case strings.HasPrefix(status, "fail"):
			return Ping{}, &PingError{Serial: k.serial, ID: id, Status: status}
		}
	}
}

// pingID finds the id of a ping that was created: its own member, or else the end
// of the address under which it is found.
func pingID(v any) string {
	root, _ := v.(map[string]any)
	o := object(root)
	if id := printable(o.text("pingId"), 100); id != "" {
		return id
	}
	if address := o.text("url"); address != "" {
		return printable(path.Base(address), 100)
	}
	return ""
}

// readPing reads the results of a ping. A number of replies that is not given is not
// taken for none: a ping that says nothing must not read as a device that is silent.
func readPing(root object) (Ping, bool) {
	o := root.object("results")
	replies, listed := o["replies"].([]any)
	sent, known := o.count("sent")
	if !known {
		sent, known = root.object("request").count("count")
	}
	received, counted := o.count("received")
	if !counted && listed {
		received, counted = len(replies), true
	}
	if !known || !counted || sent == 0 || received > sent {
		return Ping{}, false
	}
	loss, given := o.object("loss").number("percentage")
	if !given || loss < 0 || loss > 100 {
		loss = 100 * float64(sent-received) / float64(sent)
	}
	times := o.object("latencies")
	return Ping{
		Sent: sent, Received: received, Loss: loss,
		Fastest: times.milliseconds("minimum"), Average: times.milliseconds("average"), Slowest: times.milliseconds("maximum"),
	}, true
}
