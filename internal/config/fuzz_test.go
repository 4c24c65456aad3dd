package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hopguard/internal/config"
)

// FuzzLoad: whatever is in a file, Load does not panic; what it refuses it explains; what it takes is valid, is printed
// without its secret, and comes back from print as the same configuration.
func FuzzLoad(f *testing.F) {
	seeds, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range seeds {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	const marker = "hunter2-7f3a91"
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "hopguard.yaml")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := config.Load(path, none); err != nil {
			if p, ok := errors.AsType[*config.Problems](err); ok && len(p.List) == 0 {
				t.Error("refused without a problem")
			}
		}
		if strings.Contains(string(text), marker) {
			return // it would be anywhere
		}
		secrets := map[string]string{
			"HOPGUARD_AZURE_CREDENTIAL": "client-secret", "HOPGUARD_AZURE_TENANTID": guid, "HOPGUARD_AZURE_CLIENTID": guid,
			"HOPGUARD_AZURE_CLIENTSECRET": marker, "HOPGUARD_API_LISTEN": ":80", "HOPGUARD_EVENTS_MERAKI_SECRET": marker,
		}
		loadAndPrint(t, path, marker, secrets)
		if err := os.WriteFile(path, text, 0o600); err != nil { // loadAndPrint wrote another one
			t.Fatal(err)
		}
		loadAndPrint(t, path, marker, map[string]string{
			"HOPGUARD_STORE_KIND": "blob", "HOPGUARD_STORE_SASURL": "https://a.example/state?sig=" + marker, "HOPGUARD_REPLICAS_NAME": "a",
		})
	})
}

// loadAndPrint loads a file with secrets in variables, and prints and reads what came.
func loadAndPrint(t *testing.T, path, marker string, vars map[string]string) {
	t.Helper()
	c, err := config.Load(path, env(vars))
	if err != nil {
		if strings.Contains(err.Error(), marker) {
			t.Errorf("the error prints the secret: %v", err)
		}
		return
	}
	if err := c.Validate(); err != nil {
		t.Errorf("loaded, but: %v", err)
	}
	show, err := c.Show()
	if err != nil {
		t.Fatal(err)
	}
	short, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(show)+string(short), marker) {
		t.Errorf("the secret is printed:\n%s\n%s", show, short)
	}
	if slices.ContainsFunc(c.Notify.Targets, func(x config.NotifyTarget) bool { return x.URL+x.Secret+x.Key+x.Password != "" }) {
		return // the printed file has a variable instead
	}
	if err := os.WriteFile(path, short, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := config.Load(path, env(vars))
	if err != nil {
		t.Fatalf("%v\n%s", err, short)
	}
	if diff := sameConfig(c, again); diff != "" {
		t.Errorf("another configuration came back (-printed +read):\n%s\n%s", diff, short)
	}
}
