package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
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
	Required   []string `json:"required"`
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
	case reflect.TypeFor[config.NotifyTarget]():
		return reflect.ValueOf(config.DefaultTarget())
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
	derived := map[string]string{"groups[].checks[].status": fmt.Sprintf("%v for http", config.DefaultCheck(config.KindHTTP).Status)}
	for _, field := range []string{"Interval", "Timeout", "ConfirmInterval", "Fall", "Rise"} {
		standard := func(kind config.Kind) string {
			return inWords(reflect.ValueOf(config.DefaultCheck(kind)).FieldByName(field))
		}
		usual := standard(config.KindTCP)
		words := []string{usual}
		for _, kind := range []config.Kind{config.KindVMStatus, config.KindHTTP, config.KindICMP, config.KindMeraki, config.KindExec} {
			if other := standard(kind); other != usual {
				words = append(words, string(kind)+": "+other)
			}
		}
		derived["groups[].checks[]."+strings.ToLower(field[:1])+field[1:]] = strings.Join(words, "; ")
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
	case t.Kind() == reflect.Float64:
		return "number"
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
		Groups: []config.Group{{Vote: "?", Policy: config.Policy{Failback: "?", StoreOutage: "?"}, Checks: []config.Check{{Kind: "?"}}}},
		Notify: config.Notify{Targets: []config.NotifyTarget{{Kind: "?", Min: "?", TLS: "?"}}},
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

func TestSchemaIsACopy(t *testing.T) {
	clear(config.Schema())
	if !json.Valid(config.Schema()) {
		t.Error("Schema() gives its own bytes away")
	}
	if keys := slices.Sorted(maps.Keys(readSchema(t).Properties)); len(keys) != reflect.TypeFor[config.Config]().NumField() {
		t.Errorf("the schema has the sections %v", keys)
	}
}
