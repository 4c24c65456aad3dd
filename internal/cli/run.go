package cli

import (
	"context"

	"github.com/spf13/cobra"
)

func newRunCmd(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Watch every group, and move routes when it must be",
		Long: `Run makes each check at its own interval until it gets SIGINT or SIGTERM. When a
verdict changes, when an event comes, and every "reconcile" it ticks: it decides, and
makes the routes equal to the record. What it does is in the log, on standard error.
If api.listen is set, it serves /livez, /readyz, /v1/status and /metrics there, and takes
events below /v1/events from the senders that the configuration believes.

Several processes may share one store (store.kind: blob): each group is then looked
after by one of them, and by another one soon after that one has died.`,
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
