package cli

import (
	"time"

	"github.com/spf13/cobra"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

func newFreezeCmd(g *global) *cobra.Command {
	o := order{global: g}
	var length time.Duration
	cmd := &cobra.Command{
		Use:   "freeze --for DURATION",
		Short: "Write nothing for a time, whatever happens",
		Long: `Freeze stops all writes of a group. It ends by itself, so that nobody has to
remember it; thaw ends it at once. Checks and reports go on.`,
		Example: `  hopguard freeze --for 1h --note "change 4711"
  hopguard freeze --group emea --for 30m --yes`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if length <= 0 {
				return usagef("", "--for: %s: want a duration above zero, like 1h", length)
			}
			return o.give(cmd.Context(), func(appliance.Group, func() (appliance.MemberName, error)) (decide.Order, error) {
				return decide.Order{Kind: decide.OrderFreeze, For: length}, nil
			})
		},
	}
	o.flags(cmd)
	cmd.Flags().DurationVar(&length, "for", 0, "how long, like 1h (required)")
	return cmd
}
