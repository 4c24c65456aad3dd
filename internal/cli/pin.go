package cli

import (
	"github.com/spf13/cobra"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

func newPinCmd(g *global) *cobra.Command {
	o := order{global: g}
	var force bool
	cmd := &cobra.Command{
		Use:   "pin MEMBER",
		Short: "Make a member active and keep it so until thaw",
		Long: `Pin makes the member active, if it is not, and then nothing moves by itself, not
even when the member fails. Routes that somebody changes are still put right while
it is up. Thaw ends it.`,
		Example: `  hopguard pin vmx-b --note "maintenance of vmx-a"
  hopguard thaw`,
		Args:              usage(cobra.ExactArgs(1)),
		ValidArgsFunction: g.words(memberNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.give(cmd.Context(), func(group appliance.Group, _ func() (appliance.MemberName, error)) (decide.Order, error) {
				target, err := member(group, args[0])
				return decide.Order{Kind: decide.OrderPin, To: target, Force: force}, err
			})
		},
	}
	o.flags(cmd)
	cmd.Flags().BoolVar(&force, "force", false, "also if it is not up")
	return cmd
}
