package armtemplate_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/armtemplate"
)

// bind parses and binds a template with these members.
func bind(members, parameters string) (*armtemplate.Deployment, error) {
	parsed, err := armtemplate.Parse([]byte(template(members)))
	if err != nil {
		return nil, err
	}
	return parsed.Bind(scope(), json.RawMessage(parameters))
}

const (
	plan = `{"type":"A.B/plans","apiVersion":"1","name":"p","location":"x"}`
	app  = `{"type":"A.B/apps","apiVersion":"1","name":"a","dependsOn":["[resourceId('A.B/plans', 'p')]"],"properties":{"plan":"[resourceId('A.B/plans', 'p')]"}}`
)

func TestResourcesWaitForEachOther(t *testing.T) {
	d, err := bind(`"resources":[`+app+`,`+plan+`]`, ``)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Resources[0]; got.ID != "/subscriptions/s/resourceGroups/g/providers/A.B/apps/a" || got.Type != "A.B/apps" || got.APIVersion != "1" || got.Place != "resources[0]" {
		t.Errorf("the first resource is %+v", got)
	}
	if diff := cmp.Diff([][]int{{1}, nil}, [][]int{d.Resources[0].DependsOn, d.Resources[1].DependsOn}); diff != "" {
		t.Errorf("dependencies (-want +got):\n%s", diff)
	}
	body, err := d.Body(0, nil)
	if want := `{"properties":{"plan":"/subscriptions/s/resourceGroups/g/providers/A.B/plans/p"}}`; err != nil || string(body) != want {
		t.Errorf("Body() = %s, %v, want %s", body, err, want)
	}
}

func TestALoopMakesSeveral(t *testing.T) {
	d, err := bind(`"resources":[{"type":"A.B/c","apiVersion":"1","name":"[concat('x', copyIndex())]","copy":{"name":"l","count":3},"properties":{"n":"[copyIndex('l')]"},"tags":{"[concat('k', copyIndex())]":"v"}}]`, ``)
	if err != nil {
		t.Fatal(err)
	}
	var bodies []string
	for i := range d.Resources {
		body, err := d.Body(i, nil)
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, d.Resources[i].Name+string(body))
	}
	want := []string{`x0{"properties":{"n":0},"tags":{"k0":"v"}}`, `x1{"properties":{"n":1},"tags":{"k1":"v"}}`, `x2{"properties":{"n":2},"tags":{"k2":"v"}}`}
	if diff := cmp.Diff(want, bodies); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAConditionLeavesOut(t *testing.T) {
	d, err := bind(`"parameters":{"with":{"type":"bool"}},"resources":[`+app+`,{"type":"A.B/plans","apiVersion":"1","name":"p","condition":"[parameters('with')]"}]`, `{"with":{"value":false}}`)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Resources) != 1 || d.Resources[0].DependsOn != nil {
		t.Errorf("resources = %+v, want the app alone, which waits for nothing", d.Resources)
	}
}

func TestParametersAreChecked(t *testing.T) {
	declared := `"parameters":{"s":{"type":"string","minLength":2,"maxLength":3},"n":{"type":"int","minValue":1,"maxValue":9,"defaultValue":5},` +
		`"e":{"type":"string","allowedValues":["a","b"],"defaultValue":"a"},"l":{"type":"array","defaultValue":[],"maxLength":1},"o":{"type":"object","defaultValue":{}},` +
		`"b":{"type":"bool","defaultValue":true},"secret":{"type":"securestring","defaultValue":"","maxLength":5}},"resources":[]`
	for _, test := range []struct{ name, given, want string }{
		{"all-defaults", `{"s":{"value":"ab"}}`, ""},
		{"missing", `{}`, "parameters.s: the value is missing"},
		{"unknown", `{"s":{"value":"ab"},"x":{"value":1}}`, "parameters.x: the template has no such parameter"},
		{"too-short", `{"s":{"value":"a"}}`, `parameters.s: "a": want at least 2`},
		{"too-long", `{"s":{"value":"abcd"}}`, `parameters.s: "abcd": want at most 3`},
		{"another-type", `{"s":{"value":1}}`, `parameters.s: 1: want string`},
		{"no-value", `{"s":{"reference":{}}}`, `parameters.s: want {"value": ...}`},
		{"too-small", `{"s":{"value":"ab"},"n":{"value":0}}`, `parameters.n: 0: want 1 to 9`},
		{"fraction", `{"s":{"value":"ab"},"n":{"value":1.5}}`, `parameters.n: 1.5: want int`},
		{"not-allowed", `{"s":{"value":"ab"},"e":{"value":"c"}}`, `parameters.e: "c": want one of ["a","b"]`},
		{"list-too-long", `{"s":{"value":"ab"},"l":{"value":[1,2]}}`, `parameters.l: [1,2]: want at most 1`},
		{"no-expression-in-a-value", `{"s":{"value":"[x"}}`, ""},
		{"several-at-once", `{"n":{"value":0}}`, "parameters.s: the value is missing"},
		{"no-object", `[]`, "parameters: []: want an object"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := bind(declared, test.given)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("Bind() = %v, want %q", err, test.want)
			}
		})
	}
	if _, err := bind(declared, `{"s":{"value":"ab"},"secret":{"value":"hunter2"}}`); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("Bind() = %v, want an error that does not repeat the secret", err)
	}
	d, err := bind(declared, `{"s":{"value":"ab"},"secret":{"value":"shh"}}`)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(d.Given()); strings.Contains(got, "shh") || !strings.Contains(got, `"secret":{"type":"SecureString"}`) || !strings.Contains(got, `"n":{"type":"Int","value":5}`) {
		t.Errorf("Given() = %s", got)
	}
}

// nested is a deployment resource around an inner template.
func nested(options, parameters, declared string) string {
	return `"resources":[{"type":"Microsoft.Resources/deployments","apiVersion":"1","name":"n","subscriptionId":"s2","location":"l","properties":{"mode":"Incremental",` + options +
		`"parameters":{` + parameters + `},"template":{"$schema":"` + armtemplate.SchemaSubscription + `","contentVersion":"1.0.0.0","parameters":{` + declared +
		`},"resources":[{"type":"A.B/c","apiVersion":"1","name":"[parameters('x')]"}]}}}]`
}

func TestANestedTemplateStaysAsItIs(t *testing.T) {
	const inner = `"expressionEvaluationOptions":{"scope":"inner"},`
	d, err := bind(nested(inner, `"x":{"value":"[resourceGroup().name]"}`, `"x":{"type":"string"}`), ``)
	if err != nil {
		t.Fatal(err)
	}
	if want := "/subscriptions/s2/providers/Microsoft.Resources/deployments/n"; d.Resources[0].ID != want {
		t.Errorf("the id is %s, want %s", d.Resources[0].ID, want)
	}
	body, err := d.Body(0, nil)
	if err != nil || !strings.Contains(string(body), `"x":{"value":"g"}`) || !strings.Contains(string(body), `"name":"[parameters('x')]"`) {
		t.Errorf("Body() = %s, %v, want the parameter evaluated and the template not", body, err)
	}
	for _, test := range []struct{ name, members, want string }{
		{"outer-is-refused", nested(``, `"x":{"value":1}`, `"x":{"type":"int"}`), "expressionEvaluationOptions.scope: nothing: want inner"},
		{"unknown-parameter", nested(inner, `"x":{"value":1},"y":{"value":1}`, `"x":{"type":"int"}`), "parameters.y: the nested template has no such parameter"},
		{"missing-parameter", nested(inner, ``, `"x":{"type":"int"}`), "parameters.x: the nested template needs it"},
		{"bad-inside", nested(inner, `"x":{"value":1}`, `"x":{"type":"number"}`), "template.parameters.x.type"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := bind(test.members, ``); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestBadTemplatesAreRefusedByPlace(t *testing.T) {
	for _, test := range []struct{ name, members, want string }{
		{"unknown-member", `"resources":[],"functions":[]`, "functions: unknown member"},
		{"no-resources", `"outputs":{}`, "resources: nothing: want a list"},
		{"unknown-member-of-a-resource", `"resources":[{"type":"A.B/c","apiVersion":"1","name":"x","zones":[]}]`, "resources[0].zones: unknown member"},
		{"type-is-an-expression", `"resources":[{"type":"[concat('A.B','/c')]","apiVersion":"1","name":"x"}]`, "resources[0].type"},
		{"no-type", `"resources":[{"type":"AB","apiVersion":"1","name":"x"}]`, `resources[0].type: "AB"`},
		{"no-name", `"resources":[{"type":"A.B/c","apiVersion":"1"}]`, "resources[0].name: nothing"},
		{"too-many-names", `"resources":[{"type":"A.B/c","apiVersion":"1","name":"x/y"}]`, "resources[0].name: type A.B/c with 2 names: want 1"},
		{"twice", `"resources":[` + plan + `,` + plan + `]`, "resources[1]: /subscriptions/s/resourceGroups/g/providers/A.B/plans/p is declared twice"},
		{"waits-for-nothing", `"resources":[` + app + `]`, "dependsOn: /subscriptions/s/resourcegroups/g/providers/a.b/plans/p is not in the template"},
		{"circle", `"resources":[` + app + `,{"type":"A.B/plans","apiVersion":"1","name":"p","dependsOn":["[resourceId('A.B/apps', 'a')]"]}]`, "waits for itself"},
		{"condition", `"resources":[{"type":"A.B/c","apiVersion":"1","name":"x","condition":"yes"}]`, `resources[0].condition: "yes": want true or false`},
		{"scope", `"resources":[{"type":"A.B/c","apiVersion":"1","name":"x","scope":"A.B/c/y"}]`, `resources[0].scope: "A.B/c/y": want the id`},
		{"scope-of-deployments", `"resources":[{"type":"A.B/c","apiVersion":"1","name":"x","subscriptionId":"s"}]`, "subscriptionId and resourceGroup fit"},
		{"count", `"resources":[{"type":"A.B/c","apiVersion":"1","name":"x","copy":{"name":"l","count":-1}}]`, "copy.count: -1: want 0 to 800"},
		{"loop-in-a-value", `"resources":[{"type":"A.B/c","apiVersion":"1","name":"x","properties":{"copy":[]}}]`, "properties.copy: loops inside of a value"},
		{"reference-in-a-name", `"resources":[{"type":"A.B/c","apiVersion":"1","name":"[reference('x','1').y]"}]`, "resources[0].name: reference() cannot be used here"},
		{"reference-in-a-variable", `"variables":{"v":"[reference('x','1')]"},"resources":[]`, "variables.v: reference() cannot be used here"},
		{"variable-needs-itself", `"variables":{"v":"[variables('w')]","w":"[variables('v')]"},"resources":[]`, "it needs itself"},
		{"parameter-type", `"parameters":{"p":{"type":"number"}},"resources":[]`, `parameters.p.type: "number"`},
		{"bound-of-another-type", `"parameters":{"p":{"type":"bool","minLength":1}},"resources":[]`, "parameters.p: minLength"},
		{"output-type", `"resources":[],"outputs":{"o":{"type":"securestring","value":"x"}}`, "outputs.o.type"},
		{"deep", `"resources":[{"type":"A.B/c","apiVersion":"1","name":"x","properties":{"a":[{"b":"[nothing()]"}]}}]`, "resources[0].properties.a[0].b: unknown function nothing()"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := bind(test.members, ``); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestASchemaFitsItsScope(t *testing.T) {
	for _, schema := range []string{"", "https://example.test/schema.json"} {
		if _, err := armtemplate.Parse([]byte(`{"$schema":"` + schema + `","contentVersion":"1","resources":[]}`)); err == nil || !strings.Contains(err.Error(), "$schema") {
			t.Errorf("schema %q: %v, want a refusal", schema, err)
		}
	}
	parsed, err := armtemplate.Parse([]byte(template(`"resources":[]`)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parsed.Bind(armtemplate.Scope{Subscription: "s"}, nil); err == nil || !strings.Contains(err.Error(), "does not fit") {
		t.Errorf("Bind() to a subscription = %v, want a refusal", err)
	}
	if _, err := armtemplate.Parse([]byte(`{"a":1} x`)); err == nil {
		t.Error("what follows the template must be refused")
	}
}

// FuzzParse: whatever is read, it is read or refused, and what was read can be bound or is refused.
func FuzzParse(f *testing.F) {
	f.Add(template(`"resources":[` + plan + `,` + app + `]`))
	f.Add(template(`"parameters":{"a":{"type":"int","defaultValue":1}},"variables":{"v":"[concat('a', parameters('a'))]"},"resources":[],"outputs":{"o":{"type":"string","value":"[variables('v')]"}}`))
	f.Add(`{"$schema":"x"}`)
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := armtemplate.Parse([]byte(text))
		if err != nil {
			return
		}
		d, err := parsed.Bind(armtemplate.Scope{Subscription: "s", Group: "g"}, nil)
		if err != nil {
			return
		}
		for i := range d.Resources {
			if _, err := d.Body(i, nil); err != nil && err.Error() == "" {
				t.Error("an error without a text")
			}
		}
	})
}
