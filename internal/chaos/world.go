package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hopguard/internal/azure"
	"hopguard/internal/azuresim"
	"hopguard/internal/azurite"
	"hopguard/internal/config"
	"hopguard/internal/decide"
)

// The group of the simulated world, and its members' names and next hops.
const (
	groupName  = "emea"
	blobPrefix = "hopguard"
)

func hops() map[string]string { return map[string]string{"vmx-a": "10.1.0.4", "vmx-b": "10.2.0.4"} }

// world is a simulated Azure, a container of Azurite, and two controllers that share it.
type world struct {
	name    string
	setup   setup
	rng     *rand.Rand
	sim     *azuresim.Sim
	records azure.Records
	slots   []*slot
	client  *http.Client
	// tables are all route tables as they were at first.
	tables  map[string][]byte
	story   Story
	running sync.WaitGroup // processes and servers
	stops   []func()

	mu     sync.Mutex
	damage Damage // of this round
	// refused counts writes of the past that Azure refused, in this round.
	refused int
	// usual is what a switch takes that nobody disturbs.
	usual usual
}

// setup is what all worlds share.
type setup struct {
	program string          // hopguard
	folder  string          // for files; each world makes one in it
	store   *azurite.Server // for all records
	seed    uint64
	say     func(format string, args ...any)
}

// usual is how long a switch takes from the failure to its report, and how many
// requests the controller makes in that time.
type usual struct {
	took, right time.Duration
	requests    int
}

// slot is a place where one controller runs, one after the other, with a gate before
// its servers.
type slot struct {
	world *world
	name  string
	gate  *gate
	conf  string
	env   []string
	now   *controller
	runs  int
	// stale is set while the controller is one of the past: it must not write.
	stale atomic.Bool
}

// newWorld serves a world. Its controllers are not started yet.
func newWorld(ctx context.Context, s setup, n int) (w *world, err error) {
	w = &world{
		name: fmt.Sprintf("world-%d", n), setup: s, rng: rand.New(rand.NewPCG(s.seed, uint64(n))),
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, tables: map[string][]byte{},
	}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	// Certificates and secrets of the worlds do not mix.
	s.folder = filepath.Join(s.folder, w.name)
	if err := os.Mkdir(s.folder, 0o700); err != nil {
		return w, err
	}
	cloud := azuresim.TwoRegions(azuresim.TwoRegionsOptions{Tables: 6})
	for i := range cloud.RouteTables {
		// What no client of today knows, and a route to somebody else.
		t := &cloud.RouteTables[i]
		t.Properties = map[string]any{"ofTomorrow": map[string]any{"list": []any{"x", 7.0}}}
		t.Routes[0].Properties = map[string]any{"hint": "keep"}
		t.Routes = append(t.Routes, azuresim.Route{Name: "firewall", AddressPrefix: "0.0.0.0/0", NextHopType: "VirtualAppliance", NextHopIPAddress: "10.9.9.9"})
	}
	if w.sim, err = azuresim.New(cloud, azuresim.Options{Seed: s.seed + uint64(n)}); err != nil {
		return w, err
	}
	w.stops = append(w.stops, func() { _ = w.sim.Close() })
	for _, id := range w.sim.RouteTables() {
		if w.tables[id], err = w.sim.RouteTable(id); err != nil {
			return w, err
		}
	}
	w.story.Add(time.Now(), w.count())
	serving, end := context.WithCancel(ctx)
	ports, wait, err := w.sim.ExposePorts(serving)
	if err != nil {
		end()
		return w, err
	}
	w.stops = append(w.stops, wait, end)
	container, err := azure.NewContainer(azure.BlobSettings{
		ConnectionString: azure.BlobSecret(s.store.ConnectionString()), Container: w.name, Prefix: blobPrefix,
		Create: true, Timeout: 30 * time.Second,
	})
	if err != nil {
		return w, err
	}
	w.records = azure.Records{Container: container, Now: time.Now}
	cert, err := azuresim.Certificate(s.folder)
	if err != nil {
		return w, err
	}
	for _, name := range []string{"east", "west"} {
		if err := w.addSlot(ctx, name, s.folder, cert, cloud, ports); err != nil {
			return w, err
		}
	}
	return w, nil
}

// addSlot serves Azure and the store to the controllers of one place.
func (w *world) addSlot(ctx context.Context, name, folder string, cert tls.Certificate, cloud azuresim.World, ports map[string]netip.AddrPort) error {
	s := &slot{world: w, name: name, gate: &gate{}, conf: filepath.Join(folder, name+".yaml")}
	arm, err := w.serve(ctx, s.gate.guard(w.sim, s.changed), &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	if err != nil {
		return err
	}
	target, err := url.Parse(w.setup.store.URL)
	if err != nil {
		return err
	}
	forward := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:     slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	blobs, err := w.serve(ctx, s.gate.guard(forward, s.changed), nil)
	if err != nil {
		return err
	}
	c := w.config("https://"+arm, filepath.Join(folder, "ca.pem"), cloud, ports)
	text, err := c.Complete().YAML()
	if err != nil {
		return err
	}
	connection := strings.Replace(w.setup.store.ConnectionString(), w.setup.store.URL, "http://"+blobs+target.Path, 1)
	s.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + folder,
		"HOPGUARD_AZURE_CLIENTSECRET=" + string(cloud.Principals[0].ClientSecret), "HOPGUARD_STORE_CONNECTIONSTRING=" + connection,
	}
	w.slots = append(w.slots, s)
	return os.WriteFile(s.conf, text, 0o600)
}

// config is that of a controller: the checks are the data path's.
func (w *world) config(endpoint, ca string, cloud azuresim.World, ports map[string]netip.AddrPort) config.Config {
	c := config.Default()
	c.Azure.Endpoint, c.Azure.Authority, c.Azure.Audience, c.Azure.CAFile = endpoint, endpoint, "https://management.azure.com", ca
	c.Azure.Credential, c.Azure.TenantID, c.Azure.ClientID = config.CredentialClientSecret, cloud.Tenant, cloud.Principals[0].AppID
	c.Store = config.Store{Kind: config.StoreBlob, ConnectionString: "in the environment", Container: w.name, Prefix: blobPrefix, Create: true}
	c.Replicas.Lease = 15 * time.Second
	c.API.Listen = "127.0.0.1:0"
	g := config.DefaultGroup()
	g.Name, g.Reconcile = groupName, 5*time.Second
	g.Policy.HoldDown, g.Policy.Per, g.Policy.MaxTransitions = 2*time.Second, 2*time.Second, 100
	tcp := config.DefaultCheck(config.KindTCP)
	tcp.Interval, tcp.Timeout, tcp.ConfirmInterval = 500*time.Millisecond, 400*time.Millisecond, 200*time.Millisecond
	tcp.Targets = map[string]string{}
	for _, vm := range cloud.VirtualMachines {
		if vm.Appliance {
			g.Members = append(g.Members, config.Member{Name: vm.Name, VM: config.ResourceID(vm.ID())})
			tcp.Targets[vm.Name] = ports[vm.ID()].String()
		}
	}
	g.Checks = []config.Check{tcp}
	c.Groups = []config.Group{g}
	return c
}

// serve serves until the world is closed, and returns where.
func (w *world) serve(ctx context.Context, h http.Handler, secured *tls.Config) (string, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: h, TLSConfig: secured, ReadHeaderTimeout: time.Minute, IdleTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	w.running.Go(func() {
		if secured != nil {
			_ = server.ServeTLS(ln, "", "") // ends by Close
			return
		}
		_ = server.Serve(ln)
	})
	w.stops = append(w.stops, func() { _ = server.Close() })
	return ln.Addr().String(), nil
}

// close ends the controllers, then their servers.
func (w *world) close() {
	for _, s := range w.slots {
		if s.now != nil {
			s.now.kill()
		}
	}
	for i := range w.stops {
		w.stops[len(w.stops)-1-i]()
	}
	w.running.Wait()
	w.client.CloseIdleConnections()
}

// changed is told of each request that changes something and was answered.
func (s *slot) changed(r *http.Request, status int) {
	if !writesTable(r) {
		return
	}
	w := s.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if status >= http.StatusMultipleChoices {
		if s.stale.Load() {
			w.refused++
		}
		return
	}
	after := w.count()
	if s.stale.Load() {
		w.damage.add(&w.damage.Late, "%s: a write of %s was accepted after another one had finished: %s", w.name, s.now.name, r.URL.Path)
		if !w.story.Is(after) {
			w.damage.add(&w.damage.Back, "%s: and it moved routes: %v", w.name, after)
		}
	}
	w.story.Add(time.Now(), after)
}

// managed reports whether a table is the group's.
func managed(id string) bool { return strings.Contains(id, "/rt-spoke-") }

// count counts the managed routes by their next hops, the firewall's apart.
func (w *world) count() map[string]int {
	n := map[string]int{}
	for id := range w.tables {
		if !managed(id) {
			continue
		}
		raw, err := w.sim.RouteTable(id)
		if err != nil {
			n["gone"]++
			continue
		}
		doc, err := decode(raw)
		if err != nil {
			n["unreadable"]++
			continue
		}
		for name, r := range routesOf(doc) {
			if name != "firewall" {
				n[hop(r)]++
			}
		}
	}
	return n
}

// right reports whether all managed routes point to a member, and no write is under
// way.
func (w *world) right(member string) bool {
	if !w.story.Is(map[string]int{hops()[member]: w.story.Total()}) {
		return false
	}
	for id := range w.tables {
		if raw, err := w.sim.RouteTable(id); err != nil || bytes.Contains(raw, []byte(`"Updating"`)) {
			return false
		}
	}
	return true
}

// errStuck says that something did not happen.
var errStuck = errors.New("it did not happen")

// until waits until ok, and looks every so often.
func (w *world) until(ctx context.Context, what string, every time.Duration, ok func() bool) error {
	const limit = 90 * time.Second
	tick := time.NewTicker(every)
	defer tick.Stop()
	for end := time.Now().Add(limit); ; {
		if ok() {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s: %w within %s", what, errStuck, limit)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// judge compares everything with what it should be: all routes at active, and since
// before one transition to each of moves.
func (w *world) judge(ctx context.Context, before decide.Record, active string, moves ...string) (decide.Record, error) {
	now, _, err := w.records.Load(ctx, groupName)
	if err != nil {
		return now, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	g := Group{Want: hops()[active]}
	for _, at := range hops() {
		g.Members = append(g.Members, at)
	}
	for id, was := range w.tables {
		is, err := w.sim.RouteTable(id)
		switch {
		case err != nil:
			w.damage.add(&w.damage.Lost, "%v", err)
		case managed(id):
			w.damage.Table(id, was, is, g)
		default:
			w.damage.Foreign(id, was, bytes.Clone(is))
		}
	}
	w.damage.History(before, now, moves...)
	return now, nil
}
