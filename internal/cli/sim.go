package cli

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"hopguard/internal/azuresim"
	"hopguard/internal/sim"
)

// simFlags say which world is served, and where.
type simFlags struct {
	listen, identity, dir string
	meraki                bool
	merakiListen          string
	world, profile        string
	seed                  uint64
	faults                []string
	reference             azuresim.TwoRegionsOptions
	times                 azuresim.Profile
}

func newSimCmd(g *global) *cobra.Command {
	var f simFlags
	cmd := &cobra.Command{
		Use:   "sim --dir DIR",
		Short: "Serve a simulated Azure to hopguard and to the official clients",
		Long: `Sim is a stand-in for the part of Azure Resource Manager that hopguard uses, with two
vMX in two regions, spokes and tagged route tables. Official clients work with it
unchanged: the Go and Python SDKs, az, Terraform. It keeps nothing across a restart.

It writes DIR/ca.pem, DIR/env (source it) and DIR/hopguard.yaml (a ready
configuration), then prints "ready URL", and ends on SIGINT or SIGTERM.

With --meraki it is a stand-in for the Meraki Dashboard too, in which the appliances
are vMX: what happens to a machine happens to its device, and the cloud notices
minutes later (seconds, with --profile fast).

A fault is KIND and what it hits, as in
  --fault 503,duration=20s
  --fault 429-arm,method=PUT,count=3,retryAfter=5
  --fault 409-scope-locked,path=rt-spoke-001
Members: method, path (a regular expression), type, probability, count, after,
duration; any other is a parameter of the kind.`,
		Example: `  hopguard sim --dir /tmp/sim
  . /tmp/sim/env && hopguard status --why
  hopguard sim ctl power-off vmx-a
  hopguard sim --meraki --profile fast --dir /tmp/sim`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cloud, err := f.build(cmd)
			if err != nil {
				return err
			}
			if !f.meraki {
				return cloud.Serve(cmd.Context(), f.serve(func(s sim.Served) error { return g.howTo(s, "") }))
			}
			d, err := newDashboard(cloud, f)
			if err != nil {
				return err
			}
			return d.serve(cmd.Context(), g)
		},
	}
	f.flags(cmd)
	cmd.AddCommand(newSimCtlCmd(g))
	return cmd
}

func (f *simFlags) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:8443", "`address` of Azure, over HTTPS")
	flags.StringVar(&f.identity, "identity-listen", "127.0.0.1:0", "`address` of the managed-identity endpoints, over HTTP")
	flags.BoolVar(&f.meraki, "meraki", false, "simulate a Meraki Dashboard as well")
	flags.StringVar(&f.merakiListen, "meraki-listen", "127.0.0.1:0", "`address` of the Meraki Dashboard, over HTTPS")
	flags.StringVar(&f.dir, "dir", "", "`folder` for the files that clients need (required)")
	flags.StringVar(&f.world, "world", "", "YAML `file` that describes the world, instead of the reference world")
	flags.StringVar(&f.profile, "profile", "default", "how fast Azure is: default, fast or legacy")
	flags.Uint64Var(&f.seed, "seed", 1, "seed of all randomness")
	flags.StringArrayVar(&f.faults, "fault", nil, "`fault` in force from the start; may be repeated")
	flags.DurationVar(&f.times.RequestLatency, "request-latency", 0, "before any request is looked at (of the profile)")
	flags.DurationVar(&f.times.WriteTime, "write-time", 0, "from the PUT of a route table to Succeeded (of the profile)")
	flags.DurationVar(&f.times.FabricDelay, "fabric-delay", 0, "from Succeeded to routes in effect (of the profile)")
	flags.DurationVar(&f.times.ListLag, "list-lag", 0, "how far lists are behind (of the profile)")
	flags.IntVar(&f.reference.Tables, "tables", 0, "tagged route tables (one for each spoke)")
	flags.IntVar(&f.reference.RoutesPerTable, "routes", 0, "routes in each table (5)")
	flags.IntVar(&f.reference.Spokes, "spokes", 0, "workload networks (3)")
	flags.IntVar(&f.reference.Subscriptions, "subscriptions", 0, "subscriptions that they are spread over (1)")
	flags.BoolVar(&f.reference.IPv6, "ipv6", false, "dual-stack networks and appliances")
	complete(cmd, "profile", "default", "fast", "legacy")
}

func (f *simFlags) serve(ready func(sim.Served) error) sim.ServeOptions {
	return sim.ServeOptions{Listen: f.listen, IdentityListen: f.identity, Dir: f.dir, Ready: ready}
}

// build makes the world that the flags describe.
func (f *simFlags) build(cmd *cobra.Command) (*sim.Cloud, error) {
	if f.dir == "" {
		return nil, usagef("--dir /tmp/sim, for example", "--dir is missing: want a folder for ca.pem, env and hopguard.yaml")
	}
	profile, err := azuresim.ProfileNamed(f.profile)
	if err != nil {
		return nil, usagef("", "--profile: %w", err)
	}
	o := sim.Options{Seed: f.seed, Profile: profile}
	for _, t := range []struct {
		flag string
		from time.Duration
		to   *time.Duration
	}{
		{"request-latency", f.times.RequestLatency, &o.Profile.RequestLatency},
		{"write-time", f.times.WriteTime, &o.Profile.WriteTime},
		{"fabric-delay", f.times.FabricDelay, &o.Profile.FabricDelay},
		{"list-lag", f.times.ListLag, &o.Profile.ListLag},
	} {
		if t.from < 0 {
			return nil, usagef("", "--%s: %s: want a duration, like 2s", t.flag, t.from)
		}
		if cmd.Flags().Changed(t.flag) {
			*t.to = t.from
		}
	}
	if o.World, err = f.describe(); err != nil {
		return nil, err
	}
	var faults []azuresim.Fault
	for _, text := range f.faults {
		fault, err := parseFault("--fault", text)
		if err != nil {
			return nil, err
		}
		faults = append(faults, fault)
	}
	cloud, err := sim.New(o)
	if err != nil {
		return nil, &exitError{code: codeUsage, err: err}
	}
	for _, fault := range faults {
		if _, err := cloud.Inject(fault); err != nil {
			return nil, &exitError{code: codeUsage, err: err}
		}
	}
	return cloud, nil
}

// describe reads the world's file, or makes the reference world.
func (f *simFlags) describe() (azuresim.World, error) {
	if f.world != "" {
		data, err := os.ReadFile(f.world)
		if err != nil {
			return azuresim.World{}, &exitError{code: codeUsage, err: fmt.Errorf("read the world: %w", err)}
		}
		w, err := azuresim.ParseWorld(data)
		if err != nil {
			return azuresim.World{}, &exitError{code: codeUsage, err: fmt.Errorf("%s: %w", f.world, err)}
		}
		return w, nil
	}
	for _, n := range []struct {
		flag  string
		n, to int
	}{
		{"tables", f.reference.Tables, 10_000}, {"routes", f.reference.RoutesPerTable, 400},
		{"spokes", f.reference.Spokes, 200}, {"subscriptions", f.reference.Subscriptions, 100},
	} {
		if n.n < 0 || n.n > n.to {
			return azuresim.World{}, usagef("", "--%s: %d: want 1 to %d", n.flag, n.n, n.to)
		}
	}
	return azuresim.TwoRegions(f.reference), nil
}

// howTo says how a served world is used; dashboard is the URL of its Meraki Dashboard,
// if it has one. Its last line is for programs.
func (g *global) howTo(s sim.Served, dashboard string) error {
	w := g.env.Stdout
	fmt.Fprintf(w, "a simulated Azure, until Ctrl-C. In another terminal:\n\n  . %s\n", s.Env)
	if s.Config != "" {
		fmt.Fprintf(w, "  %[1]s status --why\n  %[1]s sim ctl power-off %[2]s\n  %[1]s tick\n", g.env.Program, s.Active)
	} else {
		fmt.Fprintln(w, "  # then write a configuration: this world has no pair of appliances with a tagged table")
	}
	if dashboard != "" {
		fmt.Fprintf(w, "  %s sim ctl meraki state\n\nmeraki %s", g.env.Program, dashboard)
	}
	_, err := fmt.Fprintf(w, "\nready %s\n", s.URL)
	return err
}
