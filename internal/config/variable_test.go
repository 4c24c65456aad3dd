package config_test

import (
	"errors"
	"maps"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/config"
)

// The names are an interface: scripts and deployments set them.
func TestVariablesAreStable(t *testing.T) {
	var names []string
	for _, v := range config.Variables() {
		names = append(names, v.Name+" "+v.Path)
	}
	golden(t, "testdata/variables.txt", strings.Join(names, "\n")+"\n")
}

// Every variable reaches its setting, over the file and over the default.
func TestEveryVariableSetsItsSetting(t *testing.T) {
	file, err := config.Load("testdata/minimal.yaml", none)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range config.Variables() {
		t.Run(v.Name, func(t *testing.T) {
			vars := needed(v.Path)
			vars[v.Name] = value(t, v.Path)
			c, err := config.Load("testdata/minimal.yaml", env(vars))
			if err != nil {
				t.Fatal(err)
			}
			got, before := setting(c, v.Path), setting(file, v.Path)
			if cmp.Equal(got, before) {
				t.Errorf("%s left %s at %v", v.Name, v.Path, before)
			}
		})
	}
}

// needed are the variables without which a setting is refused.
func needed(path string) map[string]string {
	organization := map[string]string{"HOPGUARD_MERAKI_ORGANIZATION": "1234567"}
	application := map[string]string{"HOPGUARD_AZURE_TENANTID": guid, "HOPGUARD_AZURE_CLIENTID": guid}
	switch {
	case path == "azure.credential":
		application["HOPGUARD_AZURE_CLIENTSECRET"] = "hunter2"
	case strings.HasPrefix(path, "azure.clientSecret"):
		application["HOPGUARD_AZURE_CREDENTIAL"] = "client-secret"
	case path == "azure.tokenFile":
		return map[string]string{"HOPGUARD_AZURE_CREDENTIAL": "workload-identity"}
	case strings.HasPrefix(path, "meraki.key"):
		return organization
	case path == "meraki.organization":
		return map[string]string{"MERAKI_DASHBOARD_API_KEY": "hunter2"}
	case strings.HasPrefix(path, "store.connectionString"), strings.HasPrefix(path, "store.sasURL"), path == "store.account":
		blob := map[string]string{"HOPGUARD_STORE_KIND": "blob", "CONNECTION": connection, "SAS": sas}
		if !strings.HasPrefix(path, "store.sasURL") {
			blob["HOPGUARD_STORE_CONTAINER"] = "state"
		}
		return blob
	case strings.HasPrefix(path, "store.") && path != "store.kind" && path != "store.path", strings.HasPrefix(path, "replicas."):
		return map[string]string{"HOPGUARD_STORE_KIND": "blob", "HOPGUARD_STORE_ACCOUNT": account, "HOPGUARD_STORE_CONTAINER": "state"}
	case strings.HasPrefix(path, "events."):
		return map[string]string{"HOPGUARD_API_LISTEN": ":8080"}
	default:
		return map[string]string{}
	}
	return application
}

// value returns a good value, not the default, for a setting.
func value(t *testing.T, path string) string {
	t.Helper()
	values := map[string]string{
		"azure.cloud": "AzureChina", "azure.endpoint": "https://localhost:8443", "azure.authority": "https://localhost:8444",
		"azure.audience": "https://arm.example", "azure.caFile": "testdata/ca.pem", "azure.credential": "client-secret",
		"azure.tenantID": guid, "azure.clientID": guid, "azure.clientSecret": "hunter2", "azure.clientSecretEnv": "HOPGUARD_AZURE_TENANTID",
		"azure.clientSecretFile": "testdata/ca.pem", "azure.tokenFile": "testdata/ca.pem", "azure.subscriptions": guid + "," + subscription,
		"azure.parallel": "7", "azure.timeout": "7s", "store.kind": "memory", "store.path": "/x", "log.level": "debug", "functions.watch": "0s", "functions.fanOut": "true",
		"log.format": "json", "api.listen": ":8080", "meraki.baseURL": "http://localhost:8080/api/v1", "meraki.caFile": "testdata/ca.pem",
		"meraki.organization": "7654321", "meraki.key": "hunter2", "meraki.keyEnv": "HOPGUARD_MERAKI_ORGANIZATION",
		"meraki.keyFile": "testdata/ca.pem", "meraki.keyVault": vault, "meraki.requestsPerSecond": "2.5",
	}
	maps.Copy(values, map[string]string{
		"store.account": account, "store.connectionString": connection, "store.connectionStringEnv": "CONNECTION",
		"store.connectionStringFile": write(t, connection), "store.sasURL": sas, "store.sasURLEnv": "SAS", "store.sasURLFile": write(t, sas),
		"store.container": "state", "store.prefix": "prod/emea", "store.create": "true", "store.timeout": "7s", "store.caFile": "testdata/ca.pem",
		"replicas.lease": "30s", "replicas.name": "westeurope-1", "notify.repeat": "7m", "notify.giveUp": "7m",
	})
	for _, source := range []string{"events.meraki.", "events.azureMonitor.", "events.eventGrid."} {
		values[source+"secret"], values[source+"secretEnv"] = "hunter2", "HOPGUARD_API_LISTEN"
		values[source+"secretFile"], values[source+"secretVault"] = "testdata/ca.pem", vault
	}
	v := values[path]
	if v == "" {
		t.Fatalf("no value for %s: add one", path)
	}
	return v
}

// setting returns the value at a path like azure.caFile.
func setting(c config.Config, path string) any {
	v := reflect.ValueOf(c)
	for key := range strings.SplitSeq(path, ".") {
		v = v.FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, key) })
	}
	return v.Interface()
}

func TestVariablesWinOverTheFile(t *testing.T) {
	c, err := config.Load("testdata/full.yaml", env(map[string]string{
		"HOPGUARD_AZURE_SUBSCRIPTIONS": guid + "," + subscription,
		"HOPGUARD_AZURE_TIMEOUT":       "1.5s",
		"HOPGUARD_AZURE_PARALLEL":      "3",
		"HOPGUARD_STORE_PREFIX":        "elsewhere",
	}))
	if err != nil {
		t.Fatal(err)
	}
	got := []any{c.Azure.Subscriptions, c.Azure.Timeout, c.Azure.Parallel, c.Store.Prefix, c.Azure.Cloud}
	want := []any{[]string{guid, subscription}, 1500 * time.Millisecond, 3, "elsewhere", config.CloudUSGovernment}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Load() differs (-want +got):\n%s", diff)
	}
}

// Problems name the variable, not a line of the file, and never show a secret.
func TestProblemsNameTheVariable(t *testing.T) {
	_, err := config.Load("testdata/minimal.yaml", env(map[string]string{
		"HOPGUARD_AZURE_TIMEOUT":       "soon",
		"HOPGUARD_AZURE_PARALLEL":      "010",
		"HOPGUARD_AZURE_SUBSCRIPTIONS": guid + ",,x",
		"HOPGUARD_AZURE_CLIENTSECRET":  "hunter2",
		"HOPGUARD_LOG_LEVEL":           "loud",
	}))
	const want = `6 problems in the configuration testdata/minimal.yaml:
  azure.clientSecret: "<secret>": want no secret, because azure.credential is default; or set azure.credential: client-secret (from HOPGUARD_AZURE_CLIENTSECRET)
  azure.parallel: "010": want a whole number (from HOPGUARD_AZURE_PARALLEL)
  azure.subscriptions[1]: not set: want a subscription id: a GUID (from HOPGUARD_AZURE_SUBSCRIPTIONS)
  azure.subscriptions[2]: "x": want a subscription id: a GUID (from HOPGUARD_AZURE_SUBSCRIPTIONS)
  azure.timeout: "soon": want a duration like 10s (from HOPGUARD_AZURE_TIMEOUT)
  log.level: "loud": want debug, info, warn or error (from HOPGUARD_LOG_LEVEL)`
	if err == nil {
		t.Fatal("Load() = nil, want problems")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("Load() differs (-want +got):\n%s", diff)
	}
	p, _ := errors.AsType[*config.Problems](err)
	if diff := cmp.Diff(config.Problem{Path: "log.level", Value: "loud", Want: "debug, info, warn or error", Source: "HOPGUARD_LOG_LEVEL"}, p.List[5]); diff != "" {
		t.Errorf("the problem differs (-want +got):\n%s", diff)
	}
}

func TestTargetSaysWhomACheckAsks(t *testing.T) {
	a4, a6 := netip.MustParseAddr("10.0.0.4"), netip.MustParseAddr("2001:db8::4")
	named := map[string]string{"vmx-a": "elsewhere:1"}
	for _, test := range []struct {
		name    string
		check   config.Check
		address netip.Addr
		want    string
	}{
		{"vm-status", config.Check{Kind: config.KindVMStatus}, a4, ""},
		{"tcp-port", config.Check{Kind: config.KindTCP, Port: 22}, a4, "10.0.0.4:22"},
		{"tcp-port-IPv6", config.Check{Kind: config.KindTCP, Port: 22}, a6, "[2001:db8::4]:22"},
		{"tcp-target", config.Check{Kind: config.KindTCP, Targets: named}, a4, "elsewhere:1"},
		{"http-port", config.Check{Kind: config.KindHTTP, Port: 8080}, a4, "http://10.0.0.4:8080/"},
		{"http-url", config.Check{Kind: config.KindHTTP, URL: "https://{address}:1/{address}"}, a4, "https://10.0.0.4:1/10.0.0.4"},
		{"http-url-IPv6", config.Check{Kind: config.KindHTTP, URL: "https://{address}:1/x"}, a6, "https://[2001:db8::4]:1/x"},
		{"icmp", config.Check{Kind: config.KindICMP}, a6, "2001:db8::4"},
		{"icmp-target", config.Check{Kind: config.KindICMP, Targets: map[string]string{"vmx-a": "10.9.0.1"}}, a4, "10.9.0.1"},
		{"exec", config.Check{Kind: config.KindExec, Command: []string{"x"}}, a4, ""},
		{"meraki", config.Check{Kind: config.KindMeraki, Targets: map[string]string{"vmx-a": "Q2XX-AAAA-0001"}}, a4, "Q2XX-AAAA-0001"},
	} {
		if got := test.check.Target("vmx-a", test.address); got != test.want {
			t.Errorf("%s: Target() = %q, want %q", test.name, got, test.want)
		}
	}
}
