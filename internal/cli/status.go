package cli

import (
	"github.com/spf13/cobra"

	"hopguard/internal/controller"
	"hopguard/internal/journal"
)

func newStatusCmd(g *global) *cobra.Command {
	var o output
	var group string
	var why bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show who is active, how the members are, and where routes point",
		Long: `Status asks every check now and reads the record and the route tables, and the
workload networks of groups with spokes. It stores and writes nothing.`,
		Example: `  hopguard status
  hopguard status --why
  hopguard status --json | jq -r .active`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return g.pass(cmd.Context(), o, group, controller.Request{DryRun: true}, view{page: journal.PageStatus, why: why, spokes: true})
		},
	}
	o.flags(cmd)
	g.groupFlag(cmd, &group, "only this group")
	cmd.Flags().BoolVar(&why, "why", false, "show what every check saw")
	return cmd
}
