package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds how much a file may hold, with each use of an alias counted again: a few lines of aliases to aliases
// would otherwise grow without end.
const maxNodes = 200_000

// decoder puts a YAML tree into structs and goes on after a problem, where the library's own decoding gives up.
type decoder struct {
	problems []Problem
	lines    map[string]int    // of every path seen
	broken   map[string]bool   // paths whose value could not be read; rules about them would mislead
	sources  map[string]string // variables that gave the value of a path
	nodes    int
}

func newDecoder() *decoder {
	return &decoder{lines: make(map[string]int), broken: make(map[string]bool), sources: make(map[string]string)}
}

// add notes a problem with the value at path.
func (d *decoder) add(path string, n *yaml.Node, value, want string) {
	d.broken[path] = true
	d.problems = append(d.problems, Problem{Path: path, Value: discreet(path, value), Want: want, Line: n.Line})
}

// value puts a node into v, whose present content is the default.
func (d *decoder) value(path string, n *yaml.Node, v reflect.Value) {
	d.nodes++
	if d.nodes >= maxNodes {
		if d.nodes == maxNodes {
			d.add(path, n, shown(n, v.Type()), fmt.Sprintf("a smaller configuration: at most %d values", maxNodes))
			d.broken[""] = true // the rest was not read: no rule can tell
		}
		return
	}
	d.lines[path] = n.Line
	line := n.Line
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	var want string
	switch form := formOf(v.Type()); {
	case form == formStruct && n.Kind == yaml.MappingNode:
		d.fields(path, n, v)
	case form == formMap && n.Kind == yaml.MappingNode:
		d.entries(path, n, v)
	case form == formList && n.Kind == yaml.SequenceNode:
		d.elements(path, n, v)
	case form == formScalar && n.Kind == yaml.ScalarNode:
		want = setScalar(v, n)
	default:
		want = wantForm(v.Type())
	}
	if want != "" {
		d.add(path, &yaml.Node{Line: line}, shown(n, v.Type()), want)
	}
}

// fields puts a mapping into a struct.
func (d *decoder) fields(path string, n *yaml.Node, v reflect.Value) {
	keys := keysOf(v.Type())
	first := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, node := n.Content[i], n.Content[i+1]
		at := join(path, key.Value)
		index := slices.Index(keys, key.Value)
		switch {
		case key.Kind != yaml.ScalarNode || index < 0:
			d.unknown(path, key, keys)
		case first[key.Value] > 0:
			d.twice(at, key, first[key.Value])
		case sectionLeftEmpty(node, v.Field(index).Type()):
			d.lines[at] = key.Line
		default:
			d.value(at, node, v.Field(index))
			d.lines[at] = key.Line
		}
		if first[key.Value] == 0 {
			first[key.Value] = key.Line
		}
	}
}

// unknown reports a key that the struct does not have. The value beside it is not shown: it may be a secret whose key was
// misspelt.
func (d *decoder) unknown(path string, key *yaml.Node, keys []string) {
	name := key.Value
	if key.Kind != yaml.ScalarNode {
		name = shown(key, reflect.TypeFor[string]())
	}
	want := "a known key: " + orList(keys)
	if near := nearest(name, keys); near != "" {
		want = fmt.Sprintf("a known key; perhaps %q", near)
		d.broken[join(path, near)] = true
	}
	if name == "<<" {
		want = "no merge key: write the settings out, or use an alias for all of them"
	}
	d.add(join(path, name), key, name, want)
}

// twice reports a key that stands in a mapping for the second time.
func (d *decoder) twice(at string, key *yaml.Node, line int) {
	d.add(at, key, key.Value, fmt.Sprintf("each key once; the first one is in line %d", line))
}

// entries puts a mapping into a map of texts.
func (d *decoder) entries(path string, n *yaml.Node, v reflect.Value) {
	m := reflect.MakeMap(v.Type())
	first := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, node := n.Content[i], n.Content[i+1]
		at := entry(path, key.Value)
		if key.Kind != yaml.ScalarNode {
			d.add(path, key, shown(key, v.Type().Key()), "a text as key")
			continue
		}
		if first[key.Value] > 0 {
			d.twice(at, key, first[key.Value])
			continue
		}
		first[key.Value] = key.Line
		item := reflect.New(v.Type().Elem()).Elem()
		d.value(at, node, item)
		m.SetMapIndex(reflect.ValueOf(key.Value).Convert(v.Type().Key()), item)
	}
	v.Set(m)
}

// elements puts a sequence into a slice. It replaces what was there; an element that cannot be read still counts.
func (d *decoder) elements(path string, n *yaml.Node, v reflect.Value) {
	list := reflect.Zero(v.Type())
	for i, node := range n.Content {
		item := reflect.New(v.Type().Elem()).Elem()
		item.Set(fresh(v.Type().Elem(), node))
		d.value(path+"["+strconv.Itoa(i)+"]", node, item)
		list = reflect.Append(list, item)
	}
	v.Set(list)
}

// fresh returns the defaults of a new element of a list.
func fresh(t reflect.Type, n *yaml.Node) reflect.Value {
	switch t {
	case reflect.TypeFor[Group]():
		return reflect.ValueOf(DefaultGroup())
	case reflect.TypeFor[Check]():
		check := DefaultCheck(Kind(peek(n, "kind"))).within(peek(n, "interval"))
		check.Kind = "" // must be written
		return reflect.ValueOf(check)
	case reflect.TypeFor[NotifyTarget]():
		return reflect.ValueOf(DefaultTarget())
	default:
		return reflect.Zero(t)
	}
}

// peek returns the text of a key of a mapping.
func peek(n *yaml.Node, key string) string {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		return ""
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != key {
			continue
		}
		value := n.Content[i+1]
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		return value.Value
	}
	return ""
}

// sectionLeftEmpty reports whether a section or list has nothing under it, as when all its lines are comments. That
// means the defaults. An empty scalar is a mistake.
func sectionLeftEmpty(n *yaml.Node, t reflect.Type) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" && formOf(t) != formScalar
}

// shown is what a message shows of a node: never a secret, and of lists and mappings only that they are ones.
func shown(n *yaml.Node, t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[Secret]():
		return hidden
	case n.Kind == yaml.SequenceNode:
		return "[…]"
	case n.Kind == yaml.MappingNode:
		return "{…}"
	case n.Kind == yaml.AliasNode:
		return "*" + n.Value
	case n.ShortTag() == "!!null":
		return ""
	default:
		return n.Value
	}
}

// join appends a key to a path.
func join(path, key string) string {
	switch {
	case !wordPattern.MatchString(key):
		return path + "[" + strconv.Quote(key) + "]"
	case path == "":
		return key
	default:
		return path + "." + key
	}
}

// entry appends the key of a map to a path.
func entry(path, key string) string {
	if !wordPattern.MatchString(key) {
		key = strconv.Quote(key)
	}
	return path + "[" + key + "]"
}

// keysOf lists the keys of a struct in the order of its fields.
func keysOf(t reflect.Type) []string {
	var keys []string
	for f := range t.Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		keys = append(keys, key)
	}
	return keys
}
