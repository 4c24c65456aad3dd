// Package traffic sends packets and counts which of them arrive: numbered datagrams, long
// connections and short ones, with the time of each loss.
//
// It guarantees that a flow keeps its schedule, that the times at both ends are of one
// clock, and that Stop leaves no goroutine and no socket. What it finds is package
// outage's.
//
// It knows no hosts, routes or namespaces: sockets are handed in. It must be used with both
// ends in one process. Only lab may import it.
package traffic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"hopguard/internal/outage"
)

// grace is how long a packet may take longer than any before it until it is lost.
const grace = time.Second

// look is how often Wait looks.
const look = 20 * time.Millisecond

// DialFunc is the form of net.Dialer's DialContext.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Meter sends all of it and counts. Its fields are set before Start and not changed
// after; its methods may be called from several goroutines.
type Meter struct {
	Flows    []Flow
	Streams  []Stream
	Connects []Connects
	// Servers are where streams and connects find their far end: what is sent to them
	// comes back.
	Servers []net.Listener
	// Keep is how long single packets are remembered, for soaks: losses and counts are
	// kept all the time. It must reach back to before the failure, and a few seconds at
	// least. Zero keeps everything, which takes 12 bytes a packet.
	Keep time.Duration

	mu      sync.Mutex
	started bool
	ended   time.Time // zero while packets are sent
	drained bool      // each packet has arrived or is lost
	failed  time.Time
	cancel  context.CancelCauseFunc

	senders  sync.WaitGroup
	wg       sync.WaitGroup // all others
	flows    []*flow
	streams  []*stream
	connects []*connects
	servers  []*server
}

// Result is what a meter has counted.
type Result struct {
	Flows    []outage.Flow
	Streams  []outage.Stream
	Connects []outage.Connects
	// Lateness is how late the worst packet of a flow was sent, against its schedule. An
	// outage is measured no better than that.
	Lateness time.Duration
	// Trouble is what makes the figures doubtful: losses before the failure, packets
	// that this process was too slow to receive, connections that this machine could not
	// open or accept.
	Trouble []string
}

// Start begins everything. From then on the meter owns the sockets and listeners, and has
// closed them if it returns an error, which says what is wrong with a field. When ctx
// ends the traffic does, but Stop must be called all the same. A meter is started once.
func (m *Meter) Start(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.started {
		return errors.New("start the traffic: it was started before")
	}
	m.started = true
	began := time.Now()
	if err := m.prepare(began); err != nil {
		m.ended = began
		return errors.Join(fmt.Errorf("start the traffic: %w", err), m.close())
	}
	m.failed = began
	ctx, m.cancel = context.WithCancelCause(ctx)
	for _, s := range m.servers {
		m.wg.Go(func() { s.serve(ctx) })
	}
	for _, f := range m.flows {
		m.wg.Go(f.receive)
		m.senders.Go(func() { f.send(ctx, began, m.Keep) })
	}
	for _, s := range m.streams {
		m.wg.Go(func() { s.run(ctx) })
	}
	for _, c := range m.connects {
		m.wg.Go(func() { c.run(ctx) })
	}
	m.wg.Go(func() {
		<-ctx.Done()
		m.interrupt()
		m.senders.Wait()
		m.end(time.Now())
	})
	return nil
}

// prepare checks the fields and makes of them what runs.
func (m *Meter) prepare(began time.Time) error {
	receivers := map[net.PacketConn]string{}
	for i, of := range m.Flows {
		if other, taken := receivers[of.At]; taken {
			return fmt.Errorf("flow %q: its socket At receives flow %q already", of.Name, other)
		}
		receivers[of.At] = of.Name
		// A number that no other meter on these ports has used.
		f, err := newFlow(of, uint64(began.UnixNano())+uint64(i))
		if err != nil {
			return fmt.Errorf("flow %q: %w", of.Name, err)
		}
		m.flows = append(m.flows, f)
	}
	for _, s := range m.Streams {
		if s.Dial == nil || !s.Address.IsValid() {
			return fmt.Errorf("stream %q: want Dial and Address, got address %q", s.Name, s.Address)
		}
		m.streams = append(m.streams, &stream{Stream: s})
	}
	for _, c := range m.Connects {
		if c.Dial == nil || !c.Address.IsValid() {
			return fmt.Errorf("connects %q: want Dial and Address, got address %q", c.Name, c.Address)
		}
		m.connects = append(m.connects, &connects{Connects: c})
	}
	for i, l := range m.Servers {
		if l == nil {
			return fmt.Errorf("server %d: want a listener, got none", i)
		}
		m.servers = append(m.servers, &server{listener: l})
	}
	return nil
}

// Mark says when the failure began. Without a mark everything counts, from the start.
func (m *Meter) Mark(failed time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failed = failed
}

// Flowing reports whether everything that is expected flows now: each expected flow has
// received all of its packets of the last window and still receives, and each expected
// stream has been connected. In the first tenth of a second of an outage it has not
// noticed that yet.
func (m *Meter) Flowing(window time.Duration) bool {
	return m.stuck(time.Time{}, window) == nil
}

// Wait returns when everything flows as in Flowing, with a window that began not before
// since: so a failure that nobody has noticed yet is not taken for a recovery. If ctx
// ends first, its error names what does not flow. Traffic that has not started, or has
// ended, is not waited for.
func (m *Meter) Wait(ctx context.Context, since time.Time, window time.Duration) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		stuck := m.stuck(since, window)
		if stuck == nil {
			return nil
		}
		if !m.running() {
			return fmt.Errorf("wait for traffic: %s", stuck[0])
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for traffic: %w: %s", context.Cause(ctx), strings.Join(stuck, "; "))
		case <-tick.C:
		}
	}
}

func (m *Meter) running() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.started && m.ended.IsZero()
}

// stuck says what of the expected does not flow.
func (m *Meter) stuck(since time.Time, window time.Duration) []string {
	if !m.running() {
		return []string{"it has not started, or has ended"}
	}
	m.mu.Lock()
	flows, streams := m.flows, m.streams
	m.mu.Unlock()
	var stuck []string
	now := time.Now()
	for _, f := range flows {
		if why := f.stuck(now, since, window); f.Expected && why != "" {
			stuck = append(stuck, f.Name+": "+why)
		}
	}
	for _, s := range streams {
		if why := s.stuck(); s.Expected && why != "" {
			stuck = append(stuck, s.Name+": "+why)
		}
	}
	return stuck
}

// Result returns what has been counted until now. While the traffic runs it holds up each
// flow for as long as that takes: milliseconds a minute of it.
func (m *Meter) Result() Result {
	m.mu.Lock()
	flows, streams, connects, servers := m.flows, m.streams, m.connects, m.servers
	failed, ended, drained := m.failed, m.ended, m.drained
	m.mu.Unlock()
	if ended.IsZero() {
		ended = time.Now()
	}
	var r Result
	for _, f := range flows {
		result, late, trouble := f.result(failed, ended, drained)
		r.Flows = append(r.Flows, result)
		r.Lateness = max(r.Lateness, late)
		r.add(f.Name, trouble)
	}
	for _, s := range streams {
		result, trouble := s.result(failed, ended)
		r.Streams = append(r.Streams, result)
		r.add(s.Name, trouble)
	}
	for _, c := range connects {
		result, trouble := c.result(failed)
		r.Connects = append(r.Connects, result)
		r.add(c.Name, trouble)
	}
	for _, s := range servers {
		r.add(s.listener.Addr().String(), s.trouble())
	}
	return r
}

// add notes troubles of something.
func (r *Result) add(name string, troubles []string) {
	for _, t := range troubles {
		r.Trouble = append(r.Trouble, name+": "+t)
	}
}

// errStopped is why the traffic ends.
var errStopped = errors.New("the traffic was stopped")

// Stop ends the traffic, waits for packets on their way, closes the sockets and listeners,
// waits for every goroutine and returns what was counted. While packets are missing that
// were sent just now, that takes a second, and as long as the slowest packet took; then
// they are lost, and none is undecided. It may be called twice.
func (m *Meter) Stop() Result {
	m.mu.Lock()
	cancel := m.cancel
	m.mu.Unlock()
	if cancel != nil {
		cancel(errStopped)
		m.senders.Wait()
		m.end(time.Now())
		m.drain()
		m.deafen()
		m.wg.Wait()
	}
	r := m.Result()
	if err := m.close(); err != nil {
		r.Trouble = append(r.Trouble, err.Error())
	}
	return r
}

// drain waits until nothing is on its way any more.
func (m *Meter) drain() {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for slices.ContainsFunc(m.flows, func(f *flow) bool { return f.awaits(time.Now()) }) {
		<-tick.C
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drained = true
}

// end notes when the traffic ended, unless that is known.
func (m *Meter) end(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.started && m.ended.IsZero() {
		m.ended = now
	}
}

// interrupt makes everything end that sends. What is just being sent goes out, unless the
// kernel does not take it.
func (m *Meter) interrupt() {
	for _, f := range m.Flows {
		// A socket that is closed already needs no deadline.
		_ = f.From.SetWriteDeadline(time.Now().Add(grace))
	}
	for _, s := range m.servers {
		s.interrupt()
	}
}

// deafen makes the calls return that wait for datagrams: they cannot see a context.
func (m *Meter) deafen() {
	for _, f := range m.Flows {
		// A socket that is closed already needs no deadline.
		_ = f.At.SetReadDeadline(time.Now())
	}
}

// close closes what was handed in. What is closed already, or serves two flows, is no error.
func (m *Meter) close() error {
	var errs []error
	note := func(err error) {
		if err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	for _, f := range m.Flows {
		for _, c := range []net.PacketConn{f.From, f.At} {
			if c != nil {
				note(c.Close())
			}
		}
	}
	for _, l := range m.Servers {
		if l != nil {
			note(l.Close())
		}
	}
	return errors.Join(errs...)
}
