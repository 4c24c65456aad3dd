package armtemplate

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Reference answers reference(): it gives the document of a resource as a GET with that api-version shows it.
type Reference func(id, apiVersion string) (json.RawMessage, error)

// evaluator computes the values of one deployment. The loops that are running are in index.
type evaluator struct {
	t          *Template
	scope      Scope
	parameters map[string]any
	done       map[string]any  // variables that are known
	running    map[string]bool // variables that are being computed
	index      map[string]int
	innermost  string // the loop whose index copyIndex() without a name gives
	ref        Reference
}

// value evaluates every expression in a value. Errors say where.
func (e *evaluator) value(place string, v any) (any, error) {
	switch v := v.(type) {
	case string:
		return e.text(place, v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			var err error
			if list[i], err = e.value(fmt.Sprintf("%s[%d]", place, i), v[i]); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		o := make(map[string]any, len(v))
		for _, written := range slices.Sorted(maps.Keys(v)) {
			name, err := e.text(place, written)
			if err != nil {
				return nil, err
			}
			key, ok := name.(string)
			if _, twice := o[key]; !ok || twice {
				return nil, wrong(place, "%s: want the name of a member that is not there yet", show(name))
			}
			if o[key], err = e.value(join(place, written), v[written]); err != nil {
				return nil, err
			}
		}
		return o, nil
	default:
		return v, nil
	}
}

func (e *evaluator) text(place, s string) (any, error) {
	if !isExpression(s) {
		return unescape(s), nil
	}
	n, err := parseExpression(s)
	if err != nil {
		panic("armtemplate: an unchecked expression: " + err.Error())
	}
	v, err := e.node(n)
	if _, placed := errors.AsType[*Error](err); err != nil && !placed {
		return nil, wrong(place, "%v", err)
	}
	return v, err
}

// str is an expression that must give a text.
func (e *evaluator) str(place string, v any) (string, error) {
	got, err := e.value(place, v)
	if err != nil {
		return "", err
	}
	s, ok := got.(string)
	if !ok || s == "" {
		return "", wrong(place, "%s: want a text", show(got))
	}
	return s, nil
}

func (e *evaluator) node(n node) (any, error) {
	switch n := n.(type) {
	case literal:
		return n.value, nil
	case access:
		return e.access(n)
	case call:
		return e.call(n)
	default:
		panic(fmt.Sprintf("armtemplate: node %T", n))
	}
}

func (e *evaluator) access(n access) (any, error) {
	of, err := e.node(n.of)
	if err != nil {
		return nil, err
	}
	index, err := e.node(n.index)
	if err != nil {
		return nil, err
	}
	switch of := of.(type) {
	case map[string]any:
		name, ok := index.(string)
		if v, found := of[name]; ok && found {
			return v, nil
		}
		return nil, fmt.Errorf("there is no member %s: there are %s", show(index), show(slices.Sorted(maps.Keys(of))))
	case []any:
		i, err := integer(index)
		if err != nil || i < 0 || i >= len(of) {
			return nil, fmt.Errorf("there is no item %s in a list of %d", show(index), len(of))
		}
		return of[i], nil
	default:
		return nil, fmt.Errorf("%s has no members", show(of))
	}
}

func (e *evaluator) call(n call) (any, error) {
	if n.name == "if" { // the other branch is not evaluated
		return e.branch(n.args)
	}
	args := make([]any, len(n.args))
	for i := range n.args {
		var err error
		if args[i], err = e.node(n.args[i]); err != nil {
			return nil, err
		}
	}
	if run := functions()[n.name].run; run != nil {
		v, err := run(args)
		if err != nil {
			return nil, fmt.Errorf("%s(): %w", n.name, err)
		}
		return v, nil
	}
	switch n.name {
	case "parameters":
		return e.parameter(args[0])
	case "variables":
		return e.variable(args[0])
	case "copyIndex":
		return e.copyIndex(args)
	case "resourceGroup":
		return e.scope.group()
	case "subscription":
		return e.scope.subscription(), nil
	case "resourceId":
		return e.scope.resourceID(args)
	case "subscriptionResourceId":
		return e.scope.subscriptionResourceID(args)
	case "reference":
		return e.reference(args)
	default:
		panic("armtemplate: function " + n.name + " does nothing")
	}
}

func (e *evaluator) branch(args []node) (any, error) {
	c, err := e.node(args[0])
	if err != nil {
		return nil, err
	}
	b, ok := c.(bool)
	switch {
	case !ok:
		return nil, fmt.Errorf("if(): %s: want true or false", show(c))
	case b:
		return e.node(args[1])
	default:
		return e.node(args[2])
	}
}

func (e *evaluator) parameter(name any) (any, error) {
	s, _ := name.(string)
	v, ok := e.parameters[s]
	if !ok {
		return nil, fmt.Errorf("there is no parameter %s", show(name))
	}
	return v, nil
}

// variable computes a variable when it is asked for, once.
func (e *evaluator) variable(name any) (v any, err error) {
	s, _ := name.(string)
	if v, ok := e.done[s]; ok {
		return v, nil
	}
	raw, plain := e.t.variables[s]
	l, looped := e.t.loops[s]
	if !plain && !looped {
		return nil, fmt.Errorf("there is no variable %s", show(name))
	}
	if e.running[s] {
		return nil, wrong("variables."+s, "it needs itself")
	}
	e.running[s] = true
	defer delete(e.running, s)
	if looped {
		v, err = e.loop("variables.copy "+s, l)
	} else {
		v, err = e.value("variables."+s, raw)
	}
	if err != nil {
		return nil, err
	}
	e.done[s] = v
	return v, nil
}

// loop makes the list of a variable.
func (e *evaluator) loop(place string, l loop) (any, error) {
	list := []any{}
	err := e.times(place, l.name, l.count, func(int) error {
		v, err := e.value(place, l.input)
		list = append(list, v)
		return err
	})
	return list, err
}

// times runs a loop; what runs inside can ask for its index.
func (e *evaluator) times(place, name string, count any, each func(i int) error) error {
	v, err := e.value(join(place, "count"), count)
	if err != nil {
		return err
	}
	const most = 800
	n, err := integer(v)
	if err != nil || n < 0 || n > most {
		return wrong(join(place, "count"), "%s: want 0 to %d", show(v), most)
	}
	outer := e.innermost
	defer func() {
		delete(e.index, name)
		e.innermost = outer
	}()
	for i := range n {
		e.index[name], e.innermost = i, name
		if err := each(i); err != nil {
			return err
		}
	}
	return nil
}

func (e *evaluator) copyIndex(args []any) (any, error) {
	name := e.innermost
	if len(args) == 1 {
		name, _ = args[0].(string)
	}
	i, ok := e.index[name]
	if !ok {
		return nil, fmt.Errorf("copyIndex(): there is no loop %q here", name)
	}
	return json.Number(fmt.Sprint(i)), nil
}

// reference gives the properties of a resource.
func (e *evaluator) reference(args []any) (any, error) {
	list, err := texts(args)
	if err != nil {
		return nil, err
	}
	if e.ref == nil {
		return nil, errors.New("reference() needs a running deployment")
	}
	data, err := e.ref(list[0], list[1])
	if err != nil {
		return nil, fmt.Errorf("reference(): %w", err)
	}
	v, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("reference(): %s: %w", list[0], err)
	}
	o, _ := v.(map[string]any)
	properties, ok := o["properties"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("reference(): %s has no properties", list[0])
	}
	return properties, nil
}
