package meraki

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// The live API has differed from its specification in types, words and members, so
// answers are read as trees: what is missing, null or of another kind reads as
// nothing, and what is unknown is left alone.

// object is a JSON object.
type object map[string]any

// parse reads one JSON value. Numbers keep their digits: identifiers may be numbers.
func parse(body string) (any, error) {
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return v, nil
}

// object returns a member that is an object; a nil object reads as an empty one.
func (o object) object(name string) object {
	m, _ := o[name].(map[string]any)
	return m
}

// list returns the objects of a member that is a list.
func (o object) list(name string) []object { return objects(o[name]) }

// objects returns the objects of a list, in order, and leaves out everything else.
func objects(v any) []object {
	list, _ := v.([]any)
	var out []object
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// text returns a member as a text; numbers and truth values read as they are written.
func (o object) text(name string) string { return text(o[name]) }

func text(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	default:
		return ""
	}
}

// number returns a member that is a finite number, or a text that reads as one.
func (o object) number(name string) (float64, bool) {
	f, err := strconv.ParseFloat(o.text(name), 64)
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// count returns a member that is a whole number from 0 to a million.
func (o object) count(name string) (int, bool) {
	f, ok := o.number(name)
	if !ok || f < 0 || f > 1e6 || f != math.Trunc(f) {
		return 0, false
	}
	return int(f), true
}

// milliseconds returns a member that is a time of at most an hour, or 0.
func (o object) milliseconds(name string) time.Duration {
	f, ok := o.number(name)
	if !ok || f < 0 || f > float64(time.Hour/time.Millisecond) {
		return 0
	}
	return time.Duration(f * float64(time.Millisecond))
}

// printable cuts a text of a stranger to n characters that fit into one line.
func printable(s string, n int) string {
	var b bytes.Buffer
	for _, r := range s {
		if n == 0 {
			b.WriteString("...")
			break
		}
		if !unicode.IsPrint(r) {
			r = ' '
		}
		b.WriteRune(r)
		n--
	}
	return strings.TrimSpace(b.String())
}
