package armtemplate

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// parameter is a declared parameter.
type parameter struct {
	kind           string // lower-case
	fallback       any
	optional       bool // it has a fallback, which may be null
	allowed        []any
	minLen, maxLen *int
	minVal, maxVal *int
}

// plainTypes are the types of values that are no secret.
func plainTypes() []string { return []string{"string", "int", "bool", "array", "object"} }

func (p *parser) parameter(place string, v any) parameter {
	m := p.members(place, v, "type", "defaultValue", "allowedValues", "minLength", "maxLength", "minValue", "maxValue", "metadata")
	d := parameter{kind: strings.ToLower(p.text(join(place, "type"), m["type"]))}
	if types := append(plainTypes(), "securestring", "secureobject"); !slices.Contains(types, d.kind) {
		p.bad(join(place, "type"), "%q: want one of %s", d.kind, strings.Join(types, ", "))
	}
	d.fallback, d.optional = m["defaultValue"]
	p.expressions(join(place, "defaultValue"), d.fallback, inParameter)
	if a, ok := m["allowedValues"]; ok {
		if d.allowed, ok = a.([]any); !ok || len(d.allowed) == 0 {
			p.bad(join(place, "allowedValues"), "%s: want a list of values", show(a))
		}
	}
	d.minLen, d.maxLen = p.bound(place, m, "minLength"), p.bound(place, m, "maxLength")
	d.minVal, d.maxVal = p.bound(place, m, "minValue"), p.bound(place, m, "maxValue")
	if long := d.kind != "int" && d.kind != "bool"; !long && (d.minLen != nil || d.maxLen != nil) {
		p.bad(place, "minLength and maxLength do not fit %s", d.kind)
	}
	if d.kind != "int" && (d.minVal != nil || d.maxVal != nil) {
		p.bad(place, "minValue and maxValue do not fit %s", d.kind)
	}
	return d
}

func (p *parser) bound(place string, m map[string]any, name string) *int {
	v, ok := m[name]
	if !ok {
		return nil
	}
	n, err := integer(v)
	if err != nil {
		p.bad(join(place, name), "%v", err)
		return nil
	}
	return &n
}

// integer reads a number without a fraction.
func integer(v any) (int, error) {
	number, ok := v.(json.Number)
	if !ok {
		return 0, errors.New(show(v) + ": want an integer")
	}
	n, err := strconv.Atoi(number.String())
	if err != nil {
		return 0, errors.New(show(v) + ": want an integer")
	}
	return n, nil
}

// secret reports whether values of the parameter must not be shown.
func (d parameter) secret() bool { return strings.HasPrefix(d.kind, "secure") }

// check refuses a value that the declaration does not allow. A secret is not repeated.
func (d parameter) check(place string, v any) error {
	shown := show(v)
	if d.secret() {
		shown = "a secret"
	}
	if !isOf(d.kind, v) {
		return wrong(place, "%s: want %s", shown, d.kind)
	}
	if d.allowed != nil && !slices.ContainsFunc(d.allowed, func(a any) bool { return same(a, v) }) {
		return wrong(place, "%s: want one of %s", shown, show(d.allowed))
	}
	length := -1
	switch v := v.(type) {
	case string:
		length = len([]rune(v))
	case []any:
		length = len(v)
	default:
	}
	if d.minLen != nil && length < *d.minLen {
		return wrong(place, "%s: want at least %d characters or items", shown, *d.minLen)
	}
	if d.maxLen != nil && length > *d.maxLen {
		return wrong(place, "%s: want at most %d characters or items", shown, *d.maxLen)
	}
	if d.kind == "int" {
		n, err := integer(v)
		if err != nil {
			return wrong(place, "%v", err)
		}
		if d.minVal != nil && n < *d.minVal || d.maxVal != nil && n > *d.maxVal {
			return wrong(place, "%d: want %s", n, between(d.minVal, d.maxVal))
		}
	}
	return nil
}

func between(least, most *int) string {
	switch {
	case most == nil:
		return "at least " + strconv.Itoa(*least)
	case least == nil:
		return "at most " + strconv.Itoa(*most)
	default:
		return strconv.Itoa(*least) + " to " + strconv.Itoa(*most)
	}
}

// isOf reports whether a value is of a declared type.
func isOf(kind string, v any) bool {
	switch kind {
	case "string", "securestring":
		_, ok := v.(string)
		return ok
	case "int":
		_, err := integer(v)
		return err == nil
	case "bool":
		_, ok := v.(bool)
		return ok
	case "array":
		_, ok := v.([]any)
		return ok
	case "object", "secureobject":
		_, ok := v.(map[string]any)
		return ok
	default:
		panic("armtemplate: unchecked type " + kind)
	}
}

// give reads the parameters of a deployment, {"name": {"value": ...}}, and fills in the fallbacks.
func (t *Template) give(e *evaluator, given map[string]any) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(given)) {
		place := "parameters." + name
		d, known := t.parameters[name]
		if !known {
			errs = append(errs, wrong(place, "the template has no such parameter: it has %s", strings.Join(t.Parameters(), ", ")))
			continue
		}
		m, ok := given[name].(map[string]any)
		v, has := m["value"]
		if !ok || !has || len(m) != 1 {
			errs = append(errs, wrong(place, `want {"value": ...} and nothing else; references to key vaults are not supported`))
			continue
		}
		if err := d.check(place, v); err != nil {
			errs = append(errs, err)
			continue
		}
		e.parameters[name] = v
	}
	for _, name := range t.Parameters() {
		if _, ok := given[name]; ok {
			continue
		}
		d := t.parameters[name]
		if !d.optional {
			errs = append(errs, wrong("parameters."+name, "the value is missing"))
			continue
		}
		v, err := e.value("parameters."+name+".defaultValue", d.fallback)
		if err == nil {
			err = d.check("parameters."+name+".defaultValue", v)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		e.parameters[name] = v
	}
	return errors.Join(errs...)
}
