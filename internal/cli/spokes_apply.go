package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"hopguard/internal/app"
	"hopguard/internal/spoke"
)

// spokesApply makes what is planned, after a person has seen it.
type spokesApply struct {
	*global
	out    output
	group  string
	yes    bool
	remove bool
}

func newSpokesApplyCmd(g *global) *cobra.Command {
	s := spokesApply{global: g}
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Make and repair peerings now",
		Long: `Apply shows the plan, asks, and makes it. hopguard run does the same by itself at every
scan, but for --remove: that also deletes peerings that hopguard has made and that
nothing selects any more. Peerings of others are never deleted.

Azure takes 10 to 20 s for each half and one after the other at a member's network, so
hundreds of networks take an hour. It can be interrupted; the next run goes on.`,
		Example: `  hopguard spokes apply
  hopguard spokes apply --yes --json
  hopguard spokes apply --remove`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return s.apply(cmd.Context()) },
	}
	s.out.flags(cmd)
	g.groupFlag(cmd, &s.group, "only this group")
	cmd.Flags().BoolVar(&s.remove, "remove", false, "also delete what hopguard has made and nothing selects any more")
	cmd.Flags().BoolVarP(&s.yes, "yes", "y", false, "do not ask; needed where standard input is no terminal")
	return cmd
}

func (s *spokesApply) apply(ctx context.Context) error {
	if err := s.out.check(); err != nil {
		return err
	}
	a, _, err := s.open(nil)
	if err != nil {
		return err
	}
	chosen, err := withSpokes(a, s.group)
	if err != nil {
		return err
	}
	plans := scanAll(ctx, a, chosen, app.SpokesRequest{DryRun: true, Remove: s.remove})
	// What is wrong with the plan is in it, and in the report of what is done.
	_ = spokesPlan().show(s.env.Stderr, output{form: "text"}, plans)
	done := spokesView{text: spoke.Text, wire: spoke.Wire, state: (*spoke.Report).State}
	steps := 0
	for _, r := range plans {
		steps += r.Counts().Planned
	}
	if steps == 0 {
		return done.show(s.env.Stdout, s.out, plans)
	}
	ctx, stop, err := s.ask(ctx, s.yes, fmt.Sprintf("Make these %d writes?", steps))
	if err != nil {
		return err
	}
	defer stop()
	return done.show(s.env.Stdout, s.out, scanAll(ctx, a, chosen, app.SpokesRequest{Remove: s.remove}))
}
