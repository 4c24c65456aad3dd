package azuresim

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// object is a JSON object that keeps its members' order and every member that nobody knows. Values are object, []any, string,
// json.Number, bool and nil. A document in the store is never changed in place once it was encoded: it is cloned first.
type object []member

type member struct {
	name  string
	value any
}

// errNotJSON says that the text is not one JSON value.
var errNotJSON = errors.New("not a JSON value")

// parseJSON reads one JSON value; object members keep their order, the last of two equal names wins.
func parseJSON(data []byte) (any, error) {
	if !json.Valid(data) {
		return nil, errNotJSON
	}
	p := parser{data: data}
	return p.value(), nil
}

// parseObject is parseJSON for a text that must be an object.
func parseObject(data []byte) (object, error) {
	v, err := parseJSON(data)
	if err != nil {
		return nil, err
	}
	o, ok := v.(object)
	if !ok {
		return nil, errNotJSON
	}
	return o, nil
}

// parser walks over text that json.Valid has accepted.
type parser struct {
	data []byte
	pos  int
}

// next skips white space and commas and colons and gives the byte that follows.
func (p *parser) next() byte {
	for {
		switch c := p.data[p.pos]; c {
		case ' ', '\t', '\r', '\n', ',', ':':
			p.pos++
		default:
			return c
		}
	}
}

func (p *parser) value() any {
	switch p.next() {
	case '{':
		p.pos++
		o := object{}
		for p.next() != '}' {
			name := p.text()
			o.set(name, p.value())
		}
		p.pos++
		return o
	case '[':
		p.pos++
		list := []any{}
		for p.next() != ']' {
			list = append(list, p.value())
		}
		p.pos++
		return list
	case '"':
		return p.text()
	case 't':
		p.pos += len("true")
		return true
	case 'f':
		p.pos += len("false")
		return false
	case 'n':
		p.pos += len("null")
		return nil
	default:
		start := p.pos
		for p.pos < len(p.data) && strings.IndexByte("+-.0123456789eE", p.data[p.pos]) >= 0 {
			p.pos++
		}
		return json.Number(p.data[start:p.pos])
	}
}

func (p *parser) text() string {
	p.next()
	start := p.pos
	plain := true
	for p.pos++; p.data[p.pos] != '"'; p.pos++ {
		if c := p.data[p.pos]; c == '\\' {
			plain = false
			p.pos++
		} else if c >= utf8.RuneSelf {
			plain = false // may not be UTF-8: let encoding/json mend it
		}
	}
	p.pos++
	if plain {
		return string(p.data[start+1 : p.pos-1])
	}
	var s string
	if err := json.Unmarshal(p.data[start:p.pos], &s); err != nil {
		panic("azuresim: valid JSON holds a string that is none: " + err.Error())
	}
	return s
}

// index finds a member; JSON names from clients are matched without regard to case, as the service does.
func (o object) index(name string) int {
	for i := range o {
		if o[i].name == name {
			return i
		}
	}
	for i := range o {
		if strings.EqualFold(o[i].name, name) {
			return i
		}
	}
	return -1
}

func (o object) get(name string) (any, bool) {
	if i := o.index(name); i >= 0 {
		return o[i].value, true
	}
	return nil, false
}

// str gives a member that is a string, or "".
func (o object) str(name string) string {
	v, _ := o.get(name)
	s, _ := v.(string)
	return s
}

// obj gives a member that is an object, or an empty one.
func (o object) obj(name string) object {
	v, _ := o.get(name)
	m, _ := v.(object)
	return m
}

// list gives a member that is an array, or nil.
func (o object) list(name string) []any {
	v, _ := o.get(name)
	l, _ := v.([]any)
	return l
}

// flag gives a member that is a boolean, or false.
func (o object) flag(name string) bool {
	v, _ := o.get(name)
	b, _ := v.(bool)
	return b
}

// set replaces a member or adds it at the end.
func (o *object) set(name string, value any) {
	if i := o.index(name); i >= 0 {
		(*o)[i].value = value
		return
	}
	*o = append(*o, member{name, value})
}

// setDefault adds a member that is missing or null.
func (o *object) setDefault(name string, value any) {
	if v, ok := o.get(name); !ok || v == nil {
		o.set(name, value)
	}
}

// drop removes a member.
func (o *object) drop(names ...string) {
	for _, name := range names {
		if i := o.index(name); i >= 0 {
			*o = append((*o)[:i:i], (*o)[i+1:]...)
		}
	}
}

// without is a copy without some members; the copy is shallow.
func (o object) without(names ...string) object {
	c := make(object, 0, len(o))
next:
	for _, m := range o {
		for _, n := range names {
			if strings.EqualFold(m.name, n) {
				continue next
			}
		}
		c = append(c, m)
	}
	return c
}

// clone copies the tree.
func clone(v any) any {
	switch v := v.(type) {
	case object:
		return v.clone()
	case []any:
		c := make([]any, len(v))
		for i := range v {
			c[i] = clone(v[i])
		}
		return c
	default:
		return v
	}
}

func (o object) clone() object {
	c := make(object, len(o))
	for i := range o {
		c[i] = member{o[i].name, clone(o[i].value)}
	}
	return c
}

// encode writes compact JSON.
func encode(v any) []byte { return appendJSON(nil, v) }

// appendJSON appends compact JSON without HTML escapes.
func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case object:
		b = append(b, '{')
		for i := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, v[i].name)
			b = append(b, ':')
			b = appendJSON(b, v[i].value)
		}
		return append(b, '}')
	case []any:
		b = append(b, '[')
		for i := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, v[i])
		}
		return append(b, ']')
	case string:
		return appendText(b, v)
	case json.Number:
		return append(b, v...)
	case bool:
		if v {
			return append(b, "true"...)
		}
		return append(b, "false"...)
	case nil:
		return append(b, "null"...)
	case json.RawMessage:
		return append(b, v...)
	default:
		panic("azuresim: a value that is no JSON tree")
	}
}

// appendText appends a JSON string; only quotes, backslashes and control characters are escaped.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		default:
			const hex = "0123456789abcdef"
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// tree turns plain Go data (from YAML, or a map) into a JSON tree; maps are sorted by encoding/json.
func tree(v any) (any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return parseJSON(data)
}

// raw is encoded JSON inside a tree.
func raw(b []byte) json.RawMessage { return json.RawMessage(b) }

// number is an integer in a tree.
func number(n int) json.Number { return json.Number(strconv.Itoa(n)) }

// words turns strings into a JSON array.
func words(s []string) []any {
	list := make([]any, len(s))
	for i := range s {
		list[i] = s[i]
	}
	return list
}

// texts gives the strings of a JSON array.
func texts(list []any) []string {
	var s []string
	for _, v := range list {
		if t, ok := v.(string); ok {
			s = append(s, t)
		}
	}
	return s
}
