package config

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Show returns the whole configuration as YAML, defaults included and secrets hidden: what hopguard works with. Settings
// that are empty, and would be by default, are left out.
func (c Config) Show() ([]byte, error) {
	p := printer{full: true}
	return p.document(c, Default(), "")
}

// YAML returns a short, commented file that Load reads back as the same complete configuration: only what differs from
// the defaults is in it. A secret is not: the comment at the top says which variable must hold it instead.
func (c Config) YAML() ([]byte, error) {
	c = c.Complete().implied()
	var head strings.Builder
	head.WriteString("hopguard configuration. What is not here has its default: docs/configuration.md.")
	eachVariable(&c, func(at Variable, v reflect.Value) {
		if v.Type() == reflect.TypeFor[Secret]() && v.Len() > 0 {
			v.SetZero()
			head.WriteString("\nThe secret " + at.Path + " is not here: set " + at.Name + ".")
		}
	})
	for i := range c.Notify.Targets {
		head.WriteString(c.Notify.Targets[i].withoutSecrets(targetPath(i)))
	}
	p := printer{comments: describe(), said: make(map[string]bool)}
	return p.document(c, Default(), head.String())
}

// implied returns the configuration, which Complete has just made, without what Complete would fill in again.
func (c Config) implied() Config {
	if usual := c.Meraki; usual.KeyEnv == merakiKeyVariable {
		if usual.KeyEnv = ""; usual.complete() == c.Meraki {
			c.Meraki = usual
		}
	}
	c.Store = c.Store.implied()
	if c.Replicas == (Replicas{Name: c.Replicas.Name}).complete(c.Store.Kind) {
		c.Replicas.Lease = 0
	}
	c.Notify.Targets = slices.Clone(c.Notify.Targets)
	for i := range c.Notify.Targets {
		c.Notify.Targets[i] = c.Notify.Targets[i].implied()
	}
	c.Groups = slices.Clone(c.Groups)
	for i := range c.Groups {
		g := &c.Groups[i]
		if len(g.Members) > 0 && g.Preferred == g.Members[0].Name {
			g.Preferred = ""
		}
		if g.Routes.Tag.Value == g.Name {
			g.Routes.Tag.Value = ""
		}
		g.Spokes = g.Spokes.implied(g.Name)
		g.Spokes.RouteTable, g.Branches = g.Spokes.RouteTable.implied(g.Branches)
		if g.Witness.Timeout == g.witnessTimeout() {
			g.Witness.Timeout = 0
		}
		for j := range g.Policy.Windows {
			if w := &g.Policy.Windows[j]; w.Timezone == utc {
				w.Timezone = ""
			}
		}
		whole := *g
		whole.Checks = nil
		if reflect.DeepEqual(whole.complete().Checks, g.Checks) {
			g.Checks = nil
			continue
		}
		before := g.Checks
		g.Checks = slices.Clone(before)
		for j := range g.Checks {
			named := *g
			named.Checks = slices.Clone(g.Checks)
			named.Checks[j].Name = ""
			if reflect.DeepEqual(named.complete().Checks, before) {
				g.Checks[j].Name = ""
			}
			if k := &g.Checks[j]; k.Fresh == g.usualFresh(*k) {
				k.Fresh = 0
			}
		}
	}
	return c
}

// printer makes YAML of structs.
type printer struct {
	full     bool              // all but what is empty by default, instead of all but what is as by default
	comments map[string]string // by path without numbers
	said     map[string]bool   // settings that have their comment: it stands where they occur first
}

// document prints a configuration under a comment.
func (p printer) document(c, standard Config, head string) ([]byte, error) {
	root := p.fields("", reflect.ValueOf(c), reflect.ValueOf(standard), false)
	document := yaml.Node{Kind: yaml.DocumentNode, HeadComment: head, Content: []*yaml.Node{root}}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(&document), e.Close()); err != nil {
		return nil, fmt.Errorf("print the configuration: %w", err)
	}
	return b.Bytes(), nil
}

// fields prints a struct, perhaps an element of a list, as a mapping; nothing in it that is as in standard, or, in full,
// empty as in standard.
func (p printer) fields(path string, v, standard reflect.Value, inList bool) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for i, key := range keysOf(v.Type()) {
		at, field, usual := join(path, key), v.Field(i), standard.Field(i)
		if same(field, usual) && (!p.full || same(field, reflect.Zero(field.Type()))) {
			continue
		}
		name, value := textNode(key), p.value(at, field, usual, false)
		if comment := p.comments[at]; comment != "" && !p.said[at] {
			p.said[at] = true
			if len(n.Content) == 0 && inList && value.Kind == yaml.ScalarNode {
				value.LineComment = comment // above, it would stand between the dash and the key
			} else {
				name.HeadComment = comment
			}
		}
		n.Content = append(n.Content, name, value)
	}
	return n
}

// same reports whether two settings are equal; a list that is empty equals one that is not there.
func same(a, b reflect.Value) bool {
	if k := a.Kind(); (k == reflect.Slice || k == reflect.Map) && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// value prints any setting.
func (p printer) value(path string, v, standard reflect.Value, inList bool) *yaml.Node {
	switch formOf(v.Type()) {
	case formStruct:
		return p.fields(path, v, standard, inList)
	case formList:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for i := range v.Len() {
			usual := fresh(v.Type().Elem(), defining(v.Index(i)))
			n.Content = append(n.Content, p.value(path, v.Index(i), usual, true))
		}
		if v.Type().Elem().Kind() == reflect.Int {
			n.Style = yaml.FlowStyle
		}
		return n
	case formMap:
		n := &yaml.Node{Kind: yaml.MappingNode}
		var keys []string
		for key := range v.Seq() {
			keys = append(keys, key.String())
		}
		slices.Sort(keys)
		for _, key := range keys {
			n.Content = append(n.Content, textNode(key), scalar(v.MapIndex(reflect.ValueOf(key))))
		}
		return n
	case formScalar:
		return scalar(v)
	default:
		panic("config: form of " + v.Type().String())
	}
}

// defining gives fresh the kind and the interval of a check, on which its defaults depend.
func defining(v reflect.Value) *yaml.Node {
	check, ok := v.Interface().(Check)
	if !ok {
		return &yaml.Node{}
	}
	return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
		textNode("kind"), textNode(string(check.Kind)), textNode("interval"), textNode(short(check.Interval)),
	}}
}

// scalar prints one value.
func scalar(v reflect.Value) *yaml.Node {
	switch x := v.Interface().(type) {
	case Secret:
		return textNode(hidden)
	case time.Duration:
		return textNode(short(x))
	case netip.Addr:
		return textNode(x.String())
	case netip.Prefix:
		return textNode(x.String())
	default:
	}
	switch v.Kind() {
	case reflect.Int:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: strconv.FormatInt(v.Int(), 10)}
	case reflect.Float64:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: strconv.FormatFloat(v.Float(), 'f', -1, 64)}
	case reflect.Bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: strconv.FormatBool(v.Bool())}
	default:
		return textNode(v.String())
	}
}

// textNode prints a text so that it is read back as the same text: in quotes where it looks like something else.
func textNode(text string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(text)
	return n
}
