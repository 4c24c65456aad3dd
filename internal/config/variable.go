package config

import (
	"reflect"
	"strings"
)

// configVariable names the configuration file where --config does not.
const configVariable = "HOPGUARD_CONFIG"

// textVariable holds the configuration itself, where there is no folder for a file.
const textVariable = "HOPGUARD_CONFIG_YAML"

// Variable is a variable of the environment that overrides a setting of the file.
type Variable struct {
	// Name is the variable, like HOPGUARD_AZURE_CAFILE. An empty one counts as not set.
	Name string
	// Path is the setting, like azure.caFile. A list is written with commas.
	Path string
}

// Variables lists every variable that overrides a setting, in the order of the settings. They follow from the names of the
// settings, so that none can be forgotten. Groups have none: a list of structures does not fit a variable.
func Variables() []Variable {
	var list []Variable
	c := Config{}
	eachVariable(&c, func(v Variable, _ reflect.Value) { list = append(list, v) })
	return list
}

// eachVariable visits the settings of c that have a variable.
func eachVariable(c *Config, visit func(Variable, reflect.Value)) {
	var walk func(path string, section reflect.Value)
	walk = func(path string, section reflect.Value) {
		for i, key := range keysOf(section.Type()) {
			at, v := join(path, key), section.Field(i)
			switch {
			case formOf(v.Type()) == formStruct:
				walk(at, v)
			case path != "" && !listOfStructs(v.Type()): // groups, beside the sections, has none
				visit(Variable{Name: "HOPGUARD_" + strings.ToUpper(strings.ReplaceAll(at, ".", "_")), Path: at}, v)
			}
		}
	}
	walk("", reflect.ValueOf(c).Elem())
}

// listOfStructs reports whether a type is a list that a variable cannot hold.
func listOfStructs(t reflect.Type) bool {
	return formOf(t) == formList && formOf(t.Elem()) == formStruct
}

// environment puts the variables into c.
func (d *decoder) environment(c *Config, getenv func(string) string) {
	eachVariable(c, func(at Variable, v reflect.Value) {
		text := getenv(at.Name)
		if text == "" {
			return
		}
		d.sources[at.Path] = at.Name
		if v.Kind() == reflect.Slice {
			v.Set(reflect.ValueOf(strings.Split(text, ",")).Convert(v.Type()))
			return
		}
		if want := setText(v, text); want != "" {
			d.broken[at.Path] = true
			d.problems = append(d.problems, Problem{Path: at.Path, Value: text, Want: want, Source: at.Name})
		}
	})
}
