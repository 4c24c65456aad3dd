package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// used returns the time that this process has spent on processors, and its greatest
// resident memory so far, in bytes.
func used() (cpu time.Duration, peak int64, err error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, 0, fmt.Errorf("read times of the processor: %w", err)
	}
	cpu = time.Duration(u.Utime.Nano() + u.Stime.Nano())
	// Not Maxrss: a process inherits that of the one that has started it.
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0, fmt.Errorf("read peak memory: %w", err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	words := strings.Fields(rest)
	if len(words) < 2 || words[1] != "kB" {
		return 0, 0, fmt.Errorf("read peak memory: VmHWM: %.40q: want a number of kB", rest)
	}
	kilobytes, err := strconv.ParseInt(words[0], 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("read peak memory: VmHWM: %w", err)
	}
	return cpu, kilobytes << 10, nil
}
