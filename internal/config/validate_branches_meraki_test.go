package config_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/config"
)

// clouded makes changes of changes to a group whose branches come from the Meraki cloud.
func clouded(change func(*config.MerakiBranches)) func(*config.Config) {
	return func(c *config.Config) {
		tables(func(*config.RouteTable, *config.Branches) {})(c)
		c.Meraki.Organization, c.Meraki.KeyEnv = "1234567", "KEY"
		m := &c.Groups[0].Branches.Meraki
		*m = config.MerakiBranches{Networks: []string{"oslo"}, Within: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
		change(m)
	}
}

// watched adds a meraki check, which names the devices of the members.
func watched(change func(*config.Config)) func(*config.Config) {
	return func(c *config.Config) {
		change(c)
		g := &c.Groups[0]
		g.Checks = append(slices.Clone(g.Checks), config.Check{
			Name: "cloud", Kind: config.KindMeraki, Targets: map[string]string{"vmx-a": "Q2XX-AAAA-0001", "vmx-b": "Q2XX-AAAA-0002"},
		})
		g.Vote = config.VoteAll
		k := &g.Checks[len(g.Checks)-1]
		d := config.DefaultCheck(config.KindMeraki)
		k.Interval, k.Timeout, k.ConfirmInterval, k.Fall, k.Rise = d.Interval, d.Timeout, d.ConfirmInterval, d.Fall, d.Rise
		*c = c.Complete()
	}
}

func TestValidateMerakiBranches(t *testing.T) {
	refuse(t, "rules-branches-meraki.txt", []rule{
		{name: "settings-without-networks", change: clouded(func(m *config.MerakiBranches) {
			m.Networks, m.Organization, m.Exclude = nil, "1", []string{"lab"}
		})},
		{name: "no-organization", change: func(c *config.Config) {
			clouded(func(*config.MerakiBranches) {})(c)
			c.Meraki = config.Default().Meraki
		}},
		{name: "no-tables", change: func(c *config.Config) {
			clouded(func(*config.MerakiBranches) {})(c)
			g := &c.Groups[0]
			g.Spokes.RouteTable, g.Branches.Prefixes, g.Branches.RemoveAfter = config.RouteTable{}, nil, 0
		}},
		{name: "names-that-are-none", change: clouded(func(m *config.MerakiBranches) {
			m.Networks = []string{"", " oslo", "oslo", "OSLO", strings.Repeat("a", 129)}
		})},
		{name: "whose-are-the-members", change: clouded(func(m *config.MerakiBranches) { m.Networks = []string{"*", "branch-?"} })},
		{name: "a-bad-organization", change: clouded(func(m *config.MerakiBranches) { m.Organization = "a/b" })},
		{name: "exclude-what-is-none", change: clouded(func(m *config.MerakiBranches) {
			m.Exclude = []string{"", "10.0.0.0/33", "10.0.0.1/8", "0.0.0.0/0", "::/0", "lab", "Lab", "10.1.0.0/16", "10.1.0.0/16", "oslo/2"}
		})},
		{name: "within-what-is-none", change: clouded(func(m *config.MerakiBranches) {
			m.Within = []netip.Prefix{{}, netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("10.0.0.1/8"), netip.MustParsePrefix("::/0")}
		})},
	})
	for name, change := range map[string]func(*config.Config){
		"by-name": clouded(func(m *config.MerakiBranches) { m.Organization, m.Exclude = "77", []string{"lab-*", "10.1.0.0/16"} }),
		"all":     watched(clouded(func(m *config.MerakiBranches) { m.Networks = []string{"*"} })),
		"alone": func(c *config.Config) {
			clouded(func(*config.MerakiBranches) {})(c)
			c.Groups[0].Branches.Prefixes = nil
		},
	} {
		c := valid()
		change(&c)
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMerakiBranchesAreCompletedAndShown(t *testing.T) {
	c := valid()
	clouded(func(m *config.MerakiBranches) { m.Within = nil })(&c)
	c = c.Complete()
	var within []string
	for _, p := range c.Groups[0].Branches.Meraki.Within {
		within = append(within, p.String())
	}
	if diff := cmp.Diff([]string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"}, within); diff != "" {
		t.Errorf("within (-want +got):\n%s", diff)
	}
	text, err := c.YAML()
	if err != nil || strings.Contains(string(text), "100.64.0.0/10") || !strings.Contains(string(text), "- oslo") {
		t.Errorf("YAML() = %s, %v\nwant the networks, and not what follows from the rest", text, err)
	}
	if none := valid().Complete().Groups[0].Branches.Meraki; none.Asks() || len(none.Within) > 0 {
		t.Errorf("without the section: %+v, want nothing asked", none)
	}
	m := config.MerakiBranches{Exclude: []string{"lab-*", "10.1.0.0/16", "N_1"}}
	if n, p := m.Excluded(); !slices.Equal(n, []string{"lab-*", "N_1"}) || !slices.Equal(p, []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}) {
		t.Errorf("Excluded() = %v, %v", n, p)
	}
}
