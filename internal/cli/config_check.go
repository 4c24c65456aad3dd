package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func newConfigCheckCmd(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Say everything that is wrong with the configuration",
		Long: `Check reads the configuration as run does, variables included, and says all that is
wrong with it at once. It asks nothing of Azure: whether machines, tables and
rights exist is what status shows.`,
		Example: `  hopguard config check
  hopguard config check --config hopguard.yaml`,
		Args: usage(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			c, err := g.load()
			if err != nil {
				return err
			}
			var groups []string
			for _, group := range c.Groups {
				groups = append(groups, fmt.Sprintf("%s (%s, %s)", group.Name, group.Members[0].Name, group.Members[1].Name))
			}
			fmt.Fprintf(g.env.Stdout, "the configuration is good: %s\n", strings.Join(groups, ", "))
			return nil
		},
	}
}
