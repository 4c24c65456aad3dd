package cli

import "github.com/spf13/cobra"

func newConfigCmd(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check, show or import the configuration",
		Example: `  hopguard config check
  hopguard config show
  hopguard config import > hopguard.yaml`,
		Args: commandOf,
		RunE: wantCommand,
	}
	cmd.AddCommand(newConfigCheckCmd(g), newConfigShowCmd(g), newConfigSchemaCmd(g), newConfigImportCmd(g))
	return cmd
}
