package outage

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Log is what is known of the packets of one flow: when each was sent, and when it first
// arrived. The zero value is an empty one. All times must come from one clock, best the
// monotonic one of a single process. It takes 12 bytes a packet, until they are forgotten.
// A Log is not safe for concurrent use.
type Log struct {
	// Times are nanoseconds since the origin, which is when the first packet was sent.
	origin time.Time
	// first is the number of the oldest packet that is kept, next that of the one to be sent.
	first, next int
	kept        []*chunk
	spare       *chunk
	// gone are those of the forgotten packets that have not arrived, by number.
	gone []gone
	// beyond follows the highest number that has arrived, lately is when that one did.
	beyond int
	lately int64

	worst      int64
	duplicates int
	reordered  int
}

// chunk is so many packets in a row. It spares a long flow the moving of what is known.
type chunk struct {
	sent [chunkSize]int64
	took [chunkSize]int32 // microseconds and one more; 0 has not arrived
}

const chunkSize = 4096

// gone is a packet that was forgotten before it arrived.
type gone struct {
	number      int
	sent, after int64 // when it and the next one were sent
}

// Sent adds the next packet, sent at that time, and returns its number; the first is 0.
// Packets are added in the order in which they are sent.
func (l *Log) Sent(at time.Time) int {
	if l.next == 0 {
		l.origin = at
	}
	if l.next-l.first == len(l.kept)*chunkSize {
		c := l.spare
		if c == nil {
			c = &chunk{}
		}
		l.kept, l.spare = append(l.kept, c), nil
	}
	n := l.next
	c, i := l.place(n)
	c.sent[i] = int64(at.Sub(l.origin))
	l.next++
	return n
}

// Arrived notes that a packet has arrived. It reports false for a number that was never
// sent, which changes nothing.
func (l *Log) Arrived(number int, at time.Time) bool {
	if number < 0 || number >= l.next {
		return false
	}
	now := int64(at.Sub(l.origin))
	var sent int64
	if number < l.first {
		i, missing := l.missing(number)
		if !missing {
			l.duplicates++
			return true
		}
		sent = l.gone[i].sent
		l.gone = slices.Delete(l.gone, i, i+1)
	} else {
		c, i := l.place(number)
		if c.took[i] != 0 {
			l.duplicates++
			return true
		}
		sent = c.sent[i]
		c.took[i] = int32(min(max(now-sent, 0)/int64(time.Microsecond), math.MaxInt32-1)) + 1
	}
	l.worst = max(l.worst, now-sent)
	if number < l.beyond {
		l.reordered++
	} else {
		l.beyond, l.lately = number+1, now
	}
	return true
}

// Forget drops what was noted of single packets that were sent before the mark, in large
// steps, except of those that have not arrived. Nothing of a later [Flow] changes by that
// but the usual delay, which is that of the packets that were kept, and the width of the
// moment of a failure if the second before it was forgotten.
func (l *Log) Forget(mark time.Time) {
	until := int64(mark.Sub(l.origin))
	for l.next-l.first > chunkSize && l.kept[0].sent[chunkSize-1] < until {
		c := l.kept[0]
		for i, took := range c.took {
			if took == 0 {
				_, after := l.packet(l.first + i + 1)
				l.gone = append(l.gone, gone{number: l.first + i, sent: c.sent[i], after: after})
			}
		}
		clear(c.took[:])
		l.kept, l.spare = slices.Delete(l.kept, 0, 1), c
		l.first += chunkSize
	}
}

// Worst returns the longest delay of a packet that arrived.
func (l *Log) Worst() time.Duration { return time.Duration(l.worst) }

// Run is a row of packets that all arrived.
type Run struct {
	// Since and Until are when its oldest and its newest were sent.
	Since, Until time.Time
	// Arrived is when the newest did.
	Arrived time.Time
}

// Unbroken returns the row of packets that ends with the newest one that has arrived. It
// looks no further back than to a packet that was sent so long before that one. It is the
// zero Run if nothing has arrived, or everything is forgotten.
func (l *Log) Unbroken(back time.Duration) Run {
	newest := l.beyond - 1
	if newest < l.first {
		return Run{}
	}
	_, until := l.packet(newest)
	since := until
	for n := newest - 1; n >= l.first && until-since < int64(back); n-- {
		took, sent := l.packet(n)
		if took == 0 {
			break
		}
		since = sent
	}
	return Run{Since: l.time(since), Until: l.time(until), Arrived: l.time(l.lately)}
}

// Awaits reports whether a packet has not arrived that was sent after that moment, and is
// not forgotten.
func (l *Log) Awaits(since time.Time) bool {
	after := int64(since.Sub(l.origin))
	for n := l.next - 1; n >= l.first; n-- {
		took, sent := l.packet(n)
		if sent <= after {
			return false
		}
		if took == 0 {
			return true
		}
	}
	return false
}

// place returns where a packet is kept that is not forgotten.
func (l *Log) place(number int) (*chunk, int) {
	i := number - l.first
	return l.kept[i/chunkSize], i % chunkSize
}

// packet returns what is known of a packet that is kept.
func (l *Log) packet(number int) (took int32, sent int64) {
	c, i := l.place(number)
	return c.took[i], c.sent[i]
}

// missing looks a forgotten packet up among those that have not arrived.
func (l *Log) missing(number int) (int, bool) {
	return slices.BinarySearchFunc(l.gone, number, func(g gone, n int) int { return cmp.Compare(g.number, n) })
}

func (l *Log) time(offset int64) time.Time { return l.origin.Add(time.Duration(offset)) }
