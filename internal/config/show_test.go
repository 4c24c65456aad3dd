package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"hopguard/internal/config"
)

// sameConfig compares configurations as values: an empty list is no list, an address is itself.
func sameConfig(a, b any) string {
	return cmp.Diff(a, b, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}))
}

func TestNothingPrintsASecret(t *testing.T) {
	s := config.Secret("hunter2")
	c := valid()
	c.Azure.ClientSecret = s
	var printed []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v"} {
		args := []any{s}
		if strings.HasPrefix(verb, "%T") {
			args = []any{s, s}
		}
		printed = append(printed, fmt.Sprintf(verb, args...), fmt.Sprintf(verb, &s), fmt.Sprintf("%v %+v %#v", c, c, c.Azure))
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "azure", c.Azure, "list", []config.Secret{s})
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s, "azure", c.Azure, "list", []config.Secret{s})
	asJSON, err := json.Marshal([]any{s, c})
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	show, err := c.Show()
	if err != nil {
		t.Fatal(err)
	}
	file, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	printed = append(printed, log.String(), string(asJSON), string(asYAML), string(show), string(file), s.String(), s.GoString())
	for _, text := range printed {
		if strings.Contains(strings.ToLower(text), "hunter2") || strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("a secret is printed: %s", text)
		}
	}
	if got := s.Reveal(); got != "hunter2" {
		t.Errorf("Reveal() = %q, want the secret", got)
	}
	if !strings.Contains(string(show), "clientSecret: <secret>\n") {
		t.Errorf("Show() hides that there is a secret:\n%s", show)
	}
}

func TestShowSaysEverything(t *testing.T) {
	c, err := config.Load("testdata/full.yaml", none)
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.Show()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/full.show.txt", string(text))
	if text, err = c.YAML(); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/full.yaml.txt", string(text))
}

// What YAML prints loads as the same configuration, whatever is in it.
func TestYAMLIsReadBackAsItIs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := draw(rt).Complete()
		if err := c.Validate(); err != nil {
			rt.Fatalf("the generator made an invalid configuration: %v", err)
		}
		text, err := c.YAML()
		if err != nil {
			rt.Fatal(err)
		}
		vars := map[string]string{
			"SECRET": "hunter2", "MERAKI_DASHBOARD_API_KEY": "hunter2", "HOPGUARD_AZURE_CLIENTSECRET": c.Azure.ClientSecret.Reveal(),
			"HOPGUARD_MERAKI_KEY": c.Meraki.Key.Reveal(), "HOPGUARD_EVENTS_EVENTGRID_SECRET": c.Events.EventGrid.Secret.Reveal(),
			"HOPGUARD_STORE_CONNECTIONSTRING": c.Store.ConnectionString.Reveal(), "HOPGUARD_STORE_SASURL": c.Store.SASURL.Reveal(),
			"CONNECTION": connection, "SAS": sas,
		}
		again, err := config.Load(write(t, string(text)), env(vars))
		if err != nil {
			rt.Fatalf("%v\n%s", err, text)
		}
		if diff := sameConfig(c, again); diff != "" {
			rt.Fatalf("another configuration came back (-printed +read):\n%s\n%s", diff, text)
		}
		// What Show prints is complete: with the secret put back it loads as the same configuration too.
		if text, err = c.Show(); err != nil {
			rt.Fatal(err)
		}
		back := strings.NewReplacer("connectionString: <secret>", "connectionString: "+connection, "sasURL: <secret>", "sasURL: "+sas, "<secret>", "hunter2")
		again, err = config.Load(write(t, back.Replace(string(text))), env(map[string]string{
			"SECRET": "hunter2", "MERAKI_DASHBOARD_API_KEY": "hunter2", "CONNECTION": connection, "SAS": sas,
		}))
		if err != nil {
			rt.Fatalf("%v\n%s", err, text)
		}
		if diff := sameConfig(c, again); diff != "" {
			rt.Fatalf("another configuration came back from Show (-printed +read):\n%s\n%s", diff, text)
		}
	})
}

// draw makes a valid configuration that leaves out any part that may be left out.
func draw(rt *rapid.T) config.Config {
	c := config.Default()
	text := rapid.StringMatching(`[ -~äé€]{0,20}`)
	word := rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9._-]{0,10}`)
	maybe := func(name string) bool { return rapid.Bool().Draw(rt, name) }
	duration := func(name string, least, most time.Duration) time.Duration {
		return time.Duration(rapid.Int64Range(int64(least), int64(most)).Draw(rt, name))
	}
	if maybe("azure") {
		c.Azure.Cloud = rapid.SampledFrom([]config.Cloud{config.CloudPublic, config.CloudChina}).Draw(rt, "cloud")
		c.Azure.Endpoint = rapid.SampledFrom([]string{"", "https://localhost:8443"}).Draw(rt, "endpoint")
		c.Azure.Parallel = rapid.IntRange(0, 200).Draw(rt, "parallel")
		c.Azure.Timeout = duration("timeout", 1, time.Hour)
		c.Azure.Subscriptions = rapid.SampledFrom([][]string{nil, {guid}, {guid, subscription}}).Draw(rt, "subscriptions")
	}
	if maybe("secret") {
		c.Azure.Credential, c.Azure.ClientID, c.Azure.TenantID = config.CredentialClientSecret, guid, guid
		if maybe("inline") {
			c.Azure.ClientSecret = "hunter2"
		} else {
			c.Azure.ClientSecretEnv = "SECRET"
		}
	}
	if maybe("meraki") {
		c.Meraki.Organization = rapid.SampledFrom([]string{"1234567", "0x1F", "1e3"}).Draw(rt, "organization")
		c.Meraki.RequestsPerSecond = rapid.Float64Range(1e-9, 10).Draw(rt, "requests")
		switch rapid.IntRange(0, 3).Draw(rt, "key") {
		case 0:
			c.Meraki.Key = "hunter2"
		case 1:
			c.Meraki.KeyEnv = rapid.SampledFrom([]string{"SECRET", "MERAKI_DASHBOARD_API_KEY"}).Draw(rt, "variable")
		case 2:
			c.Meraki.KeyVault = vault
		default: // the usual variable
		}
	}
	if maybe("events") {
		c.API.Listen = ":8080"
		c.Events.EventGrid.Secret = rapid.SampledFrom([]config.Secret{"", "hunter2"}).Draw(rt, "event-grid")
		c.Events.AzureMonitor.SecretVault = rapid.SampledFrom([]string{"", vault}).Draw(rt, "azure-monitor")
	}
	c.Store, c.Replicas = drawStore(rt)
	for i := range rapid.IntRange(1, 2).Draw(rt, "groups") {
		g := config.DefaultGroup()
		g.Name = fmt.Sprintf("g%d", i)
		a, b := "a-"+word.Draw(rt, "member"), "b-"+word.Draw(rt, "member")
		g.Members = []config.Member{{Name: a, VM: machines + "a"}, {Name: b, VM: machines + "b"}}
		if maybe("hops") {
			g.Members[0].Hops = []config.Hop{{Role: "x", Address: netip.MustParseAddr("2001:db8::4")}, {Role: "y", NIC: "n"}}
			g.Members[1].Hops = []config.Hop{{Role: "y", NIC: "true"}, {Role: "x", Subnet: "1e3"}}
		}
		g.Preferred = rapid.SampledFrom([]string{"", a, b}).Draw(rt, "preferred")
		if maybe("tag") {
			g.Routes.Tag = config.Tag{Name: word.Draw(rt, "tag"), Value: g.Name + text.Draw(rt, "value")}
		}
		if maybe("routes") {
			g.Routes.Names = []string{"null", "1.0", "0x1F"}
			g.Routes.Prefixes = []netip.Prefix{netip.MustParsePrefix("::/0"), netip.MustParsePrefix("10.0.0.0/8")}
			g.Routes.Critical = []config.Ref{"true"}
			g.Verify = config.Verify{NICs: []config.ResourceID{network + "networkInterfaces/web"}, Timeout: duration("verify", 1, time.Hour)}
		}
		if maybe("policy") {
			g.Policy.Failback = config.FailbackAuto
			g.Policy.HoldDown = duration("hold-down", 50*time.Minute, time.Hour)
			g.Policy.MaxTransitions = rapid.IntRange(1, 100).Draw(rt, "transitions")
			g.Reconcile = duration("reconcile", time.Second, time.Hour)
			for range rapid.IntRange(0, 2).Draw(rt, "windows") {
				g.Policy.Windows = append(g.Policy.Windows, config.Window{
					Cron:     rapid.SampledFrom([]string{"0 2 * * 6", "* * * * *", "?  1 2-3 feb *"}).Draw(rt, "cron"),
					For:      duration("for", 1, 168*time.Hour),
					Timezone: rapid.SampledFrom([]string{"", "UTC", "Europe/Berlin"}).Draw(rt, "timezone"),
				})
			}
		}
		for range rapid.IntRange(0, 4).Draw(rt, "checks") {
			g.Checks = append(g.Checks, drawCheck(rt, g, text, maybe))
		}
		if n := len(g.Checks); n > 0 && g.Checks[n-1].Kind != config.KindVMStatus && maybe("witness") {
			g.Witness.Targets = []string{"tcp://w.example:443", "icmp://2001:db8::1", "https://w.example/?a"}
			g.Witness.Timeout = rapid.SampledFrom([]time.Duration{0, time.Second, 500 * time.Millisecond}).Draw(rt, "witness-timeout")
		}
		names := map[string]bool{}
		for j := range g.Checks { // given names must be unique; "" is filled in
			k := &g.Checks[j]
			if k.Name != "" && names[strings.ToLower(k.Name)] {
				k.Name = ""
			}
			names[strings.ToLower(k.Name)] = true
		}
		if maybe("vote") {
			g.Vote, g.Quorum = config.VoteQuorum, max(1, len(g.Checks))
		}
		c.Groups = append(c.Groups, g)
	}
	return c
}

// drawStore makes a store of each kind, and of each way to a blob store.
func drawStore(rt *rapid.T) (config.Store, config.Replicas) {
	s := config.Store{Kind: rapid.SampledFrom([]config.StoreKind{config.StoreFile, config.StoreMemory, config.StoreBlob}).Draw(rt, "store")}
	switch s.Kind {
	case config.StoreFile:
		s.Path = rapid.StringMatching(`[ -~äé€]{0,20}`).Draw(rt, "path")
		return s, config.Replicas{}
	case config.StoreMemory:
		return s, config.Replicas{}
	default:
	}
	s.Container = rapid.SampledFrom([]string{"state", "1e3", "123"}).Draw(rt, "container")
	switch rapid.IntRange(0, 4).Draw(rt, "way") {
	case 0:
		s.Account = account
	case 1:
		s.ConnectionString = connection
	case 2:
		s.ConnectionStringEnv = "CONNECTION"
	case 3:
		s.Container, s.SASURL = "", sas
	default:
		s.Container, s.SASURLEnv = "", "SAS"
	}
	s.Prefix = rapid.SampledFrom([]string{"", "hopguard", "a/1.0", "1e3"}).Draw(rt, "prefix")
	s.Create = rapid.Bool().Draw(rt, "create")
	s.Timeout = time.Duration(rapid.SampledFrom([]int{0, 1000, 5000, 2500}).Draw(rt, "store-timeout")) * time.Millisecond
	return s, config.Replicas{
		Lease: time.Duration(rapid.SampledFrom([]int{0, 15, 60}).Draw(rt, "lease")) * time.Second,
		Name:  rapid.SampledFrom([]string{"", "a", "0x1F"}).Draw(rt, "name"),
	}
}

// What follows from other settings is not in the short file, and making it leaves the configuration as it was.
func TestYAMLLeavesOutWhatFollows(t *testing.T) {
	c := valid()
	g := &c.Groups[0]
	g.Witness.Targets = []string{"icmp://192.0.2.1"}
	g.Policy.Failback, g.Policy.Windows = config.FailbackAuto, []config.Window{{Cron: "0 2 * * 6", For: time.Hour}}
	c = c.Complete()
	whole := c.Complete()
	text, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"timeout:", "path:", "timezone:", "fresh:", "name: http", "preferred:"} {
		if strings.Contains(string(text), key) {
			t.Errorf("YAML() says %s\n%s", key, text)
		}
	}
	if diff := sameConfig(whole, c); diff != "" {
		t.Errorf("YAML() changed its receiver (-before +after):\n%s", diff)
	}
}

func drawCheck(rt *rapid.T, g config.Group, text *rapid.Generator[string], maybe func(string) bool) config.Check {
	kinds := []config.Kind{config.KindVMStatus, config.KindTCP, config.KindHTTP, config.KindICMP, config.KindExec}
	k := config.DefaultCheck(rapid.SampledFrom(kinds).Draw(rt, "kind"))
	k.Name = rapid.SampledFrom([]string{"", "", "tcp", "http", "vm-status", "tcp-2", "http-2", "own", "123"}).Draw(rt, "name")
	if maybe("interval") { // of which the defaults beside it depend
		k.Interval = time.Duration(rapid.Int64Range(int64(3*time.Second), int64(20*time.Second)).Draw(rt, "interval"))
		k.Timeout = rapid.SampledFrom([]time.Duration{time.Second, 2 * time.Second, k.Interval / 2}).Draw(rt, "timeout")
		k.ConfirmInterval = rapid.SampledFrom([]time.Duration{time.Second, 2 * time.Second}).Draw(rt, "confirm")
		k.Fresh = rapid.SampledFrom([]time.Duration{0, 3*k.Interval + k.Timeout, k.Interval + k.Timeout, time.Hour}).Draw(rt, "fresh")
	}
	if maybe("timing") {
		k.Fresh = 0
		k.Interval, k.ConfirmInterval, k.Timeout = 90*time.Second, 1500*time.Millisecond, 89*time.Second
		k.Fall, k.Rise = rapid.IntRange(1, 20).Draw(rt, "fall"), rapid.IntRange(1, 100).Draw(rt, "rise")
	}
	switch {
	case k.Kind == config.KindVMStatus:
	case k.Kind == config.KindExec:
		k.Command = []string{"check", text.Draw(rt, "argument"), "1e3", ""}
	case k.Kind == config.KindICMP:
		k.Source, k.Interface = netip.MustParseAddr("2001:db8::4"), "1e3"
	case maybe("port"):
		k.Port = rapid.IntRange(1, 65535).Draw(rt, "port")
	case k.Kind == config.KindTCP:
		k.Targets = map[string]string{g.Members[0].Name: "[::1]:1", g.Members[1].Name: "x:2"}
	default:
		k.URL = "https://{address}/"
		k.Status = rapid.SampledFrom([][]int{{200}, {200, 204}, {204}}).Draw(rt, "status")
		k.Body = text.Draw(rt, "body")
		k.InsecureSkipVerify = maybe("insecure")
	}
	return k
}

func TestCompleteLeavesItsCallerAlone(t *testing.T) {
	c := config.Config{Groups: []config.Group{{Name: "emea", Members: []config.Member{{Name: "a"}}, Checks: []config.Check{{Kind: config.KindHTTP}, {Kind: config.KindHTTP}}}}}
	done := c.Complete()
	if g := c.Groups[0]; g.Preferred != "" || g.Routes.Tag.Value != "" || g.Checks[0].Name != "" || g.Checks[0].Status != nil {
		t.Errorf("Complete() changed its receiver: %+v", g)
	}
	g := done.Groups[0]
	got := []string{g.Preferred, g.Routes.Tag.Value, g.Checks[0].Name, g.Checks[1].Name}
	if diff := cmp.Diff([]string{"a", "emea", "http", "http-2"}, got); diff != "" {
		t.Errorf("Complete() differs (-want +got):\n%s", diff)
	}
}
