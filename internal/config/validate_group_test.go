package config_test

import (
	"net/netip"
	"testing"
	"time"

	"hopguard/internal/config"
)

func TestValidateWitness(t *testing.T) {
	witness := func(targets ...string) func(*config.Config) {
		return group(func(g *config.Group) { g.Witness = config.Witness{Targets: targets, Timeout: time.Second} })
	}
	refuse(t, "rules-witness.txt", []rule{
		{name: "targets-that-are-none", change: witness("10.0.0.1", "udp://a.example:53", "tcp://a.example", "tcp://:443", "icmp://a.example", "icmp://fe80::1%eth0",
			"https://me:hunter2@a.example/", "https://", "tcp://me:hunter2@a.example:443", "")},
		{name: "target-twice", change: witness("tcp://a.example:443", "tcp://a.example:443")},
		{name: "timeout-without-targets", change: group(func(g *config.Group) { g.Witness.Timeout = time.Second })},
		{name: "targets-without-timeout", change: group(func(g *config.Group) { g.Witness.Targets = []string{"icmp://192.0.2.1"} })},
		{name: "timeout-above-the-shortest-interval", change: group(func(g *config.Group) {
			g.Witness = config.Witness{Targets: []string{"icmp://192.0.2.1"}, Timeout: time.Second + 1}
			g.Checks[0].Interval, g.Checks[0].Fresh = time.Minute, 2*time.Minute
			g.Checks[1].Interval, g.Checks[1].Fresh = 2*time.Second, time.Minute
		})},
		{name: "an-interval-of-nothing-is-one-problem", change: group(func(g *config.Group) {
			g.Witness, g.Checks = config.Witness{Targets: []string{"icmp://192.0.2.1"}, Timeout: time.Second}, g.Checks[:2]
			g.Checks[1].Interval = 0
		})},
		{name: "nothing-on-the-data-path", change: group(func(g *config.Group) {
			g.Witness, g.Checks = config.Witness{Targets: []string{"icmp://192.0.2.1"}, Timeout: time.Second}, g.Checks[:1]
		})},
		{name: "a-hop-of-a-member", change: group(func(g *config.Group) {
			g.Members[0].Hops = []config.Hop{{Role: "lan", Address: netip.MustParseAddr("10.0.0.4")}}
			g.Members[1].Hops = []config.Hop{{Role: "lan", Address: netip.MustParseAddr("10.0.1.4")}}
			g.Witness = config.Witness{Targets: []string{"icmp://10.0.0.4", "tcp://10.0.1.4:443", "http://10.0.1.5/"}, Timeout: time.Second}
		})},
		{name: "a-target-of-a-check", change: everyKind(group(func(g *config.Group) {
			g.Checks[1].Port, g.Checks[1].Targets = 0, map[string]string{"vmx-a": "A.example.:22", "vmx-b": "[::ffff:10.3.0.1]:22"}
			g.Checks[2].URL, g.Checks[2].Targets = "", map[string]string{"vmx-a": "https://b.example:8443/x", "vmx-b": "https://c.example/"}
			g.Checks[icmpAt].Targets = map[string]string{"vmx-a": "2001:db8:0::1", "vmx-b": "10.2.0.1"}
			g.Witness = config.Witness{Timeout: time.Second, Targets: []string{
				"https://a.example/health", "icmp://2001:db8::1", "tcp://B.EXAMPLE:443", "http://10.2.0.1:8080/", "icmp://10.3.0.1", "tcp://d.example:443",
			}}
		}))},
	})
	for name, change := range map[string]func(*config.Config){
		"each-form":            witness("tcp://[2001:db8::1]:443", "icmp://192.0.2.1", "http://a.example:8080/x?y=z", "https://b.example"),
		"one-host-in-two-ways": witness("tcp://a.example:443", "https://a.example/"),
		"a-command-alone": everyKind(group(func(g *config.Group) {
			g.Checks, g.Quorum = g.Checks[execAt:], 2
			g.Witness = config.Witness{Targets: []string{"icmp://192.0.2.1"}, Timeout: 10 * time.Second}
		})),
	} {
		c := valid()
		change(&c)
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSplitWitness(t *testing.T) {
	for _, test := range []struct {
		target string
		kind   config.Kind
		where  string
	}{
		{"tcp://a.example:443", config.KindTCP, "a.example:443"},
		{"tcp://[2001:db8::1]:443", config.KindTCP, "[2001:db8::1]:443"},
		{"icmp://2001:db8::1", config.KindICMP, "2001:db8::1"},
		{"http://a.example/x", config.KindHTTP, "http://a.example/x"},
		{"https://a.example", config.KindHTTP, "https://a.example"},
	} {
		if kind, where, ok := config.SplitWitness(test.target); kind != test.kind || where != test.where || !ok {
			t.Errorf("SplitWitness(%q) = %s, %q, %t, want %s, %q, true", test.target, kind, where, ok, test.kind, test.where)
		}
	}
	if _, _, ok := config.SplitWitness("ping://a"); ok {
		t.Error("SplitWitness() takes any scheme")
	}
}

func TestValidateWindowsAndReconcile(t *testing.T) {
	windows := func(list ...config.Window) func(*config.Config) {
		return group(func(g *config.Group) {
			g.Policy.Failback = config.FailbackAuto
			for _, w := range list {
				if w.For == 0 {
					w.For = time.Hour
				}
				g.Policy.Windows = append(g.Policy.Windows, w)
			}
		})
	}
	crons := func(list ...string) func(*config.Config) {
		var all []config.Window
		for _, cron := range list {
			all = append(all, config.Window{Cron: cron, Timezone: "UTC"})
		}
		return windows(all...)
	}
	refuse(t, "rules-windows.txt", []rule{
		{name: "windows-with-failback-by-hand", change: group(func(g *config.Group) {
			g.Policy.Windows = []config.Window{{Cron: "0 2 * * 6", For: time.Hour, Timezone: "UTC"}}
		})},
		{name: "no-five-fields", change: crons("", "0 2 * *", "0 0 2 * * 6")},
		{name: "descriptors", change: crons("@daily", "@every 1h", "@every 1h 2 3 4")},
		{name: "a-time-zone-in-the-wrong-place", change: crons("TZ=Europe/Berlin 0 2 * * 6", "CRON_TZ=UTC 2 * * 6", "TZ=0 2 * * 6")},
		{name: "fields-out-of-range", change: crons("60 2 * * 6", "0 24 * * 6", "0 2 32 * *", "0 2 * 13 *", "0 2 * * 7", "0 2-1 * * *", "*/0 * * * *", "a b c d e")},
		{name: "a-day-that-does-not-come", change: crons("0 0 30 2 *")},
		{name: "time-zones-that-are-none", change: windows(
			config.Window{Cron: "0 2 * * 6", Timezone: "Europe/Berlinn"}, config.Window{Cron: "0 2 * * 6", Timezone: "Local"},
			config.Window{Cron: "0 2 * * 6", Timezone: "../UTC"}, config.Window{Cron: "0 2 * * 6", Timezone: "CEST+2"})},
		{name: "open-for-too-long-or-not-at-all", change: windows(
			config.Window{Cron: "0 2 * * 6", For: 7*24*time.Hour + 1, Timezone: "UTC"}, config.Window{Cron: "0 2 * * 6", For: -1, Timezone: "UTC"})},
		{name: "reconcile-too-often", change: group(func(g *config.Group) { g.Reconcile = time.Second - 1 })},
		{name: "reconcile-too-rarely", change: group(func(g *config.Group) { g.Reconcile = time.Hour + 1 })},
		{name: "no-reconcile", change: group(func(g *config.Group) { g.Reconcile = 0 })},
	})
	for name, change := range map[string]func(*config.Config){
		"forms":                   crons("0 2 * * 6", "*/15 1-4,22 1,15 JAN-mar SUN", "0 0 29 2 *", "? ? * * ?"),
		"a-whole-week":            windows(config.Window{Cron: "0 0 * * 0", For: 7 * 24 * time.Hour, Timezone: "Asia/Kolkata"}),
		"reconcile-at-its-limits": group(func(g *config.Group) { g.Reconcile = time.Hour }),
	} {
		c := valid()
		change(&c)
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
