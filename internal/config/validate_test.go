package config_test

import (
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hopguard/internal/config"
)

const (
	subscription = "00000000-0000-0000-0000-000000000001"
	machines     = "/subscriptions/" + subscription + "/resourceGroups/mrg/providers/Microsoft.Compute/virtualMachines/"
	network      = "/subscriptions/" + subscription + "/resourceGroups/net/providers/Microsoft.Network/"
	vault        = "https://hopguard.vault.azure.net/secrets/some-secret"
	account      = "https://hopguard.blob.core.windows.net"
	sas          = account + "/state?sv=2023-11-03&sr=c&sp=racwdl&sig=hunter2"
	connection   = "DefaultEndpointsProtocol=https;AccountName=hopguard;AccountKey=hunter2;EndpointSuffix=core.windows.net"
	guid         = "00000000-0000-0000-0000-00000000c11e"
)

// valid returns a configuration with one group and a check of each kind.
func valid() config.Config {
	tcp, http := config.DefaultCheck(config.KindTCP), config.DefaultCheck(config.KindHTTP)
	tcp.Port = 22
	http.URL = "https://{address}/"
	g := config.DefaultGroup()
	g.Name = "emea"
	g.Members = []config.Member{{Name: "vmx-a", VM: machines + "vmx-a"}, {Name: "vmx-b", VM: machines + "vmx-b"}}
	g.Checks = []config.Check{config.DefaultCheck(config.KindVMStatus), tcp, http}
	c := config.Default()
	c.Groups = []config.Group{g}
	return c.Complete()
}

// rule is a change to a valid configuration that breaks a rule, or that must not.
type rule struct {
	name   string
	change func(*config.Config)
}

// group, members, check and azure make changes of changes to one part.
func group(change func(*config.Group)) func(*config.Config) {
	return func(c *config.Config) { change(&c.Groups[0]) }
}

func members(change func(a, b *config.Member)) func(*config.Config) {
	return func(c *config.Config) { change(&c.Groups[0].Members[0], &c.Groups[0].Members[1]) }
}

func check(n int, change func(*config.Check)) func(*config.Config) {
	return func(c *config.Config) { change(&c.Groups[0].Checks[n]) }
}

func azure(change func(*config.Azure)) func(*config.Config) {
	return func(c *config.Config) { change(&c.Azure) }
}

// refuse checks that each change is refused, and that the transcript has the exact texts.
func refuse(t *testing.T, transcript string, rules []rule) {
	t.Helper()
	var text strings.Builder
	for _, r := range rules {
		c := valid()
		r.change(&c)
		err := c.Validate()
		p, ok := errors.AsType[*config.Problems](err)
		if !ok {
			t.Errorf("%s: Validate() = %v, want *Problems", r.name, err)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: Validate() prints a secret", r.name)
		}
		text.WriteString(r.name + "\n")
		for _, q := range p.List {
			text.WriteString("  " + q.String() + "\n")
		}
	}
	golden(t, filepath.Join("testdata", transcript), text.String())
}

func TestValidateAcceptsWhatIsValid(t *testing.T) {
	for _, r := range []rule{
		{name: "defaults", change: func(*config.Config) {}},
		{name: "another-cloud-with-an-endpoint", change: azure(func(a *config.Azure) {
			a.Cloud, a.Endpoint = config.CloudChina, "https://[::1]:8443/"
		})},
		{name: "workload-identity-with-a-token-file", change: azure(func(a *config.Azure) {
			a.Credential, a.TokenFile, a.TenantID, a.ClientID = config.CredentialWorkloadIdentity, "token", guid, guid
		})},
		{name: "client-secret-with-all-it-needs", change: azure(func(a *config.Azure) {
			a.Credential, a.TenantID, a.ClientID, a.ClientSecretFile = config.CredentialClientSecret, guid, guid, "secret"
		})},
		{name: "a-quorum-of-every-check", change: group(func(g *config.Group) { g.Vote, g.Quorum = config.VoteQuorum, 3 })},
		{name: "confirm-interval-as-long-as-the-interval", change: check(0, func(k *config.Check) { k.ConfirmInterval = k.Interval })},
		{name: "two-groups-with-the-same-machines-and-other-tag-values", change: func(c *config.Config) {
			g := c.Groups[0]
			g.Name, g.Routes.Tag.Value = "apac", "EMEA"
			c.Groups = append(c.Groups, g)
		}},
		{name: "memory-store-without-a-path", change: func(c *config.Config) { c.Store = config.Store{Kind: config.StoreMemory} }},
		{name: "any-port-of-this-machine", change: func(c *config.Config) { c.API.Listen = "localhost:0" }},
		{name: "an-interface-name-that-each-resource-group-has", change: members(func(a, b *config.Member) {
			a.Hops = []config.Hop{{Role: "lan", NIC: "eth0"}}
			b.Hops = []config.Hop{{Role: "LAN", NIC: "eth0"}}
		})},
	} {
		c := valid()
		r.change(&c)
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", r.name, err)
		}
	}
}

func TestValidateAzure(t *testing.T) {
	refuse(t, "rules-azure.txt", []rule{
		{name: "unknown-cloud", change: azure(func(a *config.Azure) { a.Cloud = "AzurePublik" })},
		{name: "no-cloud", change: azure(func(a *config.Azure) { a.Cloud = "" })},
		{name: "endpoint-without-scheme", change: azure(func(a *config.Azure) { a.Endpoint = "management.azure.com" })},
		{name: "endpoint-over-http", change: azure(func(a *config.Azure) { a.Endpoint = "http://arm.example" })},
		{name: "endpoint-over-http-on-this-machine", change: azure(func(a *config.Azure) { a.Endpoint = "http://LOCALHOST:8443" })},
		{name: "endpoint-over-http-on-a-loopback-address", change: azure(func(a *config.Azure) { a.Endpoint = "http://[::1]:8443" })},
		{name: "endpoint-with-a-password", change: azure(func(a *config.Azure) { a.Endpoint = "https://me:hunter2@arm.example/x@y" })},
		{name: "endpoint-with-a-query", change: azure(func(a *config.Azure) { a.Endpoint = "https://arm.example/?a=b" })},
		{name: "endpoint-with-a-fragment", change: azure(func(a *config.Azure) { a.Endpoint = "https://arm.example/#a" })},
		{name: "endpoint-without-host", change: azure(func(a *config.Azure) { a.Endpoint = "https:///x" })},
		{name: "endpoint-with-a-bad-port", change: azure(func(a *config.Azure) { a.Endpoint = "https://arm.example:70000" })},
		{name: "endpoint-with-an-empty-port", change: azure(func(a *config.Azure) { a.Endpoint = "https://arm.example:" })},
		{name: "endpoint-with-a-space", change: azure(func(a *config.Azure) { a.Endpoint = "https://arm.example/a b" })},
		{name: "authority-over-http", change: azure(func(a *config.Azure) { a.Authority = "http://login.example" })},
		{name: "audience-without-scheme", change: azure(func(a *config.Azure) { a.Audience = "management.azure.com" })},
		{name: "audience-with-a-password", change: azure(func(a *config.Azure) { a.Audience = "https://me:hunter2@arm.example" })},
		{name: "audience-with-the-default-scope", change: azure(func(a *config.Azure) { a.Audience = "https://management.azure.com/.default" })},
		{name: "unknown-credential-hides-what-depends-on-it", change: azure(func(a *config.Azure) {
			a.Credential, a.ClientSecret, a.TokenFile = "client-secrets", "hunter2", "token"
		})},
		{name: "bad-tenant", change: azure(func(a *config.Azure) { a.TenantID = "my tenant" })},
		{name: "bad-client", change: azure(func(a *config.Azure) { a.ClientID = "my-app" })},
		{name: "client-secret-without-anything", change: azure(func(a *config.Azure) { a.Credential = config.CredentialClientSecret })},
		{name: "client-secret-with-two-secrets", change: azure(func(a *config.Azure) {
			a.Credential, a.TenantID, a.ClientID = config.CredentialClientSecret, guid, guid
			a.ClientSecret, a.ClientSecretEnv = "hunter2", "SECRET"
		})},
		{name: "a-secret-that-nobody-reads", change: azure(func(a *config.Azure) {
			a.Credential, a.ClientSecretEnv = config.CredentialManagedIdentity, "SECRET"
		})},
		{name: "a-hidden-secret-copied-from-config-show", change: azure(func(a *config.Azure) {
			a.Credential, a.TenantID, a.ClientID, a.ClientSecret = config.CredentialClientSecret, guid, guid, "<secret>"
		})},
		{name: "a-secret-in-place-of-its-variable", change: azure(func(a *config.Azure) {
			a.Credential, a.TenantID, a.ClientID, a.ClientSecretEnv = config.CredentialClientSecret, guid, guid, "hunter2~."
		})},
		{name: "a-secret-with-a-line-break", change: azure(func(a *config.Azure) {
			a.Credential, a.TenantID, a.ClientID, a.ClientSecret = config.CredentialClientSecret, guid, guid, "hunter2\n"
		})},
		{name: "a-token-file-that-nobody-reads", change: azure(func(a *config.Azure) { a.TokenFile = "token" })},
		{name: "bad-subscription", change: azure(func(a *config.Azure) { a.Subscriptions = []string{"production", ""} })},
		{name: "subscription-twice", change: azure(func(a *config.Azure) {
			a.Subscriptions = []string{guid, strings.ToUpper(guid)}
		})},
		{name: "parallel-below-zero", change: azure(func(a *config.Azure) { a.Parallel = -1 })},
		{name: "parallel-beyond-the-budget", change: azure(func(a *config.Azure) { a.Parallel = 201 })},
		{name: "no-timeout", change: azure(func(a *config.Azure) { a.Timeout = 0 })},
		{name: "endless-timeout", change: azure(func(a *config.Azure) { a.Timeout = 1000 * time.Hour })},
		{name: "control-characters-in-a-text", change: azure(func(a *config.Azure) { a.CAFile = "a\x1b[31m" })},
		{name: "a-text-that-is-no-UTF-8", change: azure(func(a *config.Azure) { a.CAFile = "a\xff" })},
	})
}

func TestValidateLogAPIFunctions(t *testing.T) {
	refuse(t, "rules-rest.txt", []rule{
		{name: "unknown-level", change: func(c *config.Config) { c.Log.Level = "warning" }},
		{name: "unknown-format", change: func(c *config.Config) { c.Log.Format = "logfmt" }},
		{name: "listen-without-port", change: func(c *config.Config) { c.API.Listen = "localhost" }},
		{name: "listen-with-a-named-port", change: func(c *config.Config) { c.API.Listen = ":http" }},
		{name: "listen-with-a-bad-port", change: func(c *config.Config) { c.API.Listen = ":65536" }},
		{name: "listen-with-a-scheme", change: func(c *config.Config) { c.API.Listen = "http://:80" }},
		{name: "a-watch-before-it-has-begun", change: func(c *config.Config) { c.Functions.Watch = -time.Second }},
		{name: "a-watch-without-time-for-a-switch", change: func(c *config.Config) { c.Functions.Watch = 121 * time.Second }},
	})
}

func TestValidateGroups(t *testing.T) {
	refuse(t, "rules-groups.txt", []rule{
		{name: "none", change: func(c *config.Config) { c.Groups = nil }},
		{name: "bad-name", change: group(func(g *config.Group) { g.Name = "-emea" })},
		{name: "long-name", change: group(func(g *config.Group) { g.Name = strings.Repeat("x", 64) })},
		{name: "no-name-is-one-problem", change: group(func(g *config.Group) { g.Name, g.Routes.Tag.Value = "", "" })},
		{name: "name-twice", change: func(c *config.Config) {
			g := c.Groups[0]
			g.Routes.Tag.Value = "other"
			c.Groups = append(c.Groups, g)
		}},
		{name: "tag-twice", change: func(c *config.Config) {
			g := c.Groups[0]
			g.Name, g.Routes.Tag.Name = "apac", "NVA_HA_UDR"
			c.Groups = append(c.Groups, g)
		}},
		{name: "no-member", change: group(func(g *config.Group) { g.Members = nil })},
		{name: "one-member", change: group(func(g *config.Group) { g.Members = g.Members[:1] })},
		{name: "three-members", change: group(func(g *config.Group) {
			g.Members = append(g.Members, config.Member{Name: "vmx-c", VM: machines + "vmx-c"})
		})},
		{name: "preferred-nobody", change: group(func(g *config.Group) { g.Preferred = "vmx-aa" })},
		{name: "unknown-vote", change: group(func(g *config.Group) { g.Vote, g.Quorum = "most", 2 })},
		{name: "quorum-without-number", change: group(func(g *config.Group) { g.Vote = config.VoteQuorum })},
		{name: "quorum-above-the-checks", change: group(func(g *config.Group) { g.Vote, g.Quorum = config.VoteQuorum, 4 })},
		{name: "a-quorum-that-nobody-reads", change: group(func(g *config.Group) { g.Quorum = 2 })},
		{name: "bad-verify", change: group(func(g *config.Group) {
			g.Verify = config.Verify{NICs: []config.ResourceID{"web", network + "networkInterfaces/web", network + "networkinterfaces/WEB"}}
		})},
		{name: "bad-policy", change: group(func(g *config.Group) { g.Policy = config.Policy{Failback: "Auto", MaxTransitions: 101} })},
		{name: "per-below-hold-down", change: group(func(g *config.Group) { g.Policy.Per = g.Policy.HoldDown - 1 })},
	})
}

func TestValidateMembers(t *testing.T) {
	lan := func(h config.Hop) []config.Hop { h.Role = "lan"; return []config.Hop{h} }
	a4, b4 := netip.MustParseAddr("10.0.0.4"), netip.MustParseAddr("10.0.1.4")
	refuse(t, "rules-members.txt", []rule{
		{name: "bad-names", change: members(func(a, b *config.Member) { a.Name, b.Name = "vmx a", "" })},
		{name: "name-twice-in-other-letter-case", change: members(func(_, b *config.Member) { b.Name = "VMX-A" })},
		{name: "the-same-machine-in-other-letter-case", change: members(func(_, b *config.Member) {
			b.VM = config.ResourceID(strings.ToUpper(machines + "vmx-a"))
		})},
		{name: "machine-by-name", change: members(func(a, _ *config.Member) { a.VM = "vmx-a" })},
		{name: "no-machine", change: members(func(a, _ *config.Member) { a.VM = "" })},
		{name: "machine-in-a-subscription-by-name", change: members(func(a, _ *config.Member) {
			a.VM = "/subscriptions/production/resourceGroups/mrg/providers/Microsoft.Compute/virtualMachines/vmx-a"
		})},
		{name: "machine-with-a-bad-resource-group", change: members(func(a, _ *config.Member) {
			a.VM = "/subscriptions/" + subscription + "/resourceGroups/mrg./providers/Microsoft.Compute/virtualMachines/vmx-a"
		})},
		{name: "machine-without-a-name", change: members(func(a, _ *config.Member) { a.VM = machines })},
		{name: "another-resource", change: members(func(a, _ *config.Member) { a.VM = network + "routeTables/a" })},
		{name: "bad-hops", change: members(func(a, b *config.Member) {
			a.Hops = []config.Hop{{Role: "a b", Subnet: "x/y"}, {Role: "wan", NIC: "x/y"}, {Role: "dmz"}}
			b.Hops = []config.Hop{{Role: "a b", Subnet: "s", NIC: "n"}, {Role: "wan", NIC: "n1"}, {Role: "dmz", NIC: "n2", Address: b4}}
		})},
		{name: "subnet-id-of-another-resource", change: members(func(a, b *config.Member) {
			a.Hops, b.Hops = lan(config.Hop{Subnet: network + "virtualNetworks/hub"}), lan(config.Hop{Subnet: network + "virtualNetworks/hub/subnets/lan"})
		})},
		{name: "unusable-addresses", change: members(func(a, b *config.Member) {
			for i, s := range []string{"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "169.254.0.1", "fe80::1%eth0", "::ffff:10.0.0.4"} {
				role := string(rune('a' + i))
				a.Hops = append(a.Hops, config.Hop{Role: role, Address: netip.MustParseAddr(s)})
				b.Hops = append(b.Hops, config.Hop{Role: role, NIC: config.Ref(role)})
			}
		})},
		{name: "one-address-for-both", change: members(func(a, b *config.Member) {
			a.Hops, b.Hops = lan(config.Hop{Address: a4}), lan(config.Hop{Address: a4})
		})},
		{name: "one-interface-for-both", change: members(func(a, b *config.Member) {
			a.Hops, b.Hops = lan(config.Hop{NIC: network + "networkInterfaces/x"}), lan(config.Hop{NIC: network + "NETWORKINTERFACES/x"})
		})},
		{name: "one-subnet-or-interface-for-two-roles", change: members(func(a, b *config.Member) {
			a.Hops = []config.Hop{{Role: "a", Subnet: "s"}, {Role: "b", Subnet: "S"}, {Role: "c", NIC: "s"}, {Role: "d", NIC: "s"}}
			b.Hops = []config.Hop{{Role: "a", Subnet: "1"}, {Role: "b", Subnet: "2"}, {Role: "c", Subnet: "3"}, {Role: "d", Subnet: "4"}}
		})},
		{name: "role-twice", change: members(func(a, b *config.Member) {
			a.Hops = []config.Hop{{Role: "lan", Address: a4}, {Role: "LAN", NIC: "n"}}
			b.Hops = []config.Hop{{Role: "lan", Address: b4}, {Role: "lan", NIC: "n"}}
		})},
		{name: "roles-of-one-member-only", change: members(func(a, _ *config.Member) { a.Hops = lan(config.Hop{Address: a4}) })},
		{name: "roles-of-the-second-member-only", change: members(func(_, b *config.Member) { b.Hops = lan(config.Hop{Address: b4}) })},
		{name: "other-roles", change: members(func(a, b *config.Member) {
			a.Hops, b.Hops = lan(config.Hop{Address: a4}), []config.Hop{{Role: "wan", Address: b4}}
		})},
		{name: "another-family", change: members(func(a, b *config.Member) {
			a.Hops, b.Hops = lan(config.Hop{Address: a4}), lan(config.Hop{Address: netip.MustParseAddr("2001:db8::4")})
		})},
	})
}

func TestValidateRoutes(t *testing.T) {
	prefixes := func(list ...string) func(*config.Config) {
		return group(func(g *config.Group) {
			for _, s := range list {
				g.Routes.Prefixes = append(g.Routes.Prefixes, netip.MustParsePrefix(s))
			}
		})
	}
	refuse(t, "rules-routes.txt", []rule{
		{name: "no-tag-name", change: group(func(g *config.Group) { g.Routes.Tag.Name = "" })},
		{name: "tag-name-with-a-forbidden-character", change: group(func(g *config.Group) { g.Routes.Tag.Name = "50%" })},
		{name: "tag-name-with-a-space-behind", change: group(func(g *config.Group) { g.Routes.Tag.Name = "nva " })},
		{name: "long-tag-name", change: group(func(g *config.Group) { g.Routes.Tag.Name = strings.Repeat("é", 513) })},
		{name: "no-tag-value", change: group(func(g *config.Group) { g.Routes.Tag.Value = "" })},
		{name: "long-tag-value", change: group(func(g *config.Group) { g.Routes.Tag.Value = strings.Repeat("é", 257) })},
		{name: "bad-route-name", change: group(func(g *config.Group) { g.Routes.Names = []string{"a/b"} })},
		{name: "route-name-twice", change: group(func(g *config.Group) { g.Routes.Names = []string{"default", "Default"} })},
		{name: "host-bits", change: prefixes("10.1.2.3/8", "2001:db8::1/32")},
		{name: "prefix-twice", change: prefixes("10.0.0.0/8", "10.0.0.0/8")},
		{name: "mapped-prefix", change: prefixes("::ffff:10.0.0.0/104")},
		{name: "no-prefix", change: group(func(g *config.Group) { g.Routes.Prefixes = make([]netip.Prefix, 1) })},
		{name: "critical-is-no-table", change: group(func(g *config.Group) { g.Routes.Critical = []config.Ref{machines + "vmx-a", ""} })},
		{name: "critical-twice", change: group(func(g *config.Group) { g.Routes.Critical = []config.Ref{"orders", "Orders"} })},
	})
}

func TestValidateChecks(t *testing.T) {
	refuse(t, "rules-checks.txt", []rule{
		{name: "bad-name", change: check(0, func(k *config.Check) { k.Name = "vm status" })},
		{name: "name-twice-in-other-letter-case", change: check(1, func(k *config.Check) { k.Name = "VM-Status" })},
		{name: "unknown-kind", change: check(0, func(k *config.Check) { k.Kind = "vmstatus" })},
		{name: "no-kind-is-one-problem", change: check(0, func(k *config.Check) { k.Kind, k.Name = "", "" })},
		{name: "durations-of-nothing", change: check(1, func(k *config.Check) { k.Interval, k.Timeout, k.ConfirmInterval = 0, 0, -1 })},
		{name: "data-path-too-often", change: check(1, func(k *config.Check) {
			k.Interval, k.Timeout, k.ConfirmInterval = 9*time.Millisecond, 9*time.Millisecond, 9*time.Millisecond
		})},
		{name: "vm-status-too-often", change: check(0, func(k *config.Check) {
			k.Interval, k.Timeout, k.ConfirmInterval = 999*time.Millisecond, 500*time.Millisecond, 999*time.Millisecond
		})},
		{name: "timeout-as-long-as-the-interval", change: check(0, func(k *config.Check) { k.Timeout = k.Interval })},
		{name: "confirm-interval-above-the-interval", change: check(0, func(k *config.Check) { k.ConfirmInterval = k.Interval + 1 })},
		{name: "fall-and-rise-of-zero", change: check(0, func(k *config.Check) { k.Fall, k.Rise = 0, 0 })},
		{name: "fall-and-rise-without-end", change: check(0, func(k *config.Check) { k.Fall, k.Rise = 101, 101 })},
		{name: "tries-longer-than-the-hold-down", change: check(0, func(k *config.Check) { k.Fall = 30 })},
		{name: "vm-status-reads-no-target", change: check(0, func(k *config.Check) {
			k.Port, k.URL, k.Body, k.ServerName, k.InsecureSkipVerify = 22, "https://me:hunter2@{address}/", "ok", "x", true
			k.Status, k.Targets = []int{200}, map[string]string{"vmx-a": "x"}
		})},
		{name: "tcp-reads-no-url", change: check(1, func(k *config.Check) { k.URL = "https://{address}/" })},
		{name: "tcp-without-port-or-targets", change: check(1, func(k *config.Check) { k.Port = 0 })},
		{name: "tcp-with-port-and-targets", change: check(1, func(k *config.Check) {
			k.Targets = map[string]string{"vmx-a": "10.0.0.4:22", "vmx-b": "10.0.1.4:22"}
		})},
		{name: "port-below", change: check(1, func(k *config.Check) { k.Port = -1 })},
		{name: "port-above", change: check(1, func(k *config.Check) { k.Port = 65536 })},
		{name: "target-missing-and-target-for-nobody", change: check(1, func(k *config.Check) {
			k.Port, k.Targets = 0, map[string]string{"vmx-a": "10.0.0.4:22", "vmx-x": "10.0.1.4:22"}
		})},
		{name: "tcp-targets-that-are-none", change: check(1, func(k *config.Check) {
			k.Port, k.Targets = 0, map[string]string{"vmx-a": "10.0.0.4:0", "vmx-b": "me:hunter2@10.0.1.4:22"}
		})},
		{name: "tcp-target-without-host", change: check(1, func(k *config.Check) {
			k.Port, k.Targets = 0, map[string]string{"vmx-a": ":22", "vmx-b": ""}
		})},
		{name: "http-without-place", change: check(2, func(k *config.Check) { k.URL = "" })},
		{name: "http-with-two-places", change: check(2, func(k *config.Check) { k.Port = 80 })},
		{name: "http-url-of-another-scheme", change: check(2, func(k *config.Check) { k.URL = "ftp://{address}/" })},
		{name: "http-url-without-address", change: check(2, func(k *config.Check) { k.URL = "https://vmx.example/" })},
		{name: "http-url-with-the-address-elsewhere", change: check(2, func(k *config.Check) { k.URL = "https://vmx.example/{address}" })},
		{name: "http-url-with-the-address-in-part", change: check(2, func(k *config.Check) { k.URL = "https://{address}.example/" })},
		{name: "http-url-with-the-address-in-brackets", change: check(2, func(k *config.Check) { k.URL = "https://[{address}]/" })},
		{name: "http-url-with-the-stand-in", change: check(2, func(k *config.Check) { k.URL = "https://192.0.2.1/" })},
		{name: "http-url-with-a-password", change: check(2, func(k *config.Check) { k.URL = "https://me:hunter2@{address}/" })},
		{name: "http-url-with-a-bad-port", change: check(2, func(k *config.Check) { k.URL = "https://{address}:0/" })},
		{name: "http-targets-that-are-none", change: check(2, func(k *config.Check) {
			k.URL, k.Targets = "", map[string]string{"vmx-a": "10.0.0.4:80", "vmx-b": "https://me:hunter2@vmx.example/"}
		})},
		{name: "http-without-status", change: check(2, func(k *config.Check) { k.Status = nil })},
		{name: "http-status-that-is-none", change: check(2, func(k *config.Check) { k.Status = []int{99, 600, 200, 200} })},
		{name: "http-server-name-that-is-none", change: check(2, func(k *config.Check) { k.ServerName = "https://x" })},
	})
}
