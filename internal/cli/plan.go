package cli

import (
	"time"

	"github.com/spf13/cobra"

	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/journal"
)

// usualWrite is how long Azure takes from the PUT of a route table until it says
// Succeeded, as recorded in 2026.
const usualWrite = 2 * time.Second

func newPlanCmd(g *global) *cobra.Command {
	var o output
	var group, active string
	var write time.Duration
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what a tick would change, and how long that takes",
		Long: `Plan shows the exact changes, table by table, and how long Azure's limits make
them take. It stores and writes nothing.

With --active it shows what would change if that member were made active, also if
it is not up. The prediction is for one controller: ARM takes a burst of 200 writes
per subscription, then 10 a second.`,
		Example: `  hopguard plan
  hopguard plan --active vmx-b
  hopguard plan --active vmx-b --write-time 6s --json`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			if write <= 0 {
				return usagef("", "--write-time: %s: want a duration above zero, like 2s", write)
			}
			a, _, err := g.open(nil)
			if err != nil {
				return err
			}
			chosen, err := choose(a, group)
			if err != nil {
				return err
			}
			req := controller.Request{DryRun: true}
			if active != "" {
				if len(chosen) > 1 {
					return usagef("", "there are several groups: want --group %s with --active", names(chosen))
				}
				c, _ := a.Controller(chosen[0]) // it was just listed
				target, err := member(c.Group, active)
				if err != nil {
					return err
				}
				req.Order = &decide.Order{Kind: decide.OrderSwitch, To: target, Force: true, By: operator()}
			}
			reports := tickAll(cmd.Context(), a, chosen, req)
			predict := func(r *controller.Report) time.Duration { return a.Predict(r, write) }
			if err := g.show(g.env.Stdout, o, view{page: journal.PagePlan, predict: predict}, reports); err != nil {
				return err
			}
			return verdict(reports)
		},
	}
	o.flags(cmd)
	g.groupFlag(cmd, &group, "only this group; needed with --active if there are several")
	g.memberFlag(cmd, "active", &active, "as if this `member` were made active")
	cmd.Flags().DurationVar(&write, "write-time", usualWrite, "how long Azure takes for one table")
	return cmd
}
