package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"hopguard/internal/config"
)

// checked is the result of config check for programs.
type checked struct {
	Good     bool             `json:"good"`
	Groups   []string         `json:"groups"`
	Problems []checkedProblem `json:"problems"`
	// Error is set if the configuration could not be read at all.
	Error string `json:"error,omitzero"`
}

type checkedProblem struct {
	Path  string `json:"path"`
	Value string `json:"value"`
	Want  string `json:"want"`
	// Line is where in the file, from 1; absent if it is not there.
	Line int `json:"line,omitzero"`
	// Variable is the one that gave the value, if one did.
	Variable string `json:"variable,omitzero"`
}

func newConfigCheckCmd(g *global) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say everything that is wrong with the configuration",
		Long: `Check reads the configuration as run does, variables included, and says all that is
wrong with it at once. It asks nothing of Azure: whether machines, tables and
rights exist is what status shows.`,
		Example: `  hopguard config check
  hopguard config check --config hopguard.yaml
  hopguard config check --json | jq .problems`,
		Args: usage(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if err := o.check(); err != nil {
				return err
			}
			c, err := g.load()
			if o.form == "json" {
				return errors.Join(writeJSON(g.env.Stdout, toChecked(c, err)), err)
			}
			if err != nil {
				return err
			}
			var groups []string
			for _, group := range c.Groups {
				groups = append(groups, fmt.Sprintf("%s (%s)", group.Name, strings.Join(memberNames(group), ", ")))
			}
			fmt.Fprintf(g.env.Stdout, "the configuration is good: %s\n", strings.Join(groups, ", "))
			return nil
		},
	}
	o.flags(cmd)
	return cmd
}

func toChecked(c config.Config, err error) checked {
	r := checked{Good: err == nil, Groups: []string{}, Problems: []checkedProblem{}}
	for _, group := range c.Groups {
		r.Groups = append(r.Groups, group.Name)
	}
	problems, ok := errors.AsType[*config.Problems](err)
	switch {
	case ok:
		for _, p := range problems.List {
			r.Problems = append(r.Problems, checkedProblem{Path: p.Path, Value: p.Value, Want: p.Want, Line: p.Line, Variable: p.Source})
		}
	case err != nil:
		r.Error = err.Error()
	}
	return r
}
