package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/config"
)

const manual = "../../docs/configuration.md"

// The tables and examples of the manual are made from the code, the schema and the files of testdata.
func TestManualSaysWhatTheCodeDoes(t *testing.T) {
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	now := string(text)
	for name, content := range map[string]string{
		"settings": settingsTable(t),
		"minimal":  fenced(t, "testdata/minimal.yaml"),
		"full":     fenced(t, "testdata/full.yaml"),
	} {
		begin, end := "<!-- "+name+": written by go test ./internal/config -update -->\n", "<!-- end of "+name+" -->"
		before, rest, ok := strings.Cut(now, begin)
		_, after, ended := strings.Cut(rest, end)
		if !ok || !ended {
			t.Fatalf("the manual has no part %q", name)
		}
		now = before + begin + "\n" + content + "\n" + end + after
	}
	if *update {
		if err := os.WriteFile(manual, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(text), now); diff != "" {
		t.Errorf("the manual is not what the code says (-manual +code; -update writes it again):\n%s", diff)
	}
}

// Every example in the manual loads, and every variable and old name in it is read by the code.
func TestManualExamplesLoad(t *testing.T) {
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	s := compiled(t)
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(examples) < 3 {
		t.Errorf("the manual has %d examples, want at least 3", len(examples))
	}
	t.Chdir("testdata")
	for _, example := range examples {
		if err := matches(s, []byte(example[1])); err != nil {
			t.Errorf("the schema says %v about\n%s", err, example[1])
		}
		if _, err := config.Load(write(t, example[1]), none); err != nil {
			t.Errorf("%v\n%s", err, example[1])
		}
	}
	known := map[string]bool{
		"HOPGUARD_CONFIG": true, "HOPGUARD_CONFIG_YAML": true,
		"HOPGUARD_MEMBER": true, "HOPGUARD_VM": true, "HOPGUARD_ADDRESS": true, // given to a command
	}
	for _, v := range config.Variables() {
		known[v.Name] = true
	}
	for _, name := range regexp.MustCompile(`HOPGUARD_[A-Z_]+[A-Z]`).FindAllString(string(text), -1) {
		if !known[name] {
			t.Errorf("the manual names %s, which nothing reads", name)
		}
	}
	read := map[string]bool{}
	for _, vars := range []map[string]string{firewall(), with(firewall(), tcpPort...)} {
		if _, _, err := config.Import(func(name string) string { read[name] = true; return vars[name] }); err != nil {
			t.Fatal(err)
		}
	}
	for name := range read {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("the manual does not name %s, which import reads", name)
		}
	}
}

// fenced returns a file of testdata as a YAML block; the files that it names are beside it for the reader.
func fenced(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	return "```yaml\n" + strings.ReplaceAll(string(text), "testdata/", "") + "```\n"
}

// settingsTable lists every setting with its type, default and variable.
func settingsTable(t *testing.T) string {
	t.Helper()
	variables := map[string]string{}
	for _, v := range config.Variables() {
		variables[v.Path] = v.Name
	}
	root := readSchema(t)
	var b strings.Builder
	b.WriteString("| setting | what it is | form | default | variable |\n|---|---|---|---|---|\n")
	eachSetting(func(s typed) {
		n, ok := root.find(s.path)
		if !ok {
			t.Fatalf("%s is not in the schema", s.path)
		}
		standard := ""
		switch {
		case n.Derived != "":
			standard = n.Derived
		case n.Default != nil:
			standard = "`" + fmt.Sprint(n.Default) + "`"
		case n.kind() == "string" && !root.required(s.path):
			standard = "none"
		case n.kind() == "list" && !root.required(s.path), n.kind() == "map":
			standard = "empty"
		case root.required(s.path):
			standard = "**required**"
		}
		variable := ""
		if name := variables[s.path]; name != "" {
			variable = "`" + name + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", s.path, n.Description, n.inWords(), standard, variable)
	})
	return b.String()
}

// required reports whether no file can be without a setting, where its section is.
func (n node) required(path string) bool {
	at := strings.LastIndex(path, ".")
	if at < 0 {
		return slices.Contains(n.Required, path)
	}
	section, _ := n.find(path[:at])
	return slices.Contains(section.Required, path[at+1:])
}

// inWords says what a setting looks like, with its unit.
func (n node) inWords() string {
	switch kind := n.kind(); {
	case n.Enum != nil:
		return "`" + strings.Join(n.Enum, "`, `") + "`"
	case kind == "integer" || kind == "number":
		if n.Unit == "port" {
			return "port number"
		}
		return "number of " + n.Unit
	case kind == "duration":
		return "duration"
	case kind == "boolean":
		return "`true`, `false`"
	case kind == "list":
		return "list"
	case kind == "map":
		return "texts by name"
	case kind == "section":
		return "section"
	default:
		return "text"
	}
}
