//go:build linux

package traffic

// What the kernel says about a datagram, for tests.
var (
	Observed = observed
	Unpack   = unpack
)
