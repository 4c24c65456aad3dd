package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/spf13/cobra"

	"hopguard/internal/app"
	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/journal"
	"hopguard/internal/spoke"
)

func newTickCmd(g *global) *cobra.Command {
	var o output
	var group string
	var why bool
	cmd := &cobra.Command{
		Use:   "tick",
		Short: "Make one pass over every group, and repair what differs",
		Long: `Tick asks every check, decides, and makes Azure's routes equal to the decision.
It settles its verdicts itself: a check that fails is repeated until it has failed
as often as "fall" says, or passes. So it may be run by a timer, without a daemon.

With --json it prints one object for each group. The exit code is that of the
worst group: 1 before 3 before 0.`,
		Example: `  hopguard tick
  hopguard tick --group emea --json
  hopguard tick || logger "hopguard: exit code $?"`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return g.pass(cmd.Context(), o, group, controller.Request{}, view{page: journal.PageTick, why: why})
		},
	}
	o.flags(cmd)
	g.groupFlag(cmd, &group, "only this group")
	cmd.Flags().BoolVar(&why, "why", false, "show what every check saw")
	return cmd
}

// pass ticks the chosen groups at once and shows their reports.
func (g *global) pass(ctx context.Context, o output, group string, req controller.Request, v view) error {
	if err := o.check(); err != nil {
		return err
	}
	progress := &live{g: g, dry: req.DryRun}
	a, _, err := g.open(progress.saw)
	if err != nil {
		return err
	}
	chosen, err := choose(a, group)
	if err != nil {
		return err
	}
	progress.groups = len(chosen) > 1
	progress.begin()
	reports := tickAll(ctx, a, chosen, req)
	defer a.Close(ctx)
	var scans []*spoke.Report
	if have, err := withSpokes(a, group); err == nil && v.spokes {
		scans = scanAll(ctx, a, have, app.SpokesRequest{DryRun: true})
		v.scans = map[appliance.GroupName]*spoke.Report{}
		for _, s := range scans {
			v.scans[s.Group] = s
		}
	}
	progress.end()
	if err := g.show(g.env.Stdout, o, v, reports); err != nil {
		return err
	}
	return worse(verdict(reports), spokesStatus().verdict(scans))
}

// worse returns the end of a command that has two verdicts: a failure before a
// degraded state before none, and both of two failures.
func worse(a, b error) error {
	switch codeA, codeB := codeOf(a), codeOf(b); {
	case codeA == codeFailed && codeB == codeFailed:
		return &exitError{code: codeFailed, err: fmt.Errorf("%w; %w", a, b)}
	case codeB == codeFailed || codeA == codeAgreed:
		return b
	default:
		return a
	}
}

// codeOf is the exit code of a verdict.
func codeOf(err error) int {
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	return codeAgreed
}

// tickAll ticks groups side by side; the reports are in their order.
func tickAll(ctx context.Context, a *app.App, groups []appliance.GroupName, req controller.Request) []*controller.Report {
	reports := make([]*controller.Report, len(groups))
	var wg sync.WaitGroup
	for i, name := range groups {
		wg.Go(func() { reports[i] = a.Tick(ctx, name, req) })
	}
	wg.Wait()
	return reports
}
