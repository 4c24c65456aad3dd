package traffic_test

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/outage"
	"hopguard/internal/traffic"
)

func TestConnectsCountsThoseThatFail(t *testing.T) {
	const second = time.Second
	seconds := func(d time.Duration) *outage.Seconds { return new(outage.Seconds(d)) }
	tests := []struct {
		name    string
		set     func(p *pipes)
		mark    time.Duration
		stop    time.Duration // just before the next attempt
		want    outage.Connects
		trouble []string
	}{
		{"undisturbed", func(*pipes) {}, second, 2 * second, outage.Connects{Tried: 200}, nil},
		{"no-answer-for-a-second", func(p *pipes) { p.silent = during{2 * second, 3 * second} }, 2 * second, 8 * second,
			outage.Connects{Tried: 800, Failed: 100, FirstFailed: seconds(0), LastFailed: seconds(990 * time.Millisecond)}, nil},
		{"no-answer-at-the-end-is-undecided", func(p *pipes) { p.silent = during{2 * second, time.Hour} }, 2 * second, 4 * second,
			outage.Connects{Tried: 200}, nil},
		{"no-answer-for-long", func(p *pipes) { p.silent = during{2 * second, time.Hour} }, second, 10 * second,
			outage.Connects{Tried: 700, Failed: 500, FirstFailed: seconds(second), LastFailed: seconds(5990 * time.Millisecond)}, nil},
		{"refused", func(p *pipes) { p.refused, p.refusal = during{2 * second, 3 * second}, errors.New("refused") },
			2 * second, 8 * second,
			outage.Connects{Tried: 800, Failed: 100, FirstFailed: seconds(0), LastFailed: seconds(990 * time.Millisecond)}, nil},
		{"refused-before-the-failure", func(p *pipes) { p.refused, p.refusal = during{2 * second, 3 * second}, errors.New("refused") },
			2500 * time.Millisecond, 8 * second,
			outage.Connects{Tried: 800, Failed: 50, Early: 50, FirstFailed: seconds(0), LastFailed: seconds(490 * time.Millisecond)},
			[]string{"app-1: failed before the failure: 50"}},
		{"begun-before-the-failure-and-failed-after-it", func(p *pipes) { p.silent = during{2 * second, 3 * second} },
			2500 * time.Millisecond, 8 * second,
			outage.Connects{Tried: 800, Failed: 100, FirstFailed: seconds(-500 * time.Millisecond), LastFailed: seconds(490 * time.Millisecond)}, nil},
		{"no-sockets-left-here", func(p *pipes) {
			p.refused, p.refusal = during{2 * second, 3 * second}, &net.OpError{Op: "dial", Err: syscall.EADDRNOTAVAIL}
		}, 2 * second, 8 * second,
			outage.Connects{Tried: 800, Failed: 100, FirstFailed: seconds(0), LastFailed: seconds(990 * time.Millisecond)},
			[]string{"app-1: this machine could not connect: cannot assign requested address"}},
		{"slow-to-answer", func(p *pipes) { p.stalled = during{2 * second, 3 * second} }, 2 * second, 8 * second,
			outage.Connects{Tried: 800, Slowest: outage.Seconds(second)}, nil},
		{"slow-before-the-failure", func(p *pipes) { p.stalled = during{2 * second, 2995 * time.Millisecond} }, 4 * second, 8 * second,
			outage.Connects{Tried: 800, Slowest: outage.Seconds(15 * time.Millisecond)}, nil},
		{"too-slow-to-answer", func(p *pipes) { p.stalled = during{2 * second, 5995 * time.Millisecond} }, 2 * second, 8 * second,
			outage.Connects{Tried: 800, Failed: 100, FirstFailed: seconds(0), LastFailed: seconds(990 * time.Millisecond),
				Slowest: outage.Seconds(2995 * time.Millisecond)}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, p *pipes) {
				tt.set(p)
				m := &traffic.Meter{
					Connects: []traffic.Connects{{Name: "app-1", Expected: true, Dial: p.dial, Address: somewhere()}},
					Servers:  []net.Listener{p},
				}
				start(t, m)
				p.pause(tt.mark)
				m.Mark(time.Now())
				p.pause(tt.stop - time.Millisecond)
				got := m.Stop()
				want := tt.want
				want.Name, want.Expected = "app-1", true
				if diff := cmp.Diff([]outage.Connects{want}, got.Connects); diff != "" {
					t.Errorf("Connects (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tt.trouble, got.Trouble); diff != "" {
					t.Errorf("Trouble (-want +got):\n%s", diff)
				}
				if p.most > 301 { // 3 s of them, and one that ends just then
					t.Errorf("%d connections at once, want at most 301", p.most)
				}
			})
		})
	}
}
