package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"hopguard/internal/azuresim"
)

// simClient talks to the control API of a running hopguard sim.
type simClient struct{ url, ca string }

func newSimCtlCmd(g *global) *cobra.Command {
	var c simClient
	cmd := &cobra.Command{
		Use:   "ctl",
		Short: "Break and mend machines of a running simulated Azure",
		Long: `Ctl talks to a running hopguard sim. It finds it by the variables SIM_URL and
REQUESTS_CA_BUNDLE, which its file env sets.`,
		Example: `  . /tmp/sim/env
  hopguard sim ctl power-off vmx-a
  hopguard sim ctl hang vmx-a
  hopguard sim ctl state`,
		Args: commandOf,
		RunE: wantCommand,
	}
	cmd.PersistentFlags().StringVar(&c.url, "url", g.env.Getenv("SIM_URL"), "`URL` of the simulated Azure (default: SIM_URL)")
	cmd.PersistentFlags().StringVar(&c.ca, "ca", g.env.Getenv("REQUESTS_CA_BUNDLE"), "`file` with its authority (default: REQUESTS_CA_BUNDLE)")
	cmd.PersistentFlags().Lookup("url").DefValue, cmd.PersistentFlags().Lookup("ca").DefValue = "", ""
	for _, do := range []struct{ use, path, short string }{
		{"power-off", "poweroff", "Stop a machine at once, as a failure does"},
		{"start", "poweron", "Start a machine"},
		{"hang", "hang", "Hang the guest: the power state stays running"},
		{"unhang", "unhang", "Let the guest go on"},
	} {
		cmd.AddCommand(&cobra.Command{
			Use:     do.use + " MACHINE",
			Short:   do.short,
			Example: "  hopguard sim ctl " + do.use + " vmx-a",
			Args:    usage(cobra.ExactArgs(1)),
			RunE: func(cmd *cobra.Command, args []string) error {
				_, err := c.do(cmd.Context(), http.MethodPost, do.path, map[string]string{"vm": args[0]})
				return err
			},
		})
	}
	cmd.AddCommand(newSimStateCmd(g, &c))
	return cmd
}

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
			body, err := c.do(cmd.Context(), http.MethodGet, "machines", nil)
			if err != nil {
				return err
			}
			var machines []azuresim.Machine
			if err := json.Unmarshal(body, &machines); err != nil {
				return fmt.Errorf("read the machines: %w", err)
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
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", m.Name, m.Location, m.Power, forwards, strings.Join(addresses, " "))
	}
	return w.Flush()
}

// do makes one call and returns the body of its answer.
func (c *simClient) do(ctx context.Context, method, path string, command any) ([]byte, error) {
	if c.url == "" {
		return nil, usagef("source the file env that hopguard sim has written", "no simulated Azure is known: want --url or SIM_URL")
	}
	client, err := c.client()
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	body, err := json.Marshal(command)
	if err != nil {
		return nil, fmt.Errorf("encode the command: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.url, "/")+"/_sim/"+path, bytes.NewReader(body))
	if err != nil {
		return nil, usagef("", "--url: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the simulated Azure: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if resp.StatusCode == http.StatusOK {
		return answer, nil
	}
	var refusal struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal(answer, &refusal); err != nil || refusal.Error == "" {
		return nil, fmt.Errorf("%s %s: %s: is it a hopguard sim?", method, req.URL, resp.Status)
	}
	return nil, errors.New(refusal.Error)
}

func (c *simClient) client() (*http.Client, error) {
	var pool *x509.CertPool
	if c.ca != "" {
		pem, err := os.ReadFile(c.ca)
		if err != nil {
			return nil, usagef("", "--ca: %w", err)
		}
		pool = x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, usagef("", "--ca: %s has no certificate", c.ca)
		}
	}
	return &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, TLSHandshakeTimeout: 5 * time.Second},
	}, nil
}
