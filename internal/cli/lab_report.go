package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"hopguard/internal/labreport"
	"hopguard/internal/outage"
)

func newLabReportCmd(g *global) *cobra.Command {
	var out, manual, plots string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "report FILE",
		Short: "Make a page of a lab's results",
		Long: `Report makes one page, complete in itself, of the results that lab run has written
with --out: beside them, with the ending .html, unless --out says where. Its exit code
is 0 also if a promise does not hold: the page says so.

With --json it prints what the page's tables hold; with --manual it also replaces the
section of a document between <!-- lab: begin --> and <!-- lab: end -->, with plots in
the folder that --plots names.`,
		Example: `  hopguard lab report lab.json
  hopguard lab report lab.json --out - | less
  hopguard lab report lab.json --json | jq '.findings[] | select(.holds | not)'`,
		Args: usage(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			if (manual == "") != (plots == "") {
				return usagef("", "--manual and --plots go together")
			}
			r, err := readReport(args[0])
			if err != nil {
				return err
			}
			findings := outage.Judge(r, r.Wanted)
			if asJSON {
				return writeJSON(g.env.Stdout, struct {
					Findings []outage.Finding `json:"findings"`
					Rows     []outage.Row     `json:"rows"`
				}{findings, outage.Summary(r)})
			}
			if manual != "" {
				if err := putManual(manual, plots, r, findings); err != nil {
					return err
				}
			}
			var page bytes.Buffer
			if err := labreport.HTML(&page, r, findings); err != nil {
				return fmt.Errorf("make the page: %w", err)
			}
			if out == "-" {
				_, err := page.WriteTo(g.env.Stdout)
				return err
			}
			if out == "" {
				out = strings.TrimSuffix(args[0], filepath.Ext(args[0])) + ".html"
			}
			if err := os.WriteFile(out, page.Bytes(), 0o644); err != nil {
				return fmt.Errorf("write the page: %w", err)
			}
			fmt.Fprintln(g.env.Stdout, out)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&out, "out", "", "`file` for the page; - is standard output (default: that of the results, with .html)")
	f.BoolVar(&asJSON, "json", false, "print the judgement and the table as JSON, and write nothing")
	f.StringVar(&manual, "manual", "", "`document` whose section about the lab is replaced")
	f.StringVar(&plots, "plots", "", "`folder` for that section's plots")
	return cmd
}

// readReport reads results. Those of another version are refused: half understood figures are worse than none.
func readReport(name string) (r outage.Report, err error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return r, fmt.Errorf("read the results: %w", err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("read the results of %s: %w", name, err)
	}
	if r.Version != outage.Version {
		return r, fmt.Errorf("read the results of %s: version %d: want %d, as lab run writes it", name, r.Version, outage.Version)
	}
	return r, nil
}

// putManual replaces the section of a document.
func putManual(name, plots string, r outage.Report, findings []outage.Finding) error {
	doc, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("--manual: %w", err)
	}
	var section bytes.Buffer
	if err := labreport.Markdown(&section, r, findings, plots); err != nil {
		return fmt.Errorf("make the section: %w", err)
	}
	text, err := labreport.Replace(string(doc), section.String())
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.WriteFile(name, []byte(text), 0o644)
}
