package netlab

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// wireQueue is how many packets the kernel keeps for a wire that is late.
const wireQueue = 10_000

// processors is how many threads of this process may run Go at a time, at the least, as
// soon as it has a wire. With no more of them than cores, a wire that wakes up finds them
// taken by threads that themselves wait for a core, and is milliseconds late.
const processors = 16

// Wire is a TUN device that gives each packet that is routed into it back after its
// delay, as if it had come in by that device. Its methods may be called from several
// goroutines.
type Wire struct {
	host  *Host
	index int // of the device
	tun   int
	wake  int // an eventfd that ends the work

	order  atomic.Pointer[Impairment]
	ending atomic.Bool
	flying atomic.Int64
	passed atomic.Uint64
	lost   atomic.Uint64
	// refused is what the kernel did not take back, full what it had no room for when the
	// wire ended.
	refused atomic.Uint64
	full    atomic.Uint64
	wg      sync.WaitGroup
	failure error // of the work, once it has ended
}

// AddWire adds a wire, up and without an address. By itself it loses nothing that was
// routed into it, and keeps the order; which packets are lost by chance follows from the seed and the order in which
// they come. The wire ends with the network. The first one raises GOMAXPROCS to 16, for
// good: on a busy machine a packet is given back within a fraction of a millisecond only
// so.
func (h *Host) AddWire(dev string, i Impairment, seed uint64) (*Wire, error) {
	fail := func(err error) (*Wire, error) { return nil, fmt.Errorf("add wire %s to host %q: %w", dev, h.name, err) }
	if err := validDevice(dev); err != nil {
		return fail(err)
	}
	if i.Delay < 0 || !(i.Loss >= 0 && i.Loss <= 1) {
		return fail(fmt.Errorf("delay %s, loss %v: want at least 0, and from 0 to 1", i.Delay, i.Loss))
	}
	if runtime.GOMAXPROCS(0) < processors {
		runtime.GOMAXPROCS(processors)
	}
	w := &Wire{host: h, tun: -1, wake: -1}
	w.Set(i)
	err := h.Do(func() (err error) {
		w.tun, err = openTUN(dev)
		return err
	})
	if err == nil {
		w.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	}
	if err == nil {
		err = w.prepare(dev)
	}
	if err != nil {
		return fail(errors.Join(err, w.closeFiles()))
	}
	thread(&w.wg, func() { w.failure = w.work(seed) })
	if err := h.onClose(w.close); err != nil {
		return fail(err)
	}
	if err := h.SetUp(dev, true); err != nil {
		return fail(err)
	}
	return w, nil
}

// openTUN makes a TUN device in the namespace of the calling thread. It goes when its
// file is closed.
func openTUN(dev string) (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return -1, fmt.Errorf("the kernel has no TUN device (/dev/net/tun): %w", ErrUnavailable)
	case err != nil:
		return -1, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(dev)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_TUN_EXCL)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		_ = unix.Close(fd) // nothing was written
		return -1, err
	}
	return fd, nil
}

// prepare gives the device its queue, and has the host take packets that it has sent
// itself.
func (w *Wire) prepare(dev string) error {
	link, err := w.host.link(dev)
	if err != nil {
		return err
	}
	w.index = link.Attrs().Index
	if err := w.host.handle.LinkSetTxQLen(link, wireQueue); err != nil {
		return fmt.Errorf("set the length of the queue: %w", err)
	}
	// The device has the queue; one more before it could drop and reorder.
	none := &netlink.GenericQdisc{QdiscType: "noqueue",
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: w.index, Parent: netlink.HANDLE_ROOT}}
	if err := w.host.handle.QdiscReplace(none); err != nil {
		return fmt.Errorf("take the queueing discipline away: %w", err)
	}
	return w.host.Sysctl("net/ipv4/conf/"+dev+"/accept_local", "1")
}

// Set changes the wire at once. Packets on their way keep their time, but none overtakes
// another. A value out of its bounds counts as the bound.
func (w *Wire) Set(i Impairment) {
	i.Delay = max(i.Delay, 0)
	if !(i.Loss > 0) { // also when it is not a number
		i.Loss = 0
	}
	w.order.Store(&i)
}

// Counts returns the packets so far.
func (w *Wire) Counts() Counts {
	return Counts{Passed: w.passed.Load(), Lost: w.lost.Load(), Flying: uint64(w.flying.Load()), Dropped: w.refused.Load() + w.overrun()}
}

// overrun asks the kernel how many packets found its queue full.
func (w *Wire) overrun() uint64 {
	w.host.mu.RLock()
	defer w.host.mu.RUnlock()
	if w.host.closed {
		return w.full.Load()
	}
	link, err := w.host.handle.LinkByIndex(w.index)
	if err != nil || link.Attrs().Statistics == nil {
		return w.full.Load()
	}
	w.full.Store(link.Attrs().Statistics.TxDropped)
	return w.full.Load()
}

// close ends the work and the device. Packets on their way are gone.
func (w *Wire) close() error {
	w.ending.Store(true)
	_, err := unix.Write(w.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	w.wg.Wait()
	return errors.Join(err, w.failure, w.closeFiles())
}

func (w *Wire) closeFiles() error {
	var errs []error
	for _, fd := range []int{w.tun, w.wake} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	return errors.Join(errs...)
}

// work reads packets and gives them back when they are due, until the wire is closed.
// Reading and writing take turns on one thread, its own: a packet then costs two system calls and
// no wake-up of another thread.
func (w *Wire) work(seed uint64) error {
	// By default the kernel may wake a thread 50 µs late, to save power.
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("ask for exact timers: %w", err)
	}
	// Among busy threads an ordinary one waits its turn for milliseconds. Where this is
	// refused, as in some containers, the wire works and is late more often.
	turn := &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1, Flags: unix.SCHED_FLAG_RESET_ON_FORK}
	if err := unix.SchedSetAttr(0, turn, 0); err != nil && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("ask for a prompt thread: %w", err)
	}
	var (
		q      flight
		chance = rand.New(rand.NewPCG(seed, 0))
		start  = time.Now() // times are since then
		fds    = []unix.PollFd{{Fd: int32(w.wake), Events: unix.POLLIN}, {Fd: int32(w.tun)}}
	)
	for !w.ending.Load() {
		w.deliver(&q, time.Since(start))
		more, err := w.take(&q, chance, start)
		if err != nil {
			return err
		}
		if more || q.due(time.Since(start)) {
			continue
		}
		fds[1].Events = unix.POLLIN
		if q.full() { // the kernel's queue waits
			fds[1].Events = 0
		}
		var wait *unix.Timespec
		if q.n > 0 {
			left := unix.NsecToTimespec(int64(max(0, q.head().at-time.Since(start))))
			wait = &left
		}
		if _, err := unix.Ppoll(fds, wait, nil); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for packets: %w", err)
		}
	}
	return nil
}

// deliver gives back what is due.
func (w *Wire) deliver(q *flight, now time.Duration) {
	for q.due(now) {
		p := q.pop()
		_, err := unix.Write(w.tun, p.data[:p.size])
		for errors.Is(err, unix.EINTR) {
			_, err = unix.Write(w.tun, p.data[:p.size])
		}
		if err != nil { // the device is down, or there is no memory
			w.refused.Add(1)
		} else {
			w.passed.Add(1)
		}
		w.flying.Add(-1)
		q.free(p.data)
	}
}

// readBatch is how many packets are read before the next look at what is due.
const readBatch = 16

// take reads packets, and says whether there may be more.
func (w *Wire) take(q *flight, chance *rand.Rand, start time.Time) (more bool, err error) {
	for range readBatch {
		if q.full() {
			return false, nil
		}
		data := q.buffer()
		n, err := unix.Read(w.tun, data[:])
		if err != nil {
			q.free(data)
			switch {
			case errors.Is(err, unix.EINTR):
				continue
			case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EIO): // none, or the device is down
				return false, nil
			default:
				return false, fmt.Errorf("read a packet: %w", err)
			}
		}
		if ownLink(data[:n]) {
			q.free(data)
			continue
		}
		order := w.order.Load()
		if by := chance.Float64(); order.Cut || by < order.Loss {
			w.lost.Add(1)
			q.free(data)
			continue
		}
		w.flying.Add(1)
		// Not the time before reading: the thread may have had to wait since, and a packet
		// that has come meanwhile would be early.
		q.push(packet{at: time.Since(start) + order.Delay, size: n, data: data})
	}
	return true, nil
}

// ownLink says whether a packet is a multicast that may not leave its link: nobody has
// routed it here, but the kernel announces itself so on every device.
func ownLink(p []byte) bool {
	switch p[0] >> 4 {
	case 4:
		return len(p) >= 20 && p[16] == 224 && p[17] == 0 && p[18] == 0
	case 6:
		return len(p) >= 40 && p[24] == 0xff && p[25]&0xf <= 2
	default:
		return true // no packet of IP
	}
}
