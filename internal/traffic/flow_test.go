package traffic_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hopguard/internal/outage"
	"hopguard/internal/traffic"
)

// flow is one from a new socket to another, outbound and expected.
func flow(t *testing.T, name string) traffic.Flow {
	t.Helper()
	from, at := socket(t), socket(t)
	return traffic.Flow{Name: name, Outbound: true, Expected: true, From: from, To: address(at), At: at}
}

// start starts a meter, which is stopped at the end of the test.
func start(t *testing.T, m *traffic.Meter) {
	t.Helper()
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Stop() })
}

// reach waits for a relay's last packet.
func reach(t *testing.T, r *relay) {
	t.Helper()
	select {
	case <-r.seen:
	case <-time.After(time.Minute):
		t.Fatalf("packet %d has not come in a minute", r.last)
	}
}

func TestFlowCountsWhatThePathDid(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		fate func(int) fate
		want outage.Flow
	}{
		{"nothing", nil, outage.Flow{}},
		{"one-lost", within(300, 300, drop), outage.Flow{Lost: 1, Bursts: 1}},
		{"a-hundred-lost", within(200, 299, drop), outage.Flow{Lost: 100, Bursts: 1}},
		{"lost-here-and-there", func(n int) fate {
			if n == 50 || n == 51 || n == 60 || n == 299 {
				return drop
			}
			return pass
		}, outage.Flow{Lost: 4, Bursts: 3}},
		{"twice", within(40, 59, twice), outage.Flow{Duplicates: 20}},
		{"overtaken", within(40, 42, hold), outage.Flow{Reordered: 3}},
		{"all-of-it-at-once", func(n int) fate {
			switch {
			case n == 10 || n == 20:
				return twice
			case n == 30:
				return hold
			case n >= 100 && n < 250:
				return drop
			default:
				return pass
			}
		}, outage.Flow{Lost: 150, Bursts: 1, Duplicates: 2, Reordered: 1}},
	}
	m := &traffic.Meter{}
	var relays []*relay
	for _, tt := range tests {
		f := flow(t, tt.name)
		relays = append(relays, through(t, &f, 350, tt.fate))
		m.Flows = append(m.Flows, f)
	}
	start(t, m)
	for _, r := range relays {
		reach(t, r)
	}
	result := m.Stop()
	if len(result.Trouble) > 0 {
		t.Errorf("trouble: %q", result.Trouble)
	}
	for i, tt := range tests {
		got, want := result.Flows[i], tt.want
		want.Name, want.Outbound, want.Expected = tt.name, true, true
		times := cmpopts.IgnoreFields(outage.Flow{}, "Sent", "FirstLost", "LastLost", "Outage", "Delay", "Worst")
		if diff := cmp.Diff(want, got, times); diff != "" {
			t.Errorf("Stop() (-want +got):\n%s", diff)
		}
		if got.Sent <= 350 {
			t.Errorf("%s: Sent = %d, want more than %d", tt.name, got.Sent, 350)
		}
	}
}

// No packet is sent before its time, and none later than the meter says; so an outage of 200
// packets took 200 ms, give or take that.
func TestFlowTimesAnOutage(t *testing.T) {
	t.Parallel()
	f := flow(t, "app-1 to branch")
	r := through(t, &f, 550, within(300, 499, drop))
	m := &traffic.Meter{Flows: []traffic.Flow{f}}
	start(t, m)
	reach(t, r)
	result := m.Stop()
	got, late := result.Flows[0], result.Lateness
	for _, c := range []struct {
		what string
		got  outage.Seconds
		want time.Duration
	}{
		{"Outage", got.Outage, 200 * time.Millisecond},
		{"FirstLost", *got.FirstLost, 300 * time.Millisecond},
		{"LastLost", *got.LastLost, 499 * time.Millisecond},
	} {
		if off := (c.got.Duration() - c.want).Abs(); off > late {
			t.Errorf("%s = %v, want %v, or up to %v off", c.what, c.got.Duration(), c.want, late)
		}
	}
	if got.Delay <= 0 || got.Worst < got.Delay {
		t.Errorf("Delay = %v, Worst = %v", got.Delay.Duration(), got.Worst.Duration())
	}
}

func TestLossesBeforeTheFailureAreTrouble(t *testing.T) {
	t.Parallel()
	f := flow(t, "app-1 to branch")
	first := through(t, &f, 1200, func(n int) fate {
		if n >= 100 && n <= 104 || n >= 1400 && n <= 1409 {
			return drop
		}
		return pass
	})
	second := through(t, &f, 1450, nil)
	m := &traffic.Meter{Flows: []traffic.Flow{f}}
	start(t, m)
	reach(t, first)
	m.Mark(time.Now())
	reach(t, second)
	got := m.Stop()
	if f := got.Flows[0]; f.Early != 5 || f.Lost != 10 {
		t.Errorf("Early = %d, Lost = %d, want 5 and 10", f.Early, f.Lost)
	}
	want := []string{"app-1 to branch: lost before the failure: 5"}
	if diff := cmp.Diff(want, got.Trouble); diff != "" {
		t.Errorf("trouble (-want +got):\n%s", diff)
	}
}

func TestSoakForgetsPacketsAndKeepsLosses(t *testing.T) {
	t.Parallel()
	f := flow(t, "app-1 to branch")
	f.Spacing = 200 * time.Microsecond // so that thousands take a second
	r := through(t, &f, 9000, func(n int) fate {
		if n%100 == 0 && n < 8000 {
			return drop
		}
		return pass
	})
	m := &traffic.Meter{Flows: []traffic.Flow{f}, Keep: 10 * time.Millisecond}
	start(t, m)
	reach(t, r)
	if got := m.Stop().Flows[0]; got.Lost != 80 || got.Bursts != 80 {
		t.Errorf("Lost = %d in %d bursts, want 80 single ones", got.Lost, got.Bursts)
	}
}

func TestFlowKeepsOnWhenTheHostRefuses(t *testing.T) {
	t.Parallel()
	f := flow(t, "app-1 to branch")
	f.To = netip.MustParseAddrPort("127.0.0.1:0") // no kernel sends to port 0
	other := flow(t, "app-2 to branch")
	r := through(t, &other, 50, nil)
	m := &traffic.Meter{Flows: []traffic.Flow{f, other}}
	start(t, m)
	reach(t, r)
	got := m.Stop().Flows[0]
	if got.Refused != got.Sent || got.Lost != got.Sent || !got.Open {
		t.Errorf("%d sent: Refused = %d, Lost = %d, Open = %v, want all of them, and an open outage",
			got.Sent, got.Refused, got.Lost, got.Open)
	}
	if got.Refusal != "invalid argument" {
		t.Errorf("Refusal = %q, want the kernel's words", got.Refusal)
	}
}

// While nobody listens, each packet of a connected socket is answered by an ICMP message,
// which the kernel tells by failing a later call.
func TestFlowSurvivesWordThatNobodyListens(t *testing.T) {
	t.Parallel()
	f := flow(t, "app-1 to branch")
	closed := socketAt(t, netip.MustParseAddrPort("127.0.0.3:0"))
	path := address(closed)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	from, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(path))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.From.Close(); err != nil {
		t.Fatal(err)
	}
	f.From, f.To = from, netip.AddrPort{}
	m := &traffic.Meter{Flows: []traffic.Flow{f}}
	start(t, m)
	nobody, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err = m.Wait(nobody, time.Now(), time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "app-1 to branch: nothing has arrived") {
		t.Errorf("Wait() = %v while nobody listens, want that nothing has arrived", err)
	}

	listener := socketAt(t, path)
	onward := &relay{conn: listener, to: address(f.At.(*net.UDPConn)), seen: make(chan struct{}), last: -1}
	onward.wg.Go(func() { onward.run(t) })
	defer onward.wg.Wait()
	defer func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := m.Wait(t.Context(), time.Now(), 100*time.Millisecond); err != nil {
		t.Error(err)
	}
	if got := m.Stop().Flows[0]; got.Refused > 0 {
		t.Errorf("Refused = %d (%s), want that each packet was sent at the second attempt", got.Refused, got.Refusal)
	}
}

func TestTwoSocketsServeBothDirections(t *testing.T) {
	t.Parallel()
	a, b := socket(t), socket(t)
	m := &traffic.Meter{Flows: []traffic.Flow{
		{Name: "out", Outbound: true, Expected: true, From: a, To: address(b), At: b},
		{Name: "in", Expected: true, From: b, To: address(a), At: a},
	}}
	start(t, m)
	if err := m.Wait(t.Context(), time.Now(), 200*time.Millisecond); err != nil {
		t.Error(err)
	}
	got := m.Stop()
	for _, f := range got.Flows {
		if f.Lost+f.Early > 0 || f.Sent == 0 {
			t.Errorf("%s: %d of %d lost, want none of some", f.Name, f.Lost+f.Early, f.Sent)
		}
	}
	if len(got.Trouble) > 0 {
		t.Errorf("trouble: %q", got.Trouble)
	}
	for _, c := range []*net.UDPConn{a, b} {
		if err := c.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Close() after Stop = %v, want that the socket is closed", err)
		}
	}
}

// What another meter has sent to these addresses says nothing about this one.
func TestStrangersAreNotCounted(t *testing.T) {
	t.Parallel()
	f := flow(t, "app-1 to branch")
	stranger := socket(t)
	defer func() {
		if err := stranger.Close(); err != nil {
			t.Error(err)
		}
	}()
	m := &traffic.Meter{Flows: []traffic.Flow{f}}
	start(t, m)
	if err := m.Wait(t.Context(), time.Now(), 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 16, 64, 65, 200} {
		if _, err := stranger.WriteToUDPAddrPort(make([]byte, size), f.To); err != nil {
			t.Fatal(err)
		}
	}
	// What arrives after them has been looked at after them.
	if err := m.Wait(t.Context(), time.Now(), 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	got := m.Stop()
	if f := got.Flows[0]; f.Duplicates > 0 || f.Lost > 0 || len(got.Trouble) > 0 {
		t.Errorf("%d duplicates, %d lost, trouble %q, want none", f.Duplicates, f.Lost, got.Trouble)
	}
}
