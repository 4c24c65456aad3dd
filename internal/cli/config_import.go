package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"hopguard/internal/config"
)

func newConfigImportCmd(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "import",
		Short: "Print the file that says what the old function's variables say",
		Long: `Import reads the variables of the old function app (SUBSCRIPTIONID, FW1NAME, FW2NAME,
FWRGNAME, FWUDRTAG and so on, or VMX_PRIMARY_NAME and so on) and prints the same as
a configuration file. What a person should know about it goes to standard error. A
secret is not printed: its variable is named.`,
		Example: `  hopguard config import > hopguard.yaml
  az functionapp config appsettings list -g rg -n app --query "[].join('=',[name,value])" -o tsv > vars
  env $(cat vars) hopguard config import > hopguard.yaml`,
		Args: usage(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			c, notes, err := config.Import(g.env.Getenv)
			if err != nil {
				return &exitError{code: codeUsage, err: err}
			}
			text, err := c.YAML()
			if err != nil {
				return err
			}
			for _, n := range notes {
				fmt.Fprintf(g.env.Stderr, "note: %s\n", n)
			}
			_, err = g.env.Stdout.Write(text)
			return err
		},
	}
}
