package armtemplate

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Deployment is a template with its parameters and its scope: what is deployed, and in which order.
type Deployment struct {
	// Resources are those whose condition holds, in the order of the template.
	Resources []Resource

	t *Template
	e *evaluator
}

// Resource is one resource of a deployment.
type Resource struct {
	// ID is where it is PUT.
	ID string
	// Type and APIVersion are as in the template; Name has a part for each part of the type.
	Type, Name, APIVersion string
	// Place is where it is declared, like resources[2].
	Place string
	// DependsOn are the positions in Resources of those that must be there before.
	DependsOn []int

	declared  *declaration
	index     map[string]int
	innermost string
	waitsFor  []string // ids, lower-case
}

// Bind gives a template its parameters, as in a request ({"name": {"value": ...}}), and its scope, and evaluates all that does
// not need a running deployment. The error has all findings of the first step that has any.
func (t *Template) Bind(s Scope, parameters json.RawMessage) (*Deployment, error) {
	if group := s.Group != ""; group != (t.schema == SchemaGroup) {
		return nil, wrong("$schema", "%s: it does not fit a deployment to %s", t.schema, s.ID())
	}
	given := map[string]any{}
	if len(parameters) > 0 && string(parameters) != "null" {
		v, err := decode(parameters)
		if err != nil {
			return nil, wrong("parameters", "no JSON: %v", err)
		}
		var ok bool
		if given, ok = v.(map[string]any); !ok {
			return nil, wrong("parameters", "%s: want an object", show(v))
		}
	}
	e := &evaluator{t: t, scope: s, parameters: map[string]any{}, done: map[string]any{}, running: map[string]bool{}, index: map[string]int{}}
	if err := t.give(e, given); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(t.variables)) {
		if _, err := e.variable(name); err != nil {
			return nil, err
		}
	}
	d := &Deployment{t: t, e: e}
	skipped := map[string]bool{}
	var errs []error
	for i := range t.resources {
		errs = append(errs, d.add(&t.resources[i], skipped))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return d, d.order(skipped)
}

// add evaluates the head of a resource, once for each turn of its loop.
func (d *Deployment) add(from *declaration, skipped map[string]bool) error {
	if from.loopName == "" {
		return d.one(from, skipped)
	}
	return d.e.times(join(from.place, "copy"), from.loopName, from.loopCount, func(int) error { return d.one(from, skipped) })
}

func (d *Deployment) one(from *declaration, skipped map[string]bool) error {
	e := d.e
	r := Resource{Type: from.kind, APIVersion: from.version, Place: from.place, declared: from, index: maps.Clone(e.index), innermost: e.innermost}
	if from.loopName != "" {
		r.Place += fmt.Sprintf("(%d)", e.index[from.loopName])
	}
	var err error
	if r.Name, err = e.str(join(from.place, "name"), from.name); err != nil {
		return err
	}
	scope, err := d.scopeOf(from)
	if err != nil {
		return err
	}
	if r.ID, err = typedID(scope, append([]string{from.kind}, strings.Split(r.Name, "/")...)); err != nil {
		return wrong(join(from.place, "name"), "%v", err)
	}
	if slices.ContainsFunc(d.Resources, func(o Resource) bool { return strings.EqualFold(o.ID, r.ID) }) {
		return wrong(r.Place, "%s is declared twice", r.ID)
	}
	if from.hasCondition {
		v, err := e.value(join(from.place, "condition"), from.condition)
		if err != nil {
			return err
		}
		holds, ok := v.(bool)
		if !ok {
			return wrong(join(from.place, "condition"), "%s: want true or false", show(v))
		}
		if !holds {
			skipped[strings.ToLower(r.ID)] = true
			return nil
		}
	}
	for i, v := range from.dependsOn {
		id, err := e.str(fmt.Sprintf("%s[%d]", join(from.place, "dependsOn"), i), v)
		if err != nil {
			return err
		}
		r.waitsFor = append(r.waitsFor, strings.ToLower(id))
	}
	d.Resources = append(d.Resources, r)
	return nil
}

// scopeOf is what a resource's id begins with.
func (d *Deployment) scopeOf(from *declaration) (string, error) {
	s := d.e.scope
	if from.hasScope {
		id, err := d.e.str(join(from.place, "scope"), from.scope)
		if err == nil && !strings.HasPrefix(id, "/subscriptions/") {
			err = wrong(join(from.place, "scope"), "%q: want the id of a resource", id)
		}
		return id, err
	}
	if from.hasSubscription {
		id, err := d.e.str(join(from.place, "subscriptionId"), from.subscription)
		if err != nil {
			return "", err
		}
		s = Scope{Subscription: id}
	}
	if from.hasOwn {
		name, err := d.e.str(join(from.place, "resourceGroup"), from.group)
		if err != nil {
			return "", err
		}
		s.Group = name
	}
	return s.ID(), nil
}

// order finds what each resource waits for, and refuses circles.
func (d *Deployment) order(skipped map[string]bool) error {
	position := map[string]int{}
	for i, r := range d.Resources {
		position[strings.ToLower(r.ID)] = i
	}
	for i := range d.Resources {
		r := &d.Resources[i]
		for _, id := range r.waitsFor {
			on, ok := position[id]
			switch {
			case ok && !slices.Contains(r.DependsOn, on):
				r.DependsOn = append(r.DependsOn, on)
			case !ok && !skipped[id]:
				return wrong(join(r.Place, "dependsOn"), "%s is not in the template", id)
			default: // said twice, or its condition does not hold
			}
		}
	}
	state := make([]int, len(d.Resources)) // 1: being looked at, 2: fine
	var visit func(i int) error
	visit = func(i int) error {
		switch state[i] {
		case 1:
			return wrong(d.Resources[i].Place, "%s waits for itself", d.Resources[i].ID)
		case 2:
			return nil
		}
		state[i] = 1
		for _, on := range d.Resources[i].DependsOn {
			if err := visit(on); err != nil {
				return err
			}
		}
		state[i] = 2
		return nil
	}
	for i := range d.Resources {
		if err := visit(i); err != nil {
			return err
		}
	}
	return nil
}

// Body evaluates what is sent for a resource, when all that it depends on is there.
func (d *Deployment) Body(i int, ref Reference) (json.RawMessage, error) {
	r := &d.Resources[i]
	e := *d.e
	e.index, e.innermost, e.ref = maps.Clone(r.index), r.innermost, ref
	body := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(r.declared.body)) {
		v, err := e.value(join(r.Place, name), r.declared.body[name])
		if err != nil {
			return nil, err
		}
		if v != nil { // a member that is null is not sent, nor are those below properties: the provider sees to them
			body[name] = v
		}
	}
	if properties, ok := body["properties"].(map[string]any); ok && r.declared.nested != nil {
		properties["template"] = r.declared.nestedRaw
	}
	return encode(body), nil
}

// Outputs evaluates the outputs, when everything is there: {"name": {"type": ..., "value": ...}}.
func (d *Deployment) Outputs(ref Reference) (json.RawMessage, error) {
	e := *d.e
	e.ref = ref
	list := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(d.t.outputs)) {
		out, place := d.t.outputs[name], "outputs."+name
		v, err := e.value(place, out.value)
		if err != nil {
			return nil, err
		}
		if !isOf(out.kind, v) {
			return nil, wrong(place, "%s: want %s", show(v), out.kind)
		}
		list[name] = map[string]any{"type": serviceType(out.kind), "value": v}
	}
	return encode(list), nil
}

// Given are the parameters as the service repeats them, with their types; a secret is there without its value.
func (d *Deployment) Given() json.RawMessage {
	list := map[string]any{}
	for name, p := range d.t.parameters {
		one := map[string]any{"type": serviceType(p.kind)}
		if !p.secret() {
			one["value"] = d.e.parameters[name]
		}
		list[name] = one
	}
	return encode(list)
}

// serviceType is how the service writes the name of a type.
func serviceType(kind string) string {
	switch kind {
	case "securestring":
		return "SecureString"
	case "secureobject":
		return "SecureObject"
	default:
		return strings.ToUpper(kind[:1]) + kind[1:]
	}
}
