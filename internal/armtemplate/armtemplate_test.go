package armtemplate_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/armtemplate"
)

func scope() armtemplate.Scope {
	return armtemplate.Scope{Tenant: "t", Subscription: "s", Group: "g", Location: "westeurope"}
}

// template completes the members of a template for a resource group.
func template(members string) string {
	return `{"$schema":"` + armtemplate.SchemaGroup + `","contentVersion":"1.0.0.0",` + members + `}`
}

// evaluate gives the output x of a template in which that is the expression; the parameters are list, text, number and flag.
func evaluate(expression string) (any, error) {
	text, err := json.Marshal(expression)
	if err != nil {
		return nil, err
	}
	var last error
	for _, kind := range []string{"string", "int", "bool", "array", "object"} {
		parsed, err := armtemplate.Parse([]byte(template(`"parameters":{"list":{"type":"array"},"text":{"type":"string"},"number":{"type":"int"},"flag":{"type":"bool"}},` +
			`"variables":{"twice":"[concat(parameters('text'), parameters('text'))]","copy":[{"name":"looped","count":2,"input":"[copyIndex('looped')]"}]},` +
			`"resources":[],"outputs":{"x":{"type":"` + kind + `","value":` + string(text) + `}}`)))
		if err != nil {
			return nil, err
		}
		d, err := parsed.Bind(scope(), json.RawMessage(`{"list":{"value":["a","b"]},"text":{"value":"Hello"},"number":{"value":7},"flag":{"value":true}}`))
		if err != nil {
			return nil, err
		}
		data, err := d.Outputs(func(id, _ string) (json.RawMessage, error) {
			if strings.HasSuffix(id, "/missing") {
				return nil, fmt.Errorf("%s is not there", id)
			}
			return json.RawMessage(`{"id":"` + id + `","properties":{"name":"deep","items":[{"n":1}]}}`), nil
		})
		if err != nil {
			last = err
			continue
		}
		var out map[string]struct{ Value any }
		if err := json.Unmarshal(data, &out); err != nil {
			return nil, err
		}
		return out["x"].Value, nil
	}
	return nil, last
}

func TestExpressions(t *testing.T) {
	const id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/x"
	for _, test := range []struct {
		expression string
		want       any
	}{
		{"plain", "plain"},
		{"[[escaped]", "[escaped]"},
		{"[open", "[open"},
		{"['it''s']", "it's"},
		{"[ concat( 'a' , 1 , parameters('text') ) ]", "a1Hello"},
		{"[concat(parameters('list'), parameters('list'))]", []any{"a", "b", "a", "b"}},
		{"[variables('twice')]", "HelloHello"},
		{"[variables('looped')]", []any{0.0, 1.0}},
		{"[parameters('list')[1]]", "b"},
		{"[parameters('number')]", 7.0},
		{"[-5]", -5.0},
		{"[empty('')]", true},
		{"[empty(parameters('list'))]", false},
		{"[empty(null())]", true},
		{"[length(parameters('list'))]", 2.0},
		{"[length('äöü')]", 3.0},
		{"[not(parameters('flag'))]", false},
		{"[equals(parameters('list')[0], 'a')]", true},
		{"[equals('a', 'A')]", false},
		{"[if(parameters('flag'), 'yes', reference('/missing', '1').x)]", "yes"},
		{"[format('{0}-{1}-{0} {{}}', 'a', 2)]", "a-2-a {}"},
		{"[split('a/b/c', '/')[2]]", "c"},
		{"[toLower('ABC')]", "abc"},
		{"[union(parameters('list'), split('b,c', ','))]", []any{"a", "b", "c"}},
		{"[resourceGroup().location]", "westeurope"},
		{"[resourceGroup().id]", "/subscriptions/s/resourceGroups/g"},
		{"[subscription().subscriptionId]", "s"},
		{"[subscription().tenantId]", "t"},
		{"[resourceId('Microsoft.Web/sites', 'x')]", id},
		{"[resourceId('other', 'Microsoft.Web/sites', 'x')]", "/subscriptions/s/resourceGroups/other/providers/Microsoft.Web/sites/x"},
		{"[resourceId('s2', 'g2', 'A.B/c/d', 'x', 'y')]", "/subscriptions/s2/resourceGroups/g2/providers/A.B/c/x/d/y"},
		{"[subscriptionResourceId('A.B/c', 'x')]", "/subscriptions/s/providers/A.B/c/x"},
		{"[subscriptionResourceId('s2', 'A.B/c', 'x')]", "/subscriptions/s2/providers/A.B/c/x"},
		{"[reference('" + id + "', '2024-04-01').name]", "deep"},
		{"[reference('" + id + "', '2024-04-01').items[0].n]", 1.0},
		{"[guid('a', 'b')]", ""},
		{"[uniqueString('a', 'b')]", ""},
	} {
		t.Run(test.expression, func(t *testing.T) {
			got, err := evaluate(test.expression)
			switch {
			case err != nil:
				t.Error(err)
			case strings.HasPrefix(test.expression, "[guid"):
				if s, _ := got.(string); len(s) != 36 || s[14] != '5' {
					t.Errorf("got %q, want the form of a GUID of version 5", got)
				}
			case strings.HasPrefix(test.expression, "[unique"):
				if s, _ := got.(string); len(s) != 13 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz234567") != "" {
					t.Errorf("got %q, want 13 small letters and digits", got)
				}
			default:
				if d := cmp.Diff(test.want, got); d != "" {
					t.Errorf("(-want +got):\n%s", d)
				}
			}
		})
	}
}

func TestBadExpressionsAreRefusedByPlace(t *testing.T) {
	for _, test := range []struct{ expression, want string }{
		{"[]", "the expression ends"},
		{"[concat('a']", "the expression ends"},
		{"[concat('a) ]", "has no end"},
		{"[concat('a') 'b']", "want the end"},
		{"[newGuid()]", "unknown function newGuid()"},
		{"[Concat('a')]", "unknown function Concat()"},
		{"[if(true(), 1, 2)]", "unknown function true()"},
		{"[toLower('a', 'b')]", "toLower() has 2 arguments: want 1"},
		{"[toLower(1)]", "toLower(): 1: want a text"},
		{"[parameters('nobody')]", `there is no parameter "nobody"`},
		{"[variables('nobody')]", `there is no variable "nobody"`},
		{"[parameters('list')[2]]", "there is no item 2 in a list of 2"},
		{"[resourceGroup().color]", `there is no member "color"`},
		{"[parameters('text').x]", "has no members"},
		{"[copyIndex()]", "cannot be used here"},
		{"[format('{1}', 'a')]", "want places like {0}"},
		{"[format('{0}', parameters('flag'))]", "want a text or a number"},
		{"[concat(parameters('list'), 'a')]", "want a list"},
		{"[if(1, 2, 3)]", "want true or false"},
		{"[not('a')]", "want true or false"},
		{"[empty(1)]", "want a text, a list or an object"},
		{"[split('a', '')]", "the delimiter is empty"},
		{"[resourceId('Microsoft.Web/sites', 'a', 'b')]", "2 names: want 1"},
		{"[resourceId('a', 'b', 'c', 'A.B/c')]", "wants a type"},
		{"[resourceId('Microsoft.Web/sites', '')]", "is empty"},
		{"[reference('/missing', '1').x]", "/missing is not there"},
	} {
		t.Run(test.expression, func(t *testing.T) {
			got, err := evaluate(test.expression)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "outputs.x") {
				t.Errorf("got %v, %v, want an error at outputs.x with %q", got, err, test.want)
			}
		})
	}
}
