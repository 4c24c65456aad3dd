package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hopguard/internal/lab"
)

func newLabCmd(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "Count the packets that a failure costs (root, Linux)",
		Long: `Lab is the reference architecture as Linux network namespaces: two regions with an
appliance each, three workload networks, a branch that prefers one appliance and
fails over by itself, and hopguard in a management network with its real checks.
Real packets cross it by the routes that a simulated Azure says are effective.

It touches nothing outside of its own namespaces, which begin with "hopguard-", and
removes them at its end; what a killed lab has left goes when the next one begins.`,
		Example: `  sudo hopguard lab up                       # play: power-off, status, mend, quit
  sudo hopguard lab run --out lab.json       # minutes of failures, measured
  hopguard lab report lab.json`,
		Args: commandOf,
		RunE: wantCommand,
	}
	cmd.AddCommand(newLabUpCmd(g), newLabRunCmd(g), newLabReportCmd(g), newLabCleanCmd(g))
	return cmd
}

// scene are the flags that say what a lab is like.
type scene struct {
	o    lab.Options
	keep string
}

func (s *scene) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.o.Name, "name", "lab", "`name` of the lab, for several on one machine: letters and digits")
	f.DurationVar(&s.o.Regions, "region-latency", 10*time.Millisecond, "one-way latency between the regions")
	f.DurationVar(&s.o.WAN, "wan-latency", 5*time.Millisecond, "one-way latency between the branch and an appliance")
	f.DurationVar(&s.o.Branch, "branch-delay", 3*time.Second, "how long the branch takes to notice a dead tunnel")
	f.StringVar(&s.o.Profile, "profile", "fast", "how fast the cloud is: default, fast, legacy")
	f.StringVar(&s.o.Tunnel, "tunnel", "", "how the branch reaches the appliances: gre, vxlan (default: the best that the kernel can)")
	f.StringVar(&s.keep, "dir", "", "`folder` for the controllers' files, which are kept in a new one below it (default: one that is removed)")
	complete(cmd, "profile", "default", "fast", "legacy")
	complete(cmd, "tunnel", "gre", "vxlan")
}

// options are the lab's; done removes what is not to be kept.
func (s *scene) options(g *global) (o lab.Options, done func() error, err error) {
	o, done = s.o, func() error { return nil }
	if o.Program, err = os.Executable(); err != nil {
		return o, nil, fmt.Errorf("find this program: %w", err)
	}
	o.Log = slog.New(slog.NewTextHandler(g.env.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if s.keep == "" {
		o.Dir, done, err = folder()
		return o, done, err
	}
	// What an earlier lab has left there, records too, is not this one's.
	o.Dir = filepath.Join(s.keep, time.Now().UTC().Format("20060102-150405"))
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return o, nil, fmt.Errorf("--dir: %w", err)
	}
	return o, done, nil
}

func newLabCleanCmd(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "clean",
		Short: "Remove what killed labs have left",
		Long: `Clean removes the namespaces, processes and files of labs whose program is gone. It
does not touch those of a lab that runs. Every lab does the same when it begins.`,
		Args: usage(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			removed, err := lab.Clean()
			for _, name := range removed {
				fmt.Fprintln(g.env.Stdout, "removed", name)
			}
			return err
		},
	}
}

func newLabUpCmd(g *global) *cobra.Command {
	var s scene
	var plan lab.Plan
	stage := lab.Stage{}
	var script string
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Open a lab and let things fail by hand or by a script",
		Long: `Up opens a lab with a controller and traffic, and obeys. Orders come from the
terminal, or from a script, one in a line; # begins a comment:

  ` + strings.ReplaceAll(lab.Words(), "\n", "\n  "),
		Example: `  sudo hopguard lab up
  sudo hopguard lab up --setting fast --pcap /tmp
  printf 'power-off\nwait 8s\nstatus\n' | sudo hopguard lab up --script -`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			o, done, err := s.options(g)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, done()) }()
			stage.Options, stage.Plan, stage.Out, stage.Orders = o, plan, g.env.Stdout, g.env.Stdin
			if script != "" && script != "-" {
				file, err := os.Open(script)
				if err != nil {
					return fmt.Errorf("--script: %w", err)
				}
				defer file.Close() //nolint:errcheck // it was only read
				stage.Orders = file
			}
			return stage.Run(cmd.Context())
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&stage.Setting, "setting", "defaults", "the controller: defaults, fast, seed, functions, or one of --controller")
	cmd.Flags().StringVar(&script, "script", "", "`file` with orders; - is standard input, as without it")
	cmd.Flags().StringVar(&stage.Capture, "pcap", "", "`folder` for the packets at the appliances and at a workload")
	controllerFlags(cmd, &plan)
	return cmd
}

// controllerFlags name other programs.
func controllerFlags(cmd *cobra.Command, p *lab.Plan) {
	cmd.Flags().StringArrayVar(&p.Controllers, "controller", nil, "another program that moves routes, as `NAME=COMMAND`; may be repeated")
	cmd.Flags().DurationVar(&p.Steady, "controller-start", 0, "how long such a program needs to begin (default: until it has asked Azure)")
}
