package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"hopguard/internal/app"
)

// codeRestart ends a custom handler that was told to end: the Functions host starts it
// again and does not count that as an error. One that ends with 0 is never started
// again.
const codeRestart = 200

func newFunctionsCmd(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "functions",
		Short: "Serve the host of an Azure Functions app, as its custom handler",
		Long: `Functions answers the Azure Functions host, which starts it as the custom handler of
the package that "make functions-zip" builds: docs/functions.md says how it is set up.
It listens before it reads its configuration: the file --config or HOPGUARD_CONFIG, or
the text in HOPGUARD_CONFIG_YAML, or hopguard.yaml in the folder of the app, or the
variables of the old function.

The section functions says how long an invocation of the timer goes on watching, 25s if
it does not say so, and whether the timer looks after the groups itself or puts a message
for each into a queue.

It never ends with code 0, after which the host would not start it again.`,
		Example: `  FUNCTIONS_CUSTOMHANDLER_PORT=7071 hopguard functions`,
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			port, err := hostPort(g.env.Getenv)
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", port))
			if err != nil {
				return fmt.Errorf("listen for the Functions host: %w", err)
			}
			level := new(slog.LevelVar)
			f := &app.Functions{
				Stdout: g.env.Stdout, Stderr: g.env.Stderr, Level: level,
				Open: func(log *slog.Logger) (*app.App, error) { return g.openFunctions(log, level) },
			}
			if err := f.Serve(ctx, ln); err != nil {
				return err
			}
			fmt.Fprintf(g.env.Stderr, "hopguard: warning: told to end: %v\n", context.Cause(ctx))
			return &exitError{code: codeRestart}
		},
	}
}

// hostPort is where the host asks.
func hostPort(getenv func(string) string) (string, error) {
	const name, old = "FUNCTIONS_CUSTOMHANDLER_PORT", "FUNCTIONS_HTTPWORKER_PORT"
	port := cmp.Or(getenv(name), getenv(old))
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", usagef("the Azure Functions host starts this command; see docs/functions.md", "%s: %q: want a port", name, port)
	}
	return port, nil
}

// openFunctions reads the configuration. Its errors are read in a log, so they say
// what to do.
func (g *global) openFunctions(log *slog.Logger, level *slog.LevelVar) (_ *app.App, err error) {
	defer func() {
		if h, ok := errors.AsType[hinter](err); ok && h.Hint() != "" {
			err = fmt.Errorf("%w; hint: %s", err, h.Hint())
		}
	}()
	here := *g
	here.file = g.functionsFile()
	c, err := here.load()
	if err != nil {
		return nil, err
	}
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		panic("cli: " + err.Error()) // load has checked it
	}
	return app.New(app.Options{Config: c, Logger: log, Version: readVersion().Version, Getenv: g.env.Getenv})
}

// functionsFile is the configuration file: the one that somebody names, or the usual
// one of the package if it is there.
func (g *global) functionsFile() string {
	if g.file != "" || g.env.Getenv("HOPGUARD_CONFIG") != "" || g.env.Getenv("HOPGUARD_CONFIG_YAML") != "" {
		return g.file
	}
	file := filepath.Join(g.env.Getenv("FUNCTIONS_APP_ROOT_PATH"), "hopguard.yaml")
	if _, err := os.Stat(file); err != nil {
		return ""
	}
	return file
}
