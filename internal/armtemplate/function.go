package armtemplate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// position says where an expression stands.
type position uint

const (
	inParameter position = 1 << iota // a defaultValue
	inVariable
	inHead   // what identifies a resource: its name, condition, dependsOn
	inBody   // what is sent
	inOutput // evaluated last
	anywhere = inParameter | inVariable | inHead | inBody | inOutput
)

// function is one function of the language. Those without run need more than their arguments; see evaluator.call.
type function struct {
	least, most int // arguments; most is -1 for any number
	where       position
	run         func(args []any) (any, error)
}

func (f function) arity() string {
	switch {
	case f.most < 0:
		return "at least " + strconv.Itoa(f.least)
	case f.least == f.most:
		return strconv.Itoa(f.least)
	default:
		return fmt.Sprintf("%d to %d", f.least, f.most)
	}
}

// Functions are the names of the functions that are known, in order.
func Functions() []string { return slices.Sorted(maps.Keys(functions())) }

func functions() map[string]function {
	return map[string]function{
		"concat":                 {1, -1, anywhere, concat},
		"copyIndex":              {0, 1, anywhere &^ inParameter &^ inOutput, nil},
		"empty":                  {1, 1, anywhere, empty},
		"equals":                 {2, 2, anywhere, func(args []any) (any, error) { return same(args[0], args[1]), nil }},
		"format":                 {2, -1, anywhere, format},
		"guid":                   {1, -1, anywhere, guid},
		"if":                     {3, 3, anywhere, nil},
		"length":                 {1, 1, anywhere, length},
		"not":                    {1, 1, anywhere, not},
		"null":                   {0, 0, anywhere, func([]any) (any, error) { return nil, nil }},
		"parameters":             {1, 1, anywhere &^ inParameter, nil},
		"reference":              {2, 2, inBody | inOutput, nil},
		"resourceGroup":          {0, 0, anywhere, nil},
		"resourceId":             {2, -1, anywhere, nil},
		"split":                  {2, 2, anywhere, split},
		"subscription":           {0, 0, anywhere, nil},
		"subscriptionResourceId": {2, -1, anywhere, nil},
		"toLower":                {1, 1, anywhere, toLower},
		"union":                  {2, -1, anywhere, union},
		"uniqueString":           {1, -1, anywhere, uniqueString},
		"variables":              {1, 1, anywhere &^ inParameter, nil},
	}
}

// text gives an argument that is a string.
func text(v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("%s: want a text", show(v))
	}
	return s, nil
}

// texts gives arguments that are strings.
func texts(args []any) ([]string, error) {
	list := make([]string, len(args))
	for i, a := range args {
		var err error
		if list[i], err = text(a); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// written is how a value appears inside of a text. Booleans, which the service writes in two ways, are refused.
func written(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	default:
		return "", fmt.Errorf("%s: want a text or a number", show(v))
	}
}

// concat joins texts, or lists.
func concat(args []any) (any, error) {
	if _, ok := args[0].([]any); ok {
		list := []any{}
		for _, a := range args {
			more, ok := a.([]any)
			if !ok {
				return nil, fmt.Errorf("%s: want a list, as the first argument is one", show(a))
			}
			list = append(list, more...)
		}
		return list, nil
	}
	var b strings.Builder
	for _, a := range args {
		s, err := written(a)
		if err != nil {
			return nil, err
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

func empty(args []any) (any, error) {
	if args[0] == nil {
		return true, nil
	}
	n, err := size(args[0])
	return n == 0, err
}

func length(args []any) (any, error) {
	n, err := size(args[0])
	return json.Number(strconv.Itoa(n)), err
}

func size(v any) (int, error) {
	switch v := v.(type) {
	case string:
		return len([]rune(v)), nil
	case []any:
		return len(v), nil
	case map[string]any:
		return len(v), nil
	default:
		return 0, fmt.Errorf("%s: want a text, a list or an object", show(v))
	}
}

// format puts arguments in the places of {0}, {1} and so on.
func format(args []any) (any, error) {
	pattern, err := text(args[0])
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for pattern != "" {
		open := strings.IndexAny(pattern, "{}")
		if open < 0 {
			b.WriteString(pattern)
			break
		}
		b.WriteString(pattern[:open])
		rest := pattern[open:]
		if strings.HasPrefix(rest, "{{") || strings.HasPrefix(rest, "}}") {
			b.WriteByte(rest[0])
			pattern = rest[2:]
			continue
		}
		number, tail, ok := strings.Cut(rest[1:], "}")
		n, err := strconv.Atoi(number)
		if rest[0] == '}' || !ok || err != nil || n < 0 || n >= len(args)-1 {
			return nil, fmt.Errorf("%q: want places like {0}, at most {%d}", args[0], len(args)-2)
		}
		s, err := written(args[n+1])
		if err != nil {
			return nil, err
		}
		b.WriteString(s)
		pattern = tail
	}
	return b.String(), nil
}

// hash is the same for the same texts.
func hash(args []any) ([sha256.Size]byte, error) {
	list, err := texts(args)
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	return sha256.Sum256([]byte(strings.Join(list, "-"))), nil
}

// guid is of the form of a version 5 GUID.
func guid(args []any) (any, error) {
	sum, err := hash(args)
	if err != nil {
		return nil, err
	}
	sum[6], sum[8] = sum[6]&0x0f|0x50, sum[8]&0x3f|0x80
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:], nil
}

// uniqueString is 13 small letters and digits.
func uniqueString(args []any) (any, error) {
	sum, err := hash(args)
	if err != nil {
		return nil, err
	}
	const letters, length = "abcdefghijklmnopqrstuvwxyz234567", 13
	var b strings.Builder
	for _, c := range sum[:length] {
		b.WriteByte(letters[int(c)%len(letters)])
	}
	return b.String(), nil
}

func not(args []any) (any, error) {
	b, ok := args[0].(bool)
	if !ok {
		return nil, fmt.Errorf("%s: want true or false", show(args[0]))
	}
	return !b, nil
}

func split(args []any) (any, error) {
	list, err := texts(args)
	if err != nil {
		return nil, err
	}
	if list[1] == "" {
		return nil, errors.New("the delimiter is empty")
	}
	parts := []any{}
	for part := range strings.SplitSeq(list[0], list[1]) {
		parts = append(parts, part)
	}
	return parts, nil
}

// union joins lists; each item is there once.
func union(args []any) (any, error) {
	list := []any{}
	for _, a := range args {
		more, ok := a.([]any)
		if !ok {
			return nil, fmt.Errorf("%s: want a list", show(a))
		}
		for _, v := range more {
			if !slices.ContainsFunc(list, func(o any) bool { return same(o, v) }) {
				list = append(list, v)
			}
		}
	}
	return list, nil
}

func toLower(args []any) (any, error) {
	s, err := text(args[0])
	return strings.ToLower(s), err
}
