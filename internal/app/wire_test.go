package app_test

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hopguard/internal/app"
	"hopguard/internal/appliance"
	"hopguard/internal/azure"
	"hopguard/internal/azuresim"
	"hopguard/internal/config"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/peering"
	"hopguard/internal/probe"
	"hopguard/internal/route"
	"hopguard/internal/store"
)

// wired is where a setting can have gone.
type wired struct {
	azure      azure.Settings
	controller *controller.Controller
	app.Wiring
}

func (w wired) tcp() probe.TCP   { return w.Set.Checks[1].Question.(probe.TCP) }
func (w wired) http() probe.HTTP { return w.Set.Checks[2].Question.(probe.HTTP) }

// cases change one setting each, and say where it must be seen. Settings that no
// controller knows are tested elsewhere, and named with the test.
func wireCases(file string) []struct {
	path   string
	change func(*config.Config)
	got    func(wired) any
	want   any
} {
	group := func(f func(*config.Group)) func(*config.Config) {
		return func(c *config.Config) { f(&c.Groups[0]) }
	}
	check := func(i int, f func(*config.Check)) func(*config.Config) {
		return func(c *config.Config) { f(&c.Groups[0].Checks[i]) }
	}
	hop := func(h config.Hop) func(*config.Config) {
		return func(c *config.Config) { c.Groups[0].Members[0].Hops = []config.Hop{h} }
	}
	kind := func(kind config.Kind, f func(*config.Check)) func(*config.Config) {
		return func(c *config.Config) {
			k := config.DefaultCheck(kind)
			k.Name = "x"
			f(&k)
			c.Groups[0].Checks[0] = k
			c.Meraki.Organization, c.Meraki.KeyEnv = "549236", "KEY"
		}
	}
	window := func(w config.Window) func(*config.Config) {
		return group(func(g *config.Group) { g.Policy.Windows = []config.Window{w} })
	}
	spokes := func(s config.Spokes) func(*config.Config) {
		return group(func(g *config.Group) { g.Spokes = s })
	}
	opening := func(w wired) any {
		o := w.controller.Policy.Windows[0]
		return o.Next(time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)).Format(time.RFC3339) + " " + o.For.String()
	}
	firstHop := func(w wired) any { return w.controller.Group.Members[0].Hops[0] }
	const sub = "5b5c1a10-0000-4000-8000-000000000001"
	const id = "/subscriptions/" + sub + "/resourceGroups/rg/providers/Microsoft.Network/networkInterfaces/nic"
	return []struct {
		path   string
		change func(*config.Config)
		got    func(wired) any
		want   any
	}{
		{"azure.cloud", func(c *config.Config) { c.Azure.Cloud = config.CloudChina }, func(w wired) any { return w.azure.Cloud }, "AzureChina"},
		{"azure.endpoint", func(c *config.Config) { c.Azure.Endpoint = "https://e" }, func(w wired) any { return w.azure.Endpoint }, "https://e"},
		{"azure.authority", func(c *config.Config) { c.Azure.Authority = "https://a" }, func(w wired) any { return w.azure.Authority }, "https://a"},
		{"azure.authority", func(c *config.Config) { c.Azure.Authority = "" }, func(w wired) any { return w.azure.Credential.PrivateAuthority }, false},
		{"azure.authority", func(c *config.Config) { c.Azure.Authority = "https://a" }, func(w wired) any { return w.azure.Credential.PrivateAuthority }, true},
		{"azure.audience", func(c *config.Config) { c.Azure.Audience = "https://m" }, func(w wired) any { return w.azure.Audience }, "https://m"},
		{"azure.caFile", func(c *config.Config) { c.Azure.CAFile = file }, func(w wired) any { return w.azure.CA != nil }, true},
		{"azure.credential", func(c *config.Config) { c.Azure.Credential = config.CredentialCLI }, func(w wired) any { return w.azure.Credential.Kind }, "cli"},
		{"azure.tenantID", func(c *config.Config) { c.Azure.TenantID = "contoso.example" }, func(w wired) any { return w.azure.Credential.TenantID }, "contoso.example"},
		{"azure.clientID", func(c *config.Config) { c.Azure.ClientID = "a9900001-0000-4000-8000-000000000009" }, func(w wired) any { return w.azure.Credential.ClientID }, "a9900001-0000-4000-8000-000000000009"},
		{"azure.clientSecret", func(c *config.Config) { c.Azure.ClientSecret = "s1" }, func(w wired) any { return w.azure.Credential.ClientSecret }, "s1"},
		{"azure.clientSecretEnv", func(c *config.Config) { c.Azure.ClientSecret, c.Azure.ClientSecretEnv = "", "SECRET" }, func(w wired) any { return w.azure.Credential.ClientSecret }, "of SECRET"},
		{"azure.clientSecretFile", func(c *config.Config) { c.Azure.ClientSecret, c.Azure.ClientSecretFile = "", file }, func(w wired) any { return strings.HasPrefix(w.azure.Credential.ClientSecret, "-----BEGIN") }, true},
		{"azure.tokenFile", func(c *config.Config) { c.Azure.TokenFile = file }, func(w wired) any { return w.azure.Credential.TokenFile }, file},
		{"azure.subscriptions", func(c *config.Config) { c.Azure.Subscriptions = []string{"5b5c1a10-0000-4000-8000-000000000001"} }, func(w wired) any { return w.azure.Subscriptions }, []string{"5b5c1a10-0000-4000-8000-000000000001"}},
		{"azure.parallel", func(c *config.Config) { c.Azure.Parallel = 7 }, func(w wired) any { return w.azure.Parallel }, 7},
		{"azure.timeout", func(c *config.Config) { c.Azure.Timeout = 7 * time.Second }, func(w wired) any { return w.azure.Timeout }, 7 * time.Second},

		{"store.kind", func(c *config.Config) { c.Store.Kind = config.StoreMemory }, storeOf, "memory"},
		{"store.path", func(c *config.Config) { c.Store = config.Store{Kind: config.StoreFile, Path: "folder"} }, storeOf, "folder"},

		{"groups.name", group(func(g *config.Group) { g.Name = "apac" }), func(w wired) any { return w.controller.Group.Name }, appliance.GroupName("apac")},
		{"groups.name", group(func(g *config.Group) { g.Name = "apac" }), func(w wired) any { return w.controller.Policy.Group.Name }, appliance.GroupName("apac")},
		{"groups.preferred", group(func(g *config.Group) { g.Preferred = "vmx-b" }), func(w wired) any { return w.controller.Policy.Group.Preferred }, appliance.MemberName("vmx-b")},
		{"groups.members.name", group(func(g *config.Group) { g.Members[1].Name = "vmx-z" }), func(w wired) any { return w.controller.Group.Members[1].Name }, appliance.MemberName("vmx-z")},
		{"groups.members.vm", group(func(g *config.Group) { g.Members[1].VM = g.Members[1].VM + "z" }), func(w wired) any { return w.Set.Members[1].VM.Name() }, "vmx-bz"},
		{"groups.members.hops.role", hop(config.Hop{Role: "lan", NIC: "n"}), firstHop, appliance.HopSource{Role: "lan", NIC: "n"}},
		{"groups.members.hops.nic", hop(config.Hop{Role: "lan", NIC: "n"}), firstHop, appliance.HopSource{Role: "lan", NIC: "n"}},
		{"groups.members.hops.subnet", hop(config.Hop{Role: "lan", Subnet: "s"}), firstHop, appliance.HopSource{Role: "lan", Subnet: "s"}},
		{"groups.members.hops.address", hop(config.Hop{Role: "lan", Address: netip.MustParseAddr("10.1.0.4")}), firstHop, appliance.HopSource{Role: "lan", Addr: netip.MustParseAddr("10.1.0.4")}},
		{"groups.routes.tag.name", group(func(g *config.Group) { g.Routes.Tag.Name = "ha" }), func(w wired) any { return w.controller.Selection.TagName }, "ha"},
		{"groups.routes.tag.value", group(func(g *config.Group) { g.Routes.Tag.Value = "one" }), func(w wired) any { return w.controller.Selection.TagValue }, "one"},
		{"groups.routes.names", group(func(g *config.Group) { g.Routes.Names = []string{"r"} }), func(w wired) any { return w.controller.Selection.Names }, []string{"r"}},
		{"groups.routes.prefixes", group(func(g *config.Group) { g.Routes.Prefixes = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }), func(w wired) any { return fmt.Sprint(w.controller.Selection.Prefixes) }, "[10.0.0.0/8]"},
		{"groups.routes.critical", group(func(g *config.Group) { g.Routes.Critical = []config.Ref{"rt-1"} }), func(w wired) any { return w.controller.Selection.Critical }, []string{"rt-1"}},
		{"groups.spokes.tag.name", spokes(config.Spokes{Tag: config.Tag{Name: "n", Value: "v"}}), func(w wired) any { return w.Spokes.TagName }, "n"},
		{"groups.spokes.tag.value", spokes(config.Spokes{Tag: config.Tag{Name: "n", Value: "v"}}), func(w wired) any { return w.Spokes.TagValue }, "v"},
		{"groups.spokes.within", spokes(config.Spokes{Within: []config.Scope{"/subscriptions/" + sub, "/subscriptions/" + sub + "/resourceGroups/g"}}),
			func(w wired) any { return w.Spokes.Scopes }, []peering.Scope{{Subscription: sub}, {Subscription: sub, ResourceGroup: "g"}}},
		{"groups.spokes.exclude", spokes(config.Spokes{Tag: config.Tag{Name: "n"}, Exclude: []config.ResourceID{id}}), func(w wired) any { return w.Spokes.Exclude }, []appliance.ResourceID{id}},
		{"groups.spokes.interval", spokes(config.Spokes{Tag: config.Tag{Name: "n"}, Interval: 7 * time.Minute}), func(w wired) any { return w.Scan }, 7 * time.Minute},
		{"groups.vote", group(func(g *config.Group) { g.Vote = config.VoteAny }), func(w wired) any { return w.controller.Vote.Down }, 1},
		{"groups.vote", group(func(g *config.Group) { g.Vote = config.VoteAll }), func(w wired) any { return w.controller.Vote.Down }, 3},
		{"groups.quorum", group(func(g *config.Group) { g.Vote, g.Quorum = config.VoteQuorum, 2 }), func(w wired) any { return w.controller.Vote.Down }, 2},
		{"groups.policy.failback", group(func(g *config.Group) { g.Policy.Failback = config.FailbackAuto }), func(w wired) any { return w.controller.Policy.Failback }, decide.FailbackAuto},
		{"groups.policy.failbackDelay", group(func(g *config.Group) { g.Policy.FailbackDelay = 7 * time.Minute }), func(w wired) any { return w.controller.Policy.FailbackDelay }, 7 * time.Minute},
		{"groups.policy.holdDown", group(func(g *config.Group) { g.Policy.HoldDown = 7 * time.Minute }), func(w wired) any { return w.controller.Policy.HoldDown }, 7 * time.Minute},
		{"groups.policy.maxTransitions", group(func(g *config.Group) { g.Policy.MaxTransitions = 7 }), func(w wired) any { return w.controller.Policy.MaxTransitions }, 7},
		{"groups.policy.per", group(func(g *config.Group) { g.Policy.Per = 7 * time.Hour }), func(w wired) any { return w.controller.Policy.Per }, 7 * time.Hour},
		{"groups.policy.unknownAlert", group(func(g *config.Group) { g.Policy.UnknownAlert = 7 * time.Minute }), func(w wired) any { return w.UnknownAlert }, 7 * time.Minute},
		{"groups.verify.nics", group(func(g *config.Group) { g.Verify.NICs = []config.ResourceID{id} }), func(w wired) any { return w.controller.Verify.NICs }, []appliance.ResourceID{id}},
		{"groups.verify.timeout", group(func(g *config.Group) { g.Verify.Timeout = 7 * time.Second }), func(w wired) any { return w.controller.Verify.Timeout }, 7 * time.Second},

		{"groups.checks.name", check(0, func(k *config.Check) { k.Name = "power" }), func(w wired) any { return w.controller.Checks[0].Name + w.Set.Checks[0].Name }, "powerpower"},
		{"groups.checks.kind", check(0, func(k *config.Check) { *k = config.DefaultCheck(config.KindTCP); k.Name, k.Port = "t", 1 }), func(w wired) any { return fmt.Sprintf("%T", w.Set.Checks[0].Question) }, "probe.TCP"},
		{"groups.checks.kind", func(*config.Config) {}, func(w wired) any {
			var paths []bool
			for i := range w.Set.Checks {
				paths = append(paths, w.Set.Checks[i].DataPath, w.controller.Checks[i].DataPath)
			}
			return paths
		}, []bool{false, false, true, true, true, true}},
		{"groups.checks.interval", check(1, func(k *config.Check) { k.Interval = 7 * time.Second }), func(w wired) any { return w.Timings[1].Interval }, 7 * time.Second},
		{"groups.checks.timeout", check(1, func(k *config.Check) { k.Timeout = 1500 * time.Millisecond }), func(w wired) any { return w.Set.Checks[1].Timeout }, 1500 * time.Millisecond},
		{"groups.checks.confirmInterval", check(1, func(k *config.Check) { k.ConfirmInterval = time.Second }), func(w wired) any { return w.controller.Checks[1].Confirm }, time.Second},
		{"groups.checks.confirmInterval", check(1, func(k *config.Check) { k.ConfirmInterval = time.Second }), func(w wired) any { return w.Timings[1].Confirm }, time.Second},
		{"groups.checks.fresh", check(1, func(k *config.Check) { k.Fresh = 7 * time.Second }), func(w wired) any { return w.controller.Checks[1].Fresh }, 7 * time.Second},
		{"groups.checks.fall", check(1, func(k *config.Check) { k.Fall = 7 }), func(w wired) any { return w.controller.Checks[1].Fall }, 7},
		{"groups.checks.rise", check(1, func(k *config.Check) { k.Rise = 7 }), func(w wired) any { return w.controller.Checks[1].Rise }, 7},
		{"groups.checks.port", check(1, func(k *config.Check) { k.Targets, k.Port = nil, 7 }), func(w wired) any { return w.tcp().Port }, uint16(7)},
		{"groups.checks.port", check(2, func(k *config.Check) { k.URL, k.Port = "", 7 }), func(w wired) any { return w.http().Port }, uint16(7)},
		{"groups.checks.targets", check(1, func(k *config.Check) { k.Targets["vmx-a"] = "a:7" }), func(w wired) any { return w.tcp().Targets["vmx-a"] }, "a:7"},
		{"groups.checks.targets", check(2, func(k *config.Check) {
			k.URL, k.Targets = "", map[string]string{"vmx-a": "https://a/", "vmx-b": "https://b/"}
		}), func(w wired) any { return w.http().Targets["vmx-b"] }, "https://b/"},
		{"groups.checks.url", check(2, func(k *config.Check) { k.URL = "https://{address}/x" }), func(w wired) any { return w.http().URL }, "https://{address}/x"},
		{"groups.checks.status", check(2, func(k *config.Check) { k.Status = []int{204} }), func(w wired) any { return w.http().Status }, []int{204}},
		{"groups.checks.body", check(2, func(k *config.Check) { k.Body = "ok" }), func(w wired) any { return w.http().Body }, "ok"},
		{"groups.checks.insecureSkipVerify", check(2, func(k *config.Check) { k.InsecureSkipVerify = true }), func(w wired) any { return w.http().InsecureSkipVerify }, true},
		{"groups.checks.serverName", check(2, func(k *config.Check) { k.ServerName = "s" }), func(w wired) any { return w.http().ServerName }, "s"},
		{"groups.checks.caFile", check(2, func(k *config.Check) { k.CAFile = file }), func(w wired) any { return w.http().CAFile }, file},
		{"groups.checks.source", check(1, func(k *config.Check) { k.Source = netip.MustParseAddr("10.9.0.1") }), func(w wired) any { return w.tcp().From.Source.String() }, "10.9.0.1"},
		{"groups.checks.source", check(2, func(k *config.Check) { k.Source = netip.MustParseAddr("10.9.0.1") }), func(w wired) any { return w.http().From.Source.String() }, "10.9.0.1"},
		{"groups.checks.interface", check(1, func(k *config.Check) { k.Interface = "eth7" }), func(w wired) any { return w.tcp().From.Interface }, "eth7"},
		{"groups.checks.kind", kind(config.KindICMP, func(k *config.Check) {
			k.Source, k.Interface, k.Targets = netip.MustParseAddr("10.9.0.1"), "eth7", map[string]string{"vmx-a": "10.8.0.1"}
		}), func(w wired) any {
			q := w.Set.Checks[0].Question.(probe.ICMP)
			return fmt.Sprintln(q.From, q.Targets, w.Set.Checks[0].DataPath, w.controller.Checks[0].Second)
		}, " from 10.9.0.1 by eth7 map[vmx-a:10.8.0.1] true false\n"},
		{"groups.checks.command", kind(config.KindExec, func(k *config.Check) { k.Command = []string{"probe-it", "-x", "y"} }), func(w wired) any {
			q := w.Set.Checks[0].Question.(probe.Exec)
			return fmt.Sprintln(q.Command, q.Args, q.Address != nil && w.Set.Checks[0].DataPath)
		}, "probe-it [-x y] true\n"},
		{"groups.checks.ping", kind(config.KindMeraki, func(k *config.Check) { k.Ping, k.Targets = true, map[string]string{"vmx-a": "Q2XX-AAAA-0001"} }), func(w wired) any {
			q := w.Set.Checks[0].Question.(probe.Meraki)
			return fmt.Sprint(q.Ping, q.Serials, q.Devices != nil, w.Set.Checks[0].DataPath, w.controller.Checks[0].Second)
		}, "true map[vmx-a:Q2XX-AAAA-0001] true false true"},
		{"groups.witness.targets", group(func(g *config.Group) {
			g.Witness = config.Witness{Targets: []string{"tcp://w:7", "icmp://10.9.0.9", "https://w/x"}, Timeout: time.Second}
		}), func(w wired) any {
			var all []string
			for _, c := range w.Set.Witness {
				all = append(all, fmt.Sprintf("%s %T %s", c.Name, c.Question, c.Timeout))
			}
			return fmt.Sprint(all, w.Set.Witness[0].Question.(probe.TCP).Targets, w.Set.Witness[1].Question.(probe.ICMP).Targets, w.Set.Witness[2].Question.(probe.HTTP).Targets, w.controller.Witness)
		}, "[tcp://w:7 probe.TCP 1s icmp://10.9.0.9 probe.ICMP 1s https://w/x probe.HTTP 1s] map[:w:7] map[:10.9.0.9] map[:https://w/x] true"},
		{"groups.witness.timeout", func(*config.Config) {}, func(w wired) any { return w.controller.Witness }, false},
		{"groups.policy.failbackWindows.cron", window(config.Window{Cron: "0 2 * * *", For: time.Hour, Timezone: "UTC"}), opening, "2026-11-22T02:00:00Z 1h0m0s"},
		{"groups.policy.failbackWindows.for", window(config.Window{Cron: "0 2 * * *", For: 3 * time.Hour, Timezone: "UTC"}), opening, "2026-11-22T02:00:00Z 3h0m0s"},
		{"groups.policy.failbackWindows.timezone", window(config.Window{Cron: "0 2 * * *", For: time.Hour, Timezone: "Asia/Tokyo"}), opening, "2026-11-22T17:00:00Z 1h0m0s"},
		{"groups.reconcile", group(func(g *config.Group) { g.Reconcile = 7 * time.Second }), func(w wired) any { return w.Reconcile }, 7 * time.Second},
	}
}

// elsewhere names the tests of settings that no controller knows.
func elsewhere() map[string]string {
	m := map[string]string{
		"log.level":  "cli: config.txtar",
		"log.format": "cli: TestRunWatchesAndServesTheAPI",
		"api.listen": "cli: TestRunWatchesAndServesTheAPI",
	}
	for _, key := range []string{"baseURL", "caFile", "organization", "key", "keyEnv", "keyFile", "keyVault", "requestsPerSecond"} {
		m["meraki."+key] = "TestMerakiSettingsReachTheCloud"
	}
	for _, source := range []string{"meraki", "azureMonitor", "eventGrid"} {
		for _, key := range []string{"secret", "secretEnv", "secretFile", "secretVault"} {
			m["events."+source+"."+key] = "TestEventSecretsAreRead"
		}
	}
	m["meraki.keyVault"], m["events.eventGrid.secretVault"] = "TestMerakiKeyInAVault", "TestMerakiKeyInAVault"
	for _, key := range []string{
		"account", "connectionString", "connectionStringEnv", "connectionStringFile", "sasURL", "sasURLEnv", "sasURLFile",
		"container", "prefix", "create", "timeout", "caFile",
	} {
		m["store."+key] = "TestStoreSettingsReachTheBlobs"
	}
	m["replicas.lease"], m["replicas.name"] = "TestReplicaSettingsReachTheLeases", "TestReplicaSettingsReachTheLeases"
	m["groups.policy.storeOutage"] = "TestStoreOutage"
	m["groups.spokes.routeTable.subnets"] = "TestNewNetworksAreRouted"
	m["groups.spokes.routeTable.resourceGroup"], m["groups.spokes.routeTable.name"] = "TestTablesThatCannotBeMade", "TestTablesThatCannotBeMade"
	m["groups.branches.prefixes"], m["groups.branches.removeAfter"] = "TestBranchesComeAndGo", "TestBranchesComeAndGo"
	for _, key := range []string{"organization", "networks", "exclude", "within"} {
		m["groups.branches.meraki."+key] = "TestBranchSettingsReachTheCloud"
	}
	m["groups.branches.role"] = "TestTablesThatCannotBeMade"
	m["functions.watch"], m["functions.fanOut"] = "TestFunctionsWatchIsFaster", "TestFunctionsFanOut"
	m["notify.repeat"], m["notify.giveUp"] = "TestRemindersAndTheEndOfTrying", "TestRemindersAndTheEndOfTrying"
	for _, key := range []string{"name", "min", "perHour"} {
		m["notify.targets."+key] = "TestTargetsHearWhatTheyWant"
	}
	for _, key := range []string{
		"kind", "url", "urlEnv", "urlFile", "urlVault", "secret", "secretEnv", "secretFile", "secretVault", "key", "keyEnv", "keyFile", "keyVault",
		"server", "mx", "tls", "from", "to", "user", "password", "passwordEnv", "passwordFile", "passwordVault", "caFile",
	} {
		m["notify.targets."+key] = "TestTargetSettingsReachTheSenders"
	}
	return m
}

func storeOf(w wired) any {
	// The store is behind the one that learns addresses.
	records := reflect.ValueOf(w.controller.Records).FieldByName("Records").Interface()
	switch s := records.(type) {
	case store.File:
		return s.Folder
	case *store.Memory:
		return "memory"
	default:
		return fmt.Sprintf("%T", s)
	}
}

func TestEverySettingReachesItsPlace(t *testing.T) {
	file := caFile(t)
	for _, tt := range wireCases(file) {
		t.Run(tt.path, func(t *testing.T) {
			w := newWorld(t, azuresim.TwoRegionsOptions{})
			w.config.Groups[0].Checks = threeChecks()
			w.config = w.config.Complete()
			tt.change(&w.config) // whether settings fit together is config's business
			o := app.Options{Config: w.config, Transport: w.Transport(), Getenv: func(name string) string { return "of " + name }}
			settings, err := app.AzureSettings(o)
			if err != nil {
				t.Fatal(err)
			}
			a, err := app.New(o)
			if err != nil {
				t.Fatal(err)
			}
			name := a.Groups()[0]
			c, _ := a.Controller(name)
			if diff := cmp.Diff(tt.want, tt.got(wired{settings, c, a.WiringOf(name)}), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Errorf("%s did not arrive (-want +got):\n%s", tt.path, diff)
			}
		})
	}
}

// TestNoSettingIsForgotten: a new setting needs a row above.
func TestNoSettingIsForgotten(t *testing.T) {
	tested := elsewhere()
	for _, tt := range wireCases("") {
		tested[tt.path] = "here"
	}
	for _, path := range leaves("", reflect.TypeFor[config.Config]()) {
		if tested[path] == "" {
			t.Errorf("no test says where %s goes", path)
		}
		delete(tested, path)
	}
	for path := range tested {
		t.Errorf("%s is tested, and no setting", path)
	}
}

// leaves are the settings below a type, without the numbers of lists.
func leaves(path string, typ reflect.Type) []string {
	if typ.Kind() == reflect.Slice && typ.Elem().Kind() == reflect.Struct && typ.Elem().NumField() > 0 && typ.Elem().Field(0).Tag.Get("yaml") != "" {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || typ.NumField() == 0 || typ.Field(0).Tag.Get("yaml") == "" {
		return []string{path}
	}
	var out []string
	for f := range typ.Fields() {
		out = append(out, leaves(strings.TrimPrefix(path+"."+f.Tag.Get("yaml"), "."), f.Type)...)
	}
	return out
}

func threeChecks() []config.Check {
	tcp, http := config.DefaultCheck(config.KindTCP), config.DefaultCheck(config.KindHTTP)
	tcp.Targets = map[string]string{"vmx-a": "127.0.0.1:1", "vmx-b": "127.0.0.1:2"}
	http.URL = "http://{address}/"
	return []config.Check{config.DefaultCheck(config.KindVMStatus), tcp, http}
}

// caFile is a PEM file, for settings that name one.
func caFile(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := azuresim.Certificate(dir); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "ca.pem")
}

func TestP10SecretsStayInside(t *testing.T) {
	const canary = "canary-of-the-client-secret"
	w := newWorld(t, azuresim.TwoRegionsOptions{})
	w.config.Azure.ClientSecret = canary
	var log strings.Builder
	a, err := app.New(app.Options{Config: w.config, Transport: w.Transport(), Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	r := a.Tick(t.Context(), "emea", controller.Request{})
	text := fmt.Sprintf("%v %+v %s %v", r.Err(), r, log.String(), r.Observations)
	if r.State() != controller.Failed || strings.Contains(text, canary) {
		t.Errorf("a wrong secret gives %s: %s", r.State(), text)
	}

	w.config.Azure.ClientSecret, w.config.Azure.ClientSecretFile = "", filepath.Join(t.TempDir(), canary)
	if err := os.WriteFile(w.config.Azure.ClientSecretFile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := app.New(app.Options{Config: w.config}); err == nil || !strings.Contains(err.Error(), "azure.clientSecretFile") {
		t.Errorf("New() with an empty secret file = %v, want an error that names the setting", err)
	}
}

func TestPredictUsesTheBudget(t *testing.T) {
	w := newWorld(t, azuresim.TwoRegionsOptions{})
	w.config.Azure.Parallel = 2
	plan := route.Plan{}
	for i := range 5 {
		plan.Tables = append(plan.Tables, route.TablePlan{Table: appliance.ResourceID(fmt.Sprint("/subscriptions/s/", i)), Changes: []route.Change{{}}})
	}
	r := &controller.Report{Plan: plan}
	if got, want := w.open(t).Predict(r, 2*time.Second), 6*time.Second; got != want {
		t.Errorf("Predict() with azure.parallel 2 = %s, want %s", got, want)
	}
	w.config.Azure.Parallel = 0
	r.Plan.Tables = slices.Repeat(plan.Tables, 50)
	if got, want := w.open(t).Predict(r, 2*time.Second), 7*time.Second; got != want {
		t.Errorf("Predict() of 250 tables = %s, want %s", got, want)
	}
}
