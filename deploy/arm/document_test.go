package arm_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"hopguard/deploy/arm"
	"hopguard/internal/armtemplate"
)

// TestTheFormFitsTheTemplate: what the portal's form gives is exactly what the template takes, and allows no more than it.
func TestTheFormFitsTheTemplate(t *testing.T) {
	template, err := armtemplate.Parse(arm.Template)
	if err != nil {
		t.Fatal(err)
	}
	form := parse(t, arm.Form)
	outputs, _ := dig(form, "parameters", "outputs").(map[string]any)
	if d := cmp.Diff(template.Parameters(), slices.Sorted(maps.Keys(outputs))); d != "" {
		t.Errorf("parameters of the template against outputs of the form (-template +form):\n%s", d)
	}
	elements := formElements(t, form)
	used := map[string]bool{}
	named := regexp.MustCompile(`steps\('(\w+)'\)\.(\w+)|basics\('(\w+)'\)`)
	for _, text := range regexp.MustCompile(`"\[[^\n]*\]"`).FindAllString(string(arm.Form), -1) {
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			path := m[1] + "." + m[2]
			if m[3] != "" {
				path = "basics." + m[3]
			}
			used[path] = true
			if elements[path] == nil {
				t.Errorf("the form uses %s, and has no such element", path)
			}
		}
	}
	for path, e := range elements {
		if !used[path] && dig(e, "type") != "Microsoft.Common.InfoBox" {
			t.Errorf("the form asks for %s and does nothing with it", path)
		}
	}
	declared, _ := dig(parse(t, arm.Template), "parameters").(map[string]any)
	for name, p := range declared {
		for _, path := range slices.Sorted(maps.Keys(elements)) {
			if strings.HasSuffix(path, "."+name) {
				sameLimits(t, name, p, elements[path])
			}
		}
	}
}

// formElements are the elements of a form by step and name.
func formElements(t *testing.T, form map[string]any) map[string]any {
	t.Helper()
	elements := map[string]any{}
	add := func(step string, list any) {
		items, _ := list.([]any)
		for _, e := range items {
			name, _ := dig(e, "name").(string)
			if name == "" || elements[step+"."+name] != nil {
				t.Errorf("step %s: an element has no name or another's: %q", step, name)
			}
			elements[step+"."+name] = e
			if pattern, ok := dig(e, "constraints", "regex").(string); ok {
				if _, err := regexp.Compile(pattern); err != nil {
					t.Errorf("%s.%s: %v", step, name, err)
				}
			}
		}
	}
	add("basics", dig(form, "parameters", "basics"))
	steps, _ := dig(form, "parameters", "steps").([]any)
	for _, s := range steps {
		name, _ := dig(s, "name").(string)
		add(name, dig(s, "elements"))
	}
	return elements
}

// sameLimits compares an element of the form with the parameter that it is for.
func sameLimits(t *testing.T, name string, parameter, element any) {
	t.Helper()
	for limit, path := range map[string]string{"minValue": "min", "maxValue": "max"} {
		if d := cmp.Diff(dig(parameter, limit), dig(element, path)); d != "" {
			t.Errorf("%s: %s of the template against %s of the form:\n%s", name, limit, path, d)
		}
	}
	allowed, _ := dig(element, "constraints", "allowedValues").([]any)
	var values []any
	for _, v := range allowed {
		values = append(values, dig(v, "value"))
	}
	want, _ := dig(parameter, "allowedValues").([]any)
	if d := cmp.Diff(want, values); d != "" {
		t.Errorf("%s: allowed by the template (-) and by the form (+):\n%s", name, d)
	}
	if d, ok := dig(parameter, "defaultValue").(string); ok && d != "" && len(allowed) == 0 && dig(element, "defaultValue") != d {
		t.Errorf("%s: the template starts from %q, the form from %v", name, d, dig(element, "defaultValue"))
	}
}

// TestNoFunctionIsKnownInVain: the evaluator knows what the template uses, and nothing that nobody has tried.
func TestNoFunctionIsKnownInVain(t *testing.T) {
	for _, name := range armtemplate.Functions() {
		if !regexp.MustCompile(`[\[(, ]` + name + `\(`).Match(arm.Template) {
			t.Errorf("the template does not use %s()", name)
		}
	}
}

func TestEveryParameterIsExplained(t *testing.T) {
	declared, _ := dig(parse(t, arm.Template), "parameters").(map[string]any)
	guide, err := os.ReadFile("../../docs/deploy-arm.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range declared {
		if s, _ := dig(p, "metadata", "description").(string); len(s) < 10 || !strings.HasSuffix(s, ".") {
			t.Errorf("parameter %s: its description %q is no sentence", name, s)
		}
		if !strings.Contains(string(guide), "| `"+name+"` |") {
			t.Errorf("parameter %s: docs/deploy-arm.md does not have it", name)
		}
	}
}

// TestTheGuideCoversEveryResource: docs/deploy.md says of each type which check looks at it.
func TestTheGuideCoversEveryResource(t *testing.T) {
	guide, err := os.ReadFile("../../docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(guide), "## ARM\n")
	if !ok {
		t.Fatal("docs/deploy.md has no section ARM")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	types := map[string]bool{}
	var walk func(resources any)
	walk = func(resources any) {
		list, _ := resources.([]any)
		for _, r := range list {
			types[dig(r, "type").(string)] = true
			walk(dig(r, "properties", "template", "resources"))
		}
	}
	walk(dig(parse(t, arm.Template), "resources"))
	for _, typ := range slices.Sorted(maps.Keys(types)) {
		if !strings.Contains(section, "| `"+typ+"` |") {
			t.Errorf("docs/deploy.md does not say what covers %s", typ)
		}
	}
	for _, test := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(section, -1) {
		if !exists(t, test[1]) {
			t.Errorf("docs/deploy.md names %s, and there is no such test", test[1])
		}
	}
}

// exists reports whether a test of that name is here.
func exists(t *testing.T, name string) bool {
	t.Helper()
	for _, file := range []string{"resources_test.go", "controller_test.go", "document_test.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "func "+name+"(") {
			return true
		}
	}
	return false
}

// TestEveryDependencyIsSaid: a resource that names another one waits for it, if only through a third. The service finds out what
// depends on what from the template alone, so a name in a property does not make a resource wait.
func TestEveryDependencyIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t)
		c.succeed(t)
		template, err := armtemplate.Parse(arm.Template)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := template.Bind(c.scope(), c.values(t))
		if err != nil {
			t.Fatal(err)
		}
		referred := map[string]bool{}
		for i, r := range plan.Resources {
			clear(referred)
			body, err := plan.Body(i, func(id, version string) (json.RawMessage, error) {
				referred[strings.ToLower(id)] = true
				status, body := c.call(t, "GET", id, version, "")
				if status != 200 {
					t.Errorf("GET %s: %d", id, status)
				}
				return body, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			before := reachable(plan.Resources, i)
			for j, other := range plan.Resources {
				id := strings.ToLower(other.ID)
				named := referred[id] || strings.HasPrefix(strings.ToLower(r.ID), id+"/") || strings.Contains(strings.ToLower(string(body)), `"`+id+`"`)
				if j != i && named && !before[j] {
					t.Errorf("%s names %s and does not wait for it", r.Place, other.ID)
				}
			}
		}
	})
}

// reachable are the positions of all that a resource waits for.
func reachable(list []armtemplate.Resource, i int) map[int]bool {
	seen := map[int]bool{}
	var walk func(i int)
	walk = func(i int) {
		for _, j := range list[i].DependsOn {
			if !seen[j] {
				seen[j] = true
				walk(j)
			}
		}
	}
	walk(i)
	return seen
}
