package armtemplate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// isExpression reports whether a text is evaluated: it is in brackets, and does not begin with two.
func isExpression(s string) bool {
	return strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") && !strings.HasPrefix(s, "[[")
}

// unescape gives the text that an escaped one stands for.
func unescape(s string) string {
	if strings.HasPrefix(s, "[[") && strings.HasSuffix(s, "]") {
		return s[1:]
	}
	return s
}

// node is a part of an expression: literal, call or access.
type node any

type literal struct{ value any }

type call struct {
	name string
	args []node
}

// access is x.name or x[index].
type access struct{ of, index node }

// reader reads an expression from left to right.
type reader struct {
	text string
	pos  int
}

// parseExpression reads what is between the brackets.
func parseExpression(text string) (n node, err error) {
	r := &reader{text: text[1 : len(text)-1]}
	if n, err = r.expression(); err != nil {
		return nil, err
	}
	if r.space(); r.pos < len(r.text) {
		return nil, r.unexpected("the end")
	}
	return n, nil
}

func (r *reader) space() {
	for r.pos < len(r.text) && strings.IndexByte(" \t\r\n", r.text[r.pos]) >= 0 {
		r.pos++
	}
}

// next gives the character that follows, 0 at the end.
func (r *reader) next() byte {
	if r.space(); r.pos < len(r.text) {
		return r.text[r.pos]
	}
	return 0
}

func (r *reader) unexpected(want string) error {
	if r.pos >= len(r.text) {
		return fmt.Errorf("the expression ends where %s was expected", want)
	}
	return fmt.Errorf("%q: want %s", r.text[r.pos:], want)
}

func (r *reader) expect(c byte) error {
	if r.next() != c {
		return r.unexpected(fmt.Sprintf("%q", string(c)))
	}
	r.pos++
	return nil
}

func (r *reader) expression() (node, error) {
	n, err := r.primary()
	for err == nil {
		switch r.next() {
		case '.':
			r.pos++
			name := r.name()
			if name == "" {
				return nil, r.unexpected("the name of a member")
			}
			n = access{n, literal{name}}
		case '[':
			r.pos++
			var index node
			if index, err = r.expression(); err == nil {
				n, err = access{n, index}, r.expect(']')
			}
		default:
			return n, nil
		}
	}
	return nil, err
}

func (r *reader) primary() (node, error) {
	switch c := r.next(); {
	case c == '\'':
		return r.quoted()
	case c == '-' || c >= '0' && c <= '9':
		start := r.pos
		for r.pos++; r.pos < len(r.text) && r.text[r.pos] >= '0' && r.text[r.pos] <= '9'; {
			r.pos++
		}
		if r.text[start:r.pos] == "-" {
			return nil, r.unexpected("a number")
		}
		return literal{json.Number(r.text[start:r.pos])}, nil
	}
	name := r.name()
	if name == "" {
		return nil, r.unexpected("a function, a text or a number")
	}
	if err := r.expect('('); err != nil {
		return nil, err
	}
	f := call{name: name}
	for r.next() != ')' {
		if len(f.args) > 0 {
			if err := r.expect(','); err != nil {
				return nil, err
			}
		}
		arg, err := r.expression()
		if err != nil {
			return nil, err
		}
		f.args = append(f.args, arg)
	}
	r.pos++
	return f, nil
}

func (r *reader) name() string {
	r.space()
	start := r.pos
	for r.pos < len(r.text) {
		c := r.text[r.pos]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'
		if digit := c >= '0' && c <= '9' && r.pos > start; !letter && !digit {
			break
		}
		r.pos++
	}
	return r.text[start:r.pos]
}

// quoted reads 'text', in which two quotes stand for one.
func (r *reader) quoted() (node, error) {
	var b strings.Builder
	for r.pos++; r.pos < len(r.text); r.pos++ {
		if r.text[r.pos] != '\'' {
			b.WriteByte(r.text[r.pos])
			continue
		}
		r.pos++
		if r.pos >= len(r.text) || r.text[r.pos] != '\'' {
			return literal{b.String()}, nil
		}
		b.WriteByte('\'')
	}
	return nil, fmt.Errorf("the text %q has no end", b.String())
}

// expressions checks every expression in a value: its form, its functions, and whether they may be used there.
func (p *parser) expressions(place string, v any, where position) {
	switch v := v.(type) {
	case string:
		if !isExpression(v) {
			return
		}
		n, err := parseExpression(v)
		if err == nil {
			err = checkNode(n, where)
		}
		if err != nil {
			p.bad(place, "%v", err)
		}
	case []any:
		for i, item := range v {
			p.expressions(fmt.Sprintf("%s[%d]", place, i), item, where)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if name == "copy" {
				p.bad(join(place, name), "loops inside of a value are not supported")
				continue
			}
			p.expressions(place, name, where)
			p.expressions(join(place, name), v[name], where)
		}
	default: // no text in it
	}
}

// checkNode refuses functions that are unknown, have another number of arguments, or may not be used there.
func checkNode(n node, where position) error {
	switch n := n.(type) {
	case access:
		if err := checkNode(n.of, where); err != nil {
			return err
		}
		return checkNode(n.index, where)
	case call:
		f, ok := functions()[n.name]
		switch {
		case !ok:
			return fmt.Errorf("unknown function %s(): want one of %s", n.name, strings.Join(Functions(), ", "))
		case len(n.args) < f.least || f.most >= 0 && len(n.args) > f.most:
			return fmt.Errorf("%s() has %d arguments: want %s", n.name, len(n.args), f.arity())
		case f.where&where == 0:
			return fmt.Errorf("%s() cannot be used here", n.name)
		}
		for _, arg := range n.args {
			if err := checkNode(arg, where); err != nil {
				return err
			}
		}
	}
	return nil
}
