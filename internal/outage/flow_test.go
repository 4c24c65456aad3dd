package outage_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/outage"
)

const ms = time.Millisecond

// began is when the first packet of the tests' flows was sent.
func began() time.Time { return time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC) }

// played is a flow with a packet each millisecond, as a row of signs:
//
//	. arrives after delay      x is lost
//	2 arrives twice            l arrives late, after 5 delays
func played(script string, delay time.Duration) *outage.Log {
	type arrival struct {
		number int
		at     time.Duration
	}
	l := &outage.Log{}
	arrivals := make([][]arrival, len(script)+int(6*delay/ms))
	note := func(number int, at time.Duration) {
		arrivals[at/ms] = append(arrivals[at/ms], arrival{number, at})
	}
	for i := range arrivals {
		at := time.Duration(i) * ms
		if i < len(script) {
			n := l.Sent(began().Add(at))
			switch script[i] {
			case '.':
				note(n, at+delay)
			case '2':
				note(n, at+delay)
				note(n, at+delay)
			case 'l':
				note(n, at+5*delay)
			case 'x':
			default:
				panic("script: " + script)
			}
		}
		for _, a := range arrivals[i] {
			l.Arrived(a.number, began().Add(a.at))
		}
	}
	return l
}

func seconds(d time.Duration) *outage.Seconds { return new(outage.Seconds(d)) }

func TestFlowCountsWhatAFailureCost(t *testing.T) {
	const delay = 2 * ms
	usual := outage.Seconds(delay)
	tests := []struct {
		name   string
		script string
		failed time.Duration
		end    time.Duration // zero is the end of the script
		grace  time.Duration
		want   outage.Flow
	}{
		{
			name: "nothing-lost", script: "..........", failed: 3 * ms,
			want: outage.Flow{Sent: 10, Delay: usual, Worst: usual},
		},
		{
			name: "one-lost", script: ".....x....", failed: 3 * ms,
			want: outage.Flow{Sent: 10, Lost: 1, Bursts: 1, FirstLost: seconds(2 * ms), LastLost: seconds(2 * ms),
				Outage: outage.Seconds(1 * ms), Delay: usual, Worst: usual},
		},
		{
			name: "an-outage-with-a-packet-through-in-the-middle", script: ".....xxx.xx...", failed: 3 * ms,
			want: outage.Flow{Sent: 14, Lost: 5, Bursts: 2, FirstLost: seconds(2 * ms), LastLost: seconds(7 * ms),
				Outage: outage.Seconds(6 * ms), Delay: usual, Worst: usual},
		},
		{
			name: "lost-on-its-way-when-the-failure-came", script: ".....xxx......", failed: 7 * ms,
			want: outage.Flow{Sent: 14, Lost: 3, Bursts: 1, FirstLost: seconds(-2 * ms), LastLost: seconds(0),
				Outage: outage.Seconds(3 * ms), Delay: usual, Worst: usual},
		},
		{
			name: "lost-before-the-failure", script: ".x...xxx......", failed: 6 * ms,
			want: outage.Flow{Sent: 14, Lost: 3, Early: 1, Bursts: 1, FirstLost: seconds(-1 * ms), LastLost: seconds(1 * ms),
				Outage: outage.Seconds(3 * ms), Delay: usual, Worst: usual},
		},
		{
			name: "only-lost-before-the-failure", script: ".x............", failed: 6 * ms,
			want: outage.Flow{Sent: 14, Early: 1, Delay: usual, Worst: usual},
		},
		{
			name: "the-last-ones-are-undecided", script: "..........xx", failed: 3 * ms, grace: 3 * ms,
			want: outage.Flow{Sent: 12, Undecided: 2, Delay: usual, Worst: usual},
		},
		{
			name: "an-outage-that-ended-before-undecided-ones", script: "...xxxx..xx.", failed: 3 * ms, grace: 4 * ms,
			want: outage.Flow{Sent: 12, Lost: 4, Undecided: 2, Bursts: 1, FirstLost: seconds(0), LastLost: seconds(3 * ms),
				Outage: outage.Seconds(4 * ms), Delay: usual, Worst: usual},
		},
		{
			name: "an-outage-that-reaches-into-the-undecided", script: "...xxxxxxx..", failed: 3 * ms, grace: 6 * ms,
			want: outage.Flow{Sent: 12, Lost: 4, Undecided: 3, Bursts: 1, FirstLost: seconds(0), LastLost: seconds(3 * ms),
				Outage: outage.Seconds(7 * ms), Delay: usual, Worst: usual},
		},
		{
			name: "an-open-outage", script: "....xxxxxxxx", failed: 3 * ms, grace: 4 * ms, end: 15 * ms,
			want: outage.Flow{Sent: 12, Lost: 8, Bursts: 1, FirstLost: seconds(1 * ms), LastLost: seconds(8 * ms),
				Outage: outage.Seconds(11 * ms), Delay: usual, Worst: usual, Open: true},
		},
		{
			name: "never-anything", script: "xxxx", failed: 1 * ms, grace: 2 * ms,
			want: outage.Flow{Sent: 4, Lost: 3, Early: 1, Bursts: 1, FirstLost: seconds(0), LastLost: seconds(2 * ms),
				Outage: outage.Seconds(3 * ms), Open: true},
		},
		{
			name: "never-anything-but-not-for-long", script: "xxxx", failed: 0, grace: 5 * ms,
			want: outage.Flow{Sent: 4, Undecided: 4},
		},
		{
			name: "twice-and-late", script: "..2..l......2...", failed: 3 * ms,
			want: outage.Flow{Sent: 16, Duplicates: 2, Reordered: 1, Delay: usual, Worst: 5 * usual},
		},
		{name: "no-packet", want: outage.Flow{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			end := tt.end
			if end == 0 {
				end = time.Duration(len(tt.script)) * ms
			}
			l := played(tt.script, delay)
			got := l.Flow(began().Add(tt.failed), began().Add(end), tt.grace)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Flow() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLogRefusesNumbersThatWereNeverSent(t *testing.T) {
	l := played("...", ms)
	for _, n := range []int{-1, 3} {
		if l.Arrived(n, began()) {
			t.Errorf("Arrived(%d) = true with 3 packets sent, want false", n)
		}
	}
	want := outage.Flow{Sent: 3, Delay: outage.Seconds(ms), Worst: outage.Seconds(ms)}
	if diff := cmp.Diff(want, l.Flow(began(), began().Add(time.Second), 0)); diff != "" {
		t.Errorf("Flow() after that (-want +got):\n%s", diff)
	}
}

func TestUnbrokenEndsAtALoss(t *testing.T) {
	tests := []struct {
		name         string
		script       string
		back         time.Duration
		since, until time.Duration
	}{
		{"nothing-lost", "..........", time.Second, 0, 9 * ms},
		{"no-further-than-asked", "..........", 3 * ms, 6 * ms, 9 * ms},
		{"since-a-loss", "...x......", time.Second, 4 * ms, 9 * ms},
		{"what-is-not-there-yet-does-not-count", "...x....xx", time.Second, 4 * ms, 7 * ms},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := played(tt.script, 2*ms)
			want := outage.Run{Since: began().Add(tt.since), Until: began().Add(tt.until), Arrived: began().Add(tt.until + 2*ms)}
			if diff := cmp.Diff(want, l.Unbroken(tt.back)); diff != "" {
				t.Errorf("Unbroken() (-want +got):\n%s", diff)
			}
		})
	}
	if got := played("xx", ms).Unbroken(time.Second); got != (outage.Run{}) {
		t.Errorf("Unbroken() = %v when nothing has arrived, want nothing", got)
	}
}

func TestAwaitsWhatMayStillArrive(t *testing.T) {
	tests := []struct {
		name   string
		script string
		since  time.Duration
		want   bool
	}{
		{"nothing-is-missing", "..........", -time.Second, false},
		{"missing-after-it", "......x...", 5 * ms, true},
		{"missing-just-then", "......x...", 6 * ms, false},
		{"the-last-one", ".........x", 8 * ms, true},
		{"no-packet", "", 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := played(tt.script, ms).Awaits(began().Add(tt.since)); got != tt.want {
				t.Errorf("Awaits(%v) = %v, want %v", tt.since, got, tt.want)
			}
		})
	}
}

// Only packets that arrived in the second before the failure tell how long one was on its way.
func TestPacketsOnTheirWayBelongToTheFailure(t *testing.T) {
	const failed, lost = 3000, 2990 // the packet that is lost was sent 10 ms before the failure
	tests := []struct {
		name  string
		slow  int           // the number of a packet
		took  time.Duration // and its delay; all others take 2 ms
		early int
	}{
		{"all-fast", 0, 2 * ms, 1},
		{"slow-just-before", 2900, 50 * ms, 0},
		{"slow-long-before", 1900, 50 * ms, 1},
		{"slow-after", 2970, 50 * ms, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := &outage.Log{}
			for n := range 3100 {
				sent, delay := began().Add(time.Duration(n)*ms), 2*ms
				if n == tt.slow {
					delay = tt.took
				}
				if l.Sent(sent); n != lost {
					l.Arrived(n, sent.Add(delay))
				}
			}
			f := l.Flow(began().Add(failed*ms), began().Add(time.Minute), time.Second)
			if f.Early != tt.early || f.Lost != 1-tt.early {
				t.Errorf("Early = %d, Lost = %d, want %d and %d", f.Early, f.Lost, tt.early, 1-tt.early)
			}
		})
	}
}
