package config_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"hopguard/internal/config"
)

// A short interval alone is enough: the defaults beside it shrink, and what is
// written stays as it is.
func TestDefaultsOfAShortInterval(t *testing.T) {
	const serials = "targets: {a: Q2XX-AAAA-0001, b: Q2XX-BBBB-0002}"
	tests := []struct {
		check            string
		timeout, confirm time.Duration
	}{
		{"{kind: tcp, port: 443}", 2 * time.Second, 2 * time.Second},
		{"{kind: tcp, port: 443, interval: 4s}", 2 * time.Second, 2 * time.Second},
		{"{kind: tcp, port: 443, interval: 1s}", 500 * time.Millisecond, 500 * time.Millisecond},
		{"{kind: tcp, port: 443, timeout: 900ms, interval: 1s}", 900 * time.Millisecond, 500 * time.Millisecond},
		{"{kind: tcp, port: 443, interval: 1s, confirmInterval: 1s}", 500 * time.Millisecond, time.Second},
		{"{kind: vm-status, interval: 4s}", 2 * time.Second, 2 * time.Second},
		{"{kind: vm-status, interval: 1s}", 500 * time.Millisecond, time.Second},
		{"{kind: icmp, interval: 100ms}", 50 * time.Millisecond, 50 * time.Millisecond},
		{"{kind: exec, command: [x], interval: 1s}", 500 * time.Millisecond, 500 * time.Millisecond},
		{"{kind: meraki, " + serials + "}", 10 * time.Second, 5 * time.Second},
		{"{kind: meraki, interval: 5s, " + serials + "}", 2500 * time.Millisecond, 2500 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.check, func(t *testing.T) {
			const vm = "/subscriptions/5b5c1a10-0000-4000-8000-000000000001/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/"
			path := filepath.Join(t.TempDir(), "c.yaml")
			text := "groups: [{name: emea, members: [{name: a, vm: " + vm + "a}, {name: b, vm: " + vm + "b}], vote: all, checks: [" + tt.check +
				", {kind: tcp, port: 1}]}]\nmeraki: {organization: o, keyVault: https://abc.vault.azure.net/secrets/x}\n"
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := config.Load(path, func(string) string { return "" })
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Groups[0].Checks[0]; got.Timeout != tt.timeout || got.ConfirmInterval != tt.confirm {
				t.Errorf("timeout %s, confirmInterval %s, want %s, %s", got.Timeout, got.ConfirmInterval, tt.timeout, tt.confirm)
			}
		})
	}
}
