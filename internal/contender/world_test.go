package contender_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/contender"
)

// patience bounds each wait of a test.
const patience = time.Minute

// world is a simulated Azure that is served on the loopback until the test ends.
type world struct {
	*azuresim.Sim
	place contender.Place

	mu      sync.Mutex
	started []*exec.Cmd
}

func newWorld(t *testing.T, program string) *world {
	t.Helper()
	cloud := azuresim.TwoRegions(azuresim.TwoRegionsOptions{ClientSecret: "9a_hidden~Word"})
	sim, err := azuresim.New(cloud, azuresim.Options{Profile: azuresim.ProfileFast(), Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	serving, end := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	ports, closed, err := sim.ExposePorts(serving)
	if err != nil {
		end()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		end()
		running.Wait()
		closed()
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{Sim: sim}
	tls := t.TempDir()
	if _, err := azuresim.Certificate(tls); err != nil {
		t.Fatal(err)
	}
	ln := listen(t, "127.0.0.1")
	running.Go(func() {
		if err := sim.Serve(serving, ln, tls); err != nil {
			t.Error(err)
		}
	})
	witness := listen(t, "127.0.0.9") // a witness depends on no member, so it is another host
	running.Go(func() {
		for {
			conn, err := witness.Accept()
			if err != nil {
				return
			}
			_ = conn.Close() // it only has to be reached
		}
	})
	t.Cleanup(func() { _ = witness.Close() })
	w.place = contender.Place{
		Program: program, Dir: t.TempDir(), Start: w.start, Dial: dialer(),
		Endpoint: "https://" + ln.Addr().String(), CA: filepath.Join(tls, "ca.pem"),
		Tenant: cloud.Tenant, Subscription: cloud.Subscriptions[0].ID, ClientID: cloud.Principals[0].AppID, Secret: cloud.Principals[0].ClientSecret,
		Listen: free(t), Group: "emea", Tag: config.Tag{Name: "nva_ha_udr", Value: "emea"},
		Witness: []string{"tcp://" + witness.Addr().String()},
		Calls:   func() int { return len(sim.Calls()) }, Log: t.Output(),
	}
	for i, vm := range cloud.VirtualMachines {
		if vm.Appliance {
			w.place.Members = append(w.place.Members, contender.Member{
				Name: vm.Name, VM: vm.ID(), Address: netip.MustParseAddr(hops()[i]), Through: ports[vm.ID()], Ping: netip.MustParseAddr("127.0.0.1"),
			})
		}
	}
	return w
}

// hops are the members' addresses, in their order.
func hops() []string { return []string{"10.1.0.4", "10.2.0.4"} }

func listen(t *testing.T, host string) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// free is a port that nobody listens on now.
func free(t *testing.T) netip.AddrPort {
	t.Helper()
	ln := listen(t, "127.0.0.1")
	at := netip.MustParseAddrPort(ln.Addr().String())
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	return at
}

func (w *world) start(cmd *exec.Cmd) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.started = append(w.started, cmd)
	return cmd.Start()
}

// leavesNothing fails the test if a process that was started is there, or one that it has started.
func (w *world) leavesNothing(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.started) == 0 {
		t.Error("no process was started")
	}
	for _, cmd := range w.started {
		if cmd.ProcessState == nil {
			t.Errorf("process %d, %s, was not waited for", cmd.Process.Pid, cmd.Args)
		}
		if left := group(t, cmd.Process.Pid); len(left) > 0 {
			t.Errorf("%s left the processes %v", cmd.Args, left)
		}
	}
}

// group are the processes of a group that have not ended.
func group(t *testing.T, id int) []string {
	t.Helper()
	list, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, file := range list {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue // it has just ended
		}
		// pid (name) state parent group …
		_, rest, _ := strings.Cut(string(raw), ") ")
		if f := strings.Fields(rest); len(f) > 2 && f[2] == fmt.Sprint(id) && f[0] != "Z" {
			left = append(left, file)
		}
	}
	return left
}

// moved waits until every route of the group has a next hop and no write is under way, and returns
// when that was.
func (w *world) moved(t *testing.T, hop string) time.Time {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var at time.Time
	w.Follow(ctx, func(now time.Time) {
		if w.right(t, hop) {
			at = now
			cancel()
		}
	})
	if at.IsZero() {
		t.Fatalf("the routes were not all at %s within %s", hop, patience)
	}
	return at
}

func (w *world) right(t *testing.T, hop string) bool {
	n := 0
	for _, id := range w.RouteTables() {
		if !strings.Contains(id, "/rt-spoke-") {
			continue
		}
		raw, err := w.RouteTable(id)
		if err != nil {
			t.Error(err)
			return true
		}
		text := string(raw)
		other := hops()[1-slices.Index(hops(), hop)]
		if strings.Contains(text, `"`+other+`"`) || !strings.Contains(text, `"`+hop+`"`) || strings.Contains(text, `"Updating"`) {
			return false
		}
		n++
	}
	return n > 0
}

// run starts a contender that is stopped before the test ends.
func (w *world) run(t *testing.T, c contender.Contender) *contender.Running {
	t.Helper()
	r, err := c.Start(t.Context(), w.place)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Stop() }) // the test stops it itself, if it comes so far
	return r
}

func (w *world) ready(t *testing.T, r *contender.Running) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errors.New("patience is over"))
	defer cancel()
	if err := r.Ready(ctx); err != nil {
		t.Fatal(err)
	}
}

// build builds hopguard once.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "hopguard")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, "hopguard/cmd/hopguard")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build hopguard: %v\n%s", err, out)
	}
	return program
}

// setting is the one of that name.
func setting(t *testing.T, name string) contender.Contender {
	t.Helper()
	all := contender.All()
	i := slices.IndexFunc(all, func(c contender.Contender) bool { return c.Setting.Name == name })
	if i < 0 {
		t.Fatalf("no setting is called %s", name)
	}
	return all[i]
}

// dialer reaches the loopback.
func dialer() func(context.Context, string, string) (net.Conn, error) {
	return new(net.Dialer).DialContext
}
