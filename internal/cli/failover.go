package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

func newFailoverCmd(g *global) *cobra.Command {
	o := order{global: g}
	var to string
	var force bool
	cmd := &cobra.Command{
		Use:   "failover",
		Short: "Move traffic to the other member",
		Long: `Failover makes another member active, as an order of yours: it is recorded, planned
and written like a decision of hopguard's own. A member that is not up is refused,
unless you force it; then traffic stays there until it was up.`,
		Example: `  hopguard failover
  hopguard failover --to vmx-b --yes --note "maintenance of vmx-a"
  hopguard failover --group emea --to vmx-b --force`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if force && to == "" {
				return usagef("", "--force needs --to: say by name who gets the traffic")
			}
			return o.give(cmd.Context(), func(group appliance.Group, active func() (appliance.MemberName, error)) (decide.Order, error) {
				target, err := target(group, to, active)
				return decide.Order{Kind: decide.OrderSwitch, To: target, Force: force}, err
			})
		},
	}
	o.flags(cmd)
	o.memberFlag(cmd, "to", &to, "`member` to move to (default: the one that is not active)")
	cmd.Flags().BoolVar(&force, "force", false, "also if it is not up; needs --to")
	return cmd
}

// target finds the named member or, without a name, the one that is not active.
func target(group appliance.Group, name string, active func() (appliance.MemberName, error)) (appliance.MemberName, error) {
	if name != "" {
		return member(group, name)
	}
	now, err := active()
	if err != nil {
		return "", err
	}
	return other(group, now)
}

// member finds a member by its name.
func member(group appliance.Group, name string) (appliance.MemberName, error) {
	if _, ok := group.Member(appliance.MemberName(name)); ok {
		return appliance.MemberName(name), nil
	}
	var names []string
	for _, m := range group.Members {
		names = append(names, string(m.Name))
	}
	return "", usagef("the members are "+strings.Join(names, " and "), "group %s has no member %q", group.Name, name)
}

// other finds the member that is not active.
func other(group appliance.Group, active appliance.MemberName) (appliance.MemberName, error) {
	for _, m := range group.Members {
		if m.Name != active {
			return m.Name, nil
		}
	}
	return "", fmt.Errorf("group %s has no member but %s", group.Name, active)
}
