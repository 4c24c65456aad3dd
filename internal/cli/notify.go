package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"hopguard/internal/app"
)

func newNotifyCmd(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "notify",
		Short:   "Try the targets of messages",
		Example: `  hopguard notify test`,
		Args:    commandOf,
		RunE:    wantCommand,
	}
	cmd.AddCommand(newNotifyTestCmd(g))
	return cmd
}

func newNotifyTestCmd(g *global) *cobra.Command {
	var o output
	var target string
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Send a test message to every target, and say what became of it",
		Long: `Test sends one message that says that it is a test, to every target of the
configuration and whatever "min" it has, and says for each target whether it was
taken. It tries once. With pagerduty it opens an incident and closes it at once.

The exit code is 0 if every target has taken it, and 1 if one has not.`,
		Example: `  hopguard notify test
  hopguard notify test --target ops-mail`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			a, _, err := g.open(nil)
			if err != nil {
				return err
			}
			return g.testTargets(cmd.Context(), o, a, target)
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&target, "target", "", "only this `target`")
	offer(cmd, "target", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		c, err := g.load()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []cobra.Completion
		for _, t := range c.Notify.Targets {
			names = append(names, t.Name)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

// tested is what became of a test message, as JSON.
type tested struct {
	Target string `json:"target"`
	Sent   bool   `json:"sent"`
	Took   string `json:"took"`
	Error  string `json:"error,omitzero"`
}

// testTargets sends the test and shows what came of it.
func (g *global) testTargets(ctx context.Context, o output, a *app.App, target string) error {
	results, err := a.TestTargets(ctx, target)
	if err != nil {
		return &exitError{code: codeUsage, err: err, hint: "notify.targets of the configuration are listed by hopguard config show"}
	}
	failed := 0
	for _, r := range results {
		t := tested{Target: r.Target, Sent: r.Err == nil, Took: r.Took.Round(time.Millisecond).String()}
		text := fmt.Sprintf("%s: sent in %s\n", t.Target, t.Took)
		if r.Err != nil {
			failed++
			t.Error = r.Err.Error()
			text = fmt.Sprintf("%s: NOT SENT after %s: %s\n", t.Target, t.Took, t.Error)
		}
		if o.form == "json" {
			line, err := json.Marshal(t)
			if err != nil {
				return err
			}
			text = string(line) + "\n"
		}
		if _, err := fmt.Fprint(g.env.Stdout, text); err != nil {
			return err
		}
	}
	if failed > 0 {
		return &exitError{code: codeFailed, err: errors.New(plural(failed, "target has", "targets have") + " not taken the test message")}
	}
	return nil
}

// plural is a number with the words for one or for several.
func plural(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}
