package config_test

import (
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/config"
)

var update = flag.Bool("update", false, "write the golden files again")

// none is an environment without variables.
func none(string) string { return "" }

// env is an environment with these variables.
func env(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

// golden compares text with a file, or writes it with -update.
func golden(t *testing.T, path, text string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s differs (-file +now; -update writes it again):\n%s", path, diff)
	}
}

// files lists the files of a pattern in testdata.
func files(t *testing.T, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(list) == 0 {
		t.Fatalf("no testdata/%s: %v", pattern, err)
	}
	return list
}

// Each refused file has a text beside it with all that is wrong: paths, values, lines and what was wanted.
func TestLoadReportsAllProblemsOfAFile(t *testing.T) {
	for _, path := range append(files(t, "invalid-*.yaml"), files(t, "relation-*.yaml")...) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			c, err := config.Load(path, none)
			if _, ok := errors.AsType[*config.Problems](err); !ok {
				t.Fatalf("Load() = %v, want *Problems", err)
			}
			if diff := sameConfig(config.Config{}, c); diff != "" {
				t.Errorf("Load() also returned a configuration:\n%s", diff)
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".txt", err.Error()+"\n")
		})
	}
}

func TestLoadAddsDefaults(t *testing.T) {
	c, err := config.Load("testdata/minimal.yaml", none)
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.Show()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/minimal.show.txt", string(text))
}

func TestLoadTakesEmptySectionsAndAliases(t *testing.T) {
	c, err := config.Load("testdata/sections-left-empty.yaml", none)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Default().Azure, c.Azure); diff != "" {
		t.Errorf("azure differs from the default:\n%s", diff)
	}
	if diff := sameConfig(c.Groups[0].Members, c.Groups[1].Members); diff != "" {
		t.Errorf("the alias gave other members:\n%s", diff)
	}
	status := config.DefaultCheck(config.KindVMStatus)
	status.Name, status.Fresh = "vm-status", 35*time.Second
	if diff := sameConfig([]config.Check{status}, c.Groups[0].Checks); diff != "" {
		t.Errorf("an empty list of checks is not the default:\n%s", diff)
	}
	// The defaults of a check depend on its kind, also when an alias gives it.
	if got := c.Groups[1].Checks; got[1].Timeout != status.Timeout || got[3].Timeout != config.DefaultCheck(config.KindTCP).Timeout {
		t.Errorf("the timeouts are %s and %s", got[1].Timeout, got[3].Timeout)
	}
	other := c.Groups[2].Checks[0]
	other.Fresh = c.Groups[1].Checks[1].Fresh // which depends on the checks beside it
	if diff := sameConfig(c.Groups[1].Checks[1], other); diff != "" {
		t.Errorf("the alias gave another check:\n%s", diff)
	}
}

func TestLoadRefusesWhatIsNoConfiguration(t *testing.T) {
	for _, test := range []struct{ name, content, want string }{
		{"empty", "", `read the configuration: "FILE" is empty: want at least one group`},
		{"only-comments", "# nothing here\n---\n", `read the configuration: "FILE" is empty: want at least one group`},
		{"several-documents", "groups:\n---\ngroups:\n", `read the configuration: "FILE" holds several documents, the second from line 2: want one`},
		{"broken-second-document", "groups:\n---\n{", `read the configuration: "FILE" is no YAML: line 3: did not find expected node content`},
		{"no-YAML", "groups: [\n  name: x\nazure: }", `read the configuration: "FILE" is no YAML: line 2: did not find expected ',' or ']'`},
		{"unknown-alias", "groups: *nobody", `read the configuration: "FILE" is no YAML: unknown anchor 'nobody' referenced`},
		{"too-large", strings.Repeat("#", 16<<20+1), `read the configuration: "FILE" is larger than 16777216 bytes`},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, test.content)
			_, err := config.Load(path, none)
			if want := strings.ReplaceAll(test.want, "FILE", path); err == nil || err.Error() != want {
				t.Errorf("Load() = %v\nwant     %s", err, want)
			}
		})
	}
}

// write makes a configuration file and returns its path.
func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hopguard.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadNamesAFileThatIsNotThere(t *testing.T) {
	_, err := config.Load("testdata/no-such.yaml", none)
	if want := "read the configuration: open testdata/no-such.yaml: no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("Load() = %v, want %s", err, want)
	}
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Load() = %v, want os.ErrNotExist in it", err)
	}
	_, err = config.Load("testdata", none)
	if want := "read the configuration: read testdata: is a directory"; err == nil || err.Error() != want {
		t.Errorf("Load() = %v, want %s", err, want)
	}
}

// A few lines of aliases to aliases mean millions of values; the file is refused before they are made.
func TestLoadRefusesAnAliasBomb(t *testing.T) {
	many := func(word string) string { return "[" + strings.TrimSuffix(strings.Repeat(word+", ", 1000), ", ") + "]" }
	path := write(t, "groups:\n"+
		"- checks: [&check {kind: http, status: "+many("200")+"}]\n"+
		"- &group {checks: "+many("*check")+"}\n"+
		strings.Repeat("- *group\n", 100))
	_, err := config.Load(path, none)
	p, ok := errors.AsType[*config.Problems](err)
	if !ok {
		t.Fatalf("Load() = %v, want *Problems", err)
	}
	if want := "a smaller configuration: at most 200000 values"; len(p.List) != 1 || p.List[0].Want != want {
		t.Errorf("Load() = %v, want only %q", err, want)
	}
}

func TestLoadFindsTheFile(t *testing.T) {
	minimal, err := config.Load("testdata/minimal.yaml", none)
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Load("", env(map[string]string{"HOPGUARD_CONFIG": "testdata/minimal.yaml", "FW1NAME": "ignored"}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := sameConfig(minimal, c); diff != "" {
		t.Errorf("HOPGUARD_CONFIG gave another configuration:\n%s", diff)
	}
	c, err = config.Load("testdata/minimal.yaml", env(map[string]string{"HOPGUARD_CONFIG": "testdata/full.yaml"}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := sameConfig(minimal, c); diff != "" {
		t.Errorf("the given path did not win:\n%s", diff)
	}
}

func TestLoadTakesTheTextOfAVariable(t *testing.T) {
	text, err := os.ReadFile("testdata/minimal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	minimal, err := config.Load("testdata/minimal.yaml", none)
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Load("", env(map[string]string{"HOPGUARD_CONFIG_YAML": string(text), "FW1NAME": "ignored"}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := sameConfig(minimal, c); diff != "" {
		t.Errorf("HOPGUARD_CONFIG_YAML gave another configuration:\n%s", diff)
	}
	c, err = config.Load("testdata/minimal.yaml", env(map[string]string{"HOPGUARD_CONFIG_YAML": "groups: []"}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := sameConfig(minimal, c); diff != "" {
		t.Errorf("the given path did not win:\n%s", diff)
	}
	for _, test := range []struct{ name, text, file, want string }{
		{"a-problem-names-the-variable", "groups: 3", "", "HOPGUARD_CONFIG_YAML"},
		{"what-is-no-yaml-names-the-variable", "groups: [", "", `"HOPGUARD_CONFIG_YAML" is no YAML`},
		{"both-are-refused", "groups: []", "testdata/minimal.yaml", "both HOPGUARD_CONFIG and HOPGUARD_CONFIG_YAML are set"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := config.Load("", env(map[string]string{"HOPGUARD_CONFIG_YAML": test.text, "HOPGUARD_CONFIG": test.file}))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Load() = %v, want %q in it", err, test.want)
			}
		})
	}
}

func TestLoadHintsWhenThereIsNothing(t *testing.T) {
	_, err := config.Load("", env(map[string]string{"SUBSCRIPTIONID": subscription}))
	if !errors.Is(err, config.ErrNone) || err.Error() != "no configuration" {
		t.Errorf("Load() = %v, want ErrNone", err)
	}
	hinted, ok := errors.AsType[interface {
		error
		Hint() string
	}](err)
	const want = "name a file with --config or HOPGUARD_CONFIG, or set the variables of the old function app (SUBSCRIPTIONID, FW1NAME, FW2NAME, FWRGNAME, FWUDRTAG)"
	if !ok || hinted.Hint() != want {
		t.Errorf("the hint is not %q", want)
	}
}

func TestLoadChecksFilesAndVariablesThatItNames(t *testing.T) {
	secret := write(t, " hunter2\n")
	empty := write(t, "\n")
	base := map[string]string{
		"HOPGUARD_AZURE_CREDENTIAL": "client-secret",
		"HOPGUARD_AZURE_TENANTID":   guid,
		"HOPGUARD_AZURE_CLIENTID":   guid,
	}
	for _, test := range []struct{ name, variable, value, want string }{
		{"secret-file", "CLIENTSECRETFILE", secret, ""},
		{"no-secret-file", "CLIENTSECRETFILE", "testdata/no-such", `azure.clientSecretFile: "testdata/no-such": want a readable file with the secret: no such file or directory (from HOPGUARD_AZURE_CLIENTSECRETFILE)`},
		{"empty-secret-file", "CLIENTSECRETFILE", empty, `azure.clientSecretFile: "` + empty + `": want a readable file with the secret: it is empty (from HOPGUARD_AZURE_CLIENTSECRETFILE)`},
		{"secret-variable", "CLIENTSECRETENV", "HOPGUARD_AZURE_TENANTID", ""},
		{"no-secret-variable", "CLIENTSECRETENV", "NOT_SET", `azure.clientSecretEnv: "NOT_SET": want the name of a variable that is set (from HOPGUARD_AZURE_CLIENTSECRETENV)`},
		{"secret-as-variable", "CLIENTSECRETENV", "hunter2", `azure.clientSecretEnv: "<secret>": want the name of a variable that is set (from HOPGUARD_AZURE_CLIENTSECRETENV)`},
	} {
		t.Run(test.name, func(t *testing.T) {
			loadWith(t, base, map[string]string{"HOPGUARD_AZURE_" + test.variable: test.value}, test.want)
		})
	}
	base = map[string]string{"HOPGUARD_AZURE_CREDENTIAL": "workload-identity"}
	for _, test := range []struct{ name, variable, value, want string }{
		{"authorities", "CAFILE", "testdata/ca.pem", ""},
		{"no-authorities", "CAFILE", "testdata/no-such", `azure.caFile: "testdata/no-such": want a readable PEM file of certificates: no such file or directory (from HOPGUARD_AZURE_CAFILE)`},
		{"authorities-that-are-none", "CAFILE", secret, `azure.caFile: "` + secret + `": want a readable PEM file of certificates: no PEM certificate in it (from HOPGUARD_AZURE_CAFILE)`},
		{"token", "TOKENFILE", secret, ""},
		{"no-token", "TOKENFILE", "testdata/no-such", `azure.tokenFile: "testdata/no-such": want a readable file with a token: no such file or directory (from HOPGUARD_AZURE_TOKENFILE)`},
		{"empty-token", "TOKENFILE", empty, `azure.tokenFile: "` + empty + `": want a readable file with a token: it is empty (from HOPGUARD_AZURE_TOKENFILE)`},
	} {
		t.Run(test.name, func(t *testing.T) {
			loadWith(t, base, map[string]string{"HOPGUARD_AZURE_" + test.variable: test.value}, test.want)
		})
	}
}

// loadWith loads the smallest file with variables and compares the one problem; want "" means none.
func loadWith(t *testing.T, base, more map[string]string, want string) {
	t.Helper()
	vars := maps.Clone(base)
	maps.Copy(vars, more)
	_, err := config.Load("testdata/minimal.yaml", env(vars))
	got := ""
	if p, ok := errors.AsType[*config.Problems](err); ok && len(p.List) == 1 {
		got = p.List[0].String()
	} else if err != nil {
		got = err.Error()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Load() differs (-want +got):\n%s", diff)
	}
}

func TestLoadSecretAndCertPool(t *testing.T) {
	path := write(t, " hunter2\n")
	for _, test := range []struct {
		name  string
		azure config.Azure
		want  string
		err   string
	}{
		{"itself", config.Azure{ClientSecret: "a", ClientSecretEnv: "S"}, "a", ""},
		{"variable", config.Azure{ClientSecretEnv: "S"}, "from the variable", ""},
		{"file", config.Azure{ClientSecretFile: path}, "hunter2", ""},
		{"nothing", config.Azure{}, "", "read azure.clientSecret: none is configured"},
		{"no-variable", config.Azure{ClientSecretEnv: "T"}, "", `read azure.clientSecretEnv: variable "T" is not set`},
		{"no-file", config.Azure{ClientSecretFile: "testdata/no-such"}, "", "read azure.clientSecretFile: open testdata/no-such: no such file or directory"},
	} {
		got, err := test.azure.LoadSecret(env(map[string]string{"S": "from the variable"}))
		if got.Reveal() != test.want || err == nil && test.err != "" || err != nil && err.Error() != test.err {
			t.Errorf("%s: LoadSecret() = %q, %v, want %q, %s", test.name, got.Reveal(), err, test.want, test.err)
		}
	}
	if pool, err := (config.Azure{}).CertPool(); pool != nil || err != nil {
		t.Errorf("CertPool() without a file = %v, %v, want nil, nil", pool, err)
	}
	system, err := x509.SystemCertPool()
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []interface {
		CertPool() (*x509.CertPool, error)
	}{config.Azure{CAFile: "testdata/ca.pem"}, config.Meraki{CAFile: "testdata/ca.pem"}, config.Store{CAFile: "testdata/ca.pem"}} {
		if pool, err := of.CertPool(); err != nil || pool.Equal(system) {
			t.Errorf("%T: CertPool() = the system's or %v, want one more authority", of, err)
		}
	}
	_, err = config.Store{CAFile: path}.CertPool()
	if want := fmt.Sprintf("read store.caFile: %q: no PEM certificate in it", path); err == nil || err.Error() != want {
		t.Errorf("CertPool() = %v, want %s", err, want)
	}
	_, err = config.Meraki{CAFile: path}.CertPool()
	if want := fmt.Sprintf("read meraki.caFile: %q: no PEM certificate in it", path); err == nil || err.Error() != want {
		t.Errorf("CertPool() = %v, want %s", err, want)
	}
}
