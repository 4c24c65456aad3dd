package outage

import "time"

// Log is what is known of the packets of one flow: when each was sent, and when it first
// arrived. The zero value is an empty one. All times must come from one clock, best the
// monotonic one of a single process. A Log is not safe for concurrent use.
type Log struct{}

// Sent adds the next packet, sent at that time, and returns its number; the first is 0.
// Packets are added in the order in which they are sent.
func (l *Log) Sent(at time.Time) int { panic("not yet") }

// Arrived notes that a packet has arrived. It reports false for a number that was never
// sent, which changes nothing.
func (l *Log) Arrived(number int, at time.Time) bool { panic("not yet") }

// Forget drops what was noted of single packets that were sent before the mark, except
// of those that are lost. Counts stay exact; the usual delay is that of what was kept.
func (l *Log) Forget(mark time.Time) { panic("not yet") }

// Worst returns the longest delay of a packet that arrived.
func (l *Log) Worst() time.Duration { panic("not yet") }

// Unbroken looks at the newest packet that has arrived and at those sent before it. It
// returns when the newest one arrived, and when the oldest was sent after which all
// arrived; it looks no further back than that time before the newest. Both are zero if
// nothing has arrived.
func (l *Log) Unbroken(back time.Duration) (newest, since time.Time) { panic("not yet") }

// Flow returns what the failure has cost. Packets that have not arrived, and were sent less
// than grace before the end, are undecided, unless nothing at all has arrived since a
// packet that is lost: then the outage is open.
func (l *Log) Flow(failed, end time.Time, grace time.Duration) Flow { panic("not yet") }
