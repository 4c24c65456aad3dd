package cli

import (
	"context"

	"github.com/spf13/cobra"
)

func newRunCmd(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Watch every group, and move routes when it must be",
		Long: `Run ticks every group at the smallest interval of its checks until it gets SIGINT
or SIGTERM. What it does is in the log, on standard error. If api.listen is set, it
serves /livez, /readyz and /v1/status there.`,
		Example: `  hopguard run --config /etc/hopguard/hopguard.yaml
  hopguard run --log-level debug --log-format text`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, c, err := g.open(nil)
			if err != nil {
				return err
			}
			ctx, log := cmd.Context(), g.logger(c.Log)
			log.InfoContext(ctx, "start", "version", readVersion().Version, "groups", a.Groups())
			err = a.Run(ctx)
			log.InfoContext(ctx, "end", "cause", context.Cause(ctx))
			return err
		},
	}
}
