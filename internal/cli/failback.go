package cli

import (
	"github.com/spf13/cobra"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

func newFailbackCmd(g *global) *cobra.Command {
	o := order{global: g}
	cmd := &cobra.Command{
		Use:   "failback",
		Short: "Return traffic to the preferred member",
		Example: `  hopguard failback
  hopguard failback --group emea --yes`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.give(cmd.Context(), func(group appliance.Group, _ func() (appliance.MemberName, error)) (decide.Order, error) {
				return decide.Order{Kind: decide.OrderSwitch, To: group.Preferred}, nil
			})
		},
	}
	o.flags(cmd)
	return cmd
}
