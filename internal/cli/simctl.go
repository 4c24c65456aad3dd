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
	"time"

	"github.com/spf13/cobra"
)

// simClient talks to the control API of a running stand-in.
type simClient struct {
	// what it is, and the variable that says where.
	what, variable string
	url            string
	ca             *string
}

func newSimCtlCmd(g *global) *cobra.Command {
	c := simClient{what: "simulated Azure", variable: "SIM_URL", ca: new(string)}
	cmd := &cobra.Command{
		Use:   "ctl",
		Short: "Break and mend what a running hopguard sim simulates",
		Long: `Ctl talks to a running hopguard sim. It finds it by the variables SIM_URL and
REQUESTS_CA_BUNDLE, which its file env sets.`,
		Example: `  . /tmp/sim/env
  hopguard sim ctl power-off vmx-a
  hopguard sim ctl tunnel vmx-a down
  hopguard sim ctl state`,
		Args: commandOf,
		RunE: wantCommand,
	}
	cmd.PersistentFlags().StringVar(&c.url, "url", g.env.Getenv("SIM_URL"), "`URL` of the simulated Azure (default: SIM_URL)")
	cmd.PersistentFlags().StringVar(c.ca, "ca", g.env.Getenv("REQUESTS_CA_BUNDLE"), "`file` with its authority (default: REQUESTS_CA_BUNDLE)")
	cmd.PersistentFlags().Lookup("url").DefValue, cmd.PersistentFlags().Lookup("ca").DefValue = "", ""
	cmd.AddCommand(newTroubleCmds(&c)...)
	cmd.AddCommand(newSimPingCmd(g, &c), newSimStateCmd(g, &c), newSimMerakiCmd(g, c.ca))
	cmd.AddCommand(newFaultCmds(&c, "hopguard sim ctl", "429-arm,method=PUT,count=3,retryAfter=5")...)
	return cmd
}

// call is a command that makes one call and says nothing.
type call struct {
	use, short, long, example string
	// words are what the arguments can be, by their position; nil is anything.
	words [][]string
	// order makes the path and the body of the call.
	order func(args []string) (path string, body any, err error)
}

func (o call) command(c *simClient) *cobra.Command {
	n := strings.Count(o.use, " ")
	return &cobra.Command{
		Use: o.use, Short: o.short, Long: o.long, Example: o.example,
		Args: usage(cobra.ExactArgs(n)),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) < len(o.words) {
				return o.words[len(args)], cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			for i, words := range o.words {
				if words != nil {
					if err := oneOf(strings.Fields(o.use)[i+1], args[i], words); err != nil {
						return err
					}
				}
			}
			path, body, err := o.order(args)
			if err != nil {
				return err
			}
			_, err = c.do(cmd.Context(), http.MethodPost, path, body)
			return err
		},
	}
}

// newFaultCmds are the commands for requests that fail.
func newFaultCmds(c *simClient, path, example string) []*cobra.Command {
	return []*cobra.Command{
		call{
			use: "fault FAULT", short: "Make requests fail",
			long:    "Fault makes requests fail until heal. FAULT has the form that hopguard sim --help gives.",
			example: "  " + path + " fault 503,duration=20s\n  " + path + " fault " + example,
			order: func(args []string) (string, any, error) {
				f, err := parseFault("FAULT", args[0])
				if err != nil {
					return "", nil, err
				}
				return "faults", orderOf(f), nil
			},
		}.command(c),
		{
			Use: "heal", Short: "End all faults", Example: "  " + path + " heal", Args: usage(cobra.NoArgs),
			RunE: func(cmd *cobra.Command, _ []string) error {
				_, err := c.do(cmd.Context(), http.MethodDelete, "faults", nil)
				return err
			},
		},
	}
}

// do makes one call and returns the body of its answer.
func (c *simClient) do(ctx context.Context, method, path string, command any) ([]byte, error) {
	if c.url == "" {
		return nil, usagef("source the file env that hopguard sim has written", "no %s is known: want --url or %s", c.what, c.variable)
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
		return nil, fmt.Errorf("ask the %s: %w", c.what, err)
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

// read makes one GET and decodes its answer.
func (c *simClient) read(ctx context.Context, path string, into any) error {
	body, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("read the %s: %w", path, err)
	}
	return nil
}

func (c *simClient) client() (*http.Client, error) {
	var pool *x509.CertPool
	if *c.ca != "" {
		pem, err := os.ReadFile(*c.ca)
		if err != nil {
			return nil, usagef("", "--ca: %w", err)
		}
		pool = x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, usagef("", "--ca: %s has no certificate", *c.ca)
		}
	}
	return &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, TLSHandshakeTimeout: 5 * time.Second},
	}, nil
}
