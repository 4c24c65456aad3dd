package armtemplate

import (
	"maps"
	"slices"
	"strings"
)

// declaration is a resource as it is written in a template.
type declaration struct {
	place                   string
	kind, version           string // the type, and its api-version
	name, condition, scope  any
	subscription, group     any // of a nested deployment
	loopName                string
	loopCount               any
	dependsOn               []any
	body                    map[string]any // what is sent, unevaluated
	nested                  *Template
	nestedRaw               any
	hasCondition, hasScope  bool
	hasSubscription, hasOwn bool // hasOwn: a group of its own
}

// bodyMembers are the members of a resource that are sent.
func bodyMembers() []string {
	return []string{"location", "tags", "identity", "sku", "kind", "properties"}
}

func (p *parser) declaration(place string, v any) declaration {
	known := append([]string{"type", "apiVersion", "name", "condition", "copy", "scope", "dependsOn", "comments", "metadata", "subscriptionId", "resourceGroup"}, bodyMembers()...)
	m := p.members(place, v, known...)
	d := declaration{place: place, kind: p.text(join(place, "type"), m["type"]), version: p.text(join(place, "apiVersion"), m["apiVersion"]), name: m["name"]}
	d.condition, d.hasCondition = m["condition"]
	d.scope, d.hasScope = m["scope"]
	d.subscription, d.hasSubscription = m["subscriptionId"]
	d.group, d.hasOwn = m["resourceGroup"]
	if _, ok := d.name.(string); !ok {
		p.bad(join(place, "name"), "%s: want a text", show(d.name))
	}
	if strings.Count(d.kind, "/") == 0 {
		p.bad(join(place, "type"), "%q: want a type like Microsoft.Web/sites", d.kind)
	}
	if (d.hasSubscription || d.hasOwn) && d.kind != typeDeployment {
		p.bad(place, "subscriptionId and resourceGroup fit %s only", typeDeployment)
	}
	if c, ok := m["copy"]; ok {
		l := p.members(join(place, "copy"), c, "name", "count")
		d.loopName, d.loopCount = p.text(join(place, "copy.name"), l["name"]), l["count"]
		p.expressions(join(place, "copy.count"), d.loopCount, inVariable)
	}
	if list, ok := m["dependsOn"]; ok {
		if d.dependsOn, ok = list.([]any); !ok {
			p.bad(join(place, "dependsOn"), "%s: want a list of ids", show(list))
		}
	}
	for _, head := range []string{"name", "condition", "scope", "subscriptionId", "resourceGroup", "dependsOn"} {
		p.expressions(join(place, head), m[head], inHead)
	}
	d.body = map[string]any{}
	for _, name := range bodyMembers() {
		if v, ok := m[name]; ok {
			d.body[name] = v
		}
	}
	if d.kind == typeDeployment {
		p.nested(&d)
	}
	for _, name := range slices.Sorted(maps.Keys(d.body)) {
		p.expressions(join(place, name), d.body[name], inBody)
	}
	return d
}

// nested takes the inner template out of the body, so that it is not evaluated with the outer one.
func (p *parser) nested(d *declaration) {
	place := join(d.place, "properties")
	m := p.members(place, d.body["properties"], "mode", "expressionEvaluationOptions", "template", "parameters")
	if m["mode"] != "Incremental" {
		p.bad(join(place, "mode"), "%s: want Incremental", show(m["mode"]))
	}
	options := p.members(join(place, "expressionEvaluationOptions"), m["expressionEvaluationOptions"], "scope")
	if options["scope"] != "inner" {
		p.bad(join(place, "expressionEvaluationOptions.scope"), "%s: want inner; outer is what a template gets that does not say it, and not supported", show(options["scope"]))
	}
	d.nestedRaw = m["template"]
	d.nested = p.template(join(place, "template"), m["template"])
	given := p.object(join(place, "parameters"), m["parameters"])
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, ok := d.nested.parameters[name]; !ok {
			p.bad(join(place, "parameters."+name), "the nested template has no such parameter")
		}
	}
	for _, name := range d.nested.Parameters() {
		if _, ok := given[name]; !ok && !d.nested.parameters[name].optional {
			p.bad(join(place, "parameters."+name), "the nested template needs it")
		}
	}
	properties := maps.Clone(m)
	delete(properties, "template")
	d.body = maps.Clone(d.body)
	d.body["properties"] = properties
}
