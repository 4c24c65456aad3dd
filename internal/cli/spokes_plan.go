package cli

import (
	"github.com/spf13/cobra"

	"hopguard/internal/app"
)

func newSpokesPlanCmd(g *global) *cobra.Command {
	var o output
	var group string
	var remove bool
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show which peerings would be made or repaired",
		Long: `Plan reads the networks and shows, half by half, what apply would write: + makes, ~ writes
and - deletes a half; a line with ! says what hopguard must not do, and why. Networks that
need nothing are only counted.

It exits with 0 also if there is something to do, and with 3 if something needs a person.`,
		Example: `  hopguard spokes plan
  hopguard spokes plan --remove
  hopguard spokes plan --json | jq .plan`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return g.scan(cmd.Context(), o, group, spokesPlan(), app.SpokesRequest{DryRun: true, Remove: remove})
		},
	}
	o.flags(cmd)
	g.groupFlag(cmd, &group, "only this group")
	cmd.Flags().BoolVar(&remove, "remove", false, "also what apply --remove would delete")
	return cmd
}
