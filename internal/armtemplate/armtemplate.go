// Package armtemplate evaluates the part of Azure's template language that this repository's own template is written in:
// parameters with their constraints, variables, loops, conditions, dependencies, nested templates with an inner scope, outputs,
// and the functions that Functions lists.
//
// It guarantees: what it does not know is refused with its name and its place, also where it would not be evaluated; the same
// input gives the same output; nothing is deployed in an order that dependsOn does not allow. It is harsher than the service: a
// reference() makes no dependency by itself, and names of members and functions have one casing.
//
// It does not: talk to anybody (the caller answers reference()), or give guid() and uniqueString() the service's own values:
// they are of the same form, and the same for the same arguments.
//
// The simulated Azure and tests may import it.
package armtemplate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The schemas that are known, by what is deployed to.
const (
	SchemaGroup        = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
	SchemaSubscription = "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#"
)

// typeDeployment is the type of a nested template.
const typeDeployment = "Microsoft.Resources/deployments"

// Error says what is wrong, and where in the template.
type Error struct {
	// Place is a path like resources[2].properties.sku; empty is the whole template.
	Place string
	// Text says what is there and what was expected.
	Text string
}

// Error gives the place and the text.
func (e *Error) Error() string {
	if e.Place == "" {
		return e.Text
	}
	return e.Place + ": " + e.Text
}

func wrong(place, format string, args ...any) error {
	return &Error{Place: place, Text: fmt.Sprintf(format, args...)}
}

// Template is a template in which every name is known.
type Template struct {
	schema     string
	parameters map[string]parameter
	variables  map[string]any
	loops      map[string]loop // variables that are made by a loop
	resources  []declaration
	outputs    map[string]output
}

// output is one declared output.
type output struct {
	kind  string
	value any
}

// Parse reads a template and checks every expression in it, nested templates included. The error has all findings.
func Parse(data []byte) (*Template, error) {
	v, err := decode(data)
	if err != nil {
		return nil, wrong("", "the template is no JSON: %v", err)
	}
	p := &parser{}
	t := p.template("", v)
	if err := errors.Join(p.errs...); err != nil {
		return nil, err
	}
	return t, nil
}

// Schema is the template's $schema, one of those above.
func (t *Template) Schema() string { return t.schema }

// Parameters are the names of the parameters, in order.
func (t *Template) Parameters() []string { return slices.Sorted(maps.Keys(t.parameters)) }

// decode reads one JSON value; numbers stay text.
func decode(data []byte) (any, error) {
	var v any
	if err := json.Unmarshal(data, &v); err != nil { // refuses what follows the value
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return v, dec.Decode(&v)
}

// encode writes a value of this package; two that are the same give the same text.
func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic("armtemplate: a value that is no JSON: " + err.Error())
	}
	return data
}

// same compares two values.
func same(a, b any) bool { return bytes.Equal(encode(a), encode(b)) }

// parser collects what is wrong with a template.
type parser struct{ errs []error }

func (p *parser) bad(place, format string, args ...any) {
	p.errs = append(p.errs, wrong(place, format, args...))
}

// members gives an object whose members are all known.
func (p *parser) members(place string, v any, known ...string) map[string]any {
	o, ok := v.(map[string]any)
	if !ok {
		p.bad(place, "%s: want an object", show(v))
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if !slices.Contains(known, name) {
			p.bad(join(place, name), "unknown member: want one of %s", strings.Join(known, ", "))
		}
	}
	return o
}

// object gives an object with any members; a missing one is empty.
func (p *parser) object(place string, v any) map[string]any {
	if v == nil {
		return nil
	}
	o, ok := v.(map[string]any)
	if !ok {
		p.bad(place, "%s: want an object", show(v))
	}
	return o
}

// text gives a string that is written out.
func (p *parser) text(place string, v any) string {
	s, ok := v.(string)
	switch {
	case !ok || s == "":
		p.bad(place, "%s: want a text", show(v))
	case isExpression(s):
		p.bad(place, "%q: want a text that is written out, not an expression", s)
	}
	return s
}

func (p *parser) template(place string, v any) *Template {
	o := p.members(place, v, "$schema", "contentVersion", "metadata", "parameters", "variables", "resources", "outputs")
	t := &Template{parameters: map[string]parameter{}, variables: map[string]any{}, loops: map[string]loop{}, outputs: map[string]output{}}
	t.schema, _ = o["$schema"].(string)
	if t.schema != SchemaGroup && t.schema != SchemaSubscription {
		p.bad(join(place, "$schema"), "%s: want %s or %s", show(o["$schema"]), SchemaGroup, SchemaSubscription)
	}
	p.text(join(place, "contentVersion"), o["contentVersion"])
	parameters := p.object(join(place, "parameters"), o["parameters"])
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		t.parameters[name] = p.parameter(join(place, "parameters."+name), parameters[name])
	}
	variables := p.object(join(place, "variables"), o["variables"])
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		at := join(place, "variables."+name)
		if name == "copy" {
			p.variableLoops(t, at, variables[name])
			continue
		}
		t.variables[name] = variables[name]
		p.expressions(at, variables[name], inVariable)
	}
	list, ok := o["resources"].([]any)
	if !ok {
		p.bad(join(place, "resources"), "%s: want a list", show(o["resources"]))
	}
	for i, r := range list {
		t.resources = append(t.resources, p.declaration(fmt.Sprintf("%s[%d]", join(place, "resources"), i), r))
	}
	outputs := p.object(join(place, "outputs"), o["outputs"])
	for _, name := range slices.Sorted(maps.Keys(outputs)) {
		at := join(place, "outputs."+name)
		m := p.members(at, outputs[name], "type", "value", "metadata")
		out := output{kind: strings.ToLower(p.text(join(at, "type"), m["type"])), value: m["value"]}
		if !slices.Contains(plainTypes(), out.kind) {
			p.bad(join(at, "type"), "%q: want one of %s", out.kind, strings.Join(plainTypes(), ", "))
		}
		p.expressions(join(at, "value"), out.value, inOutput)
		t.outputs[name] = out
	}
	return t
}

// variableLoops reads variables.copy: each entry makes a list.
func (p *parser) variableLoops(t *Template, place string, v any) {
	list, ok := v.([]any)
	if !ok {
		p.bad(place, "%s: want a list of loops", show(v))
	}
	for i, row := range list {
		at := fmt.Sprintf("%s[%d]", place, i)
		m := p.members(at, row, "name", "count", "input")
		l := loop{name: p.text(join(at, "name"), m["name"]), count: m["count"], input: m["input"]}
		p.expressions(join(at, "count"), l.count, inVariable)
		p.expressions(join(at, "input"), l.input, inVariable)
		t.loops[l.name] = l
	}
}

// loop repeats: as a variable's value, or a resource.
type loop struct {
	name  string
	count any
	input any
}

// join adds a member to a place.
func join(place, name string) string {
	if place == "" {
		return name
	}
	return place + "." + name
}

// show is a value in an error; long ones are cut.
func show(v any) string {
	if v == nil {
		return "nothing"
	}
	data := encode(v)
	const most = 60
	if len(data) > most {
		return string(data[:most]) + "..."
	}
	return string(data)
}
