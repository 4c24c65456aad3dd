package netlab

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The ring of a capture: 16 MiB in blocks that the kernel hands over when they are full,
// or after blockWait milliseconds. So the reader may be late by two seconds.
const (
	blockSize  = 1 << 17
	blockCount = 128
	blockWait  = 20
)

// The link types of a capture file: https://www.tcpdump.org/linktypes.html
const (
	linkEthernet = 1
	linkRaw      = 101 // begins with the IP header
)

// capture is one that runs.
type capture struct {
	socket int
	wake   int // an eventfd that ends the work
	ring   []byte
	out    *bufio.Writer
	wg     sync.WaitGroup
	err    error // of the work, once it has ended
}

// Capture writes what crosses a device, both ways, to w as a pcap file with times in
// microseconds, until stop is called or the network is closed. stop returns when all that
// had crossed by then is written, with the error of w if it had one; it is an error too
// if the kernel had to drop packets. It may be called twice.
func (h *Host) Capture(dev string, w io.Writer) (stop func() error, err error) {
	fail := func(err error) (func() error, error) {
		return nil, fmt.Errorf("capture on %s of host %q: %w", dev, h.name, err)
	}
	link, err := h.link(dev)
	if err != nil {
		return fail(err)
	}
	kind, how := uint32(linkEthernet), unix.SOCK_RAW
	if encap := link.Attrs().EncapType; encap != "ether" && encap != "loopback" {
		kind, how = linkRaw, unix.SOCK_DGRAM
	}
	c := &capture{socket: -1, wake: -1, out: bufio.NewWriterSize(w, 1<<16)}
	err = h.Do(func() (err error) {
		c.socket, err = unix.Socket(unix.AF_PACKET, how|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err == nil {
		err = c.prepare(link.Attrs().Index)
	}
	if err != nil {
		return fail(errors.Join(err, c.close()))
	}
	c.wg.Go(func() { c.err = c.work(kind) })
	stop = sync.OnceValue(func() error {
		if err := c.stop(); err != nil {
			return fmt.Errorf("capture on %s of host %q: %w", dev, h.name, err)
		}
		return nil
	})
	return stop, h.onClose(stop)
}

// prepare gives the socket its ring, and only then its device.
func (c *capture) prepare(index int) (err error) {
	if c.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(c.socket, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return fmt.Errorf("ask for the third kind of ring: %w", err)
	}
	request := &unix.TpacketReq3{Block_size: blockSize, Block_nr: blockCount,
		Frame_size: 2048, Frame_nr: blockCount * blockSize / 2048, Retire_blk_tov: blockWait}
	if err := unix.SetsockoptTpacketReq3(c.socket, unix.SOL_PACKET, unix.PACKET_RX_RING, request); err != nil {
		return fmt.Errorf("ask for a ring: %w", err)
	}
	c.ring, err = unix.Mmap(c.socket, 0, blockCount*blockSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map the ring: %w", err)
	}
	all := uint16(unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8) // in network order
	return unix.Bind(c.socket, &unix.SockaddrLinklayer{Protocol: all, Ifindex: index})
}

// stop lets nothing more in, and waits until what is in the ring is written.
func (c *capture) stop() error {
	nothing := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	filter := &unix.SockFprog{Len: uint16(len(nothing)), Filter: &nothing[0]}
	err := unix.SetsockoptSockFprog(c.socket, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, filter)
	runtime.KeepAlive(nothing)
	if _, e := unix.Write(c.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}); e != nil {
		err = errors.Join(err, e)
	}
	c.wg.Wait()
	if stats, e := unix.GetsockoptTpacketStatsV3(c.socket, unix.SOL_PACKET, unix.PACKET_STATISTICS); e != nil {
		err = errors.Join(err, e)
	} else if stats.Drops > 0 {
		err = errors.Join(err, fmt.Errorf("%d packets did not fit into the ring", stats.Drops))
	}
	return errors.Join(err, c.err, c.close())
}

// close gives the ring and the files back.
func (c *capture) close() error {
	var errs []error
	if c.ring != nil {
		errs = append(errs, unix.Munmap(c.ring))
	}
	for _, fd := range []int{c.socket, c.wake} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	return errors.Join(errs...)
}

// work writes block after block until it is told to end and no block is left. When the
// writer fails, it goes on emptying the ring.
func (c *capture) work(kind uint32) error {
	failure := c.header(kind)
	fds := []unix.PollFd{{Fd: int32(c.socket), Events: unix.POLLIN}, {Fd: int32(c.wake), Events: unix.POLLIN}}
	wait, next := -1, 0
	for {
		block := c.ring[next*blockSize : (next+1)*blockSize]
		status := &(*unix.TpacketHdrV1)(unsafe.Pointer(&block[blockHeader])).Block_status
		if atomic.LoadUint32(status)&unix.TP_STATUS_USER != 0 {
			if err := c.block(block); failure == nil {
				failure = err
			}
			atomic.StoreUint32(status, unix.TP_STATUS_KERNEL)
			next = (next + 1) % blockCount
			continue
		}
		if err := c.out.Flush(); failure == nil { // somebody may look on
			failure = err
		}
		n, err := unix.Poll(fds, wait)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return errors.Join(failure, fmt.Errorf("wait for packets: %w", err))
		case n == 0: // the kernel has had the time to hand the last block over
			return failure
		case fds[0].Revents&unix.POLLERR != 0:
			// The device has gone down. It may come up again; meanwhile poll must wait.
			if _, err := unix.GetsockoptInt(c.socket, unix.SOL_SOCKET, unix.SO_ERROR); err != nil {
				return errors.Join(failure, err)
			}
		case len(fds) == 2 && fds[1].Revents != 0:
			wait = 3 * blockWait
			fds = fds[:1]
		}
	}
}

// blockHeader is where, behind its version and its private part, a block's own header begins.
const blockHeader = 8

// block writes the packets of a block.
func (c *capture) block(block []byte) error {
	head := (*unix.TpacketHdrV1)(unsafe.Pointer(&block[blockHeader]))
	at := head.Offset_to_first_pkt
	for range head.Num_pkts {
		p := (*unix.Tpacket3Hdr)(unsafe.Pointer(&block[at]))
		from := at + uint32(p.Mac)
		if err := c.record(p, block[from:from+p.Snaplen]); err != nil {
			return err
		}
		at += p.Next_offset
	}
	return nil
}

// header writes the 24 bytes at the beginning of a pcap file.
func (c *capture) header(kind uint32) error {
	b := make([]byte, 0, 24)
	b = binary.LittleEndian.AppendUint32(b, 0xa1b2c3d4)
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...) // the zone and the accuracy, which nobody sets
	b = binary.LittleEndian.AppendUint32(b, 1<<18)
	b = binary.LittleEndian.AppendUint32(b, kind)
	_, err := c.out.Write(b)
	return err
}

// record writes one packet: 16 bytes, and what was captured of it.
func (c *capture) record(p *unix.Tpacket3Hdr, data []byte) error {
	b := c.out.AvailableBuffer()
	b = binary.LittleEndian.AppendUint32(b, p.Sec)
	b = binary.LittleEndian.AppendUint32(b, p.Nsec/1000)
	b = binary.LittleEndian.AppendUint32(b, p.Snaplen)
	b = binary.LittleEndian.AppendUint32(b, p.Len)
	if _, err := c.out.Write(b); err != nil {
		return err
	}
	_, err := c.out.Write(data)
	return err
}
