// Package contender has the programs that move routes, each with its settings: how they
// are started somewhere, when they are steady, and what they say themselves of when they
// saw a failure and decided.
//
// It guarantees that a process gets a complete and minimal environment, that Stop leaves
// no process behind, and that a moment which a program does not tell is the zero time and
// never a guess. It knows no namespaces: where a process runs and how it is reached is
// handed in. It shares nothing with the programs but their formats, and it judges
// nothing: what a failure cost is counted in packets, elsewhere. The lab imports it.
package contender

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"time"

	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/outage"
)

// ErrUnsupported says that a program has no way to be asked or told this.
var ErrUnsupported = errors.New("this program has no way to do that")

// Place is where a contender runs and what it finds there. All fields but Witness, Calls
// and Log are required.
type Place struct {
	// Program is the path of the hopguard binary. A Command does not need it.
	Program string
	// Dir is an empty folder of its own: configuration, records and logs.
	Dir string
	// Start starts a process there and returns at once; elsewhere it is cmd.Start. Its
	// SysProcAttr is set already where the system has process groups, and may be added to.
	Start func(cmd *exec.Cmd) error
	// Dial reaches what listens there.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Endpoint is the https URL of Azure Resource Manager, which is also the authority for
	// tokens; CA is the PEM file of who has signed its certificate.
	Endpoint, CA string
	// Tenant, Subscription, ClientID and Secret are who the contender is, and where.
	Tenant, Subscription, ClientID string
	Secret                         azuresim.Secret
	// Listen is where its API may listen, inside.
	Listen netip.AddrPort
	// Group is the name of the group, and Tag that of its route tables.
	Group   string
	Tag     config.Tag
	Members []Member // two; the first one is preferred
	// Witness has targets that depend on no member, like tcp://203.0.113.10:443.
	Witness []string
	// Calls says how many requests Azure has answered so far: the only way to see that a
	// Command works. Nil is never.
	Calls func() int
	// Log gets a line for all that is done here, from several goroutines at once; the
	// programs' own logs are in Dir. Nil is nowhere.
	Log io.Writer
}

// Member is one appliance.
type Member struct {
	Name string
	// VM is its id in Azure, and Address its next hop.
	VM      string
	Address netip.Addr
	// Through is a TCP target behind it that is reached by its path, and Ping what
	// answers an echo request there.
	Through netip.AddrPort
	Ping    netip.Addr
}

// Contender is a program with its settings.
type Contender struct {
	Setting outage.Setting
	// Steady is how long a Command has to become steady. 0 waits until Azure was asked,
	// and then for a while in which it is not.
	Steady time.Duration

	// launch starts the program; configure is for hopguard only, argv for a Command.
	launch    func(context.Context, Contender, Place) (driver, error)
	configure func(Place) config.Config
	argv      []string
	timer     time.Duration // of the function app
}

// driver is one program that runs.
type driver interface {
	ready(ctx context.Context) error
	order(ctx context.Context, member string) error
	moments(ctx context.Context, since time.Time) (Moments, error)
	probes(ctx context.Context) (made, failed int, err error)
	moves(ctx context.Context) (int, error)
	ended() <-chan struct{}
	stop() error
}

// Moments is what a program says of its newest transition, as wall times. What it does
// not say is zero. With several tables the last one counts.
type Moments struct {
	// Detected is the verdict on the member that traffic left, Decided when the new record
	// was stored.
	Detected, Decided time.Time
	// Accepted and Succeeded are stages of the writes, Effective when a network interface
	// was seen to use them.
	Accepted, Succeeded, Effective time.Time
}

// Config returns the configuration that hopguard gets at a place; ErrUnsupported for a
// Command.
func (c Contender) Config(p Place) (config.Config, error) {
	if c.configure == nil {
		return config.Config{}, ErrUnsupported
	}
	return c.configure(p), nil
}

// Start starts the program. The error says what is wrong with the place, or what could
// not be started. The context bounds the start only. Stop must be called after use.
func (c Contender) Start(ctx context.Context, p Place) (*Running, error) {
	p, err := p.complete()
	if err != nil {
		return nil, err
	}
	d, err := c.launch(ctx, c, p)
	if err != nil {
		return nil, err
	}
	return &Running{driver: d}, nil
}

// Running is a program that was started. All methods are safe for concurrent use.
type Running struct {
	driver driver
}

// Ready waits until the program is steady: both members are known to be up, the first
// tick is done and there is nothing to write. A Command is steady after Steady.
func (r *Running) Ready(ctx context.Context) error { return r.driver.ready(ctx) }

// Switch orders a planned switch, as a person would, and waits until it is done.
// ErrUnsupported for a Command.
func (r *Running) Switch(ctx context.Context, member string) error {
	return r.driver.order(ctx, member)
}

// Moments returns what the program says of the newest transition since a time; the zero
// value if there was none, or if it does not say.
func (r *Running) Moments(ctx context.Context, since time.Time) (Moments, error) {
	return r.driver.moments(ctx, since)
}

// Probes returns how many observations of members were made since the start, and how many
// of them were failures. ErrUnsupported for a Command.
func (r *Running) Probes(ctx context.Context) (made, failed int, err error) {
	return r.driver.probes(ctx)
}

// Moves returns how often traffic was moved since the start, by the record.
// ErrUnsupported for a Command.
func (r *Running) Moves(ctx context.Context) (int, error) { return r.driver.moves(ctx) }

// Ended is closed when the program has ended, by Stop or by itself.
func (r *Running) Ended() <-chan struct{} { return r.driver.ended() }

// Stop ends the program: it is asked to, and after a while made to. Its log stays in Dir.
// It returns after the end, and may be called again. The error says that the program had ended by itself
// before, or would not end.
func (r *Running) Stop() error { return r.driver.stop() }
