package netlab_test

import (
	"bytes"
	"math"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/netlab"
)

func TestTCPThroughAWireHasChecksumsAndNoLongPacket(t *testing.T) {
	l := newLine(t, netlab.Impairment{}, 1)
	var out bytes.Buffer
	stop, err := l.middle.Capture("wire", &out)
	must(t, err)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<14)
	for _, at := range []string{"10.0.2.1:80", "[fd02::1]:80"} {
		echo(t, l.left, l.right, at, data)
	}
	for _, at := range []string{"10.0.1.1:80", "[fd01::1]:80"} {
		echo(t, l.right, l.left, at, data)
	}
	must(t, stop())
	got := readCapture(t, out.Bytes())
	if got.link != 101 {
		t.Errorf("link type %d, want 101 (raw)", got.link)
	}
	got.packets = slices.DeleteFunc(got.packets, announcement)
	// Each packet goes into the wire and comes out of it.
	if least := 2 * 2 * 4 * len(data) / 1500; len(got.packets) < least {
		t.Errorf("%d packets, want %d at least", len(got.packets), least)
	}
	for i, p := range got.packets {
		if len(p.data) > 1500 || p.length != len(p.data) {
			t.Fatalf("packet %d has %d bytes, of which %d were captured, want all of at most 1500", i, p.length, len(p.data))
		}
		if err := checksum(p.data); err != nil {
			t.Fatalf("packet %d: %v", i, err)
		}
	}
	if got := l.wire.Counts(); got.Lost+got.Dropped > 0 {
		t.Errorf("the wire counts %+v, want no loss", got)
	}
}

func TestUDPThroughAWireHasChecksums(t *testing.T) {
	l := newLine(t, netlab.Impairment{}, 1)
	var out bytes.Buffer
	stop, err := l.middle.Capture("wire", &out)
	must(t, err)
	for _, way := range []struct {
		from, to *netlab.Host
		at       string
	}{
		{l.left, l.right, "10.0.2.1:53"}, {l.left, l.right, "[fd02::1]:53"},
		{l.right, l.left, "10.0.1.1:53"}, {l.right, l.left, "[fd01::1]:53"},
	} {
		conn := listenUDP(t, way.to, way.at)
		send(t, dial(t, way.from, "udp", way.at), "to "+way.at)
		if got, want := receive(t, conn), "to "+way.at; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	must(t, stop())
	got := readCapture(t, out.Bytes())
	got.packets = slices.DeleteFunc(got.packets, announcement)
	if len(got.packets) != 8 {
		t.Errorf("%d packets, want each of four twice", len(got.packets))
	}
	for i, p := range got.packets {
		if err := checksum(p.data); err != nil {
			t.Errorf("packet %d: %v", i, err)
		}
	}
	checkWire(t, l.wire, 4, 0)
}

func TestAWireDelaysEachWay(t *testing.T) {
	const delay = 40 * time.Millisecond
	l := newLine(t, netlab.Impairment{Delay: delay}, 1)
	conn := listenUDP(t, l.right, "10.0.2.1:7")
	sender := dial(t, l.left, "udp", "10.0.2.1:7")
	began := time.Now()
	send(t, sender, "hello")
	receive(t, conn)
	if took := time.Since(began); took < delay {
		t.Errorf("a packet took %s, want %s at least", took, delay)
	}
}

func TestAWireKeepsTheOrderWhenItsDelayShrinks(t *testing.T) {
	l := newLine(t, netlab.Impairment{Delay: 200 * time.Millisecond}, 1)
	conn := listenUDP(t, l.right, "10.0.2.1:7")
	sender := dial(t, l.left, "udp", "10.0.2.1:7")
	const each = 50
	for i := range each {
		send(t, sender, strconv.Itoa(i))
	}
	awaitFlying(t, l.wire, each)
	l.wire.Set(netlab.Impairment{})
	for i := range each {
		send(t, sender, strconv.Itoa(each+i))
	}
	for i := range 2 * each {
		if got, want := receive(t, conn), strconv.Itoa(i); got != want {
			t.Fatalf("packet %s came as number %s", got, want)
		}
	}
	checkWire(t, l.wire, 2*each, 0)
}

func TestACutWireLosesAllButWhatIsOnItsWay(t *testing.T) {
	l := newLine(t, netlab.Impairment{Delay: 100 * time.Millisecond}, 1)
	conn := listenUDP(t, l.right, "10.0.2.1:7")
	sender := dial(t, l.left, "udp", "10.0.2.1:7")
	send(t, sender, "before")
	awaitFlying(t, l.wire, 1)
	l.wire.Set(netlab.Impairment{Cut: true})
	for range 20 {
		send(t, sender, "lost")
	}
	for deadline := time.Now().Add(patience); l.wire.Counts().Lost < 20 && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	l.wire.Set(netlab.Impairment{})
	send(t, sender, "after")
	if got, want := receive(t, conn)+" "+receive(t, conn), "before after"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	checkWire(t, l.wire, 2, 20)
}

func TestAWireSaysWhatItLosesAgainstOrders(t *testing.T) {
	l := newLine(t, netlab.Impairment{Delay: 100 * time.Millisecond}, 1)
	sender := dial(t, l.left, "udp", "10.0.2.1:7")
	for range 3 {
		send(t, sender, "nobody takes it")
	}
	awaitFlying(t, l.wire, 3)
	must(t, l.middle.SetUp("wire", false))
	awaitFlying(t, l.wire, 0)
	if got, want := l.wire.Counts(), (netlab.Counts{Dropped: 3}); got != want {
		t.Errorf("the wire counts %+v, want %+v", got, want)
	}
}

func TestLossFollowsFromTheSeed(t *testing.T) {
	const count, loss = 2000, 0.3
	survivors := func(seed uint64) []string {
		l := newLine(t, netlab.Impairment{Loss: loss}, seed)
		conn := listenUDP(t, l.right, "10.0.2.1:7")
		sender := dial(t, l.left, "udp", "10.0.2.1:7")
		var came []string
		for i := range count {
			send(t, sender, strconv.Itoa(i))
			// One at a time: how many come in a row must not matter.
			deadline := time.Now().Add(patience)
			for l.wire.Counts().Lost+l.wire.Counts().Passed < uint64(i+1) && time.Now().Before(deadline) {
				runtime.Gosched()
			}
		}
		for range l.wire.Counts().Passed {
			came = append(came, receive(t, conn))
		}
		checkWire(t, l.wire, uint64(len(came)), uint64(count-len(came)))
		return came
	}
	first, second, other := survivors(7), survivors(7), survivors(8)
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("one seed lost different packets (-first +second):\n%s", diff)
	}
	if cmp.Equal(first, other) {
		t.Error("two seeds lost the same packets")
	}
	for _, came := range [][]string{first, other} {
		if got := 1 - float64(len(came))/count; math.Abs(got-loss) > 0.05 {
			t.Errorf("%.3f of the packets were lost, want about %.1f", got, loss)
		}
	}
}

func TestAHostSendsThroughItsOwnWire(t *testing.T) {
	l := newLine(t, netlab.Impairment{}, 1)
	must(t, l.middle.AddAddress("lo", prefix("10.0.9.1/32")),
		l.middle.SetRoute(netlab.Route{Prefix: prefix("10.0.2.0/24"), Dev: "wire", Source: addr("10.0.9.1")}))
	echo(t, l.middle, l.right, "10.0.2.1:80", []byte("through the wire and back without"))
	if got := l.wire.Counts().Passed; got < 3 {
		t.Errorf("%d packets passed, want a connection's", got)
	}
}

func TestBadWires(t *testing.T) {
	n := open(t)
	h := host(t, n, "a")
	_, err := h.AddWire("tun0", netlab.Impairment{}, 1)
	must(t, err)
	for _, c := range []struct {
		dev  string
		i    netlab.Impairment
		want string
	}{
		{"", netlab.Impairment{}, `add wire  to host "a": device name "": want 1 to 15 bytes without spaces, slashes and colons`},
		{"w", netlab.Impairment{Delay: -1}, `add wire w to host "a": delay -1ns, loss 0: want at least 0, and from 0 to 1`},
		{"w", netlab.Impairment{Loss: 1.5}, `add wire w to host "a": delay 0s, loss 1.5: want at least 0, and from 0 to 1`},
		{"w", netlab.Impairment{Loss: math.NaN()}, `add wire w to host "a": delay 0s, loss NaN: want at least 0, and from 0 to 1`},
		{"tun0", netlab.Impairment{}, `add wire tun0 to host "a": device or resource busy`},
	} {
		if _, err := h.AddWire(c.dev, c.i, 1); err == nil || err.Error() != c.want {
			t.Errorf("AddWire(%q, %v) = %v, want %s", c.dev, c.i, err, c.want)
		}
	}
}

// awaitFlying waits until a wire has taken packets.
func awaitFlying(t *testing.T, w *netlab.Wire, want uint64) {
	t.Helper()
	for deadline := time.Now().Add(patience); w.Counts().Flying != want; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("the wire has %+v, want %d on their way", w.Counts(), want)
		}
	}
}

// checkWire compares what a wire has counted; nothing may be lost against orders.
func checkWire(t *testing.T, w *netlab.Wire, passed, lost uint64) {
	t.Helper()
	awaitFlying(t, w, 0)
	if got, want := w.Counts(), (netlab.Counts{Passed: passed, Lost: lost}); got != want {
		t.Errorf("the wire counts %+v, want %+v", got, want)
	}
}
