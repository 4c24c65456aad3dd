package traffic

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"hopguard/internal/outage"
)

// Flow is a flow of numbered datagrams in one direction.
type Flow struct {
	// Name says from where to where, as in "app-1 to branch".
	Name string
	// Outbound and Expected are those of outage.Flow.
	Outbound bool
	Expected bool
	// From sends to the address To, or to its peer if it is connected; At receives. Both
	// are UDP sockets of package net. One may send a flow and receive another, but not
	// receive two.
	From net.PacketConn
	To   netip.AddrPort
	At   net.PacketConn
	// Spacing is the time between two packets; zero is a millisecond.
	Spacing time.Duration
}

const (
	// size is that of a datagram's payload: the flow's number, the packet's, and nothing.
	size = 64
	// usualSpacing is that of a flow that does not say.
	usualSpacing = time.Millisecond
	// quiet is how long a flow may receive nothing until it does not flow, but at least
	// for so many packets.
	quiet        = 100 * time.Millisecond
	quietPackets = 20
)

// flow is a Flow at work. One goroutine sends it and one receives it.
type flow struct {
	Flow
	id        uint64
	from, at  *net.UDPConn
	connected bool

	mu      sync.Mutex
	log     outage.Log
	late    time.Duration
	refused int
	refusal string
	strange int
	overrun uint32
}

// newFlow checks what was handed in, and sets the sockets up.
func newFlow(of Flow, id uint64) (*flow, error) {
	if of.Spacing == 0 {
		of.Spacing = usualSpacing
	}
	if of.Spacing < 0 {
		return nil, fmt.Errorf("spacing: want more than nothing, got %s", of.Spacing)
	}
	f := &flow{Flow: of, id: id}
	var isFrom, isAt bool
	f.from, isFrom = of.From.(*net.UDPConn)
	f.at, isAt = of.At.(*net.UDPConn)
	if !isFrom || !isAt {
		return nil, fmt.Errorf("want UDP sockets, got from %T and at %T", of.From, of.At)
	}
	f.connected = f.from.RemoteAddr() != nil
	if !f.connected && !of.To.IsValid() {
		return nil, fmt.Errorf("want the address To for a socket without a peer, got %q", of.To)
	}
	if err := roomy(f.from); err != nil {
		return nil, fmt.Errorf("set its sending socket up: %w", err)
	}
	if err := observed(f.at); err != nil {
		return nil, fmt.Errorf("set its receiving socket up: %w", err)
	}
	return f, nil
}

// send sends a packet at each moment of the schedule until ctx ends. A packet that is late
// is sent at once, so the schedule is kept on the whole.
func (f *flow) send(ctx context.Context, began time.Time, keep time.Duration) {
	var packet [size]byte
	binary.BigEndian.PutUint64(packet[:], f.id)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for due := began; ; due = due.Add(f.Spacing) {
		if wait := time.Until(due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
		} else if ctx.Err() != nil {
			return
		}
		number := f.sent(due, keep)
		binary.BigEndian.PutUint64(packet[8:], uint64(number))
		if err := f.write(packet[:]); err != nil {
			f.refuse(err)
		}
	}
}

// sent notes that the next packet is being sent, and returns its number.
func (f *flow) sent(due time.Time, keep time.Duration) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	f.late = max(f.late, now.Sub(due))
	if keep > 0 {
		f.log.Forget(now.Add(-keep))
	}
	return f.log.Sent(now)
}

// write hands a packet to the kernel. On a connected socket a call may fail for the sake of
// an earlier packet, of which an ICMP message has come back; so it is made again.
func (f *flow) write(packet []byte) error {
	var err error
	for range 2 {
		if f.connected {
			_, err = f.from.Write(packet)
		} else {
			_, err = f.from.WriteToUDPAddrPort(packet, f.To)
		}
		if err == nil {
			return nil
		}
	}
	return err
}

// refuse notes that a packet could not be sent. It stays in the log, and is lost.
func (f *flow) refuse(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refused++
	if f.refusal == "" {
		f.refusal = word(err)
	}
}

// word is what the kernel said, without what was called and how often.
func word(err error) string {
	if no, is := errors.AsType[syscall.Errno](err); is {
		return no.Error()
	}
	return err.Error()
}

// receive counts what arrives until the socket's deadline is set or it is closed.
func (f *flow) receive() {
	var packet [2 * size]byte
	var extra [extraSize]byte
	for {
		n, extras, _, _, err := f.at.ReadMsgUDPAddrPort(packet[:], extra[:])
		switch {
		case err == nil:
			now := time.Now()
			age, overrun := unpack(extra[:extras], now)
			f.arrived(packet[:n], now.Add(-age), overrun)
		case interrupted(err):
			return
		default:
			// An ICMP message about what the other flow of this socket has sent.
		}
	}
}

// interrupted reports whether it was the meter that ended a call on a socket.
func interrupted(err error) bool {
	return errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded)
}

// arrived notes a datagram, and how many the socket has dropped until then.
func (f *flow) arrived(packet []byte, at time.Time, overrun uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.overrun = max(f.overrun, overrun)
	if len(packet) != size || binary.BigEndian.Uint64(packet) != f.id {
		return // of an earlier meter on these addresses
	}
	if !f.log.Arrived(int(binary.BigEndian.Uint64(packet[8:])), at) {
		f.strange++
	}
}

// stuck says why the flow does not flow; empty if it does.
func (f *flow) stuck(now, since time.Time, window time.Duration) string {
	f.mu.Lock()
	run := f.log.Unbroken(window)
	f.mu.Unlock()
	if run.Until.IsZero() {
		return "nothing has arrived"
	}
	if rest := now.Sub(run.Arrived); rest > max(quiet, quietPackets*f.Spacing) {
		return "nothing has arrived for " + rest.Round(time.Millisecond).String()
	}
	start := run.Since
	if start.Before(since) {
		start = since
	}
	if whole := run.Until.Sub(start); whole < window {
		return fmt.Sprintf("nothing was lost for %s, want %s", whole.Round(time.Millisecond), window)
	}
	return ""
}

// awaits reports whether a packet may still be on its way.
func (f *flow) awaits(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.Awaits(now.Add(-grace - f.log.Worst()))
}

// result returns what was counted, how late the worst packet was sent, and the trouble. If it
// is drained, nothing is on its way any more.
func (f *flow) result(failed, ended time.Time, drained bool) (outage.Flow, time.Duration, []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	patience := grace + f.log.Worst()
	if drained {
		patience = 0
	}
	r := f.log.Flow(failed, ended, patience)
	r.Name, r.Outbound, r.Expected = f.Name, f.Outbound, f.Expected
	r.Refused, r.Refusal, r.Overrun = f.refused, f.refusal, int(f.overrun)
	var trouble []string
	if r.Early > 0 && f.Expected {
		trouble = append(trouble, fmt.Sprintf("lost before the failure: %d", r.Early))
	}
	if r.Overrun > 0 {
		trouble = append(trouble, fmt.Sprintf("arrived and not received in time: %d", r.Overrun))
	}
	if f.strange > 0 {
		trouble = append(trouble, fmt.Sprintf("arrived and never sent: %d", f.strange))
	}
	return r, f.late, trouble
}
