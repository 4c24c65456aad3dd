package traffic_test

import (
	"net"
	"testing"
	"time"

	"hopguard/internal/traffic"
)

// observed is a socket that says when its datagrams came.
func observed(t *testing.T) *net.UDPConn {
	t.Helper()
	c := socket(t)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := traffic.Observed(c); err != nil {
		t.Fatal(err)
	}
	return c
}

// put sends one datagram to a socket; it is there when put returns.
func put(t *testing.T, from, to *net.UDPConn) {
	t.Helper()
	if _, err := from.WriteToUDPAddrPort([]byte("x"), address(to)); err != nil {
		t.Fatal(err)
	}
}

// take reads one and what the kernel says about it; false if there is none.
func take(t *testing.T, c *net.UDPConn) (age time.Duration, dropped uint32, at time.Time, there bool) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var packet [8]byte
	var extra [256]byte
	_, extras, _, _, err := c.ReadMsgUDPAddrPort(packet[:], extra[:])
	if err != nil {
		return 0, 0, time.Time{}, false
	}
	at = time.Now()
	age, dropped = traffic.Unpack(extra[:extras], at)
	return age, dropped, at, true
}

// A datagram that waits in its socket, because this process is busy, came when it came. The
// kernel takes a while until it follows the first request for that.
func TestDatagramsCameWhenTheKernelGotThem(t *testing.T) {
	to, from, idle := observed(t), observed(t), observed(t)
	const waits, slack = 2 * time.Millisecond, time.Millisecond
	for range 500 {
		before := time.Now()
		put(t, from, to)
		after := time.Now()
		for time.Since(after) < waits {
			put(t, from, idle)
		}
		age, _, at, there := take(t, to)
		if !there {
			t.Fatal("the datagram has not come")
		}
		if age > at.Sub(before)+slack {
			t.Fatalf("age = %v of a datagram sent %v ago", age, at.Sub(before))
		}
		if age > at.Sub(after)-slack {
			return
		}
	}
	t.Error("in 500 attempts no datagram has an age, want those that the kernel knows")
}

func TestDroppedDatagramsAreCounted(t *testing.T) {
	to, from := observed(t), observed(t)
	if err := to.SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	const sent = 200
	for range sent {
		put(t, from, to)
	}
	read := 0
	for {
		if _, _, _, there := take(t, to); !there {
			break
		}
		read++
	}
	if read == 0 || read == sent {
		t.Fatalf("%d of %d datagrams were kept, want some", read, sent)
	}
	// The next one says how many were dropped before it.
	put(t, from, to)
	if _, dropped, _, there := take(t, to); !there || int(dropped) != sent-read {
		t.Errorf("dropped = %d (%v), want %d", dropped, there, sent-read)
	}
}

func TestUnpackIgnoresWhatItDoesNotKnow(t *testing.T) {
	for _, extra := range [][]byte{nil, make([]byte, 3), make([]byte, 16), make([]byte, 64)} {
		if age, dropped := traffic.Unpack(extra, time.Now()); age != 0 || dropped != 0 {
			t.Errorf("Unpack(%v) = %v, %d, want nothing", extra, age, dropped)
		}
	}
}
