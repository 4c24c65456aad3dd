package trial

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"hopguard/internal/azuresim"
)

// errUnreachable is what a host without a way hears at once.
var errUnreachable = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ENETUNREACH}

// instant is how long the driver waits for an answer of the simulated world: what
// does not answer at once does not answer.
const instant = time.Nanosecond

// port is how the production code of one actor reaches the world.
type port struct {
	actor  *actor
	turn   *turnstile
	azure  *azuresim.Sim
	arm    http.RoundTripper
	blobs  http.RoundTripper
	meraki http.RoundTripper
	// sending looks at a request that leaves.
	sending func(a *actor, s side, r *http.Request, body []byte)
	// served looks at a request that was carried out.
	served func(a *actor, s side, r *http.Request, body []byte, status int)
}

// RoundTrip implements [http.RoundTripper] for Azure and the store.
func (p *port) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.URL.Hostname(), ".blob.core.windows.net") {
		return p.exchange(req, &call{actor: p.actor, side: toStore, name: storeName(req)}, p.blobs)
	}
	return p.exchange(req, &call{actor: p.actor, side: toAzure, name: azureName(req)}, p.arm)
}

// exchange makes a request one call.
func (p *port) exchange(req *http.Request, c *call, carrier http.RoundTripper) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(req.Body)
		_ = req.Body.Close() // it was read
		if err != nil {
			return nil, err
		}
	}
	var resp *http.Response
	var err error
	c.giveUp = func(why error) { resp, err = nil, why }
	c.sent = func() { p.sending(p.actor, c.side, req, body) }
	c.carryOut = func(late bool) result {
		got, failed, ok := send(carrier, req, body, late) //nolint:bodyclose // whoever sent the request gets it
		status := 0
		if got != nil {
			status = got.StatusCode
		}
		p.served(p.actor, c.side, req, body, status)
		words := strconv.Itoa(status)
		switch {
		case !ok:
			return result{words: "no answer", silent: true}
		case failed != nil:
			words = "reset"
		}
		if !late {
			resp, err = got, failed
		}
		return result{words: words}
	}
	if c.side == toAzure && !strings.HasPrefix(req.URL.Path, "/subscriptions") {
		// Several goroutines of a process wait for one token. Which of them asks again
		// after trouble is a matter of chance, so there is none.
		if p.turn.gone(p.actor) {
			return nil, errGone
		}
		resp, err, _ = send(carrier, req, body, true)
		return resp, err
	}
	p.turn.pass(req.Context(), c)
	if resp != nil {
		resp.Body = p.read(req.Context(), c, resp.Body)
	}
	return resp, err
}

// read reads an answer to its end, which a slow one may not come to: whoever stops
// to wait for it passes the turnstile once more, so that of several that stop in one
// instant one goes on first.
func (p *port) read(ctx context.Context, c *call, body io.ReadCloser) io.ReadCloser {
	text, err := io.ReadAll(body)
	_ = body.Close() // it was read
	if err == nil {
		return io.NopCloser(bytes.NewReader(text))
	}
	p.turn.pass(context.WithoutCancel(ctx), &call{
		actor: p.actor, side: c.side, name: c.name, inside: true, giveUp: func(error) {},
		carryOut: func(bool) result {
			if c.side != toMeraki {
				p.actor.sight.troubled = time.Now()
			}
			return result{words: "half an answer"}
		},
	})
	return io.NopCloser(io.MultiReader(bytes.NewReader(text), broken{err}))
}

// broken is where an answer breaks off.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// send carries a request to a simulated service; ok is false if there is no answer.
func send(to http.RoundTripper, req *http.Request, body []byte, late bool) (resp *http.Response, err error, ok bool) { //nolint:revive // the error is the answer's
	ctx := req.Context()
	if late {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	impatient := time.AfterFunc(instant, cancel)
	out := req.Clone(ctx)
	out.Body = http.NoBody
	if len(body) > 0 {
		out.Body = io.NopCloser(bytes.NewReader(body))
	}
	resp, err = to.RoundTrip(out)
	if !impatient.Stop() {
		return nil, err, false
	}
	return resp, err, true
}

// azureName is a short name of a request.
func azureName(r *http.Request) string {
	path := r.URL.Path
	if _, rest, ok := strings.Cut(path, "/providers/Microsoft."); ok {
		_, path, _ = strings.Cut(rest, "/")
	} else if i := strings.LastIndex(path, "/"); i > 0 {
		path = path[i:]
	}
	if len(r.URL.RawQuery) > 0 && strings.Contains(r.URL.RawQuery, "statusOnly") {
		path += "?statusOnly"
	}
	return r.Method + " " + path
}

// storeName is a short name of a request.
func storeName(r *http.Request) string {
	name := r.Method
	if action := r.Header["x-ms-lease-action"]; len(action) > 0 { //nolint:staticcheck // the SDK sends it in this form
		name += " " + action[0]
	} else if action := r.Header.Get("X-Ms-Lease-Action"); action != "" {
		name += " " + action
	}
	if comp := r.URL.Query().Get("comp"); comp != "" && comp != "lease" {
		name += " " + comp
	}
	return name + " " + strings.TrimPrefix(r.URL.Path, "/"+container+"/")
}

// Dial is the data path of a check.
func (p *port) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var conn net.Conn
	var err error
	c := &call{actor: p.actor, side: toMembers, name: network + " " + addr}
	c.giveUp = func(why error) {
		if conn != nil {
			_ = conn.Close() // nobody has it
		}
		conn, err = nil, pathError("dial", why)
	}
	c.carryOut = func(bool) result {
		limited, cancel := context.WithTimeout(ctx, instant)
		defer cancel()
		got, failed := p.azure.DialContext(limited, network, addr)
		switch {
		case failed == nil:
			conn = got
			return result{words: "open"}
		case limited.Err() != nil:
			c.tries++
			return result{words: "silence", silent: true, again: time.Second << c.tries >> 1}
		default:
			err = failed
			return result{words: cause(failed)}
		}
	}
	p.turn.pass(ctx, c)
	return conn, err
}

// Ping is an echo request of a check.
func (p *port) Ping(ctx context.Context, target netip.Addr, source string) (time.Duration, error) {
	began := time.Now()
	var err error
	c := &call{actor: p.actor, side: toMembers, name: "ping " + target.String()}
	c.giveUp = func(why error) { err = pathError("ping", why) }
	c.carryOut = func(bool) result {
		limited, cancel := context.WithTimeout(ctx, instant)
		defer cancel()
		_, failed := p.azure.Ping(limited, target, source)
		switch {
		case failed == nil:
			return result{words: "reply"}
		case limited.Err() != nil:
			return result{words: "silence", silent: true}
		default:
			err = failed
			return result{words: cause(failed)}
		}
	}
	p.turn.pass(ctx, c)
	return time.Since(began), err
}

// pathError is an error in the form of package net.
func pathError(op string, why error) error {
	if e, ok := errors.AsType[*net.OpError](why); ok {
		return e
	}
	return &net.OpError{Op: op, Net: "ip", Err: why}
}

// cause is the innermost of an error.
func cause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// clock is what one host takes for the time.
type clock struct {
	mu    sync.Mutex
	from  time.Time
	shown time.Time
	rate  float64
}

func newClock(ahead time.Duration, rate float64) *clock {
	now := time.Now()
	return &clock{from: now, shown: now.Add(ahead), rate: rate}
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shown.Add(time.Duration(float64(time.Since(c.from)) * c.rate))
}

// right makes it show the true time.
func (c *clock) right() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.from, c.shown, c.rate = now, now, 1
}

// set makes it jump, and run at another rate.
func (c *clock) set(jump time.Duration, rate float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.shown = c.shown.Add(time.Duration(float64(now.Sub(c.from))*c.rate) + jump)
	c.from, c.rate = now, rate
}
