package cli

import (
	"github.com/spf13/cobra"

	"hopguard/internal/config"
)

func newConfigSchemaCmd(g *global) *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON schema of the configuration file, for editors",
		Example: `  hopguard config schema > hopguard.schema.json`,
		Args:    usage(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			_, err := g.env.Stdout.Write(config.Schema())
			return err
		},
	}
}
