package azuresim_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	tfResource = regexp.MustCompile(`(?m)^resource "(\w+)" "\w+"`)
	tfRun      = regexp.MustCompile(`(?m)^run "(\w+)"`)
	tfAction   = regexp.MustCompile(`(?m)^ +"(Microsoft\.[\w./]+)",$`)
	backquoted = regexp.MustCompile("`([^`]+)`")
)

// terraformFiles reads the files with that ending below deploy/terraform.
func terraformFiles(t *testing.T, ending string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir("../../deploy/terraform", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ending) {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// submatches gives what the first group matched, each once, ordered.
func submatches(re *regexp.Regexp, text string) []string {
	var out []string
	for _, m := range re.FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestEveryTerraformResourceIsCovered compares deploy/terraform with the table in docs/deploy.md: each type of resource has one row, each
// row is about one, and the runs that it names exist. That "yes" is true is checked by scripts/e2e-terraform.sh.
func TestEveryTerraformResourceIsCovered(t *testing.T) {
	doc, err := os.ReadFile("../../docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(doc), "\n## Terraform\n")
	if !ok {
		t.Fatal("docs/deploy.md has no section Terraform")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	runs := submatches(tfRun, terraformFiles(t, ".tftest.hcl"))
	var rows []string
	for line := range strings.Lines(section) {
		if !strings.HasPrefix(line, "| `azurerm_") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|\n "), "|")
		if len(cells) != 4 {
			t.Errorf("want 4 cells: %s", line)
			continue
		}
		rows = append(rows, submatches(backquoted, cells[0])...)
		if made := strings.TrimSpace(cells[2]); made != "no" && !strings.HasPrefix(made, "yes") {
			t.Errorf("e2e-terraform: want yes or no: %s", line)
		}
		named := submatches(backquoted, cells[3])
		for _, run := range named {
			if !slices.Contains(runs, run) {
				t.Errorf("there is no run %q: %s", run, line)
			}
		}
		if len(named) == 0 {
			t.Errorf("no run covers it: %s", line)
		}
	}
	slices.Sort(rows)
	if want := submatches(tfResource, terraformFiles(t, ".tf")); !slices.Equal(rows, want) {
		t.Errorf("docs/deploy.md has rows for\n%q, deploy/terraform has\n%q", rows, want)
	}
}

// TestTerraformGrantsWhatPermissionsSay: the custom roles together allow what docs/permissions.md lists as hopguard's role, no more and
// no less.
func TestTerraformGrantsWhatPermissionsSay(t *testing.T) {
	identity, err := os.ReadFile("../../deploy/terraform/modules/controller/identity.tf")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../../docs/permissions.md")
	if err != nil {
		t.Fatal(err)
	}
	_, role, _ := strings.Cut(string(doc), `"Actions": [`)
	role, _, _ = strings.Cut(role, "]")
	want := submatches(regexp.MustCompile(`"(Microsoft\.[\w./]+)"`), role)
	if got := submatches(tfAction, string(identity)); len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("the roles of deploy/terraform allow\n%q, docs/permissions.md says\n%q", got, want)
	}
}
