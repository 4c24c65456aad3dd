package cli

import (
	"github.com/spf13/cobra"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

func newThawCmd(g *global) *cobra.Command {
	o := order{global: g}
	cmd := &cobra.Command{
		Use:   "thaw",
		Short: "End a freeze or a pin",
		Example: `  hopguard thaw
  hopguard thaw --group emea --yes`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.give(cmd.Context(), func(appliance.Group, func() (appliance.MemberName, error)) (decide.Order, error) {
				return decide.Order{Kind: decide.OrderThaw}, nil
			})
		},
	}
	o.flags(cmd)
	return cmd
}
