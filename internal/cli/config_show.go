package cli

import (
	"fmt"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

func newConfigShowCmd(g *global) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Print the whole configuration, defaults included, secrets hidden",
		Example: `  hopguard config show
  hopguard config show --json | jq .groups`,
		Args: usage(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if err := o.check(); err != nil {
				return err
			}
			c, err := g.load()
			if err != nil {
				return err
			}
			text, err := c.Show()
			if err != nil {
				return err
			}
			if o.form == "json" {
				var tree map[string]any // with the keys of the file
				if err := yaml.Unmarshal(text, &tree); err != nil {
					return fmt.Errorf("show the configuration: %w", err)
				}
				return writeJSON(g.env.Stdout, tree)
			}
			_, err = g.env.Stdout.Write(text)
			return err
		},
	}
	o.flags(cmd)
	return cmd
}
