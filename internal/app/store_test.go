package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hopguard/internal/app"
	"hopguard/internal/azure"
	"hopguard/internal/azuresim"
	"hopguard/internal/config"
)

func TestStoreSettingsReachTheBlobs(t *testing.T) {
	ca := caFile(t)
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tt := range []struct {
		path   string
		change func(*config.Store)
		got    func(azure.BlobSettings) any
		want   any
	}{
		{"account", func(c *config.Store) { c.Account = "https://n.blob.core.windows.net" }, func(s azure.BlobSettings) any {
			return s.Account + " " + s.Credential.Kind + " " + s.Authority
		}, "https://n.blob.core.windows.net client-secret https://sim.invalid"},
		{"connectionString", func(c *config.Store) { c.ConnectionString = "k1" }, func(s azure.BlobSettings) any { return string(s.ConnectionString) }, "k1"},
		{"connectionStringEnv", func(c *config.Store) { c.ConnectionStringEnv = "NAME" }, func(s azure.BlobSettings) any { return string(s.ConnectionString) }, "of NAME"},
		{"connectionStringFile", func(c *config.Store) { c.ConnectionStringFile = file("k2") }, func(s azure.BlobSettings) any { return string(s.ConnectionString) }, "k2"},
		{"sasURL", func(c *config.Store) { c.SASURL = "https://s1" }, func(s azure.BlobSettings) any { return string(s.SASURL) }, "https://s1"},
		{"sasURLEnv", func(c *config.Store) { c.SASURLEnv = "NAME" }, func(s azure.BlobSettings) any { return string(s.SASURL) }, "of NAME"},
		{"sasURLFile", func(c *config.Store) { c.SASURLFile = file("https://s2") }, func(s azure.BlobSettings) any { return string(s.SASURL) }, "https://s2"},
		{"container", func(c *config.Store) { c.Account, c.Container = "https://n", "box" }, func(s azure.BlobSettings) any { return s.Container }, "box"},
		{"prefix", func(c *config.Store) { c.Account, c.Prefix = "https://n", "pre" }, func(s azure.BlobSettings) any { return s.Prefix }, "pre"},
		{"create", func(c *config.Store) { c.Account, c.Create = "https://n", true }, func(s azure.BlobSettings) any { return s.Create }, true},
		{"timeout", func(c *config.Store) { c.Account, c.Timeout = "https://n", 7*time.Second }, func(s azure.BlobSettings) any { return s.Timeout }, 7 * time.Second},
		{"caFile", func(c *config.Store) { c.Account, c.CAFile = "https://n", ca }, func(s azure.BlobSettings) any { return s.CA != nil }, true},
	} {
		t.Run(tt.path, func(t *testing.T) {
			w := newWorld(t, azuresim.TwoRegionsOptions{})
			w.config.Store = config.Store{Kind: config.StoreBlob}
			tt.change(&w.config.Store)
			s, err := app.BlobSettings(app.Options{Config: w.config, Transport: w.Transport(), Getenv: func(name string) string { return "of " + name }})
			if err != nil {
				t.Fatal(err)
			}
			if got := tt.got(s); got != tt.want {
				t.Errorf("store.%s arrived as %v, want %v", tt.path, got, tt.want)
			}
			if s.Transport == nil {
				t.Error("the blobs are not reached by the app's transport")
			}
		})
	}
}

func TestReplicaSettingsReachTheLeases(t *testing.T) {
	w := newShares(t)
	w.config.Replicas = config.Replicas{Name: "here", Lease: 20 * time.Second}
	a, err := app.New(app.Options{Config: w.config, Transport: w.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := a.ReplicaSettings(), "here 20s [groups/emea]"; got != want {
		t.Errorf("replica = %q, want %q", got, want)
	}
	w.config.Replicas.Name = ""
	if a, err = app.New(app.Options{Config: w.config, Transport: w.Transport()}); err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	first := a.ReplicaSettings()
	if want := fmt.Sprintf("%s-%d-", host, os.Getpid()); !strings.HasPrefix(first, want) {
		t.Errorf("replica = %q, want it to begin with %q", first, want)
	}
	if a, err = app.New(app.Options{Config: w.config, Transport: w.Transport()}); err != nil {
		t.Fatal(err)
	}
	if a.ReplicaSettings() == first {
		t.Errorf("two replicas on one host are both %q", first)
	}
}
