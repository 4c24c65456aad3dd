package cli

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"hopguard/internal/azuresim"
)

func newSimStateCmd(g *global, c *simClient) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Show the machines as only the simulator knows them",
		Example: `  hopguard sim ctl state
  hopguard sim ctl state --json`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			var machines []azuresim.Machine
			if err := c.read(cmd.Context(), "machines", &machines); err != nil {
				return err
			}
			if o.form == "json" {
				return writeJSON(g.env.Stdout, machines)
			}
			return showMachines(g.env.Stdout, machines)
		},
	}
	o.flags(cmd)
	return cmd
}

func showMachines(out io.Writer, machines []azuresim.Machine) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MACHINE\tREGION\tPOWER\tFORWARDS\tADDRESSES")
	for _, m := range machines {
		var addresses []string
		for _, a := range m.Addresses {
			addresses = append(addresses, a.String())
		}
		forwards := "yes"
		if !m.Works {
			forwards = "no: " + m.Reason
		}
		if !m.Appliance {
			forwards = "-"
		}
		if l := m.Link; l.Loss > 0 {
			forwards += fmt.Sprintf(", %.3g%% lost", 100*l.Loss)
		}
		if l := m.Link; l.Delay > 0 {
			forwards += ", " + l.Delay.String() + " late"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", m.Name, m.Location, m.Power, forwards, strings.Join(addresses, " "))
	}
	return w.Flush()
}

func newSimPingCmd(g *global, c *simClient) *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use:   "ping ADDRESS",
		Short: "Send one ping over the simulated networks",
		Example: `  hopguard sim ctl ping 10.1.0.4
  hopguard sim ctl ping 172.31.1.10                       # through vmx-a
  hopguard sim ctl ping 172.16.0.10 --from 10.10.0.4      # by the routes of a workload`,
		Args:              usage(cobra.ExactArgs(1)),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			query := url.Values{"target": args}
			if from != "" {
				query.Set("source", from)
			}
			var reply struct{ Took string }
			if err := c.read(cmd.Context(), "ping?"+query.Encode(), &reply); err != nil {
				return err
			}
			_, err := fmt.Fprintf(g.env.Stdout, "reply from %s after %s\n", args[0], reply.Took)
			return err
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "`address` of a machine that sends it (an observer with every way)")
	return cmd
}
