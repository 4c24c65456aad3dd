package traffic_test

import (
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/outage"
	"hopguard/internal/traffic"
)

// streaming is a meter with one stream over pipes.
func streaming(p *pipes) *traffic.Meter {
	return &traffic.Meter{
		Streams: []traffic.Stream{{Name: "app-1", Expected: true, Dial: p.dial, Address: somewhere()}},
		Servers: []net.Listener{p},
	}
}

func TestStreamTellsItsLongestStall(t *testing.T) {
	tests := []struct {
		name    string
		set     func(p *pipes)
		mark    time.Duration
		stop    time.Duration
		want    outage.Stream
		trouble []string
	}{
		{"undisturbed", func(*pipes) {}, time.Second, 2001 * time.Millisecond,
			outage.Stream{Survived: true, Stall: outage.Seconds(5 * time.Millisecond)}, nil},
		{"undisturbed-for-longer-than-a-short-one-lasts", func(*pipes) {}, time.Second, 15001 * time.Millisecond,
			outage.Stream{Survived: true, Stall: outage.Seconds(5 * time.Millisecond)}, nil},
		{"stalled-and-came-back", func(p *pipes) { p.stalled = during{time.Second, 3500 * time.Millisecond} },
			time.Second, 5001 * time.Millisecond, outage.Stream{Survived: true, Stall: outage.Seconds(2500 * time.Millisecond)}, nil},
		{"stalled-before-the-failure", func(p *pipes) { p.stalled = during{time.Second, 3500 * time.Millisecond} },
			4 * time.Second, 5001 * time.Millisecond, outage.Stream{Survived: true, Stall: outage.Seconds(5 * time.Millisecond)}, nil},
		{"stalled-since-before-the-failure", func(p *pipes) { p.stalled = during{time.Second, 3500 * time.Millisecond} },
			3 * time.Second, 5001 * time.Millisecond, outage.Stream{Survived: true, Stall: outage.Seconds(2500 * time.Millisecond)}, nil},
		{"stalled-at-the-end", func(p *pipes) { p.stalled = during{time.Second, time.Minute} },
			time.Second, 5 * time.Second, outage.Stream{Stall: outage.Seconds(4 * time.Second)}, nil},
		{"broken", func(p *pipes) { p.broken = during{time.Second, time.Minute} },
			time.Second, 5 * time.Second, outage.Stream{Stall: outage.Seconds(4 * time.Second)}, nil},
		{"broken-just-before-the-end", func(p *pipes) { p.broken = during{time.Second, time.Minute} },
			time.Second, 1100 * time.Millisecond, outage.Stream{Stall: outage.Seconds(100 * time.Millisecond)}, nil},
		{"broken-before-the-failure", func(p *pipes) { p.broken = during{time.Second, time.Minute} },
			3 * time.Second, 5 * time.Second, outage.Stream{Stall: outage.Seconds(4 * time.Second)},
			[]string{"app-1: broke before the failure"}},
		{"connected-at-the-third-attempt", func(p *pipes) { p.silent = during{0, 1500 * time.Millisecond} },
			3 * time.Second, 4001 * time.Millisecond, outage.Stream{Survived: true, Stall: outage.Seconds(5 * time.Millisecond)}, nil},
		{"refused-at-first", func(p *pipes) { p.refused, p.refusal = during{0, 1500 * time.Millisecond}, errors.New("refused") },
			3 * time.Second, 4001 * time.Millisecond, outage.Stream{Survived: true, Stall: outage.Seconds(5 * time.Millisecond)}, nil},
		{"never-connected", func(p *pipes) { p.silent = during{0, time.Hour} },
			3 * time.Second, 4 * time.Second, outage.Stream{}, []string{"app-1: never connected"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, p *pipes) {
				tt.set(p)
				m := streaming(p)
				start(t, m)
				p.pause(tt.mark)
				m.Mark(time.Now())
				p.pause(tt.stop)
				got := m.Result()
				p.stalled = during{} // whoever stalls must not keep the far end's goroutine
				want := tt.want
				want.Name, want.Expected = "app-1", true
				if diff := cmp.Diff([]outage.Stream{want}, got.Streams); diff != "" {
					t.Errorf("Streams (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tt.trouble, got.Trouble); diff != "" {
					t.Errorf("Trouble (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestWaitMindsThatStreamsAreConnected(t *testing.T) {
	bubble(t, func(t *testing.T, p *pipes) {
		p.silent = during{0, 1500 * time.Millisecond}
		m := streaming(p)
		start(t, m)
		synctest.Wait()
		if m.Flowing(time.Second) {
			t.Error("Flowing() before the stream is connected, want not")
		}
		if err := m.Wait(t.Context(), time.Now(), time.Second); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(p.began); took < 2*time.Second || took > 2020*time.Millisecond {
			t.Errorf("Wait() took %v, want until the attempt after 2 s, and one look", took)
		}
	})
}

func TestWaitSaysWhatDoesNotFlow(t *testing.T) {
	bubble(t, func(t *testing.T, p *pipes) {
		p.silent = during{0, time.Hour}
		m := streaming(p)
		start(t, m)
		ctx, cancel := timeout(t, 3*time.Second)
		defer cancel()
		err := m.Wait(ctx, time.Now(), time.Second)
		if want := "wait for traffic: context deadline exceeded: app-1: not connected"; err == nil || err.Error() != want {
			t.Errorf("Wait() = %v, want %s", err, want)
		}
	})
}

func TestNothingFlowsAfterStop(t *testing.T) {
	bubble(t, func(t *testing.T, p *pipes) {
		m := streaming(p)
		start(t, m)
		p.pause(time.Second)
		m.Stop()
		if m.Flowing(0) {
			t.Error("Flowing() after Stop, want not")
		}
		if err := m.Wait(t.Context(), time.Now(), time.Second); err == nil || !strings.Contains(err.Error(), "has ended") {
			t.Errorf("Wait() = %v after Stop, want that the traffic has ended", err)
		}
	})
}

// A connection whose end was lost on the way does not stay for ever.
func TestServerEndsShortConnections(t *testing.T) {
	bubble(t, func(t *testing.T, p *pipes) {
		m := &traffic.Meter{Servers: []net.Listener{p}}
		start(t, m)
		conn, err := p.dial(t.Context(), "tcp", "")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("Read() = %d bytes, want the end", n)
		}
		if took := time.Since(p.began); took != 10*time.Second {
			t.Errorf("it ended after %v, want 10 s", took)
		}
	})
}
