package cli

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"hopguard/internal/merakisim"
)

// newSimMerakiCmd has the commands for the simulated Meraki Dashboard.
func newSimMerakiCmd(g *global, ca *string) *cobra.Command {
	c := simClient{what: "simulated Meraki Dashboard", variable: "SIM_MERAKI_URL", ca: ca}
	cmd := &cobra.Command{
		Use:   "meraki",
		Short: "Break and mend what the simulated Meraki Dashboard sees",
		Long: `Meraki talks to a running hopguard sim --meraki. It finds it by the variables
SIM_MERAKI_URL and REQUESTS_CA_BUNDLE, which its file env sets.

What happens to a machine happens to its device too: one that does not run, boots,
hangs or has panicked goes offline, one that works again comes online. The commands
here change the device alone. The cloud notices late.`,
		Example: `  . /tmp/sim/env
  hopguard sim ctl meraki set vmx-a offline      # forwards all the same
  hopguard sim ctl meraki fault 429,duration=1m
  hopguard sim ctl meraki state`,
		Args: commandOf,
		RunE: wantCommand,
	}
	cmd.PersistentFlags().StringVar(&c.url, "url", g.env.Getenv("SIM_MERAKI_URL"), "`URL` of the simulated Dashboard (default: SIM_MERAKI_URL)")
	cmd.PersistentFlags().Lookup("url").DefValue = ""
	cmd.AddCommand(newMerakiOrderCmds(&c)...)
	cmd.AddCommand(newMerakiStateCmd(g, &c), newMerakiCallsCmd(g, &c))
	cmd.AddCommand(newFaultCmds(&c, "hopguard sim ctl meraki", "502,path=vpn/statuses")...)
	return cmd
}

// deviceOrder is the body of most calls to the simulated Dashboard.
type deviceOrder struct {
	Device  string          `json:"device,omitempty"`
	State   merakisim.State `json:"state,omitempty"`
	Network string          `json:"network,omitempty"`
	Peer    string          `json:"peer,omitempty"`
	Target  string          `json:"target,omitempty"`
	On      bool            `json:"on,omitempty"`
	Subnets []string        `json:"subnets,omitempty"`
}

func newMerakiOrderCmds(c *simClient) []*cobra.Command {
	var peer string
	tunnel := call{
		use: "tunnel NETWORK UP|DOWN", short: "Break or mend the tunnels of a network",
		example: "  hopguard sim ctl meraki tunnel vmx-a down\n  hopguard sim ctl meraki tunnel vmx-a down --peer oslo",
		words:   [][]string{nil, {"up", "down"}},
		order: func(args []string) (string, any, error) {
			return "tunnel", deviceOrder{Network: args[0], Peer: peer, On: args[1] == "up"}, nil
		},
	}.command(c)
	tunnel.Flags().StringVar(&peer, "peer", "", "`network` at the other end (all of them)")
	return []*cobra.Command{
		call{
			use: "set DEVICE STATE", short: "Let a device be online, alerting, offline or dormant",
			example: "  hopguard sim ctl meraki set vmx-a offline",
			words: [][]string{nil, {
				string(merakisim.Online), string(merakisim.Alerting), string(merakisim.Offline), string(merakisim.Dormant),
			}},
			order: func(args []string) (string, any, error) {
				return "device", deviceOrder{Device: args[0], State: merakisim.State(args[1])}, nil
			},
		}.command(c),
		tunnel,
		call{
			use: "branch NETWORK SUBNETS|GONE", short: "Say what a branch offers to the VPN; a new name is a new branch",
			example: "  hopguard sim ctl meraki branch turin 10.104.0.0/24,10.104.1.0/24\n  hopguard sim ctl meraki branch turin gone",
			order: func(args []string) (string, any, error) {
				o := deviceOrder{Network: args[0], On: args[1] != "gone"}
				if o.On {
					o.Subnets = strings.Split(args[1], ",")
				}
				return "branch", o, nil
			},
		}.command(c),
		call{
			use: "target DEVICE TARGET ANSWERS|SILENT", short: "Say whether a target answers live pings from a device",
			example: "  hopguard sim ctl meraki target vmx-a 10.101.0.9 silent",
			words:   [][]string{nil, nil, {"answers", "silent"}},
			order: func(args []string) (string, any, error) {
				return "target", deviceOrder{Device: args[0], Target: args[1], On: args[2] == "answers"}, nil
			},
		}.command(c),
	}
}

func newMerakiStateCmd(g *global, c *simClient) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Show the devices, and what the cloud makes of them",
		Example: `  hopguard sim ctl meraki state
  hopguard sim ctl meraki state --json`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			var devices []merakisim.DeviceView
			if err := c.read(cmd.Context(), "devices", &devices); err != nil {
				return err
			}
			if o.form == "json" {
				return writeJSON(g.env.Stdout, devices)
			}
			return showDevices(g.env.Stdout, devices)
		},
	}
	o.flags(cmd)
	return cmd
}

func showDevices(out io.Writer, devices []merakisim.DeviceView) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DEVICE\tSERIAL\tREALLY\tVPN STATUS\tAVAILABILITY\tBROKEN TUNNELS")
	for _, d := range devices {
		broken := strings.Join(d.Broken, " ")
		if broken == "" {
			broken = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", d.Name, d.Serial, d.State, d.Status, d.Availability, broken)
	}
	return w.Flush()
}

func newMerakiCallsCmd(g *global, c *simClient) *cobra.Command {
	var o output
	var forget bool
	cmd := &cobra.Command{
		Use:   "calls",
		Short: "Show what the Dashboard was asked",
		Example: `  hopguard sim ctl meraki calls
  hopguard sim ctl meraki calls --forget`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			var calls []merakisim.Call
			if err := c.read(cmd.Context(), "calls", &calls); err != nil {
				return err
			}
			if forget {
				if _, err := c.do(cmd.Context(), http.MethodDelete, "calls", nil); err != nil {
					return err
				}
			}
			if o.form == "json" {
				return writeJSON(g.env.Stdout, calls)
			}
			return showCalls(g.env.Stdout, calls)
		},
	}
	o.flags(cmd)
	cmd.Flags().BoolVar(&forget, "forget", false, "forget them afterwards")
	return cmd
}

func showCalls(out io.Writer, calls []merakisim.Call) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TIME\tMETHOD\tSTATUS\tPATH")
	for _, c := range calls {
		status := fmt.Sprint(c.Status)
		if c.Fault != "" {
			status += " (fault " + string(c.Fault) + ")"
		}
		path := c.Path
		if len(c.Query) > 0 {
			path += "?" + c.Query.Encode()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", c.At.Format("15:04:05.000"), c.Method, status, path)
	}
	return w.Flush()
}
