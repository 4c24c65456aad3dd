package cli

import "github.com/spf13/cobra"

func newConfigShowCmd(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Print the whole configuration, defaults included, secrets hidden",
		Example: `  hopguard config show
  hopguard config show --config hopguard.yaml | less`,
		Args: usage(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			c, err := g.load()
			if err != nil {
				return err
			}
			text, err := c.Show()
			if err != nil {
				return err
			}
			_, err = g.env.Stdout.Write(text)
			return err
		},
	}
}
