package config_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"hopguard/internal/config"
)

// Where the other checks stand in what everyKind makes.
const icmpAt, execAt, merakiAt = 3, 4, 5

// everyKind turns a valid configuration into one with a check of each kind, and then changes it.
func everyKind(change func(*config.Config)) func(*config.Config) {
	return func(c *config.Config) {
		c.Meraki.Organization, c.Meraki.KeyEnv = "1234567", "KEY"
		icmp, exec, meraki := config.DefaultCheck(config.KindICMP), config.DefaultCheck(config.KindExec), config.DefaultCheck(config.KindMeraki)
		exec.Command = []string{"check-tunnel", "--fast"}
		meraki.Targets = map[string]string{"vmx-a": "Q2XX-AAAA-0001", "vmx-b": "Q2XX-BBBB-0002"}
		g := &c.Groups[0]
		g.Vote, g.Quorum, g.Checks = config.VoteQuorum, 2, append(g.Checks, icmp, exec, meraki)
		*c = c.Complete()
		change(c)
	}
}

// kind changes one check of everyKind.
func kind(n int, change func(*config.Check)) func(*config.Config) { return everyKind(check(n, change)) }

func TestValidateAcceptsEveryKind(t *testing.T) {
	v4, v6 := netip.MustParseAddr("10.9.0.4"), netip.MustParseAddr("2001:db8::4")
	for _, r := range []rule{
		{name: "one-of-each", change: everyKind(func(*config.Config) {})},
		{name: "echo-from-an-address-by-an-interface", change: kind(icmpAt, func(k *config.Check) {
			k.Source, k.Interface, k.Targets = v6, "eth0", map[string]string{"vmx-a": "2001:db8:1::1", "vmx-b": "2001:db8:2::1"}
		})},
		{name: "a-name-has-addresses-of-any-family", change: kind(1, func(k *config.Check) {
			k.Port, k.Source, k.Targets = 0, v6, map[string]string{"vmx-a": "a.example:1", "vmx-b": "b.example:1"}
		})},
		{name: "http-from-an-address-with-an-authority", change: kind(2, func(k *config.Check) { k.Source, k.CAFile = v4, "ca.pem" })},
		{name: "ping-from-the-cloud", change: kind(merakiAt, func(k *config.Check) { k.Ping = true })},
		{name: "the-shortest-times", change: everyKind(func(c *config.Config) {
			for i, k := range c.Groups[0].Checks {
				switch k.Kind {
				case config.KindMeraki:
					k.Interval, k.ConfirmInterval = 5*time.Second, 2*time.Second
				case config.KindVMStatus:
					k.Interval, k.ConfirmInterval = time.Second, time.Second
				case config.KindExec:
					k.Interval, k.ConfirmInterval = time.Second, 100*time.Millisecond
				default:
					k.Interval, k.ConfirmInterval = 100*time.Millisecond, 10*time.Millisecond
				}
				k.Timeout, k.Fresh = 50*time.Millisecond, k.Interval+50*time.Millisecond
				c.Groups[0].Checks[i] = k
			}
		})},
		{name: "meraki-beside-another-with-all", change: everyKind(group(func(g *config.Group) { g.Vote, g.Quorum = config.VoteAll, 0 }))},
		{name: "an-organization-that-no-check-asks", change: func(c *config.Config) { c.Meraki.Organization, c.Meraki.KeyFile = "o_1", "key" }},
	} {
		c := valid()
		r.change(&c)
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", r.name, err)
		}
	}
}

func TestValidateKinds(t *testing.T) {
	v4, v6 := netip.MustParseAddr("10.9.0.4"), netip.MustParseAddr("2001:db8::4")
	targets := func(a, b string) map[string]string { return map[string]string{"vmx-a": a, "vmx-b": b} }
	everything := func(k *config.Check) {
		k.Port, k.URL, k.Body, k.ServerName, k.InsecureSkipVerify, k.CAFile = 22, "https://{address}/", "ok", "x", true, "ca.pem"
		k.Status, k.Targets, k.Command, k.Ping = []int{200}, targets("10.1.0.4", "10.2.0.4"), []string{"check", "hunter2"}, true
		k.Source, k.Interface = v4, "eth0"
	}
	refuse(t, "rules-kinds.txt", []rule{
		{name: "vm-status-reads-nothing", change: kind(0, everything)},
		{name: "tcp-reads-little", change: kind(1, func(k *config.Check) { everything(k); k.Targets = nil })},
		{name: "http-reads-no-command", change: kind(2, func(k *config.Check) { k.Command, k.Ping = []string{"x"}, true })},
		{name: "icmp-reads-little", change: kind(icmpAt, everything)},
		{name: "exec-reads-a-command", change: kind(execAt, everything)},
		{name: "meraki-reads-little", change: kind(merakiAt, func(k *config.Check) { everything(k); k.Targets = targets("Q2XX-AAAA-0001", "Q2XX-BBBB-0002") })},
		{name: "packets-too-often", change: everyKind(func(c *config.Config) {
			for _, n := range []int{1, 2, icmpAt} {
				k := &c.Groups[0].Checks[n]
				k.Interval, k.Timeout, k.ConfirmInterval = 99*time.Millisecond, 20*time.Millisecond, 9*time.Millisecond
			}
		})},
		{name: "commands-too-often", change: kind(execAt, func(k *config.Check) {
			k.Interval, k.Timeout, k.ConfirmInterval = 999*time.Millisecond, 500*time.Millisecond, 99*time.Millisecond
		})},
		{name: "meraki-too-often", change: kind(merakiAt, func(k *config.Check) {
			k.Interval, k.Timeout, k.ConfirmInterval = 4999*time.Millisecond, time.Second, 1999*time.Millisecond
		})},
		{name: "fresh-before-the-next-answer", change: kind(icmpAt, func(k *config.Check) { k.Fresh = k.Interval + k.Timeout - 1 })},
		{name: "fresh-below-zero", change: kind(icmpAt, func(k *config.Check) { k.Fresh = -1 })},
		{name: "fresh-for-ever", change: kind(icmpAt, func(k *config.Check) { k.Fresh = 2881 * time.Hour })},
		{name: "echo-to-what-is-no-address", change: kind(icmpAt, func(k *config.Check) { k.Targets = targets("vmx-a.example", "fe80::1%eth0") })},
		{name: "echo-to-everybody", change: kind(icmpAt, func(k *config.Check) { k.Targets = targets("255.255.255.255", "ff02::1") })},
		{name: "echo-to-nobody", change: kind(icmpAt, func(k *config.Check) { k.Targets = targets("0.0.0.0", "::ffff:10.0.0.4") })},
		{name: "echo-to-one-member-and-a-stranger", change: kind(icmpAt, func(k *config.Check) {
			k.Targets = map[string]string{"vmx-a": "10.0.0.4", "vmx-c": "10.0.1.4"}
		})},
		{name: "echo-from-another-family", change: kind(icmpAt, func(k *config.Check) {
			k.Source, k.Targets = v4, targets("10.0.0.4", "2001:db8::1")
		})},
		{name: "connection-from-another-family", change: kind(1, func(k *config.Check) {
			k.Port, k.Source, k.Targets = 0, v6, targets("10.0.0.4:22", "10.0.1.4:22")
		})},
		{name: "request-from-another-family", change: kind(2, func(k *config.Check) {
			k.URL, k.Source, k.Targets = "", v4, targets("https://a.example/", "https://[2001:db8::1]:8443/")
		})},
		{name: "source-that-is-no-address-of-a-machine", change: everyKind(func(c *config.Config) {
			for n, s := range map[int]string{1: "0.0.0.0", 2: "fe80::1%eth0", icmpAt: "224.0.0.1"} {
				c.Groups[0].Checks[n].Source = netip.MustParseAddr(s)
			}
		})},
		{name: "source-in-the-form-of-IPv6", change: kind(1, func(k *config.Check) { k.Source = netip.MustParseAddr("::ffff:10.0.0.4") })},
		{name: "interface-that-is-none", change: everyKind(func(c *config.Config) {
			for n, s := range map[int]string{1: "eth0/1", 2: "two words", icmpAt: strings.Repeat("x", 16)} {
				c.Groups[0].Checks[n].Interface = s
			}
		})},
		{name: "an-authority-that-nobody-asks", change: kind(2, func(k *config.Check) { k.CAFile, k.InsecureSkipVerify = "ca.pem", true })},
		{name: "no-command", change: kind(execAt, func(k *config.Check) { k.Command = nil })},
		{name: "a-command-without-a-name", change: kind(execAt, func(k *config.Check) { k.Command = []string{"", "--fast"} })},
		{name: "a-command-with-a-line-break", change: kind(execAt, func(k *config.Check) { k.Command = []string{"a\nb"} })},
		{name: "no-serials", change: kind(merakiAt, func(k *config.Check) { k.Targets = nil })},
		{name: "one-serial", change: kind(merakiAt, func(k *config.Check) { k.Targets = map[string]string{"vmx-a": "Q2XX-AAAA-0001"} })},
		{name: "one-serial-for-both", change: kind(merakiAt, func(k *config.Check) { k.Targets = targets("Q2XX-AAAA-0001", "Q2XX-AAAA-0001") })},
		{name: "serials-that-are-none", change: kind(merakiAt, func(k *config.Check) { k.Targets = targets("q2xx-aaaa-0001", "X2XX-AAAA-0001") })},
	})
}

func TestValidateMeraki(t *testing.T) {
	meraki := func(change func(*config.Meraki)) func(*config.Config) {
		return everyKind(func(c *config.Config) { change(&c.Meraki) })
	}
	refuse(t, "rules-meraki.txt", []rule{
		{name: "url-over-http", change: meraki(func(m *config.Meraki) { m.BaseURL = "http://api.meraki.example/api/v1" })},
		{name: "url-with-a-password", change: meraki(func(m *config.Meraki) { m.BaseURL = "https://me:hunter2@api.meraki.example" })},
		{name: "url-with-a-query", change: meraki(func(m *config.Meraki) { m.BaseURL = "http://localhost/?a=b" })},
		{name: "url-of-another-scheme", change: meraki(func(m *config.Meraki) { m.BaseURL = "ftp://localhost" })},
		{name: "bad-organization", change: meraki(func(m *config.Meraki) { m.Organization = "1/2" })},
		{name: "no-organization-for-the-checks", change: meraki(func(m *config.Meraki) { *m = config.Meraki{RequestsPerSecond: 5} })},
		{name: "no-organization-for-the-key", change: func(c *config.Config) { c.Meraki.Key, c.Meraki.KeyVault = "hunter2", vault }},
		{name: "no-key", change: meraki(func(m *config.Meraki) { m.KeyEnv = "" })},
		{name: "four-keys", change: meraki(func(m *config.Meraki) { m.Key, m.KeyFile, m.KeyVault = "hunter2", "key", vault })},
		{name: "a-hidden-key-copied-from-config-show", change: meraki(func(m *config.Meraki) { m.KeyEnv, m.Key = "", "<secret>" })},
		{name: "a-key-in-place-of-its-variable", change: meraki(func(m *config.Meraki) { m.KeyEnv = "hunter2~" })},
		{name: "a-key-in-place-of-its-vault", change: meraki(func(m *config.Meraki) { m.KeyEnv, m.KeyVault = "", "hunter2" })},
		{name: "a-vault-over-http", change: meraki(func(m *config.Meraki) { m.KeyEnv, m.KeyVault = "", strings.Replace(vault, "https", "http", 1) })},
		{name: "a-key-instead-of-a-secret-of-the-vault", change: meraki(func(m *config.Meraki) { m.KeyEnv, m.KeyVault = "", strings.Replace(vault, "secrets", "keys", 1) })},
		{name: "a-vault-of-somebody-else", change: meraki(func(m *config.Meraki) { m.KeyEnv, m.KeyVault = "", "https://v.vault.azure.net.example/secrets/x" })},
		{name: "a-vault-with-a-bad-version", change: meraki(func(m *config.Meraki) { m.KeyEnv, m.KeyVault = "", vault+"/latest" })},
		{name: "no-requests", change: meraki(func(m *config.Meraki) { m.RequestsPerSecond = 0 })},
		{name: "more-requests-than-there-are", change: meraki(func(m *config.Meraki) { m.RequestsPerSecond = 10.5 })},
		{name: "only-meraki", change: everyKind(group(func(g *config.Group) { g.Checks, g.Quorum = g.Checks[merakiAt:], 1 }))},
		{name: "any-with-meraki", change: everyKind(group(func(g *config.Group) { g.Vote, g.Quorum = config.VoteAny, 0 }))},
		{name: "quorum-of-one-with-meraki", change: everyKind(group(func(g *config.Group) { g.Quorum = 1 }))},
	})
	for _, good := range []string{
		vault, vault + "/0123456789abcdef0123456789ABCDEF", "https://a-1.vault.usgovcloudapi.net/secrets/x", "https://abc.vault.azure.cn/secrets/X-1",
	} {
		c := valid()
		meraki(func(m *config.Meraki) { m.KeyEnv, m.KeyVault, m.BaseURL = "", good, "http://127.0.0.1:8080/api/v1" })(&c)
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

func TestValidateEvents(t *testing.T) {
	events := func(change func(*config.Events)) func(*config.Config) {
		return func(c *config.Config) { c.API.Listen = ":8080"; change(&c.Events) }
	}
	refuse(t, "rules-events.txt", []rule{
		{name: "nowhere-to-listen", change: func(c *config.Config) {
			c.Events.AzureMonitor.SecretEnv, c.Events.EventGrid.SecretFile = "SECRET", "secret"
		}},
		{name: "two-secrets-of-one", change: events(func(e *config.Events) { e.Meraki.Secret, e.Meraki.SecretEnv = "hunter2", "SECRET" })},
		{name: "four-secrets-of-one", change: events(func(e *config.Events) {
			e.EventGrid = config.EventSource{Secret: "hunter2", SecretEnv: "SECRET", SecretFile: "secret", SecretVault: vault}
		})},
		{name: "hidden-secrets-copied-from-config-show", change: events(func(e *config.Events) {
			e.Meraki.Secret, e.AzureMonitor.Secret, e.EventGrid.Secret = "<secret>", "<secret>", "<secret>"
		})},
		{name: "secrets-in-the-wrong-place", change: events(func(e *config.Events) {
			e.Meraki.SecretEnv, e.AzureMonitor.SecretVault = "hunter2 ", "hunter2"
		})},
		{name: "a-secret-with-a-line-break", change: events(func(e *config.Events) { e.Meraki.Secret = "hunter2\n" })},
	})
	for name, change := range map[string]func(*config.Events){
		"meraki":       func(e *config.Events) { e.Meraki.Secret = "hunter2" },
		"azureMonitor": func(e *config.Events) { e.AzureMonitor.SecretEnv = "SECRET" },
		"eventGrid":    func(e *config.Events) { e.EventGrid.SecretVault = vault },
	} {
		c := valid()
		if c.Events.Enabled() {
			t.Fatal("Enabled() = true without a source")
		}
		events(change)(&c)
		if err := c.Validate(); err != nil || !c.Events.Enabled() {
			t.Errorf("%s: Validate() = %v, Enabled() = %t, want nil, true", name, err, c.Events.Enabled())
		}
	}
}
