package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hopguard/internal/app"
	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/journal"
	"hopguard/internal/spoke"
)

// output is how a command that reads shows what it found.
type output struct {
	form string
	json bool
}

func (o *output) flags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.form, "output", "o", "text", "text, or json, whose members are stable")
	cmd.Flags().BoolVar(&o.json, "json", false, "the same as -o json")
	complete(cmd, "output", "text", "json")
}

func (o *output) check() error {
	if o.json {
		o.form = "json"
	}
	return oneOf("--output", o.form, []string{"text", "json"})
}

// view is how reports are shown.
type view struct {
	page journal.Page
	why  bool
	// predict returns how long the plan of a report takes; nil if nobody asks.
	predict func(*controller.Report) time.Duration
	// spokes scans the workload networks too, and scans are the reports of that.
	spokes bool
	scans  map[appliance.GroupName]*spoke.Report
}

// wired is a report as JSON, with that of the group's spokes if it was asked for.
type wired struct {
	journal.JSON
	Spokes *spoke.JSON `json:"spokes,omitempty"`
}

// show writes reports: one text, or one JSON object, for each.
func (g *global) show(w io.Writer, o output, v view, reports []*controller.Report) error {
	for i, r := range reports {
		var predicted time.Duration
		if v.predict != nil {
			predicted = v.predict(r)
		}
		if o.form == "json" {
			wire := wired{JSON: journal.Wire(r)}
			if s := v.scans[r.Group]; s != nil {
				wire.Spokes = new(spoke.Summary(s))
			}
			if predicted > 0 {
				wire.Predicted = predicted.String()
			}
			if err := writeJSON(w, wire); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(w)
		}
		options := journal.TextOptions{Page: v.page, Why: v.why, Predicted: predicted, Color: g.color(w), Width: width(w)}
		if err := journal.Text(w, r, options); err != nil {
			return fmt.Errorf("show the report: %w", err)
		}
		if s := v.scans[r.Group]; s != nil {
			fmt.Fprint(w, spoke.Text(s))
		}
	}
	return nil
}

// writeJSON writes one indented object.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// verdict turns reports into the end of the command: nil if all agreed.
func verdict(reports []*controller.Report) error {
	var failed []string
	degraded := false
	for _, r := range reports {
		switch s := r.State(); s {
		case controller.Agreed:
		case controller.Degraded:
			degraded = true
		case controller.Failed:
			failed = append(failed, fmt.Sprintf("group %s: %s", r.Group, oneLine(r.Err())))
		default:
			panic("cli: state " + string(s))
		}
	}
	return ended(failed, degraded)
}

// ended is the end of a command that has looked at groups: what failed in them, one
// line each, or that one of them is degraded; nil if all is well.
func ended(failed []string, degraded bool) error {
	switch {
	case len(failed) > 0:
		return &exitError{code: codeFailed, err: errors.New(strings.Join(failed, "; "))}
	case degraded:
		return &exitError{code: codeDegraded}
	default:
		return nil
	}
}

// oneLine makes one line of an error that may be many joined.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' }), "; ")
}

// choose returns the groups that a command is for: the named one, or all.
func choose(a *app.App, name string) ([]appliance.GroupName, error) {
	all := a.Groups()
	if name == "" {
		return all, nil
	}
	for _, g := range all {
		if string(g) == name {
			return []appliance.GroupName{g}, nil
		}
	}
	return nil, usagef("", "--group: no group is called %q: want %s", name, names(all))
}

func names(groups []appliance.GroupName) string {
	var words []string
	for _, g := range groups {
		words = append(words, string(g))
	}
	return strings.Join(words, " or ")
}
