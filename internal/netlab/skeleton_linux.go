

package netlab

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"runtime"
)

// Net is a network. On this system there is none.
type Net struct{}

// Host is a host of a network. On this system there is none.
type Host struct{}

// Wire delays and loses packets. On this system there is none.
type Wire struct{}

// missing is the one error of this system.
func missing() error {
	return fmt.Errorf("%s: not written yet: %w", runtime.GOOS, ErrUnavailable)
}

// Open returns an error that is [ErrUnavailable].
func Open(string) (*Net, error) { return nil, missing() }

// Sweep finds nothing: where no network can be made, none is left.
func Sweep() ([]string, error) { return nil, nil }

// Tunnels returns none.
func Tunnels() []TunnelKind { return nil }

// Close has nothing to end.
func (*Net) Close() error { return nil }

// Host returns an error that is [ErrUnavailable], as does all below.
func (*Net) Host(string) (*Host, error) { return nil, missing() }

// Link returns [ErrUnavailable].
func (*Net) Link(*Host, string, *Host, string) error { return missing() }

// Name returns nothing.
func (*Host) Name() string { return "" }

// Namespace returns nothing.
func (*Host) Namespace() string { return "" }

// Do returns [ErrUnavailable].
func (*Host) Do(func() error) error { return missing() }

// Listen returns [ErrUnavailable].
func (*Host) Listen(context.Context, string, string) (net.Listener, error) { return nil, missing() }

// ListenPacket returns [ErrUnavailable].
func (*Host) ListenPacket(context.Context, string, string) (net.PacketConn, error) {
	return nil, missing()
}

// DialContext returns [ErrUnavailable].
func (*Host) DialContext(context.Context, string, string) (net.Conn, error) { return nil, missing() }

// Start returns [ErrUnavailable].
func (*Host) Start(*exec.Cmd, Start) error { return missing() }

// Sysctl returns [ErrUnavailable].
func (*Host) Sysctl(string, string) error { return missing() }

// SetUp returns [ErrUnavailable].
func (*Host) SetUp(string, bool) error { return missing() }

// AddAddress returns [ErrUnavailable].
func (*Host) AddAddress(string, netip.Prefix) error { return missing() }

// AddNeighbour returns [ErrUnavailable].
func (*Host) AddNeighbour(string, netip.Addr, net.HardwareAddr) error { return missing() }

// MAC returns [ErrUnavailable].
func (*Host) MAC(string) (net.HardwareAddr, error) { return nil, missing() }

// SetRoute returns [ErrUnavailable].
func (*Host) SetRoute(Route) error { return missing() }

// DropRoute returns [ErrUnavailable].
func (*Host) DropRoute(Route) error { return missing() }

// Routes returns [ErrUnavailable].
func (*Host) Routes(int) ([]Route, error) { return nil, missing() }

// AddRule returns [ErrUnavailable].
func (*Host) AddRule(Rule) error { return missing() }

// DropRule returns [ErrUnavailable].
func (*Host) DropRule(Rule) error { return missing() }

// AddTunnel returns [ErrUnavailable].
func (*Host) AddTunnel(TunnelKind, string, int, netip.Addr, netip.Addr) error { return missing() }

// AddWire returns [ErrUnavailable].
func (*Host) AddWire(string, Impairment, uint64) (*Wire, error) { return nil, missing() }

// Capture returns [ErrUnavailable].
func (*Host) Capture(string, io.Writer) (func() error, error) { return nil, missing() }

// Set does nothing.
func (*Wire) Set(Impairment) {}

// Counts returns zeros.
func (*Wire) Counts() Counts { return Counts{} }
