// Package lab is the reference architecture as Linux hosts: two regions with an
// appliance each, workloads, a branch, and a controller in a management network. Real
// packets cross real forwarding machines by the routes that a simulated Azure says are
// effective, so an outage is counted in lost packets.
//
// It guarantees that nothing outside its own network namespaces changes, that they go
// when it is closed, and that what a killed lab has left goes when the next one begins.
// Whether traffic moved is told by packets, and whether routes are right by the simulated
// Azure, never by the controller under test. Controllers are started as they are shipped,
// as processes that reach Azure and the appliances over the lab's own network.
//
// It does not imitate an appliance's operating system, NAT, or what Azure does to packets
// beyond routes and latency: appliances are Linux machines that forward.
//
// It needs root on Linux. The command line may import it; production code may not.
package lab

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"hopguard/internal/azuresim"
	"hopguard/internal/netlab"
	"hopguard/internal/outage"
)

// Options are the scene's. Zero fields take the value in parentheses.
type Options struct {
	// Name tells labs on one machine apart ("lab").
	Name string
	// Program is the path of the hopguard that is tested. Required.
	Program string
	// Dir is an empty folder for what controllers need and write. Required.
	Dir string
	// Regions is the one-way latency between the regions (10 ms), WAN that between the branch and an appliance (5 ms).
	Regions, WAN time.Duration
	// Branch is how long the branch takes to notice that a tunnel is dead (3 s).
	Branch time.Duration
	// Profile is how fast the cloud is, as `hopguard sim` has them: default, fast, legacy ("fast").
	Profile string
	// Tunnel is how the branch reaches the appliances, gre or vxlan; empty is the best that the kernel can.
	Tunnel string
	// Log gets what happens in the lab; nil discards it.
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	def := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	def(&o.Regions, 10*time.Millisecond)
	def(&o.WAN, 5*time.Millisecond)
	def(&o.Branch, 3*time.Second)
	if o.Name == "" {
		o.Name = "lab"
	}
	if o.Profile == "" {
		o.Profile = "fast"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Lab is one scene. Trials run in it one after the other; it is not safe for concurrent use.
type Lab struct {
	o       Options
	profile azuresim.Profile
	tunnel  netlab.TunnelKind
	net     *netlab.Net
	fabric  *fabric
	branch  *branch
	guests  map[string]*guest // by the machine's name
	hosts   map[string]*endpoint
	cloud   atomic.Pointer[azuresim.Sim] // what the present trial's Azure is

	stop    context.CancelFunc
	running sync.WaitGroup // servers and the branch's watch
}

// Open builds the scene: all hosts, links and servers, without a controller and with an
// Azure in which all is well. Close it after use.
func Open(ctx context.Context, o Options) (l *Lab, err error) {
	o = o.withDefaults()
	p, err := azuresim.ProfileNamed(o.Profile)
	if err != nil {
		return nil, fmt.Errorf("profile %w", err)
	}
	l = &Lab{o: o, profile: p, guests: map[string]*guest{}, hosts: map[string]*endpoint{}}
	if l.tunnel, err = tunnel(o.Tunnel); err != nil {
		return nil, err
	}
	if l.net, err = netlab.Open(o.Name); err != nil {
		return nil, err
	}
	ctx, l.stop = context.WithCancel(ctx)
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
			l = nil
		}
	}()
	if err := l.build(ctx); err != nil {
		return l, fmt.Errorf("build the lab: %w", err)
	}
	return l, nil
}

// tunnel is the kind of that name, or the best.
func tunnel(name string) (netlab.TunnelKind, error) {
	kinds := netlab.Tunnels()
	switch {
	case len(kinds) == 0:
		return "", errors.New("the kernel can make no tunnel: want GRE or VXLAN")
	case name == "":
		return kinds[0], nil
	case !slices.Contains(kinds, netlab.TunnelKind(name)):
		return "", fmt.Errorf("tunnel %q: this kernel can make %v", name, kinds)
	}
	return netlab.TunnelKind(name), nil
}

// Clean removes what labs have left whose program is gone, and says which.
func Clean() (removed []string, err error) { return netlab.Sweep() }

// Close ends everything and removes the hosts.
func (l *Lab) Close() error {
	l.stop()
	err := l.net.Close()
	l.running.Wait()
	return err
}

// Scene describes the lab for a report.
func (l *Lab) Scene() outage.Lab {
	return outage.Lab{
		Tunnel: string(l.tunnel), Regions: outage.Seconds(l.o.Regions), WAN: outage.Seconds(l.o.WAN), Branch: outage.Seconds(l.o.Branch),
		Profile: l.o.Profile, Request: outage.Seconds(l.profile.RequestLatency), Write: outage.Seconds(l.profile.WriteTime),
		Fabric: outage.Seconds(l.profile.FabricDelay), Tables: tables, Spacing: outage.Seconds(spacing),
	}
}

// build makes the hosts in the order in which they need each other.
func (l *Lab) build(ctx context.Context) error {
	w := world()
	if err := l.renew(w, 1); err != nil {
		return err
	}
	var err error
	if l.fabric, err = newFabric(l.net, l.o); err != nil {
		return err
	}
	for _, e := range endpoints(w) {
		if err := l.fabric.attach(l.net, e); err != nil {
			return fmt.Errorf("host %s: %w", e.name, err)
		}
		l.hosts[e.name] = e
	}
	if err := l.fabric.deliver(); err != nil {
		return err
	}
	if l.branch, err = newBranch(l.hosts["branch"].host, l.o.Branch, l.o.Log); err != nil {
		return fmt.Errorf("branch: %w", err)
	}
	for i, name := range []string{vmxA, vmxB} {
		g, err := l.newGuest(ctx, i, l.hosts[name])
		if err != nil {
			return fmt.Errorf("appliance %s: %w", name, err)
		}
		l.guests[name] = g
	}
	if err := l.branch.listen(ctx, &l.running); err != nil {
		return fmt.Errorf("branch: %w", err)
	}
	if err := l.serveCloud(ctx); err != nil {
		return fmt.Errorf("cloud: %w", err)
	}
	return l.fabric.sync(l.cloud.Load())
}

// renew replaces the simulated Azure by a new one in which all is well.
func (l *Lab) renew(w azuresim.World, seed uint64) error {
	s, err := azuresim.New(w, azuresim.Options{Seed: seed, Profile: l.profile})
	if err != nil {
		return err
	}
	l.cloud.Store(s)
	return nil
}

// serveCloud serves Azure Resource Manager, and the witness, on the Internet's side.
func (l *Lab) serveCloud(ctx context.Context) error {
	host := l.hosts["cloud"].host
	cert, err := azuresim.Certificate(l.tlsDir(), append(cloudNames(), cloudAddr)...)
	if err != nil {
		return err
	}
	ln, err := host.Listen(ctx, "tcp", netip.AddrPortFrom(netip.MustParseAddr(cloudAddr), 443).String())
	if err != nil {
		return err
	}
	srv := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { l.cloud.Load().ServeHTTP(w, r) }),
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(l.o.Log.Handler(), slog.LevelDebug),
	}
	context.AfterFunc(ctx, func() { srv.Close() }) //nolint:errcheck // it ends: nobody is served any more
	l.running.Go(func() {
		if err := srv.ServeTLS(ln, "", ""); !errors.Is(err, http.ErrServerClosed) {
			l.o.Log.ErrorContext(ctx, "the simulated Azure is not served any more", "err", err)
		}
	})
	witness, err := host.Listen(ctx, "tcp", witnessTarget)
	if err != nil {
		return err
	}
	accept(ctx, &l.running, witness)
	return nil
}

func (l *Lab) tlsDir() string { return filepath.Join(l.o.Dir, "tls") }

// caFile is the authority of the simulated Azure.
func (l *Lab) caFile() string { return filepath.Join(l.tlsDir(), "ca.pem") }

// accept takes connections and closes them, until ctx ends: that is all that a TCP check wants.
func accept(ctx context.Context, running *sync.WaitGroup, ln net.Listener) {
	context.AfterFunc(ctx, func() { ln.Close() }) //nolint:errcheck // it ends
	running.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			conn.Close() //nolint:errcheck // nothing was written
		}
	})
}

// folder makes a folder of the trial's own.
func (l *Lab) folder(name string) (string, error) {
	dir := filepath.Join(l.o.Dir, name)
	return dir, os.MkdirAll(dir, 0o700)
}
