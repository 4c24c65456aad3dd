package netlab

import "time"

// A buffer holds any packet of a wire.
const bufferSize = 2048

type buffer = *[bufferSize]byte

// packet is one on its way, due at a time.
type packet struct {
	at   time.Duration
	size int
	data buffer
}

// flight is the packets on their way, in their order: a ring that grows, and the buffers
// that are free. When it has its size, it allocates nothing.
type flight struct {
	ring  []packet
	first int
	n     int
	last  time.Duration // when the latest is due
	spare []buffer
}

// flightMax bounds the memory of a wire: 64 Ki packets, half a second at 1.5 Gbit/s.
const flightMax = 1 << 16

func (f *flight) full() bool                 { return f.n == flightMax }
func (f *flight) head() packet               { return f.ring[f.first] }
func (f *flight) due(now time.Duration) bool { return f.n > 0 && f.ring[f.first].at <= now }

// push appends a packet. It is never due before the one in front of it.
func (f *flight) push(p packet) {
	if f.n == len(f.ring) {
		f.grow()
	}
	p.at = max(p.at, f.last)
	f.last = p.at
	f.ring[(f.first+f.n)%len(f.ring)] = p
	f.n++
}

// pop takes the first packet.
func (f *flight) pop() packet {
	p := f.ring[f.first]
	f.ring[f.first].data = nil
	f.first = (f.first + 1) % len(f.ring)
	f.n--
	return p
}

// grow doubles the ring.
func (f *flight) grow() {
	ring := make([]packet, max(256, 2*len(f.ring)))
	for i := range f.n {
		ring[i] = f.ring[(f.first+i)%len(f.ring)]
	}
	f.ring, f.first = ring, 0
}

// buffer returns one that is free.
func (f *flight) buffer() buffer {
	if n := len(f.spare); n > 0 {
		b := f.spare[n-1]
		f.spare = f.spare[:n-1]
		return b
	}
	return new([bufferSize]byte)
}

// free takes a buffer back.
func (f *flight) free(b buffer) { f.spare = append(f.spare, b) }
