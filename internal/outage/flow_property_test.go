package outage_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hopguard/internal/outage"
)

// history is a flow as it was sent and as it arrived.
type history struct {
	sent     []time.Duration
	arrivals []arrival // sorted by time
	failed   time.Duration
	end      time.Duration
	grace    time.Duration
}

type arrival struct {
	number int
	at     time.Duration
}

// draw makes a flow of up to some packets with losses, delays, duplicates.
func draw(t *rapid.T, most int) history {
	var h history
	n := rapid.IntRange(1, most).Draw(t, "packets")
	lossy := rapid.IntRange(0, 10).Draw(t, "losses of ten")
	at := time.Duration(0)
	for i := range n {
		h.sent = append(h.sent, at)
		if rapid.IntRange(1, 10).Draw(t, "fate") > lossy {
			for range rapid.SampledFrom([]int{1, 1, 1, 2}).Draw(t, "copies") {
				delay := rapid.IntRange(0, 20).Draw(t, "delay")
				h.arrivals = append(h.arrivals, arrival{i, at + time.Duration(delay)*ms/2})
			}
		}
		at += time.Duration(rapid.IntRange(1, 3).Draw(t, "spacing")) * ms
	}
	slices.SortStableFunc(h.arrivals, func(a, b arrival) int { return int(a.at - b.at) })
	h.end = at + time.Duration(rapid.IntRange(0, 20).Draw(t, "rest"))*ms
	h.failed = time.Duration(rapid.Int64Range(0, int64(h.end)).Draw(t, "failed"))
	h.grace = time.Duration(rapid.IntRange(0, 30).Draw(t, "grace")) * ms
	return h
}

// log plays the history; then is called after each event with the time.
func (h history) log(then func(l *outage.Log, now time.Duration)) *outage.Log {
	l := &outage.Log{}
	arrivals := h.arrivals
	arrive := func(until time.Duration) {
		for len(arrivals) > 0 && arrivals[0].at < until {
			l.Arrived(arrivals[0].number, began().Add(arrivals[0].at))
			then(l, arrivals[0].at)
			arrivals = arrivals[1:]
		}
	}
	for _, at := range h.sent {
		arrive(at)
		l.Sent(began().Add(at))
		then(l, at)
	}
	arrive(1<<62 - 1)
	return l
}

func (h history) flow(l *outage.Log) outage.Flow {
	return l.Flow(began().Add(h.failed), began().Add(h.end), h.grace)
}

func nothing(*outage.Log, time.Duration) {}

func TestFlowAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := draw(t, 60)
		f := h.flow(h.log(nothing))
		received := map[int]bool{}
		for _, a := range h.arrivals {
			received[a.number] = true
		}
		if f.Sent != len(h.sent) {
			t.Errorf("Sent = %d, want %d", f.Sent, len(h.sent))
		}
		if got := f.Lost + f.Early + f.Undecided + len(received); got != f.Sent {
			t.Errorf("%d lost + %d early + %d undecided + %d received = %d, want the %d that were sent",
				f.Lost, f.Early, f.Undecided, len(received), got, f.Sent)
		}
		if got, want := f.Duplicates, len(h.arrivals)-len(received); got != want {
			t.Errorf("Duplicates = %d, want %d", got, want)
		}
		for what, some := range map[string]bool{
			"an outage": f.Outage > 0, "bursts": f.Bursts > 0, "a first lost": f.FirstLost != nil, "a last lost": f.LastLost != nil,
		} {
			if some != (f.Lost > 0) {
				t.Errorf("%s: %v with %d lost", what, some, f.Lost)
			}
		}
		if f.Bursts > f.Lost {
			t.Errorf("%d bursts of %d lost packets", f.Bursts, f.Lost)
		}
		if f.Lost > 0 && f.Outage <= *f.LastLost-*f.FirstLost {
			t.Errorf("Outage = %v, want more than from %v to %v", f.Outage, *f.FirstLost, *f.LastLost)
		}
		if f.Open && f.Undecided > 0 {
			t.Errorf("%d undecided in an open outage", f.Undecided)
		}
	})
}

// The outage by its definition, looked up packet by packet.
func TestOutageIsFromTheFirstLostToTheFirstThrough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := draw(t, 60)
		h.failed, h.grace = 0, 0 // nothing is early, and all is decided
		f := h.flow(h.log(nothing))
		through := map[int]bool{}
		for _, a := range h.arrivals {
			through[a.number] = true
		}
		first, last := -1, -1
		for n := range h.sent {
			if !through[n] {
				last = n
				if first < 0 {
					first = n
				}
			}
		}
		var want time.Duration
		open := false
		if first >= 0 {
			if open = last == len(h.sent)-1; open {
				want = h.end - h.sent[first]
			} else {
				want = h.sent[last+1] - h.sent[first]
			}
		}
		if got := f.Outage.Duration(); got != want || f.Open != open {
			t.Errorf("Outage = %v, open %v, want %v, open %v", got, f.Open, want, open)
		}
	})
}

func TestOrderOfArrivalsDoesNotChangeWhatIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := draw(t, 60)
		h.failed = 0
		play := func(arrivals []arrival) outage.Flow {
			l := &outage.Log{}
			for _, at := range h.sent {
				l.Sent(began().Add(at))
			}
			for _, a := range arrivals {
				l.Arrived(a.number, began().Add(h.end))
			}
			f := h.flow(l)
			f.Reordered = 0
			return f
		}
		want := play(h.arrivals)
		got := play(rapid.Permutation(h.arrivals).Draw(t, "arrivals"))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Flow() of the same arrivals in another order (-in order +permuted):\n%s", diff)
		}
	})
}

// Forgetting goes by thousands of packets, so this history is long and its losses are few.
func TestForgettingChangesNoCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const packets = 14000
		h := history{
			end:   packets*ms + time.Duration(rapid.IntRange(0, 100).Draw(t, "rest"))*ms,
			grace: time.Duration(rapid.IntRange(0, 9000).Draw(t, "grace")) * ms,
		}
		lost := rapid.SliceOfN(rapid.IntRange(0, packets-1), 0, 30).Draw(t, "lost")
		late := rapid.SliceOfN(rapid.IntRange(0, packets-1), 0, 30).Draw(t, "late")
		for _, edge := range []int{4095, 4096, 8191, 8192, packets - 1} {
			if rapid.Bool().Draw(t, "lost at the edge") {
				lost = append(lost, edge)
			}
		}
		if rapid.Bool().Draw(t, "open") {
			for n := rapid.IntRange(0, packets-1).Draw(t, "open since"); n < packets; n++ {
				lost = append(lost, n)
			}
		}
		delay := time.Duration(rapid.IntRange(1, 6000).Draw(t, "late by")) * ms
		gone := map[int]bool{}
		for _, n := range lost {
			gone[n] = true
		}
		for n := range packets {
			at := time.Duration(n) * ms
			h.sent = append(h.sent, at)
			if gone[n] {
				continue
			}
			arrived := at + ms/2
			if slices.Contains(late, n) {
				arrived += delay
				h.arrivals = append(h.arrivals, arrival{n, arrived + ms/4})
			}
			h.arrivals = append(h.arrivals, arrival{n, arrived})
		}
		slices.SortStableFunc(h.arrivals, func(a, b arrival) int { return int(a.at - b.at) })

		keep := time.Duration(rapid.IntRange(0, 5000).Draw(t, "keep")) * ms
		want := h.flow(h.log(nothing))
		got := h.flow(h.log(func(l *outage.Log, now time.Duration) { l.Forget(began().Add(now - keep)) }))
		want.Delay, got.Delay = 0, 0
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Flow() (-everything kept +%v kept):\n%s", keep, diff)
		}
	})
}
