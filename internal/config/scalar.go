package config

import (
	"encoding"
	"net/netip"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// form is the shape of a value in YAML.
type form int

const (
	formScalar form = iota
	formStruct
	formList
	formMap
)

// formOf returns the shape in which a Go type is written.
func formOf(t reflect.Type) form {
	switch {
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return formScalar
	case t.Kind() == reflect.Struct:
		return formStruct
	case t.Kind() == reflect.Slice:
		return formList
	case t.Kind() == reflect.Map:
		return formMap
	default:
		return formScalar
	}
}

// wantForm says what is expected where a value of the type stands.
func wantForm(t reflect.Type) string {
	switch formOf(t) {
	case formStruct:
		return "keys and values: " + strings.Join(keysOf(t), ", ")
	case formList:
		return "a list"
	case formMap:
		return "a text for each name, like {vmx-a: …}"
	case formScalar:
		return wantScalar(t)
	default:
		panic("config: form of " + t.String())
	}
}

// wantScalar says what is expected of a scalar.
func wantScalar(t reflect.Type) string {
	if w, ok := reflect.Zero(t).Interface().(worded); ok {
		return orList(w.words())
	}
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "a duration like 10s"
	case t == reflect.TypeFor[netip.Addr]():
		return "an IP address like 10.0.0.4"
	case t == reflect.TypeFor[netip.Prefix]():
		return "a prefix like 10.0.0.0/8"
	case t.Kind() == reflect.Int:
		return "a whole number"
	case t.Kind() == reflect.Float64:
		return "a number like 2.5"
	case t.Kind() == reflect.Bool:
		return "true or false"
	default:
		return "a text"
	}
}

// Forms of numbers and durations that mean the same to everybody: 010 is 8 to some and 10 to others.
var (
	decimalPattern  = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)
	wholePattern    = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)
	durationPattern = regexp.MustCompile(`^-?([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`)
)

// setScalar puts the text of a YAML scalar into v; the YAML type must agree too. It returns what was wanted, or "".
func setScalar(v reflect.Value, n *yaml.Node) string {
	got, tag := n.ShortTag(), "!!str"
	switch v.Kind() {
	case reflect.Float64:
		if tag = "!!float"; got == "!!int" {
			tag = got
		}
	case reflect.Int:
		tag = "!!int"
	case reflect.Bool:
		tag = "!!bool"
	default:
	}
	if got != tag {
		want := wantScalar(v.Type())
		if want == "a text" && (got == "!!int" || got == "!!float" || got == "!!bool" || got == "!!timestamp") {
			want = "a text; put it in quotes"
		}
		return want
	}
	return setText(v, n.Value)
}

// setText puts a text into a scalar. It returns what was wanted, or "".
func setText(v reflect.Value, text string) string {
	want := wantScalar(v.Type())
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if text == "" || u.UnmarshalText([]byte(text)) != nil {
			return want
		}
		return ""
	}
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		d, err := time.ParseDuration(text)
		if err != nil || !durationPattern.MatchString(text) {
			return want
		}
		v.SetInt(int64(d))
	case v.Kind() == reflect.Int:
		i, err := strconv.Atoi(text)
		if err != nil || !wholePattern.MatchString(text) {
			return want
		}
		v.SetInt(int64(i))
	case v.Kind() == reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || !decimalPattern.MatchString(text) {
			return want
		}
		v.SetFloat(f)
	case v.Kind() == reflect.Bool:
		b := strings.ToLower(text)
		if b != "true" && b != "false" {
			return want
		}
		v.SetBool(b == "true")
	default:
		v.SetString(text)
	}
	return ""
}
