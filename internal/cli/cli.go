// Package cli is the command line: it reads flags, calls app, and shows what came
// of it. One command is in one file.
//
// It guarantees the exit codes (0 agreed, 1 failed, 2 usage or configuration, 3
// ran and found the group degraded), that data goes to standard output and
// everything else to standard error, and that a command which changes something
// shows its plan first and asks. It decides nothing and formats no report itself:
// journal does. Only the program's main imports it.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// Env is the process that a command runs in. All fields are required.
type Env struct {
	// Program is how it was called, for commands to copy.
	Program        string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Getenv reads a variable. The Azure SDK's own variables are read from the
	// process all the same.
	Getenv func(string) string
}

// The exit codes.
const (
	codeAgreed   = 0
	codeFailed   = 1
	codeUsage    = 2
	codeDegraded = 3
)

// Main runs one command and returns its exit code. SIGINT and SIGTERM cancel it;
// the second of them ends the process at once.
func Main(args []string, env Env) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	root := newRoot(env)
	root.SetArgs(args)
	return finish(env, root.ExecuteContext(ctx))
}

// exitError is an error with an exit code. A nil err ends the command with the
// code and without a word: the report has said it.
type exitError struct {
	code int
	err  error
	hint string
}

// Error is what went wrong.
func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

// Unwrap returns the cause.
func (e *exitError) Unwrap() error { return e.err }

// Hint says what to do; if nothing was said here, what the cause says.
func (e *exitError) Hint() string {
	if e.hint == "" {
		if h, ok := errors.AsType[hinter](e.err); ok {
			return h.Hint()
		}
	}
	return e.hint
}

// hinter is an error that knows what to do about it.
type hinter interface {
	error
	Hint() string
}

// usagef is an error of the person at the keyboard.
func usagef(hint, format string, args ...any) error {
	return &exitError{code: codeUsage, err: fmt.Errorf(format, args...), hint: hint}
}

// finish prints the error, if there is one to print, and returns the exit code.
func finish(env Env, err error) int {
	if err == nil {
		return codeAgreed
	}
	code := codeFailed
	if e, ok := errors.AsType[*exitError](err); ok {
		if e.err == nil {
			return e.code
		}
		code = e.code
	}
	fmt.Fprintf(env.Stderr, "hopguard: %v\n", err)
	if h, ok := errors.AsType[hinter](err); ok && h.Hint() != "" {
		fmt.Fprintf(env.Stderr, "hint: %s\n", h.Hint())
	}
	return code
}

const rootLong = `hopguard keeps Azure traffic flowing when a network virtual appliance dies: it
watches two appliances and moves the routes of all tagged route tables to the one
that works.

Exit codes:
  0  agreed: Azure's routes are as they should be, and every member is up
  1  failed: something that was to be done was not
  2  usage: the command or the configuration is wrong; nothing was done
  3  degraded: it ran, but a member is not up or something needs a person`

func newRoot(env Env) *cobra.Command {
	g := &global{env: env}
	root := &cobra.Command{
		Use:   "hopguard",
		Short: "Keep Azure traffic flowing when a network virtual appliance dies",
		Long:  rootLong,
		Example: `  hopguard demo                    # watch a failover: no Azure, no network
  hopguard config check            # is the configuration right?
  hopguard status --why            # how are the appliances, and how is that known?
  hopguard plan --active vmx-b     # what would a failover change?
  hopguard run                     # watch, and move routes when it must be`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          commandOf,
		RunE:          wantCommand,
	}
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef(fmt.Sprintf("%s --help lists the flags", cmd.CommandPath()), "%w", err)
	})
	g.flags(root)
	root.AddGroup(
		&cobra.Group{ID: "watch", Title: "Watch:"},
		&cobra.Group{ID: "order", Title: "Take control:"},
		&cobra.Group{ID: "try", Title: "Try without Azure:"},
		&cobra.Group{ID: "about", Title: "Set up:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("watch", newRunCmd(g), newFunctionsCmd(g), newTickCmd(g), newPlanCmd(g), newStatusCmd(g))
	add("order", newFailoverCmd(g), newFailbackCmd(g), newPinCmd(g), newFreezeCmd(g), newThawCmd(g), newSpokesCmd(g))
	add("try", newDemoCmd(g), newSimCmd(g), newLabCmd(g))
	root.AddCommand(newMeasureCmd(env.Stdout))
	add("about", newConfigCmd(g), newNotifyCmd(g), newVersionCmd(g))
	root.SetHelpCommandGroupID("about")
	root.SetCompletionCommandGroupID("about")
	return root
}

// usage makes wrong arguments an error of usage.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usagef(fmt.Sprintf("%s --help shows how it is used", cmd.CommandPath()), "%w", err)
		}
		return nil
	}
}

// commandOf is for commands that only have commands below them.
func commandOf(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := fmt.Sprintf("%s --help lists the commands", cmd.CommandPath())
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return usagef(hint, "unknown command %q for %s", args[0], cmd.CommandPath())
}

// wantCommand runs a command that has only commands below it. It must not end
// with 0, which means that all is well.
func wantCommand(cmd *cobra.Command, _ []string) error {
	return usagef(fmt.Sprintf("%s --help lists the commands", cmd.CommandPath()), "%s needs a command", cmd.CommandPath())
}
