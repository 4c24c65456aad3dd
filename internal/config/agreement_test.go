package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"hopguard/internal/config"
)

// What loads is good for the schema; of what the schema can see, both refuse the same.
func TestSchemaAndLoadAgreeOnFiles(t *testing.T) {
	s := compiled(t)
	for _, path := range files(t, "*.yaml") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		base := filepath.Base(path)
		_, loaded := config.Load(path, none)
		wrong := strings.HasPrefix(base, "invalid-") || strings.HasPrefix(base, "relation-")
		if wrong != (loaded != nil) {
			t.Errorf("%s: Load() = %v", base, loaded)
		}
		if err := matches(s, text); (err != nil) != strings.HasPrefix(base, "invalid-") {
			t.Errorf("%s: the schema says %v", base, err)
		}
	}
	for _, pattern := range []string{"full.yaml.txt", "*.show.txt"} {
		for _, path := range files(t, pattern) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			file := strings.ReplaceAll(string(text), "<secret>", "hunter2")
			if err := matches(s, []byte(file)); err != nil {
				t.Errorf("%s: the schema says %v", path, err)
			}
		}
	}
}

// One value at a time: the schema and Load say the same about it, so that an editor does not mislead.
func TestSchemaAndLoadAgreeOnValues(t *testing.T) {
	s := compiled(t)
	names := []any{"a", "A1", "a.b", "a_b", "-a", "a b", "", strings.Repeat("a", 64), strings.Repeat("a", 65), 1, true, nil, []any{}}
	durations := []any{"20s", "1m30s", "1.5s", "100ms", "-5s", "+5s", ".5s", "5", 5, "5 s", "", "s", "1d", nil, 1.5, map[string]any{}}
	ids := []any{machines + "x", strings.ToLower(machines) + "x", machines, machines + "x/y", "x", strings.Replace(machines, subscription, "x", 1) + "x",
		strings.Replace(machines, "mrg", "a.", 1) + "x", strings.Replace(machines, "mrg", "(a) b", 1) + "x", strings.Replace(machines, "mrg", "é-_().x", 1) + "x", "", 1, nil}
	urls := []any{"https://a", "https://a:8443/", "https://[::1]:1", "http://a", "HTTPS://a", "https://", "https:///x", "https://u:p@a", "https://a?b", "https://a#b", "a", 1}
	wholes := []any{0, 1, 3, 100, 101, -1, 1.5, "1", nil, true}
	for path, values := range map[string][]any{
		"azure.cloud":                            {"AzurePublic", "azurepublic", "", 1, nil},
		"azure.endpoint":                         urls,
		"azure.authority":                        urls,
		"azure.audience":                         {"https://a", "api://a/b", "a", "https://", "", 1},
		"azure.tenantID":                         {guid, "contoso.example", "a b", "-a", "a-", "a..b", "", 1},
		"azure.clientID":                         {guid, "my-app", "", 1},
		"azure.subscriptions":                    {[]any{}, []any{guid}, []any{guid, guid}, []any{"x"}, []any{nil}, guid, nil},
		"azure.parallel":                         {0, 200, 201, -1, "1", nil, 1.5},
		"azure.timeout":                          durations,
		"groups":                                 {[]any{}, nil, map[string]any{}},
		"groups[0].name":                         {"a", "a-b", "A", "-a", "a_b", "", strings.Repeat("a", 63), strings.Repeat("a", 64), 1, nil},
		"groups[0].members":                      {[]any{}, nil, []any{map[string]any{"name": "a", "vm": machines + "a"}}},
		"groups[0].members[0].name":              names,
		"groups[0].members[0].vm":                ids,
		"groups[0].members[0].hops":              {[]any{}, nil, []any{nil}, "x"},
		"groups[0].routes":                       {nil, map[string]any{}, []any{}},
		"groups[0].routes.tag.name":              {"a", "a b", "50%", "a/b", " a", "a ", "", strings.Repeat("é", 512), strings.Repeat("é", 513), 1},
		"groups[0].routes.tag.value":             {"a", "", strings.Repeat("é", 256), strings.Repeat("é", 257), 1, nil},
		"groups[0].routes.names":                 {[]any{"a"}, []any{"a", "a"}, []any{"a/b"}, []any{"a.b-c_d"}, []any{"a."}, []any{strings.Repeat("a", 80)}, []any{strings.Repeat("a", 81)}},
		"groups[0].routes.prefixes":              {[]any{"10.0.0.0/8"}, []any{"::/0"}, []any{"10.0.0.0"}, []any{"x/8"}, []any{""}, []any{"10.0.0.0/8", "10.0.0.0/8"}},
		"groups[0].routes.critical":              {[]any{"a"}, []any{network + "routeTables/a"}, []any{machines + "a"}, []any{"a", "a"}, []any{""}},
		"groups[0].checks[0].name":               {"a", "", "a b", 1},
		"groups[0].checks[0].kind":               {"ping", "", 1, nil},
		"groups[0].checks[0].interval":           {"20s", 20, "x"},
		"groups[0].checks[0].confirmInterval":    durations,
		"groups[0].checks[0].fall":               {1, 3, 0, 101, -1, "1", nil},
		"groups[0].checks[0].rise":               wholes[1:],
		"groups[0].checks[0].port":               {22, 65535, 65536, -1, "22"},
		"groups[0].checks[1].url":                {"https://{address}/", "http://{address}:80/x?y", "https://a/{address}", "ftp://{address}", "https://{address}.a/", "https://{address}#a"},
		"groups[0].checks[1].status":             {[]any{200}, []any{100, 599}, []any{99}, []any{600}, []any{200, 200}, []any{"200"}, []any{}, nil},
		"groups[0].checks[1].insecureSkipVerify": {true, false, "true", nil},
		"groups[0].checks[1].serverName":         {"a.example", "", "https://a", 1},
		"groups[0].checks[1].caFile":             {"testdata/ca.pem", "", 1, nil},
		"groups[0].checks[1].source":             {"10.0.0.4", "2001:db8::4", "x", 1, nil},
		"groups[0].checks[1].interface":          {"eth0", "", "eth0.100", "a/b", "a b", strings.Repeat("a", 16), 1, nil},
		"groups[0].checks[1].ping":               {false, "true", nil},
		"groups[0].checks[1].fresh":              {"20s", "1h", "20", 20, nil},
		"groups[0].checks[2].command":            {[]any{"a"}, []any{"a", "", "b c"}, []any{1}, []any{nil}, "a", map[string]any{}},
		"groups[0].witness":                      {nil, map[string]any{}, []any{}},
		"groups[0].witness.targets": {[]any{}, nil, "x", []any{"tcp://a:1"}, []any{"tcp://[::1]:1"}, []any{"tcp://a"}, []any{"tcp://u@a:1"}, []any{"icmp://192.0.2.1"},
			[]any{"icmp://2001:db8::1"}, []any{"icmp://a.example"}, []any{"http://a"}, []any{"https://a/x?y"}, []any{"https://u:p@a"}, []any{"https://a#b"}, []any{"udp://a:1"},
			[]any{"tcp://a:1", "tcp://a:1"}, []any{1}, []any{""}},
		"groups[0].spokes":          {nil, map[string]any{}, []any{}, map[string]any{"x": 1}},
		"groups[0].spokes.tag":      {nil, map[string]any{}, map[string]any{"name": "a"}, map[string]any{"name": "a", "value": "b"}, map[string]any{"name": " a"}, "a"},
		"groups[0].spokes.tag.name": {"a", "a b", "50%", " a", "", strings.Repeat("é", 513), 1, nil},
		"groups[0].spokes.within": {[]any{}, nil, "x", []any{"/subscriptions/" + guid}, []any{"/Subscriptions/" + guid + "/resourcegroups/a.b"},
			[]any{"/subscriptions/" + guid + "/"}, []any{"/subscriptions/x"}, []any{guid}, []any{"/subscriptions/" + guid + "/resourceGroups/"},
			[]any{"/subscriptions/" + guid + "/resourceGroups/a."}, []any{"/subscriptions/" + guid, "/subscriptions/" + guid}, []any{1}, []any{""}},
		"groups[0].branches":               {nil, map[string]any{}, []any{}, map[string]any{"x": 1}},
		"groups[0].branches.meraki":        {nil, map[string]any{}, []any{}, map[string]any{"x": 1}},
		"groups[0].reconcile":              {"30s", 30, "x", nil},
		"groups[0].policy.failbackWindows": {[]any{}, nil, "x", []any{"x"}, []any{map[string]any{"cron": "* * * * *"}}, []any{map[string]any{"for": "1h"}}},
		"meraki":                           {nil, map[string]any{}, []any{}, map[string]any{"x": 1}},
		"meraki.baseURL":                   {"https://a", "https://a:8443/x", "http://127.0.0.1:1", "https://u:p@a", "https://a?b", "a", "", 1},
		"meraki.organization":              {"", "a/b", "a b", 1234567, nil},
		"meraki.keyEnv":                    {"", "a-b", 1},
		"meraki.key":                       {"", "<secret>", 1, nil},
		"meraki.requestsPerSecond":         {1, 0.5, 10, 10.1, 0, -1, "1", nil, true},
		"events":                           {nil, map[string]any{}, []any{}, map[string]any{"meraki": nil}, map[string]any{"meraki": map[string]any{"x": 1}}},
		"events.eventGrid.secretVault":     {"", "x", 1, nil, "http://abc.vault.azure.net/secrets/x"},
		"groups[0].vote":                   {"any", "all", "most", "", nil},
		"groups[0].quorum":                 {0, "1", nil},
		"groups[0].policy.failback":        {"auto", "manual", "Auto", "", nil},
		"groups[0].policy.failbackDelay":   durations,
		"groups[0].policy.maxTransitions":  {1, 100, 0, 101, "1"},
		"groups[0].verify.nics":            {[]any{network + "networkInterfaces/a"}, []any{"a"}, []any{machines + "a"}, nil},
		"groups[0].policy.storeOutage":     {"hold", "act", "Act", "", nil},
		"store":                            stores(),
		"store.kind":                       {"memory", "blobs", "", nil},
		"store.path":                       {"x", "", 1, nil},
		"store.container":                  {"", 1, nil},
		"store.create":                     {false, "true", nil},
		"replicas":                         {nil, map[string]any{}, []any{}, map[string]any{"x": 1}},
		"notify":                           {nil, map[string]any{}, []any{}, map[string]any{"x": 1}},
		"notify.repeat":                    {"1h", "0s", "-1h", "60", 60, nil},
		"notify.targets":                   {nil, []any{}, "x", []any{map[string]any{"name": "a"}}, []any{map[string]any{"kind": "mail"}}},
		"functions":                        {nil, map[string]any{}, []any{}, map[string]any{"x": 1}},
		"functions.watch":                  {"0s", "25s", "2m", "-25s", "25", 25, nil},
		"functions.fanOut":                 {true, false, "true", nil},
		"log.level":                        {"debug", "trace", ""},
		"api.listen":                       {":80", "a:80", "[::1]:80", "a", "80", "", 80},
	} {
		for _, value := range values {
			document := example()
			set(document, path, value)
			text, err := yaml.Marshal(document)
			if err != nil {
				t.Fatal(err)
			}
			_, loaded := config.Load(write(t, string(text)), none)
			if says := matches(s, text); (says == nil) != (loaded == nil) {
				t.Errorf("%s: %#v\nthe schema says %v\nLoad says %v", path, value, says, loaded)
			}
		}
	}
}

// example is a valid file as plain maps and lists.
func example() map[string]any {
	return map[string]any{
		"groups": []any{map[string]any{
			"name": "emea",
			"members": []any{
				map[string]any{"name": "vmx-a", "vm": machines + "vmx-a"},
				map[string]any{"name": "vmx-b", "vm": machines + "vmx-b"},
			},
			"checks": []any{
				map[string]any{"kind": "tcp", "port": 22, "interval": "10m"},
				map[string]any{"kind": "http", "url": "https://{address}/"},
				map[string]any{"kind": "exec", "command": []any{"x"}},
			},
			"policy": map[string]any{"holdDown": "1h"},
		}},
	}
}

// stores are sections: some that are none, and blob stores with one value each that a name or URL may have or not.
func stores() []any {
	list := []any{nil, map[string]any{}, map[string]any{"x": 1}, "x"}
	blob := func(keys ...any) {
		m := map[string]any{"kind": "blob", "account": account, "container": "state"}
		for i := 0; i < len(keys); i += 2 {
			m[keys[i].(string)] = keys[i+1]
		}
		list = append(list, m)
	}
	for _, v := range []any{account, account + "/", "https://[::1]:10000/a", "http://127.0.0.1:10000/a", "http://", "ftp://a", account + "?a", account + "#a",
		"https://u:p@a", "a", 1, nil} {
		blob("account", v)
	}
	for _, v := range []any{"abc", "a-b", "0ab", "ab-", "-ab", "a--b", "ab", "a", "aBc", "a_b", "a.b", "a-b-c-d", strings.Repeat("a", 63), strings.Repeat("a", 64),
		strings.Repeat("a-", 31) + "a", strings.Repeat("a-", 32) + "a", 1, nil} {
		blob("container", v)
	}
	for _, v := range []any{"", "a", "a/b", "a//b", "/a", "a/", ".", "..", "a.", "a./b", ".a/b.c", "a b", "é", strings.Repeat("a", 256), strings.Repeat("a", 257), 1, nil} {
		blob("prefix", v)
	}
	for _, v := range []any{true, false, "true", nil} {
		blob("create", v)
	}
	for _, v := range []any{"1s", "30s", "2500ms", "5", 5, "-5s", "x", nil} {
		blob("timeout", v)
	}
	for _, key := range []string{"connectionString", "sasURL"} {
		for _, v := range []any{"<secret>", 1, nil, []any{}} {
			blob("account", "", key, v)
		}
		for _, v := range []any{"a b", "a-b", "1", 1, nil} {
			blob("account", "", key+"Env", v)
		}
	}
	blob("account", "", "connectionString", connection)
	blob("account", "", "container", "", "sasURL", sas)
	return list
}

// A name of a replica: the schema and Load say the same about it.
func TestSchemaAndLoadAgreeOnReplicas(t *testing.T) {
	s := compiled(t)
	for key, values := range map[string][]any{
		"lease": {"15s", "1m", "30000ms", "30", 30, "-15s", "x", nil},
		"name": {"a", "host-1_2.x", "-a", ".a", "a.", ".", "a b", "a/b", "é", "", strings.Repeat("a", 63), strings.Repeat("a", 64),
			strings.Repeat("a", 62) + ".", 1, nil},
	} {
		for _, value := range values {
			document := example()
			set(document, "store", map[string]any{"kind": "blob", "account": account, "container": "state"})
			set(document, "replicas."+key, value)
			text, err := yaml.Marshal(document)
			if err != nil {
				t.Fatal(err)
			}
			_, loaded := config.Load(write(t, string(text)), none)
			if says := matches(s, text); (says == nil) != (loaded == nil) {
				t.Errorf("%s: %#v\nthe schema says %v\nLoad says %v", key, value, says, loaded)
			}
		}
	}
}

// set puts a value at a path into maps and lists, and makes the maps on the way.
func set(document map[string]any, path string, value any) {
	at := document
	keys := strings.Split(path, ".")
	for i, key := range keys {
		name, index, list := strings.Cut(strings.TrimSuffix(key, "]"), "[")
		switch {
		case i == len(keys)-1:
			at[name] = value
		case list:
			at = at[name].([]any)[int(index[0]-'0')].(map[string]any)
		default:
			if at[name] == nil {
				at[name] = map[string]any{}
			}
			at = at[name].(map[string]any)
		}
	}
}
