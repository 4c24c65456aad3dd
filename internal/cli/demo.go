package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"hopguard/internal/sim"
)

func newDemoCmd(g *global) *cobra.Command {
	d := sim.Demo{Measure: sim.Measure}
	var failure string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch a vMX die and its routes move: no Azure, no root, no network",
		Long: `Demo plays a failure in a simulated Azure, with the real hopguard, in real time, and
ends by itself within half a minute. Its exit code is 0 only if every managed route
has moved, nothing else has changed and traffic flows again; that is read from the
simulated Azure, not from hopguard.

The failures: power-off; guest-hang, which the power state never shows; nva-and-api,
in which Azure Resource Manager is out of order at the same time.`,
		Example: `  hopguard demo
  hopguard demo --failure guest-hang
  hopguard demo --hold        # and then play with it
  hopguard demo --json | jq .outage`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := oneOf("--failure", failure, failures()); err != nil {
				return err
			}
			d.Failure = sim.Failure(failure)
			d.Out = g.env.Stdout
			if asJSON {
				d.Out = g.env.Stderr
			}
			d.Program = g.env.Program
			d.Color, d.Width = g.color(d.Out), width(d.Out)
			if d.Hold {
				var done func() error
				if d.Dir, done, err = folder(); err != nil {
					return err
				}
				defer func() { err = errors.Join(err, done()) }()
			}
			result, err := d.Run(cmd.Context())
			return g.demoEnd(asJSON, result, err)
		},
	}
	cmd.Flags().StringVar(&failure, "failure", string(sim.PowerOff), "what happens: "+strings.Join(failures(), ", "))
	cmd.Flags().BoolVar(&d.Hold, "hold", false, "keep the world served, and hopguard watching, until Ctrl-C")
	cmd.Flags().Uint64Var(&d.Seed, "seed", 1, "seed of all randomness")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON, and the story to standard error")
	complete(cmd, "failure", failures()...)
	return cmd
}

func failures() []string {
	var words []string
	for _, f := range sim.Failures() {
		words = append(words, string(f))
	}
	return words
}

// folder makes a folder for the files of a world; done removes it.
func folder() (dir string, done func() error, err error) {
	dir, err = os.MkdirTemp("", "hopguard-demo-")
	if err != nil {
		return "", nil, fmt.Errorf("make a folder: %w", err)
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}

// demoEnd shows the result and makes the exit code of it.
func (g *global) demoEnd(asJSON bool, result sim.Result, err error) error {
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if asJSON {
		if err := writeJSON(g.env.Stdout, result); err != nil {
			return err
		}
	}
	if !result.OK {
		return errors.New("demo: not every route moved, or something else changed, or traffic does not flow")
	}
	return nil
}

// newMeasureCmd is for sim.Measure, which starts this program with it.
func newMeasureCmd(w io.Writer) *cobra.Command {
	var seed uint64
	return &cobra.Command{
		Use:    sim.MeasureCommand + " FAILURE SEED",
		Short:  "Measure a failure in virtual time",
		Hidden: true,
		Args:   usage(cobra.ExactArgs(2)),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := oneOf("FAILURE", args[0], failures()); err != nil {
				return err
			}
			if _, err := fmt.Sscan(args[1], &seed); err != nil {
				return usagef("", "SEED: %q: want a number", args[1])
			}
			sim.MeasureMain(w, sim.Failure(args[0]), seed)
			return nil
		},
	}
}
