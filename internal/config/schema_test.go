package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"hopguard/internal/config"
)

// node is what the tests read of a schema.
type node struct {
	Description string          `json:"description"`
	Type        any             `json:"type"`
	Ref         string          `json:"$ref"`
	Properties  map[string]node `json:"properties"`
	Items       *node           `json:"items"`
	// Additional is false, or the schema of the values of a map.
	Additional any      `json:"additionalProperties"`
	Enum       []string `json:"enum"`
	Default    any      `json:"default"`
	// Derived says in words a default that depends on something.
	Derived string `json:"x-default"`
	Unit    string `json:"x-unit"`
}

func readSchema(t *testing.T) node {
	t.Helper()
	var n node
	if err := json.Unmarshal(config.Schema(), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(config.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// matches reports what the schema says about a YAML file.
func matches(s *jsonschema.Schema, text []byte) error {
	var content any
	if err := yaml.Unmarshal(text, &content); err != nil {
		return err
	}
	asJSON, err := json.Marshal(content)
	if err != nil {
		return err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		return err
	}
	return s.Validate(document)
}

// typed is one setting: its place in the structs and what holds a default for it.
type typed struct {
	path     string
	t        reflect.Type
	standard reflect.Value // invalid where there is none
}

// eachSetting visits every setting of the structs, sections and lists included, in order.
func eachSetting(visit func(typed)) {
	var walk func(path string, t reflect.Type, standard reflect.Value)
	walk = func(path string, t reflect.Type, standard reflect.Value) {
		for i := range t.NumField() {
			f := t.Field(i)
			at := f.Tag.Get("yaml")
			if path != "" {
				at = path + "." + at
			}
			s := typed{path: at, t: f.Type}
			if standard.IsValid() {
				s.standard = standard.Field(i)
			}
			visit(s)
			switch element := f.Type; {
			case isSection(f.Type):
				walk(at, f.Type, s.standard)
			case f.Type.Kind() == reflect.Slice && isSection(element.Elem()):
				walk(at+"[]", element.Elem(), elementDefault(element.Elem()))
			}
		}
	}
	walk("", reflect.TypeFor[config.Config](), reflect.ValueOf(config.Default()))
}

func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != reflect.TypeFor[netip.Addr]() && t != reflect.TypeFor[netip.Prefix]()
}

func elementDefault(t reflect.Type) reflect.Value {
	switch t {
	case reflect.TypeFor[config.Group]():
		return reflect.ValueOf(config.DefaultGroup())
	case reflect.TypeFor[config.Check]():
		return reflect.ValueOf(config.DefaultCheck(""))
	default:
		return reflect.Value{}
	}
}

// find returns the schema of a setting.
func (n node) find(path string) (node, bool) {
	for key := range strings.SplitSeq(path, ".") {
		name, list := strings.CutSuffix(key, "[]")
		next, ok := n.Properties[name]
		if !ok {
			return node{}, false
		}
		if list {
			next = *next.Items
		}
		n = next
	}
	return n, true
}

// Every setting is in the schema, with its type, words and default; and nothing else is.
func TestSchemaAgreesWithTheStructs(t *testing.T) {
	root := readSchema(t)
	known := map[string]bool{}
	eachSetting(func(s typed) {
		known[s.path] = true
		n, ok := root.find(s.path)
		if !ok {
			t.Errorf("%s: not in the schema", s.path)
			return
		}
		if n.Description == "" {
			t.Errorf("%s: no description", s.path)
		}
		if got, want := n.kind(), schemaKind(s.t); got != want {
			t.Errorf("%s: the schema says %s, the struct %s", s.path, got, want)
		}
		if isSection(s.t) || s.t.Kind() == reflect.Slice && isSection(s.t.Elem()) {
			section := n
			if n.Items != nil {
				section = *n.Items
			}
			if section.Additional != false {
				t.Errorf("%s: the schema takes unknown keys", s.path)
			}
		}
		want := ""
		if s.standard.IsValid() && s.standard.Kind() != reflect.Struct && s.standard.Kind() != reflect.Slice && s.standard.Kind() != reflect.Map {
			want = inWords(s.standard)
		}
		if s.t == reflect.TypeFor[config.Secret]() {
			want = "" // it prints as something else
		}
		got := ""
		if n.Default != nil {
			got = fmt.Sprint(n.Default)
		}
		if n.Derived == "" && got != want {
			t.Errorf("%s: the schema's default is %q, the code's %q", s.path, got, want)
		}
	})
	root.each("", func(path string) {
		if !known[path] {
			t.Errorf("%s: only in the schema", path)
		}
	})
	derived := map[string]string{
		"groups[].checks[].timeout": inWords(reflect.ValueOf(config.DefaultCheck(config.KindTCP).Timeout)) + "; vm-status: " +
			inWords(reflect.ValueOf(config.DefaultCheck(config.KindVMStatus).Timeout)),
		"groups[].checks[].status": fmt.Sprintf("%v for http", config.DefaultCheck(config.KindHTTP).Status),
	}
	for path, want := range derived {
		if n, _ := root.find(path); n.Derived != want {
			t.Errorf("%s: the schema's default is %q, the code's %q", path, n.Derived, want)
		}
	}
}

// kind is the type that a schema wants, null aside.
func (n node) kind() string {
	switch {
	case n.Ref == "#/$defs/duration":
		return "duration"
	case n.Items != nil:
		return "list"
	case n.Properties != nil:
		return "section"
	case n.Additional != nil:
		return "map"
	default:
		return fmt.Sprint(n.Type)
	}
}

// schemaKind is the type that a schema should want for a Go type.
func schemaKind(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "duration"
	case isSection(t):
		return "section"
	case t.Kind() == reflect.Slice:
		return "list"
	case t.Kind() == reflect.Map:
		return "map"
	case t.Kind() == reflect.Int:
		return "integer"
	case t.Kind() == reflect.Bool:
		return "boolean"
	default:
		return "string"
	}
}

// inWords prints a default as a file would say it; "" for an empty text.
func inWords(v reflect.Value) string {
	d, ok := v.Interface().(time.Duration)
	if !ok {
		return fmt.Sprint(v.Interface())
	}
	for _, unit := range []struct {
		d    time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d%unit.d == 0 {
			return fmt.Sprintf("%d%s", d/unit.d, unit.name)
		}
	}
	return d.String()
}

// each visits every property.
func (n node) each(path string, visit func(string)) {
	for key, p := range n.Properties {
		at := strings.TrimPrefix(path+"."+key, ".")
		visit(at)
		if p.Items != nil {
			p.Items.each(at+"[]", visit)
		}
		p.each(at, visit)
	}
}

// The words of the schema are those that the code asks for when it gets another.
func TestSchemaHasTheWordsOfTheCode(t *testing.T) {
	c := config.Config{
		Azure:  config.Azure{Cloud: "?", Credential: "?"},
		Groups: []config.Group{{Vote: "?", Policy: config.Policy{Failback: "?"}, Checks: []config.Check{{Kind: "?"}}}},
		Store:  config.Store{Kind: "?"}, Log: config.Log{Level: "?", Format: "?"},
	}
	p, ok := errors.AsType[*config.Problems](c.Validate())
	if !ok {
		t.Fatal("Validate() = nil, want problems")
	}
	want := map[string][]string{}
	for _, q := range p.List {
		if q.Value == "?" {
			want[strings.ReplaceAll(q.Path, "[0]", "[]")] = strings.Split(strings.ReplaceAll(q.Want, " or ", ", "), ", ")
		}
	}
	got := map[string][]string{}
	root := readSchema(t)
	root.each("", func(path string) {
		if n, _ := root.find(path); n.Enum != nil {
			got[path] = n.Enum
		}
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the words differ (-code +schema):\n%s", diff)
	}
}

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
		"groups[0].vote":                         {"any", "all", "most", "", nil},
		"groups[0].quorum":                       {0, "1", nil},
		"groups[0].policy.failback":              {"auto", "manual", "Auto", "", nil},
		"groups[0].policy.failbackDelay":         durations,
		"groups[0].policy.maxTransitions":        {1, 100, 0, 101, "1"},
		"groups[0].verify.nics":                  {[]any{network + "networkInterfaces/a"}, []any{"a"}, []any{machines + "a"}, nil},
		"store":                                  {nil, map[string]any{}, map[string]any{"x": 1}, "x"},
		"store.kind":                             {"memory", "blob", nil},
		"log.level":                              {"debug", "trace", ""},
		"api.listen":                             {":80", "a:80", "[::1]:80", "a", "80", "", 80},
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
			},
			"policy": map[string]any{"holdDown": "1h"},
		}},
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

func TestSchemaIsACopy(t *testing.T) {
	clear(config.Schema())
	if !json.Valid(config.Schema()) {
		t.Error("Schema() gives its own bytes away")
	}
	if keys := slices.Sorted(maps.Keys(readSchema(t).Properties)); len(keys) != reflect.TypeFor[config.Config]().NumField() {
		t.Errorf("the schema has the sections %v", keys)
	}
}
