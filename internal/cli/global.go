package cli

import (
	"io"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"hopguard/internal/app"
	"hopguard/internal/config"
	"hopguard/internal/controller"
)

// global are the flags of every command, and the process that it runs in.
type global struct {
	env                   Env
	file, logLevel, logAs string
}

func (g *global) flags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVar(&g.file, "config", "", "configuration `file` (default: the one that HOPGUARD_CONFIG names)")
	f.StringVar(&g.logLevel, "log-level", "", "least important line to log: debug, info, warn or error (default: log.level)")
	f.StringVar(&g.logAs, "log-format", "", "form of the log: auto, text or json (default: log.format)")
	complete(root, "log-level", levels()...)
	complete(root, "log-format", formats()...)
}

func levels() []string {
	return []string{string(config.LevelDebug), string(config.LevelInfo), string(config.LevelWarn), string(config.LevelError)}
}

func formats() []string {
	return []string{string(config.FormatAuto), string(config.FormatText), string(config.FormatJSON)}
}

// load reads the configuration, the flags last. All its errors are of usage.
func (g *global) load() (config.Config, error) {
	c, err := config.Load(g.file, g.env.Getenv)
	if err != nil {
		return config.Config{}, &exitError{code: codeUsage, err: err}
	}
	if g.logLevel != "" {
		c.Log.Level = config.Level(g.logLevel)
	}
	if g.logAs != "" {
		c.Log.Format = config.Format(g.logAs)
	}
	if err := oneOf("--log-level", string(c.Log.Level), levels()); err != nil {
		return config.Config{}, err
	}
	if err := oneOf("--log-format", string(c.Log.Format), formats()); err != nil {
		return config.Config{}, err
	}
	return c, nil
}

// oneOf refuses a flag that is none of the words.
func oneOf(flag, got string, words []string) error {
	if slices.Contains(words, got) {
		return nil
	}
	return usagef("", "%s: %q: want %s", flag, got, strings.Join(words, ", "))
}

// open reads the configuration and wires it. saw may be nil.
func (g *global) open(saw func(controller.Event)) (*app.App, config.Config, error) {
	c, err := g.load()
	if err != nil {
		return nil, config.Config{}, err
	}
	a, err := app.New(app.Options{Config: c, Logger: g.logger(c.Log), Version: readVersion().Version, Getenv: g.env.Getenv, Saw: saw})
	if err != nil {
		// Nothing was asked yet: what is wrong is in the configuration.
		return nil, config.Config{}, &exitError{code: codeUsage, err: err}
	}
	return a, c, nil
}

// logger writes to standard error.
func (g *global) logger(c config.Log) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		panic("cli: " + err.Error()) // load has checked it
	}
	o := &slog.HandlerOptions{Level: level, ReplaceAttr: readable}
	if c.Format == config.FormatText || c.Format == config.FormatAuto && terminal(g.env.Stderr) {
		return slog.New(slog.NewTextHandler(g.env.Stderr, o))
	}
	return slog.New(slog.NewJSONHandler(g.env.Stderr, o))
}

// readable writes durations with their unit in both formats: the JSON handler
// would write bare nanoseconds.
func readable(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

// file is what a reader or writer must have to be a terminal.
type descriptor interface{ Fd() uintptr }

// terminal reports whether a reader or writer is one.
func terminal(stream any) bool {
	d, ok := stream.(descriptor)
	return ok && term.IsTerminal(int(d.Fd()))
}

// color reports whether colours may be written: to a terminal whose owner has
// not said no (no-color.org).
func (g *global) color(w io.Writer) bool {
	return terminal(w) && g.env.Getenv("NO_COLOR") == "" && g.env.Getenv("TERM") != "dumb"
}

// width is how many columns text is wrapped to; 0 is no limit.
func width(w io.Writer) int {
	d, ok := w.(descriptor)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(d.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

// build is what is known of this program.
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitzero"`
	// Modified says that the sources were not those of the commit.
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
}

// readVersion reads what the linker wrote.
func readVersion() build {
	b := build{Version: "v0.0.0-unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Go = info.GoVersion
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		default: // not shown
		}
	}
	return b
}
