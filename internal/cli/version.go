package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newVersionCmd(g *global) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Say which hopguard this is",
		Example: `  hopguard version
  hopguard version --json`,
		Args: usage(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if err := o.check(); err != nil {
				return err
			}
			b := readVersion()
			if o.form == "json" {
				return writeJSON(g.env.Stdout, b)
			}
			fmt.Fprintf(g.env.Stdout, "hopguard %s (%s)\n", b.Version, b.Go)
			if b.Commit != "" {
				fmt.Fprintf(g.env.Stdout, "commit %s%s\n", b.Commit, map[bool]string{true: ", modified"}[b.Modified])
			}
			return nil
		},
	}
	o.flags(cmd)
	return cmd
}
