package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/merakisim"
	"hopguard/internal/sim"
)

// followEvery is how soon a device follows its machine: nothing beside the time that
// the cloud takes to notice.
const followEvery = 100 * time.Millisecond

// dashboard is a simulated Meraki Dashboard beside a simulated Azure: each appliance
// is the vMX with its name.
type dashboard struct {
	*merakisim.Sim
	azure   *sim.Cloud
	flags   simFlags
	devices map[string]*device // by the machines' ids
}

// device is a vMX and what was last seen of its machine.
type device struct {
	serial, network string
	seen            condition
}

// condition is what a Dashboard can notice of a machine.
type condition struct{ alive, tunnels bool }

func conditionOf(m azuresim.Machine) condition {
	return condition{alive: m.Alive, tunnels: !m.NoTunnel}
}

func newDashboard(cloud *sim.Cloud, f simFlags) (*dashboard, error) {
	d := &dashboard{azure: cloud, flags: f, devices: map[string]*device{}}
	var appliances []azuresim.Machine
	var names []string
	for _, m := range cloud.Machines() {
		if m.Appliance {
			appliances, names = append(appliances, m), append(names, m.Name)
		}
	}
	w := merakisim.ExampleFor(names...)
	for i, m := range appliances {
		n := &w.Organizations[0].Networks[i]
		if !m.Alive {
			n.Device.State = merakisim.Offline
		}
		d.devices[m.ID] = &device{serial: n.Device.Serial, network: n.ID, seen: conditionOf(m)}
	}
	o := merakisim.Options{Seed: f.seed}
	if f.profile == "fast" {
		o.Profile = merakisim.ProfileFast()
	}
	var err error
	if d.Sim, err = merakisim.New(w, o); err != nil {
		return nil, fmt.Errorf("simulate the Meraki Dashboard: %w", err)
	}
	return d, nil
}

// serve serves both until ctx ends.
func (d *dashboard) serve(ctx context.Context, g *global) error {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", d.flags.merakiListen)
	if err != nil {
		return fmt.Errorf("serve the Meraki Dashboard: %w", err)
	}
	defer func() { _ = ln.Close() }() // if it was never served
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error {
		return d.azure.Serve(ctx, d.flags.serve(func(s sim.Served) error {
			cert, err := azuresim.Certificate(d.flags.dir)
			if err != nil {
				return err
			}
			url := "https://" + local(ln.Addr())
			if err := d.files(s, url); err != nil {
				return err
			}
			all.Go(func() error { return d.Serve(ctx, ln, cert) })
			all.Go(func() error { return d.follow(ctx) })
			return g.howTo(s, url)
		}))
	})
	return all.Wait()
}

// follow makes what happens to machines happen to their devices, until ctx ends.
func (d *dashboard) follow(ctx context.Context) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		if err := d.catchUp(); err != nil {
			return fmt.Errorf("follow the machines: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// catchUp passes on what has changed. What was ordered for a device alone stays until
// its machine changes.
func (d *dashboard) catchUp() error {
	var problems []error
	for _, m := range d.azure.Machines() {
		v, now := d.devices[m.ID], conditionOf(m)
		if v == nil {
			continue // not an appliance, or younger than the Dashboard
		}
		if now.alive != v.seen.alive {
			state := merakisim.Offline
			if now.alive {
				state = merakisim.Online
			}
			problems = append(problems, d.Set(v.serial, state))
		}
		if now.tunnels != v.seen.tunnels {
			problems = append(problems, d.SetTunnel(v.network, "", now.tunnels))
		}
		v.seen = now
	}
	return errors.Join(problems...)
}

// files adds what a client needs to find and trust the Dashboard to the files of the
// simulated Azure.
func (d *dashboard) files(s sim.Served, url string) error {
	base, key := url+"/api/v1", filepath.Join(filepath.Dir(s.Env), "meraki-key")
	if err := os.WriteFile(key, []byte(merakisim.ExampleKey+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the key: %w", err)
	}
	if s.Config != "" {
		if err := d.addCheck(s, base, key); err != nil {
			return err
		}
	}
	env, err := os.ReadFile(s.Env)
	if err != nil {
		return fmt.Errorf("read the variables: %w", err)
	}
	text := strings.Builder{}
	text.Write(env)
	for _, v := range [][2]string{
		{"HOPGUARD_MERAKI_BASEURL", base}, {"HOPGUARD_MERAKI_CAFILE", s.CA}, {"HOPGUARD_MERAKI_ORGANIZATION", merakisim.ExampleOrganization},
		{"MERAKI_DASHBOARD_API_KEY", merakisim.ExampleKey}, {"SIM_MERAKI_URL", url},
	} {
		fmt.Fprintf(&text, "export %s='%s'\n", v[0], strings.ReplaceAll(v[1], "'", `'\''`))
	}
	if err := os.WriteFile(s.Env, []byte(text.String()), 0o600); err != nil {
		return fmt.Errorf("write the variables: %w", err)
	}
	return nil
}

// addCheck lets the ready configuration ask the Dashboard as well: one of three
// checks, of which two must fail, because what the cloud says never counts alone.
func (d *dashboard) addCheck(s sim.Served, base, key string) error {
	c, err := config.Load(s.Config, func(string) string { return "" })
	if err != nil {
		return err
	}
	c.Meraki.BaseURL, c.Meraki.CAFile, c.Meraki.Organization, c.Meraki.KeyFile = base, s.CA, merakisim.ExampleOrganization, key
	g := &c.Groups[0]
	k := config.DefaultCheck(config.KindMeraki)
	k.Ping, k.Targets = true, map[string]string{}
	for _, m := range g.Members {
		if v := d.devices[string(m.VM)]; v != nil {
			k.Targets[m.Name] = v.serial
		}
	}
	g.Checks, g.Vote, g.Quorum = append(g.Checks, k), config.VoteQuorum, 2
	if err := c.Complete().Validate(); err != nil {
		return err
	}
	text, err := c.Complete().YAML()
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.Config, text, 0o600); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}

// local is a listener's address as a client of the same machine dials it.
func local(addr net.Addr) string {
	at, err := netip.ParseAddrPort(addr.String())
	if err != nil || !at.Addr().IsUnspecified() {
		return addr.String()
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port()).String()
}
