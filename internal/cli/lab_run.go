package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"hopguard/internal/lab"
	"hopguard/internal/outage"
)

func newLabRunCmd(g *global) *cobra.Command {
	var s scene
	var out, capture string
	var labs int
	var seed uint64
	plan, full, lenient := lab.Short(), false, false
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Let things fail again and again, and measure what it costs",
		Long: `Run makes trials: each has a new simulated Azure, a new controller, traffic of a
packet each millisecond, one failure at a random moment, and its cost in lost packets.
Its exit code is 0 only if every promise holds for what was tried.

A try is SETTING/MODE=RUNS. The settings: defaults; fast, with checks each 100 ms;
seed, with the manner of the old function; functions, on Azure Functions; or the NAME
of a --controller. The modes, or * for all:

` + modesText() + `
Another program is started with the endpoint and credentials in its environment and
with Azure's names leading to the simulated one; see docs/lab.md.`,
		Example: `  sudo hopguard lab run
  sudo hopguard lab run --full --labs 4 --out lab.json
  sudo hopguard lab run --try defaults/power-off=20 --try peer/power-off=20 --controller 'peer=/opt/peer/failover.py'`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if full {
				plan = fullPlan(cmd, plan)
			}
			campaign, err := plan.Campaign()
			if err != nil {
				return usagef("", "%w", err)
			}
			o, done, err := s.options(g)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, done()) }()
			campaign.Options, campaign.Labs, campaign.Seed, campaign.Capture, campaign.Machine = o, labs, seed, capture, machine()
			campaign.Progress = func(done, all int, last string, sofar outage.Report) {
				fmt.Fprintf(g.env.Stderr, "%d/%d  %s\n", done, all, last)
				if out != "" {
					if err := writeReport(out, sofar); err != nil {
						fmt.Fprintf(g.env.Stderr, "the results so far are not written: %v\n", err)
					}
				}
			}
			return g.labRun(cmd.Context(), campaign, out, lenient)
		},
	}
	s.flags(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&plan.Tries, "try", plan.Tries, "`SETTING/MODE=RUNS`; may be repeated")
	f.BoolVar(&full, "full", false, "all settings and failures, 20 times each: hours of trials, less with --labs")
	f.BoolVar(&lenient, "lenient", false, "a time above its limit is shown and is no failure: for machines that do other things, too")
	f.DurationVar(&plan.Patience, "patience", plan.Patience, "how long a setting is watched that cannot see the failure")
	f.DurationVar(&plan.Soak, "soak", plan.Soak, "how long the fast setting is watched under loss; 0s: not at all")
	f.Float64Var(&plan.Loss, "soak-loss", plan.Loss, "the part of the packets that is lost meanwhile")
	f.IntVar(&labs, "labs", lab.SideBySide(), "how many labs side by side")
	f.Uint64Var(&seed, "seed", 1, "seed of the failures' moments")
	f.StringVar(&out, "out", "", "`file` for the results as JSON, written after each trial")
	f.StringVar(&capture, "pcap", "", "`folder` for the packets at the appliances and at a workload, of each trial")
	controllerFlags(cmd, &plan)
	return cmd
}

// fullPlan is the plan of the published figures, with what the person has said otherwise.
func fullPlan(cmd *cobra.Command, said lab.Plan) lab.Plan {
	plan := lab.Full()
	plan.Controllers, plan.Steady = said.Controllers, said.Steady
	changed := cmd.Flags().Changed
	if changed("try") {
		plan.Tries = append(said.Tries, plan.Tries...)
	}
	if changed("patience") {
		plan.Patience = said.Patience
	}
	if changed("soak") {
		plan.Soak = said.Soak
	}
	if changed("soak-loss") {
		plan.Loss = said.Loss
	}
	return plan
}

// labRun runs a campaign, writes its results and judges them.
func (g *global) labRun(ctx context.Context, c lab.Campaign, out string, lenient bool) error {
	report, failed := c.Run(ctx)
	if out != "" {
		if err := writeReport(out, report); err != nil {
			return errors.Join(failed, err)
		}
	}
	if failed != nil {
		return failed
	}
	if len(report.Wanted.Cells) == 0 {
		fmt.Fprintln(g.env.Stdout, "nothing that was tried has a promise to hold")
		return nil
	}
	broken := 0
	for _, f := range outage.Judge(report, report.Wanted) {
		word := "holds "
		switch {
		case !f.Holds && lenient && f.Timed:
			word = "slow  "
		case !f.Holds:
			word = "BROKEN"
			broken++
		}
		fmt.Fprintf(g.env.Stdout, "%s  %s\n        %s\n", word, f.Promise, f.Measured)
	}
	if broken > 0 {
		return fmt.Errorf("%d promises do not hold", broken)
	}
	return nil
}

// writeReport replaces a file at once, so that a reader finds a whole one.
func writeReport(name string, r outage.Report) error {
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	next := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".new")
	if err := os.WriteFile(next, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return os.Rename(next, name)
}

// modesText lists the ways to fail.
func modesText() string {
	var b strings.Builder
	for _, m := range lab.Modes() {
		fmt.Fprintf(&b, "  %-13s %s\n", m.Name, m.Title)
	}
	return b.String()
}

// machine says where this runs.
func machine() string {
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		kernel = []byte(runtime.GOOS)
	}
	version, _, _ := strings.Cut(strings.TrimSpace(string(kernel)), "-")
	return fmt.Sprintf("Linux %s, %d cores", version, runtime.NumCPU())
}
