package outage

import (
	"slices"
	"time"
)

// moment is how long before a failure the delays are looked at that say which packets
// were on their way when it came.
const moment = int64(time.Second)

// Flow returns what a failure has cost the flow, as it looks at the end.
//
// A packet that was sent before the failure, but not longer before it than packets took
// in the second before it, was on its way, and is lost by the failure. A packet that has
// not arrived and was sent less than grace before the end is undecided, unless nothing
// sent after a lost packet has arrived: then the outage is open, and the packet lost.
func (l *Log) Flow(failed, end time.Time, grace time.Duration) Flow {
	f := Flow{Sent: l.next, Duplicates: l.duplicates, Reordered: l.reordered, Worst: Seconds(l.worst)}
	if l.next == 0 {
		return f
	}
	var onWay int64
	failure := int64(failed.Sub(l.origin))
	f.Delay, onWay = l.delays(failure)

	decided := int64(end.Sub(l.origin)) - int64(grace)
	f.Open = l.open(decided)
	var first, last, after int64 // when they were sent: the first and last lost, and the one after
	previous, through := 0, 0    // the last lost, and the last of all that are missing after it
	for m := range l.lost {
		undecided := m.sent > decided && !f.Open
		if f.Lost > 0 && m.number == through+1 {
			through, after = m.number, m.after
		}
		switch {
		case undecided:
			f.Undecided++
			continue
		case m.sent+onWay < failure:
			f.Early++
			continue
		}
		if f.Lost == 0 {
			first = m.sent
		}
		if f.Lost == 0 || m.number != previous+1 {
			f.Bursts++
		}
		f.Lost++
		previous, through, last, after = m.number, m.number, m.sent, m.after
	}
	if f.Lost == 0 {
		return f
	}
	if f.Open {
		after = max(int64(end.Sub(l.origin)), last)
	} else if through+1 >= l.first {
		_, after = l.packet(through + 1)
	}
	f.FirstLost, f.LastLost = new(Seconds(first-failure)), new(Seconds(last-failure))
	f.Outage = Seconds(after - first)
	return f
}

// lost yields the packets that have not arrived, by number. The field after is only set for
// those whose next packet is forgotten.
func (l *Log) lost(yield func(gone) bool) {
	for _, g := range l.gone {
		if !yield(g) {
			return
		}
	}
	for n := l.first; n < l.next; n++ {
		if took, sent := l.packet(n); took == 0 && !yield(gone{number: n, sent: sent}) {
			return
		}
	}
}

// open reports whether the last packet that is decided, and all after it, have not arrived.
func (l *Log) open(decided int64) bool {
	if l.beyond == l.next {
		return false
	}
	// All from beyond on have not arrived; they are sorted by when they were sent.
	if l.beyond >= l.first {
		_, sent := l.packet(l.beyond)
		return sent <= decided
	}
	i, _ := l.missing(l.beyond)
	return l.gone[i].sent <= decided
}

// delays returns the median delay of the packets that are kept and have arrived, and the
// longest of those that arrived in the second before the failure.
func (l *Log) delays(failure int64) (usual Seconds, onWay int64) {
	all := make([]int32, 0, l.next-l.first)
	for n := l.first; n < l.next; n++ {
		took, sent := l.packet(n)
		if took == 0 {
			continue
		}
		all = append(all, took)
		delay := micros(took)
		if arrived := sent + delay; arrived <= failure && arrived > failure-moment {
			onWay = max(onWay, delay)
		}
	}
	if len(all) == 0 {
		return 0, onWay
	}
	slices.Sort(all)
	return Seconds(micros(all[(len(all)-1)/2])), onWay
}

// micros returns the delay of a packet that has arrived, in nanoseconds.
func micros(took int32) int64 { return int64(took-1) * int64(time.Microsecond) }
