package cli

import (
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hopguard/internal/azuresim"
)

// machineOrder is the body of most calls to the simulated Azure.
type machineOrder struct {
	VM      string            `json:"vm"`
	Mode    azuresim.PortMode `json:"mode,omitempty"`
	Address netip.Addr        `json:"address,omitzero"`
	On      bool              `json:"on,omitempty"`
	Time    string            `json:"time,omitempty"`
	Link    azuresim.Link     `json:"link,omitzero"`
}

// newTroubleCmds are the commands that break and mend machines and the observer.
func newTroubleCmds(c *simClient) []*cobra.Command {
	var commands []*cobra.Command
	for _, do := range []struct{ use, path, short string }{
		{"power-off", "poweroff", "Stop a machine at once, as a failure does"},
		{"deallocate", "deallocate", "Stop a machine at once and give its host back"},
		{"start", "poweron", "Start a machine"},
		{"hang", "hang", "Hang the guest's programs: its kernel answers pings, the power state stays running"},
		{"unhang", "unhang", "Let the guest go on"},
		{"panic", "panic", "Stop the guest's kernel and VM agent: the power state stays running"},
	} {
		commands = append(commands, call{
			use: do.use + " MACHINE", short: do.short, example: "  hopguard sim ctl " + do.use + " vmx-a",
			order: func(args []string) (string, any, error) { return do.path, machineOrder{VM: args[0]}, nil },
		}.command(c))
	}
	for _, do := range []struct{ use, path, on, off, short string }{
		{"forwarding", "forwarding", "on", "off", "Stop or resume forwarding, while ports and pings are answered"},
		{"tunnel", "tunnel", "up", "down", "Break or mend the tunnels: what is behind the machine, outside of Azure, is not reached"},
	} {
		commands = append(commands, call{
			use: do.use + " MACHINE " + strings.ToUpper(do.on+"|"+do.off), short: do.short,
			example: "  hopguard sim ctl " + do.use + " vmx-a " + do.off,
			words:   [][]string{nil, {do.on, do.off}},
			order: func(args []string) (string, any, error) {
				return do.path, machineOrder{VM: args[0], On: args[1] == do.on}, nil
			},
		}.command(c))
	}
	return append(commands,
		call{
			use: "port MACHINE MODE", short: "Let a machine's ports be open, refused, silent or hang",
			example: "  hopguard sim ctl port vmx-a hang",
			words:   [][]string{nil, {string(azuresim.PortOpen), string(azuresim.PortRefused), string(azuresim.PortSilent), string(azuresim.PortHang)}},
			order: func(args []string) (string, any, error) {
				return "port", machineOrder{VM: args[0], Mode: azuresim.PortMode(args[1])}, nil
			},
		}.command(c),
		call{
			use: "redeploy MACHINE ADDRESS", short: "Give a machine another address of its subnet",
			example: "  hopguard sim ctl redeploy vmx-a 10.1.0.7",
			order: func(args []string) (string, any, error) {
				address, err := netip.ParseAddr(args[1])
				if err != nil {
					return "", nil, usagef("", "ADDRESS: %q: want an address, like 10.1.0.7", args[1])
				}
				return "redeploy", machineOrder{VM: args[0], Address: address}, nil
			},
		}.command(c),
		newRebootCmd(c), newLinkCmd(c), newObserverCmd(c))
}

func newRebootCmd(c *simClient) *cobra.Command {
	var takes time.Duration
	cmd := call{
		use: "reboot MACHINE", short: "Restart the guest from inside: the power state stays running",
		example: "  hopguard sim ctl reboot vmx-a --for 3m",
		order: func(args []string) (string, any, error) {
			return "reboot", machineOrder{VM: args[0], Time: takes.String()}, nil
		},
	}.command(c)
	cmd.Flags().DurationVar(&takes, "for", 0, "how long it takes (default: a start's time of the profile)")
	return cmd
}

func newLinkCmd(c *simClient) *cobra.Command {
	var l azuresim.Link
	cmd := call{
		use: "link MACHINE", short: "Lose or delay packets to a machine and through it",
		long: `Link loses and delays packets to a machine and through it. Without flags it mends that.
On the loopback ports that stand for appliances it shows in answers to HTTP only.`,
		example: "  hopguard sim ctl link vmx-a --loss 0.3 --delay 300ms\n  hopguard sim ctl link vmx-a",
		order:   func(args []string) (string, any, error) { return "link", machineOrder{VM: args[0], Link: l}, nil },
	}.command(c)
	cmd.Flags().Float64Var(&l.Loss, "loss", 0, "the part of packets that is lost, 0 to 1")
	cmd.Flags().DurationVar(&l.Delay, "delay", 0, "how much longer an answer takes")
	return cmd
}

func newObserverCmd(c *simClient) *cobra.Command {
	var o azuresim.Observer
	cmd := call{
		use: "observer", short: "Cut off whoever probes, or break its names",
		long: `Observer says what is wrong with whoever probes the appliances. Without flags it mends
that. Calls to Azure are not affected.`,
		example: "  hopguard sim ctl observer --cut-off\n  hopguard sim ctl observer",
		order:   func([]string) (string, any, error) { return "observer", o, nil },
	}.command(c)
	cmd.Flags().BoolVar(&o.CutOff, "cut-off", false, "none of its packets is answered, no name resolved")
	cmd.Flags().BoolVar(&o.DNSBroken, "no-dns", false, "no name is resolved (for probes inside the simulator's process)")
	return cmd
}
