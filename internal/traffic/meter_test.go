package traffic_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"hopguard/internal/traffic"
)

func timeout(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), d)
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	dial := (&net.Dialer{}).DialContext
	tests := []struct {
		name string
		make func(a, b *net.UDPConn) *traffic.Meter
		want string
	}{
		{"no-sockets", func(*net.UDPConn, *net.UDPConn) *traffic.Meter {
			return &traffic.Meter{Flows: []traffic.Flow{{Name: "out"}}}
		}, `start the traffic: flow "out": want UDP sockets, got from <nil> and at <nil>`},
		{"no-address", func(a, b *net.UDPConn) *traffic.Meter {
			return &traffic.Meter{Flows: []traffic.Flow{{Name: "out", From: a, At: b}}}
		}, `start the traffic: flow "out": want the address To for a socket without a peer, got "invalid AddrPort"`},
		{"negative-spacing", func(a, b *net.UDPConn) *traffic.Meter {
			return &traffic.Meter{Flows: []traffic.Flow{{Name: "out", From: a, At: b, To: address(b), Spacing: -1}}}
		}, `start the traffic: flow "out": spacing: want more than nothing, got -1ns`},
		{"one-socket-receives-twice", func(a, b *net.UDPConn) *traffic.Meter {
			f := traffic.Flow{Name: "out", From: a, At: b, To: address(b)}
			g := f
			g.Name = "too"
			return &traffic.Meter{Flows: []traffic.Flow{f, g}}
		}, `start the traffic: flow "too": its socket At receives flow "out" already`},
		{"stream-without-address", func(*net.UDPConn, *net.UDPConn) *traffic.Meter {
			return &traffic.Meter{Streams: []traffic.Stream{{Name: "app-1", Dial: dial}}}
		}, `start the traffic: stream "app-1": want Dial and Address, got address "invalid AddrPort"`},
		{"connects-without-dial", func(*net.UDPConn, *net.UDPConn) *traffic.Meter {
			return &traffic.Meter{Connects: []traffic.Connects{{Name: "app-1", Address: somewhere()}}}
		}, `start the traffic: connects "app-1": want Dial and Address, got address "192.0.2.1:80"`},
		{"no-listener", func(*net.UDPConn, *net.UDPConn) *traffic.Meter {
			return &traffic.Meter{Servers: []net.Listener{nil}}
		}, `start the traffic: server 0: want a listener, got none`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := socket(t), socket(t)
			m := tt.make(a, b)
			if err := m.Start(t.Context()); err == nil || err.Error() != tt.want {
				t.Errorf("Start() = %v, want %s", err, tt.want)
			}
			for _, f := range m.Flows {
				if f.At != nil && b.Close() == nil {
					t.Error("the socket of a flow is open after Start has failed, want it closed")
				}
			}
			m.Stop()
		})
	}
}

func TestMeterStartsOnce(t *testing.T) {
	m := &traffic.Meter{}
	start(t, m)
	if err := m.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "started before") {
		t.Errorf("Start() = %v the second time, want that it was started before", err)
	}
}

func TestFlowingMeansNewPacketsWithoutALoss(t *testing.T) {
	t.Parallel()
	f := flow(t, "app-1 to branch")
	lost := through(t, &f, 500, within(200, 500, drop))
	m := &traffic.Meter{Flows: []traffic.Flow{f}}
	if m.Flowing(0) {
		t.Error("Flowing() before Start, want not")
	}
	start(t, m)
	if err := m.Wait(t.Context(), time.Time{}, 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	reach(t, lost)
	since := time.Now()
	if m.Flowing(50 * time.Millisecond) {
		t.Error("Flowing() just after 300 losses, want not")
	}
	if err := m.Wait(t.Context(), since, 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(since); took < 100*time.Millisecond {
		t.Errorf("Wait() took %v, want the whole window", took)
	}
	if !m.Flowing(50 * time.Millisecond) {
		t.Error("Flowing() after Wait, want so")
	}
	// What has flowed before is not taken for a recovery.
	since = time.Now()
	if err := m.Wait(t.Context(), since, 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(since); took < 100*time.Millisecond {
		t.Errorf("Wait() took %v while all flows, want the whole window", took)
	}
}

// A flow that nothing can save is not waited for.
func TestWaitMindsOnlyWhatIsExpected(t *testing.T) {
	t.Parallel()
	f, lost := flow(t, "app-1 to branch"), flow(t, "app-2 to branch")
	lost.Expected = false
	through(t, &lost, -1, func(int) fate { return drop })
	m := &traffic.Meter{Flows: []traffic.Flow{f, lost}}
	start(t, m)
	if err := m.Wait(t.Context(), time.Now(), 50*time.Millisecond); err != nil {
		t.Error(err)
	}
}

// All of it over real sockets, and everything closed after it.
func TestMeterOverLoopback(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddrPort(listener.Addr().String())
	dial := (&net.Dialer{}).DialContext
	m := &traffic.Meter{
		Flows:    []traffic.Flow{flow(t, "app-1 to branch")},
		Streams:  []traffic.Stream{{Name: "long", Expected: true, Dial: dial, Address: at}},
		Connects: []traffic.Connects{{Name: "short", Expected: true, Dial: dial, Address: at}},
		Servers:  []net.Listener{listener},
	}
	start(t, m)
	if err := m.Wait(t.Context(), time.Now(), 500*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	got := m.Stop()
	if len(got.Trouble) > 0 {
		t.Errorf("trouble: %q", got.Trouble)
	}
	if f := got.Flows[0]; f.Lost > 0 || f.Sent == 0 {
		t.Errorf("flow: %d of %d lost, want none of some", f.Lost, f.Sent)
	}
	if s := got.Streams[0]; !s.Survived || s.Stall == 0 {
		t.Errorf("stream: %+v, want that it survived", s)
	}
	if c := got.Connects[0]; c.Failed > 0 || c.Tried == 0 || c.Slowest == 0 {
		t.Errorf("connects: %+v, want some, and none failed", c)
	}
	if again := m.Stop(); len(again.Flows) != 1 || again.Flows[0].Sent != got.Flows[0].Sent {
		t.Errorf("Stop() again = %+v, want the same", again.Flows)
	}
	// The address is free: nothing listens there any more.
	again, err := net.Listen("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestTrafficEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	m := &traffic.Meter{Flows: []traffic.Flow{flow(t, "app-1 to branch")}}
	if err := m.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := m.Wait(ctx, time.Now(), 50*time.Millisecond); err != nil {
		t.Error(err)
	}
	cancel()
	sent := m.Stop().Flows[0].Sent
	if again := m.Stop().Flows[0].Sent; again != sent || sent == 0 {
		t.Errorf("sent %d and then %d after the end, want the same", sent, again)
	}
}
