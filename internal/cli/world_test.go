package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/sim"
)

// quick is an Azure that keeps no script waiting.
func quick() azuresim.Profile {
	return azuresim.Profile{RequestLatency: time.Millisecond, WriteTime: 5 * time.Millisecond, FabricDelay: time.Millisecond}
}

// served is a simulated Azure while a script runs.
type served struct {
	*sim.Cloud
	// counted is how many calls the script has looked at.
	counted int
}

// simulate starts and breaks a simulated Azure:
//
//	sim start [as PRINCIPAL] [CHANGE]   and write hopguard.yaml for it
//	sim off|on|hang|unhang MACHINE
//	sim port MACHINE MODE
//	sim fault KIND [member=value...]
//	sim heal                            ends all faults
func simulate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: sim start|off|on|hang|unhang|port|fault|heal ...")
	}
	if args[0] == "start" {
		start(ts, args[1:])
		return
	}
	w := worldOf(ts)
	args = append(args, "", "") // what is missing is refused by the simulator
	switch args[0] {
	case "off":
		ts.Check(w.PowerOff(args[1]))
	case "on":
		ts.Check(w.PowerOn(args[1]))
	case "hang":
		ts.Check(w.Hang(args[1]))
	case "unhang":
		ts.Check(w.Unhang(args[1]))
	case "port":
		ts.Check(w.SetPort(args[1], azuresim.PortMode(args[2])))
	case "fault":
		_, err := w.Inject(azuresim.Fault{Kind: azuresim.FaultKind(args[1]), Path: args[2]})
		ts.Check(err)
	case "heal":
		w.ClearFaults()
	default:
		ts.Fatalf("sim %s: unknown", args[0])
	}
}

// slot holds what one script has started; Setup makes it.
type slot struct {
	world *served
	mail  *mailbox
}

type slotKey struct{}

func worldOf(ts *testscript.TestScript) *served {
	s, ok := ts.Value(slotKey{}).(*slot)
	if !ok || s.world == nil {
		ts.Fatalf("no simulated Azure: sim start")
	}
	return s.world
}

func start(ts *testscript.TestScript, args []string) {
	w := azuresim.TwoRegions(azuresim.TwoRegionsOptions{})
	changes := args
	reference := azuresim.TwoRegions(azuresim.TwoRegionsOptions{})
	for len(args) > 0 {
		switch args[0] {
		case "as":
			as(ts, &w, args[1])
			args = args[2:]
		default:
			changeWorld(ts, &w, args[0])
			args = args[1:]
		}
	}
	cloud, err := sim.New(sim.Options{World: w, Profile: quick(), Seed: 1})
	ts.Check(err)
	reference.Principals = w.Principals
	cloud.World = reference // the configuration is that of a world in which nothing is wrong
	dir := ts.MkAbs("sim")
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan sim.Served, 1)
	var serving sync.WaitGroup
	var serveErr error
	serving.Go(func() {
		serveErr = cloud.Serve(ctx, sim.ServeOptions{
			Listen: "127.0.0.1:0", IdentityListen: "127.0.0.1:0", Dir: dir,
			Ready: func(s sim.Served) error { ready <- s; return nil },
		})
		close(ready)
	})
	s, ok := <-ready
	if !ok {
		ts.Fatalf("serve the simulated Azure: %v", serveErr)
	}
	ts.Value(slotKey{}).(*slot).world = &served{Cloud: cloud}
	ts.Defer(func() {
		cancel()
		serving.Wait()
		ts.Check(serveErr)
	})
	environment(ts, s.Env)
	ts.Check(writeConfig(cloud, s, changes, ts.MkAbs("hopguard.yaml")))
	ts.Setenv("HOPGUARD_CONFIG", ts.MkAbs("hopguard.yaml"))
}

// environment sets what the file env exports, as a shell that sources it.
func environment(ts *testscript.TestScript, file string) {
	data, err := os.ReadFile(file)
	ts.Check(err)
	for line := range strings.Lines(string(data)) {
		if assignment, ok := strings.CutPrefix(strings.TrimSpace(line), "export "); ok {
			name, value, _ := strings.Cut(assignment, "=")
			ts.Setenv(name, strings.Trim(value, "'"))
		}
	}
}

// writeConfig writes a configuration whose checks settle in no time.
func writeConfig(cloud *sim.Cloud, s sim.Served, changes []string, file string) error {
	c, err := cloud.Config(s.URL)
	if err != nil {
		return err
	}
	c.Azure.CAFile, c.Azure.ClientSecretFile = s.CA, filepath.Join(filepath.Dir(s.CA), "client-secret")
	c.Store = config.Store{Kind: config.StoreFile, Path: filepath.Join(filepath.Dir(file), "state")}
	status := config.DefaultCheck(config.KindVMStatus)
	status.Fall, status.Rise = 1, 1
	tcp := config.DefaultCheck(config.KindTCP)
	tcp.Interval, tcp.Timeout, tcp.ConfirmInterval, tcp.Fall = 300*time.Millisecond, 100*time.Millisecond, 10*time.Millisecond, 2
	tcp.Targets = map[string]string{}
	for _, m := range c.Groups[0].Members {
		tcp.Targets[m.Name] = "127.0.0.1:9" // of one that is yet to be deployed
	}
	for id, at := range s.Ports {
		tcp.Targets[id[strings.LastIndexByte(id, '/')+1:]] = at.String()
	}
	c.Groups[0].Checks = []config.Check{status, tcp}
	if slices.Contains(changes, "spokes") {
		c.Groups[0].Spokes.Tag.Name = spokeTag
	}
	if slices.Contains(changes, "routes") {
		c.Groups[0].Spokes.RouteTable.Subnets = []string{"*"}
		c.Groups[0].Branches.Prefixes = []netip.Prefix{netip.MustParsePrefix("172.16.0.0/24")}
	}
	text, err := c.Complete().YAML()
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

// as makes another principal the one that hopguard signs in as.
func as(ts *testscript.TestScript, w *azuresim.World, name string) {
	i := slices.IndexFunc(w.Principals, func(p azuresim.Principal) bool { return p.Name == name })
	if i < 0 {
		ts.Fatalf("no principal %s", name)
	}
	w.Principals[0], w.Principals[i] = w.Principals[i], w.Principals[0]
}

// changeWorld makes one thing wrong with the reference world, before time starts.
func changeWorld(ts *testscript.TestScript, w *azuresim.World, change string) {
	table := &w.RouteTables[0]
	switch change {
	case "two-nics-one-name":
		addNIC(w, "snet-vmx")
	case "two-nics":
		addNIC(w, "snet-lan")
	case "no-tables":
		for i := range w.RouteTables {
			w.RouteTables[i].Tags = map[string]string{"nva_ha_udr": "emea2"} // begins alike
		}
	case "no-member-route":
		for i := range table.Routes {
			table.Routes[i].NextHopIPAddress = "10.9.9.9"
		}
	case "malformed-route":
		table.Routes[1].NextHopIPAddress = "10.1.0.four"
	case "lock":
		w.Locks = append(w.Locks, azuresim.Lock{Scope: table.ID(), Name: "keep", Level: "ReadOnly"})
	default:
		if changeSpokes(w, change) {
			return
		}
		ts.Fatalf("no change of the world is called %s", change)
	}
}

// addNIC gives the first appliance a second interface in a subnet of that name.
func addNIC(w *azuresim.World, subnet string) {
	for i := range w.VirtualMachines {
		vm := &w.VirtualMachines[i]
		if vm.Name != "vmx-a" {
			continue
		}
		hub := &w.VirtualNetworks[0]
		home := *hub
		if subnet == hub.Subnets[0].Name { // a subnet of the same name, in another network
			home.Name, home.AddressPrefixes = "vnet-other", []string{"10.77.0.0/16"}
			home.Subnets = []azuresim.Subnet{{Name: subnet, AddressPrefixes: []string{"10.77.0.0/24"}}}
			w.VirtualNetworks = append(w.VirtualNetworks, home)
			vm.NICs = append(vm.NICs, nic("nic-2", "10.77.0.4", home.SubnetID(subnet)))
			return
		}
		hub.Subnets = append(hub.Subnets, azuresim.Subnet{Name: subnet, AddressPrefixes: []string{"10.1.1.0/24"}})
		vm.NICs = append(vm.NICs, nic("nic-2", "10.1.1.4", hub.SubnetID(subnet)))
		return
	}
}

func nic(name, address, subnet string) azuresim.NetworkInterface {
	return azuresim.NetworkInterface{Name: name, EnableIPForwarding: true, IPConfigurations: []azuresim.IPConfiguration{
		{Name: "ipconfig1", Address: address, Subnet: subnet, Primary: true},
	}}
}

// routes compares where the routes of all tables point, in the simulated Azure:
//
//	routes TABLE 10.2.0.4=5 [10.1.0.4=2 ...]
//
// TABLE is a part of names: rt-spoke, rt-untagged.
func routes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: routes TABLE NEXTHOP=COUNT...")
	}
	w, n := worldOf(ts), map[string]int{}
	for _, id := range w.RouteTables() {
		if !strings.Contains(id[strings.LastIndexByte(id, '/')+1:], args[0]) {
			continue
		}
		raw, err := w.RouteTable(id)
		ts.Check(err)
		for _, hop := range hops(ts, raw) {
			n[hop]++
		}
	}
	var got []string
	for _, hop := range slices.Sorted(maps.Keys(n)) {
		got = append(got, fmt.Sprintf("%s=%d", hop, n[hop]))
	}
	if want := slices.Sorted(slices.Values(args[1:])); !slices.Equal(got, want) {
		ts.Fatalf("routes of %s = %v, want %v", args[0], got, want)
	}
}

func hops(ts *testscript.TestScript, raw []byte) []string {
	var table struct {
		Properties struct {
			Routes []struct {
				Properties struct{ NextHopIPAddress string }
			}
		}
	}
	ts.Check(json.Unmarshal(raw, &table))
	var list []string
	for _, r := range table.Properties.Routes {
		hop := r.Properties.NextHopIPAddress
		if _, err := netip.ParseAddr(hop); err != nil {
			hop = "malformed"
		}
		list = append(list, hop)
	}
	return list
}

// writes counts the writes that Azure was asked for since the last count, also
// those that it refused: writes 3.
func writes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: writes COUNT")
	}
	w := worldOf(ts)
	calls := w.Calls()
	n := 0
	for _, c := range calls[w.counted:] {
		if c.Method != "GET" && c.Method != "HEAD" && !strings.Contains(c.Path, "/oauth2/") {
			n++
		}
	}
	w.counted = len(calls)
	if got := fmt.Sprint(n); got != args[0] {
		ts.Fatalf("%s writes were asked for, want %s", got, args[0])
	}
}
