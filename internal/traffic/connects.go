package traffic

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"hopguard/internal/outage"
)

// Connects is a series of new TCP connections to a server of a meter, one each 10 ms. Each
// moves a byte both ways and is closed.
type Connects struct {
	Name string
	// Expected is that of outage.Connects.
	Expected bool
	Dial     DialFunc
	// Address is where the server listens.
	Address netip.AddrPort
}

const (
	connectSpacing = 10 * time.Millisecond
	// connectTimeout is for connecting and for the byte.
	connectTimeout = 3 * time.Second
	// connectsAtOnce limits what is open. It is more than the time-out lets through.
	connectsAtOnce = 400
)

// connects is a Connects at work.
type connects struct {
	Connects

	mu      sync.Mutex
	tried   int
	took    spans
	failed  []attempt
	trouble string
}

// attempt is a connection that failed.
type attempt struct{ began, ended time.Time }

// run begins a connection at each tick until ctx ends, and waits for all of them.
func (c *connects) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	places := make(chan struct{}, connectsAtOnce)
	tick := time.NewTicker(connectSpacing)
	defer tick.Stop()
	for {
		select {
		case places <- struct{}{}:
			wg.Go(func() {
				c.try(ctx)
				<-places
			})
		default: // none is free: the next tick may have one
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// try makes one connection. One that ctx ends is undecided, and was never tried.
func (c *connects) try(ctx context.Context) {
	began := time.Now()
	err := c.exchange(ctx, began.Add(connectTimeout))
	if ctx.Err() != nil {
		return
	}
	ended := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tried++
	if err == nil {
		c.took.add(ended.Sub(began), ended)
		return
	}
	c.failed = append(c.failed, attempt{began, ended})
	if c.trouble == "" && ours(err) {
		c.trouble = word(err)
	}
}

// exchange connects and moves a byte both ways.
func (c *connects) exchange(ctx context.Context, deadline time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	conn, err := c.Dial(ctx, "tcp", c.Address.String())
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // the byte has come back, or has not
	// Its port is free at once, not after a minute.
	forgetless(conn)
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	buf := []byte{signConnect}
	if _, err := conn.Write(buf); err != nil {
		return err
	}
	_, err = conn.Read(buf)
	return err
}

// ours reports whether it was this machine that could not open a connection.
func ours(err error) bool {
	for _, no := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

// result returns what has become of the connections, and the trouble.
func (c *connects) result(failed time.Time) (outage.Connects, []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := outage.Connects{Name: c.Name, Expected: c.Expected, Tried: c.tried}
	r.Slowest = outage.Seconds(c.took.longest(failed))
	var first, last time.Time
	for _, a := range c.failed {
		if a.ended.Before(failed) {
			r.Early++
			continue
		}
		r.Failed++
		if first.IsZero() || a.began.Before(first) {
			first = a.began
		}
		if a.began.After(last) {
			last = a.began
		}
	}
	if r.Failed > 0 {
		r.FirstFailed = new(outage.Seconds(first.Sub(failed)))
		r.LastFailed = new(outage.Seconds(last.Sub(failed)))
	}
	var trouble []string
	if r.Early > 0 && c.Expected {
		trouble = append(trouble, fmt.Sprintf("failed before the failure: %d", r.Early))
	}
	if c.trouble != "" {
		trouble = append(trouble, "this machine could not connect: "+c.trouble)
	}
	return r, trouble
}
