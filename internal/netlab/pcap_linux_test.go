package netlab_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hopguard/internal/netlab"
)

// file is a capture that was read.
type file struct {
	link    uint32
	packets []captured
}

type captured struct {
	at     time.Time
	length int // on the device
	data   []byte
}

// readCapture reads a pcap file as its format is documented.
func readCapture(t testing.TB, b []byte) file {
	t.Helper()
	if len(b) < 24 || binary.LittleEndian.Uint32(b) != 0xa1b2c3d4 || binary.LittleEndian.Uint16(b[4:]) != 2 || binary.LittleEndian.Uint16(b[6:]) != 4 {
		t.Fatalf("the file begins with % x, want the 24 bytes of pcap 2.4", b[:min(24, len(b))])
	}
	f := file{link: binary.LittleEndian.Uint32(b[20:])}
	for b = b[24:]; len(b) > 0; {
		if len(b) < 16 {
			t.Fatalf("the file ends with %d bytes of a record", len(b))
		}
		word := func(i int) uint32 { return binary.LittleEndian.Uint32(b[4*i:]) }
		size := int(word(2))
		if word(1) >= 1e6 || len(b) < 16+size {
			t.Fatalf("a record has %d µs, and %d bytes of %d", word(1), len(b)-16, size)
		}
		f.packets = append(f.packets, captured{time.Unix(int64(word(0)), 1000*int64(word(1))), int(word(3)), b[16 : 16+size]})
		b = b[16+size:]
	}
	return f
}

// announcement says whether a packet of IP is one of the kernel's own, to a multicast
// address of IPv6.
func announcement(p captured) bool {
	return len(p.data) >= 40 && p.data[0]>>4 == 6 && p.data[24] == 0xff
}

// checksum verifies those of an IP packet with TCP or UDP in it.
func checksum(p []byte) error {
	var protocol byte
	var pseudo, payload []byte
	switch {
	case len(p) >= 20 && p[0]>>4 == 4:
		if sum(p[:20]) != 0xffff {
			return errors.New("the checksum of IPv4 is wrong")
		}
		protocol, payload = p[9], p[20:binary.BigEndian.Uint16(p[2:])]
		pseudo = append(pseudo, p[12:20]...)
	case len(p) >= 40 && p[0]>>4 == 6:
		protocol, payload = p[6], p[40:40+int(binary.BigEndian.Uint16(p[4:]))]
		pseudo = append(pseudo, p[8:40]...)
	default:
		return fmt.Errorf("neither IPv4 nor IPv6: % x", p[:min(20, len(p))])
	}
	if protocol != unix.IPPROTO_TCP && protocol != unix.IPPROTO_UDP {
		return fmt.Errorf("protocol %d, want TCP or UDP", protocol)
	}
	pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(len(payload)))
	pseudo = append(pseudo, 0, 0, 0, protocol)
	if got := sum(append(pseudo, payload...)); got != 0xffff {
		return fmt.Errorf("the checksum of protocol %d is wrong: the sum is %#x", protocol, got)
	}
	return nil
}

// sum is the sum of the 16-bit words, in ones' complement.
func sum(b []byte) uint16 {
	if len(b)%2 == 1 {
		b = append(bytes.Clone(b), 0)
	}
	total := uint32(0)
	for ; len(b) > 0; b = b[2:] {
		total += uint32(binary.BigEndian.Uint16(b))
	}
	for total > 0xffff {
		total = total&0xffff + total>>16
	}
	return uint16(total)
}

// cpu returns the processor time of this process, in nanoseconds.
func cpu(t testing.TB) int64 {
	t.Helper()
	var usage unix.Rusage
	must(t, unix.Getrusage(unix.RUSAGE_SELF, &usage))
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func TestCaptureOfALink(t *testing.T) {
	n := open(t)
	a, b := pair(t, n)
	var out bytes.Buffer
	began := time.Now().Truncate(time.Microsecond)
	stop, err := b.Capture("eth0", &out)
	must(t, err)
	conn := listenUDP(t, b, "10.0.0.2:7")
	sender := dial(t, a, "udp", "10.0.0.2:7")
	for i := range 100 {
		send(t, sender, fmt.Sprintf("packet %02d", i))
		receive(t, conn)
	}
	must(t, stop(), stop())
	got := readCapture(t, out.Bytes())
	if got.link != 1 || len(got.packets) != 100 {
		t.Fatalf("link type %d and %d packets, want 1 (Ethernet) and 100", got.link, len(got.packets))
	}
	for i, p := range got.packets {
		if want := fmt.Sprintf("packet %02d", i); !bytes.HasSuffix(p.data, []byte(want)) {
			t.Errorf("packet %d is %q, want %q at its end", i, p.data, want)
		}
		if p.at.Before(began) || p.at.After(time.Now()) {
			t.Errorf("packet %d is of %s, want a time since %s", i, p.at, began)
		}
		began = p.at
	}
}

func TestCaptureSurvivesItsDevice(t *testing.T) {
	n := open(t)
	a, b := pair(t, n)
	var out bytes.Buffer
	stop, err := b.Capture("eth0", &out)
	must(t, err, b.SetUp("eth0", false), b.SetUp("eth0", true))
	conn := listenUDP(t, b, "10.0.0.2:7")
	send(t, dial(t, a, "udp", "10.0.0.2:7"), "after")
	receive(t, conn)
	must(t, stop())
	if got := readCapture(t, out.Bytes()); len(got.packets) != 1 {
		t.Errorf("%d packets, want the one after the device came back", len(got.packets))
	}
}

// full is a disk that is full.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, unix.ENOSPC }

func TestCaptureReportsItsWritersError(t *testing.T) {
	n := open(t)
	a, b := pair(t, n)
	stop, err := b.Capture("eth0", full{})
	must(t, err)
	conn := listenUDP(t, b, "10.0.0.2:7")
	send(t, dial(t, a, "udp", "10.0.0.2:7"), "x")
	receive(t, conn)
	if err := stop(); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("stop() = %v, want that the disk is full", err)
	}
	if err := stop(); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("stop() again = %v, want the same", err)
	}
	if err := n.Close(); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("Close() = %v, want the error of the capture", err)
	}
}

// pair is two linked hosts with an address of each family.
func pair(t testing.TB, n *netlab.Net) (a, b *netlab.Host) {
	t.Helper()
	a, b = host(t, n, "a"), host(t, n, "b")
	must(t, n.Link(a, "eth0", b, "eth0"),
		a.AddAddress("eth0", prefix("10.0.0.1/24")), a.AddAddress("eth0", prefix("fd00::1/64")),
		b.AddAddress("eth0", prefix("10.0.0.2/24")), b.AddAddress("eth0", prefix("fd00::2/64")))
	return a, b
}
