package meraki

import (
	"context"
	"strings"
	"time"
)

// maxPages bounds a list. 1000 pages of 300 are more networks than an organization has.
const maxPages = 1000

// list reads all pages of a list of objects (page Pagination), the first of which r asks
// for. It returns the time before which that was sent, too.
func (c *Client) list(ctx context.Context, r request) ([]object, time.Time, error) {
	var rows []object
	var sent time.Time
	seen := map[string]bool{}
	for {
		seen[r.url.String()] = true
		a, err := c.send(ctx, r)
		if err != nil {
			return nil, time.Time{}, err
		}
		if _, ok := a.value.([]any); !ok {
			return nil, time.Time{}, a.wrong("a body that is no list")
		}
		if sent.IsZero() {
			sent = a.sent
		}
		rows = append(rows, objects(a.value)...)
		next := nextPage(a.header.Values("Link"))
		if next == "" {
			return rows, sent, nil
		}
		to, err := c.link(a, next)
		switch {
		case err != nil:
			return nil, time.Time{}, err
		case seen[to.String()]:
			return nil, time.Time{}, a.wrong("a next page that has been read already")
		case len(seen) == maxPages:
			return nil, time.Time{}, a.wrong("too many pages")
		}
		r.url = to
	}
}

// nextPage returns the address of the link "next" in Link headers (RFC 8288), or "".
// Meraki sends all links in one header and does not quote the relation.
func nextPage(headers []string) string {
	for _, h := range headers {
		for h != "" {
			var address, params string
			address, params, h = cutLink(h)
			if address != "" && next(params) {
				return address
			}
		}
	}
	return ""
}

// cutLink takes the first <address>; parameters off a header.
func cutLink(h string) (address, params, rest string) {
	_, h, _ = strings.Cut(h, "<")
	address, h, ok := strings.Cut(h, ">")
	if !ok {
		return "", "", ""
	}
	params, rest = cutUnquoted(h, ',')
	return strings.TrimSpace(address), params, rest
}

// next reports whether a link's parameters give it the relation "next".
func next(params string) bool {
	for params != "" {
		var p string
		p, params = cutUnquoted(params, ';')
		name, value, _ := strings.Cut(p, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "rel") {
			continue
		}
		for rel := range strings.FieldsSeq(strings.Trim(strings.TrimSpace(value), `"`)) {
			if strings.EqualFold(rel, "next") {
				return true
			}
		}
	}
	return false
}

// cutUnquoted cuts s at the first sep that is not in quotes.
func cutUnquoted(s string, sep rune) (before, after string) {
	quoted := false
	for i, r := range s {
		switch {
		case r == '"':
			quoted = !quoted
		case r == sep && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}
