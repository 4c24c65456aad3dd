package cli

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/spf13/cobra"

	"hopguard/internal/app"
	"hopguard/internal/appliance"
	"hopguard/internal/spoke"
)

func newSpokesCmd(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "spokes",
		Short: "Peer workload networks with those of the members",
		Long: `Spokes shows and makes what hopguard run does by itself for every group with a section
"spokes": each selected workload network is peered with the network of every member,
both ways. Nothing is deleted that hopguard has not made, and what it has made only with
apply --remove.`,
		Example: `  hopguard spokes status
  hopguard spokes plan
  hopguard spokes apply`,
		Args: commandOf,
		RunE: wantCommand,
	}
	cmd.AddCommand(newSpokesPlanCmd(g), newSpokesApplyCmd(g), newSpokesStatusCmd(g))
	return cmd
}

// spokesView is how scans are shown.
type spokesView struct {
	text func(*spoke.Report) string
	wire func(*spoke.Report) spoke.JSON
	// state is what the exit code is made of.
	state func(*spoke.Report) spoke.State
}

// show writes scans, and turns them into the end of the command: nil if all agreed.
func (v spokesView) show(w io.Writer, o output, scans []*spoke.Report) error {
	for i, r := range scans {
		if o.form == "json" {
			if err := writeJSON(w, v.wire(r)); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprint(w, v.text(r))
	}
	return v.verdict(scans)
}

func (v spokesView) verdict(scans []*spoke.Report) error {
	var failed []string
	degraded := false
	for _, r := range scans {
		switch s := v.state(r); s {
		case spoke.Agreed:
		case spoke.Degraded:
			degraded = true
		case spoke.Failed:
			failed = append(failed, fmt.Sprintf("spokes of group %s: %s", r.Group, oneLine(r.Failures())))
		default:
			panic("cli: spokes " + string(s))
		}
	}
	return ended(failed, degraded)
}

func spokesStatus() spokesView {
	return spokesView{text: spoke.Text, wire: spoke.Summary, state: (*spoke.Report).State}
}

func spokesPlan() spokesView {
	return spokesView{text: spoke.PlanText, wire: spoke.Wire, state: (*spoke.Report).Planned}
}

// withSpokes returns the groups that a command is for: the named one, or all that have
// spokes.
func withSpokes(a *app.App, name string) ([]appliance.GroupName, error) {
	chosen, err := choose(a, name)
	if err != nil {
		return nil, err
	}
	var have []appliance.GroupName
	for _, g := range chosen {
		if a.HasSpokes(g) {
			have = append(have, g)
		}
	}
	if len(have) > 0 {
		return have, nil
	}
	const hint = "docs/configuration.md lists the settings below groups[].spokes"
	if name != "" {
		return nil, usagef(hint, "group %s has no spokes in the configuration", name)
	}
	return nil, usagef(hint, "no group has spokes in the configuration")
}

// scanAll scans groups side by side; the reports are in their order.
func scanAll(ctx context.Context, a *app.App, groups []appliance.GroupName, req app.SpokesRequest) []*spoke.Report {
	scans := make([]*spoke.Report, len(groups))
	var all sync.WaitGroup
	for i, name := range groups {
		all.Go(func() { scans[i] = a.ScanSpokes(ctx, name, req) })
	}
	all.Wait()
	return scans
}
