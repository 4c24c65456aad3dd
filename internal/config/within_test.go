package config_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
		{"{kind: tcp, port: 443}", 500 * time.Millisecond, 500 * time.Millisecond},
		{"{kind: http, port: 80}", 500 * time.Millisecond, 500 * time.Millisecond},
		{"{kind: icmp}", 500 * time.Millisecond, 500 * time.Millisecond},
		{"{kind: tcp, port: 443, interval: 10s}", 500 * time.Millisecond, 500 * time.Millisecond},
		{"{kind: tcp, port: 443, interval: 600ms}", 300 * time.Millisecond, 300 * time.Millisecond},
		{"{kind: tcp, port: 443, interval: 1s}", 500 * time.Millisecond, 500 * time.Millisecond},
		{"{kind: tcp, port: 443, timeout: 900ms, interval: 1s}", 900 * time.Millisecond, 500 * time.Millisecond},
		{"{kind: tcp, port: 443, interval: 1s, confirmInterval: 1s}", 500 * time.Millisecond, time.Second},
		{"{kind: vm-status}", 5 * time.Second, 2 * time.Second},
		{"{kind: vm-status, interval: 4s}", 2 * time.Second, 2 * time.Second},
		{"{kind: vm-status, interval: 1s}", 500 * time.Millisecond, time.Second},
		{"{kind: icmp, interval: 100ms}", 50 * time.Millisecond, 50 * time.Millisecond},
		{"{kind: exec, command: [x]}", 2 * time.Second, 2 * time.Second},
		{"{kind: exec, command: [x], interval: 1s}", 500 * time.Millisecond, 500 * time.Millisecond},
		{"{kind: meraki, " + serials + "}", 10 * time.Second, 5 * time.Second},
		{"{kind: meraki, interval: 5s, " + serials + "}", 2500 * time.Millisecond, 2500 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.check, func(t *testing.T) {
			g := loaded(t, "vote: all, checks: ["+tt.check+", {kind: tcp, port: 1}]")
			if got := g.Checks[0]; got.Timeout != tt.timeout || got.ConfirmInterval != tt.confirm {
				t.Errorf("timeout %s, confirmInterval %s, want %s, %s", got.Timeout, got.ConfirmInterval, tt.timeout, tt.confirm)
			}
		})
	}
}

// A round waits for the witness, so without a timeout of its own it never has longer than until the next round.
func TestTimeoutOfAWitness(t *testing.T) {
	tests := []struct {
		checks string
		want   time.Duration
	}{
		{"{kind: tcp, port: 443}", time.Second},
		{"{kind: tcp, port: 443, interval: 5s}", 2 * time.Second},
		{"{kind: tcp, port: 443, interval: 5s}, {kind: icmp, interval: 200ms}", 200 * time.Millisecond},
		{"{kind: exec, command: [x]}, {kind: vm-status, interval: 1s}", 2 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.checks, func(t *testing.T) {
			g := loaded(t, "witness: {targets: ['icmp://192.0.2.1']}, checks: ["+tt.checks+"]")
			if got := g.Witness.Timeout; got != tt.want {
				t.Errorf("timeout %s, want %s", got, tt.want)
			}
		})
	}
}

// One tick asks all checks at once: while the slowest is waited for, no good answer of another may become too old.
func TestAnAnswerOutlivesTheSlowestCheck(t *testing.T) {
	tests := []struct {
		checks string
		want   []time.Duration
	}{
		{"{kind: tcp, port: 443}", []time.Duration{3500 * time.Millisecond}},
		{"{kind: vm-status}, {kind: tcp, port: 443}", []time.Duration{35 * time.Second, 8 * time.Second}},
		{"{kind: tcp, port: 443, fresh: 4s}, {kind: vm-status}", []time.Duration{4 * time.Second, 35 * time.Second}},
	}
	for _, tt := range tests {
		t.Run(tt.checks, func(t *testing.T) {
			var got []time.Duration
			for _, k := range loaded(t, "checks: ["+tt.checks+"]").Checks {
				got = append(got, k.Fresh)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("fresh differs (-want +got):\n%s", diff)
			}
		})
	}
}

// loaded is a group of two members with these settings.
func loaded(t *testing.T, settings string) config.Group {
	t.Helper()
	text := "groups: [{name: emea, members: [{name: a, vm: " + machines + "a}, {name: b, vm: " + machines + "b}], " + settings + "}]\n" +
		"meraki: {organization: o, keyVault: https://abc.vault.azure.net/secrets/x}\n"
	c, err := config.Load(write(t, text), none)
	if err != nil {
		t.Fatal(err)
	}
	return c.Groups[0]
}
