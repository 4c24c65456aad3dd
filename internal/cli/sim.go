package cli

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hopguard/internal/azuresim"
	"hopguard/internal/sim"
)

// simFlags say which world is served, and where.
type simFlags struct {
	listen, identity, dir string
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

A fault is KIND and what it hits, as in
  --fault 503,duration=20s
  --fault 429-arm,method=PUT,count=3,retryAfter=5
  --fault 409-scope-locked,path=rt-spoke-001
Members: method, path (a regular expression), type, probability, count, after,
duration; any other is a parameter of the kind.`,
		Example: `  hopguard sim --dir /tmp/sim
  . /tmp/sim/env && hopguard status --why
  hopguard sim ctl power-off vmx-a`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cloud, err := f.build(cmd)
			if err != nil {
				return err
			}
			return cloud.Serve(cmd.Context(), sim.ServeOptions{
				Listen: f.listen, IdentityListen: f.identity, Dir: f.dir,
				Ready: func(s sim.Served) error { return g.howTo(s) },
			})
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

// build makes the world that the flags describe.
func (f *simFlags) build(cmd *cobra.Command) (*sim.Cloud, error) {
	if f.dir == "" {
		return nil, usagef("--dir /tmp/sim, for example", "--dir is missing: want a folder for ca.pem, env and hopguard.yaml")
	}
	o := sim.Options{Seed: f.seed}
	switch f.profile {
	case "default":
		o.Profile = azuresim.ProfileDefault()
	case "fast":
		o.Profile = azuresim.ProfileFast()
	case "legacy":
		o.Profile = azuresim.ProfileLegacy()
	default:
		return nil, usagef("", "--profile: %q: want default, fast or legacy", f.profile)
	}
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
	var err error
	if o.World, err = f.describe(); err != nil {
		return nil, err
	}
	faults, err := parseFaults(f.faults)
	if err != nil {
		return nil, err
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

// parseFaults reads KIND[,member=value]...
func parseFaults(texts []string) ([]azuresim.Fault, error) {
	var faults []azuresim.Fault
	for _, text := range texts {
		parts := strings.Split(text, ",")
		f := azuresim.Fault{Kind: azuresim.FaultKind(parts[0]), Params: map[string]string{}}
		for _, part := range parts[1:] {
			name, value, ok := strings.Cut(part, "=")
			var err error
			switch {
			case !ok:
				return nil, usagef("hopguard sim --help shows the form", "--fault: %q: %q: want member=value", text, part)
			case name == "method":
				f.Method = value
			case name == "path":
				f.Path = value
			case name == "type":
				f.Type = value
			case name == "probability":
				f.Probability, err = strconv.ParseFloat(value, 64)
			case name == "count":
				f.Count, err = strconv.Atoi(value)
			case name == "after":
				f.After, err = strconv.Atoi(value)
			case name == "duration":
				f.Duration, err = time.ParseDuration(value)
			default:
				f.Params[name] = value
			}
			if err != nil {
				return nil, usagef("hopguard sim --help shows the form", "--fault: %q: %s: %w", text, name, err)
			}
		}
		faults = append(faults, f)
	}
	return faults, nil
}

// howTo says how a served world is used. Its last line is for programs.
func (g *global) howTo(s sim.Served) error {
	w := g.env.Stdout
	fmt.Fprintf(w, "a simulated Azure, until Ctrl-C. In another terminal:\n\n  . %s\n", s.Env)
	if s.Config != "" {
		fmt.Fprintf(w, "  %[1]s status --why\n  %[1]s sim ctl power-off %[2]s\n  %[1]s tick\n", g.env.Program, s.Active)
	} else {
		fmt.Fprintln(w, "  # then write a configuration: this world has no pair of appliances with a tagged table")
	}
	_, err := fmt.Fprintf(w, "\nready %s\n", s.URL)
	return err
}
