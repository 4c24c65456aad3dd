package netlab

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ethtoolValue and ethtoolRequest are the kernel's struct ethtool_value, and the struct
// ifreq that leads to it.
type (
	ethtoolValue   struct{ command, data uint32 }
	ethtoolRequest struct {
		name  [unix.IFNAMSIZ]byte
		value unsafe.Pointer
		_     [16]byte
	}
)

// noOffload has a device compute checksums itself, and neither split nor join packets:
// one without a checksum, or one of 64 KiB, would reach a wire as it is. Each is off
// afterwards or was never there.
func (h *Host) noOffload(dev string) error {
	features := []struct {
		name    string
		command uint32
	}{
		{"transmit checksums", unix.ETHTOOL_STXCSUM},
		{"TCP segmentation", unix.ETHTOOL_STSO},
		{"generic segmentation", unix.ETHTOOL_SGSO},
		{"generic receive offload", unix.ETHTOOL_SGRO},
	}
	return h.Do(func() error {
		socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer func() { _ = unix.Close(socket) }() // nothing was written
		for _, f := range features {
			value := &ethtoolValue{command: f.command}
			request := &ethtoolRequest{value: unsafe.Pointer(value)}
			copy(request.name[:unix.IFNAMSIZ-1], dev)
			_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(socket), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(request)))
			runtime.KeepAlive(value)
			if errno != 0 && !errors.Is(errno, unix.EOPNOTSUPP) {
				return fmt.Errorf("switch off %s of %s: %w", f.name, dev, errno)
			}
		}
		return nil
	})
}
