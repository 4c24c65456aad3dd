package cli

import (
	"context"

	"github.com/spf13/cobra"

	"hopguard/internal/app"
)

func newSpokesStatusCmd(g *global) *cobra.Command {
	var o output
	var group string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what is lacking between workload networks and members",
		Long: `Status reads the networks and says how many peerings are as they should be, and what is
lacking and why. It writes nothing. It exits with 3 if something is lacking.`,
		Example: `  hopguard spokes status
  hopguard spokes status --json | jq -r '.lacks[].text'`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return g.scan(cmd.Context(), o, group, spokesStatus(), app.SpokesRequest{DryRun: true})
		},
	}
	o.flags(cmd)
	g.groupFlag(cmd, &group, "only this group")
	return cmd
}

// scan scans the chosen groups at once and shows their reports.
func (g *global) scan(ctx context.Context, o output, group string, v spokesView, req app.SpokesRequest) error {
	if err := o.check(); err != nil {
		return err
	}
	a, _, err := g.open(nil)
	if err != nil {
		return err
	}
	chosen, err := withSpokes(a, group)
	if err != nil {
		return err
	}
	return v.show(g.env.Stdout, o, scanAll(ctx, a, chosen, req))
}
