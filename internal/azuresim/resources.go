package azuresim

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// filter is what a $filter of /resources may say: tagName and tagValue, or resourceType, or name. A tag cannot be combined with a
// type in one filter.
type filter struct {
	tagName, tagValue string
	hasValue          bool
	resourceType      string
	name              string
}

// filterTerm is one comparison of a $filter.
var filterTerm = regexp.MustCompile(`(?i)^\s*(tagName|tagValue|resourceType|name)\s+eq\s+'((?:[^']|'')*)'\s*$`)

// filter reads the $filter of the request.
func (rq *request) filter() (filter, *reply) {
	var f filter
	text := rq.query.Get("$filter")
	if strings.TrimSpace(text) == "" {
		return f, nil
	}
	invalid := func() (filter, *reply) {
		return f, rq.gateway(http.StatusBadRequest, "InvalidFilterInQueryString", "Invalid $filter '"+text+"' specified in the query string.")
	}
	for _, part := range splitAnd(text) {
		m := filterTerm.FindStringSubmatch(part)
		if m == nil {
			return invalid()
		}
		value := strings.ReplaceAll(m[2], "''", "'")
		switch lower(m[1]) {
		case "tagname":
			f.tagName = value
		case "tagvalue":
			f.tagValue, f.hasValue = value, true
		case "resourcetype":
			f.resourceType = value
		default:
			f.name = value
		}
	}
	if (f.hasValue && f.tagName == "") || (f.tagName != "" && f.resourceType != "") {
		return invalid()
	}
	return f, nil
}

// splitAnd splits at "and" outside quotes.
func splitAnd(text string) []string {
	var parts []string
	quoted, start := false, 0
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\'':
			quoted = !quoted
		case !quoted && i+5 <= len(text) && strings.EqualFold(text[i:i+5], " and "):
			parts = append(parts, text[start:i])
			start = i + 5
		}
	}
	return append(parts, text[start:])
}

// matches compares with a version of a resource. Tag names are compared without regard to case, values with.
func (f filter) matches(r *resource, v *version) bool {
	if f.resourceType != "" && !strings.EqualFold(f.resourceType, r.kind.name) || f.name != "" && !strings.EqualFold(f.name, r.name) {
		return false
	}
	if f.tagName == "" {
		return true
	}
	value, ok := v.tags.get(f.tagName)
	return ok && (!f.hasValue || value == f.tagValue)
}

// indexed are the types that /resources and Resource Graph know: no children, no groups.
func (s *Sim) indexed() []*kind {
	var list []*kind
	for _, name := range []string{typeVM, typeNIC, typeRouteTable, typeNetwork} {
		list = append(list, s.kinds[lower(name)])
	}
	for _, name := range slices.Sorted(maps.Keys(s.kinds)) {
		if k := s.kinds[name]; k.plain != nil && !k.child {
			list = append(list, k)
		}
	}
	return list
}

// visible are the indexed resources of a subscription, as the index has them, that the caller may read, ordered by id. Nothing that
// the caller may not read is refused: it is missing, which is the nastier of the two readings [U].
func (s *Sim) visible(rq *request, sub string, keep func(r *resource, v *version) bool) []*resource {
	var list []*resource
	at := rq.asOf(s.profile.IndexLag)
	for _, k := range s.indexed() {
		for _, r := range s.all(k, sub) {
			if v := r.at(at); v != nil && keep(r, v) && allowed(rq.principal, k.name+"/read", r.id) {
				list = append(list, r)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b *resource) int { return strings.Compare(a.key, b.key) })
	return list
}

// listAny is the list of all resources: no properties, no etag, from an index that is behind.
func (s *Sim) listAny(rq *request) *reply {
	f, rep := rq.filter()
	if rep != nil {
		return rep
	}
	t := rq.target
	if t.group != "" && s.groupOf(t.sub, t.group) == nil {
		return rq.gateway(http.StatusNotFound, "ResourceGroupNotFound", "Resource group '"+t.group+"' could not be found.")
	}
	expand := lower(rq.query.Get("$expand"))
	at := rq.asOf(s.profile.IndexLag)
	var items []item
	for _, r := range s.visible(rq, t.sub, func(r *resource, v *version) bool {
		return f.matches(r, v) && (t.group == "" || strings.EqualFold(t.group, r.group))
	}) {
		items = append(items, item{r.key, encode(indexItem(r, r.at(at), expand))})
	}
	return s.page(rq, items)
}

// indexItem is one resource in the index.
func indexItem(r *resource, v *version, expand string) object {
	o := object{{"id", r.id}, {"name", r.name}, {"type", r.kind.name}}
	if zones := r.doc.list("zones"); len(zones) > 0 {
		o = append(o, member{"zones", zones})
	}
	o = append(o, member{"location", r.location})
	const sevenDigits = "2006-01-02T15:04:05.9999999Z07:00"
	if strings.Contains(expand, "createdtime") {
		o = append(o, member{"createdTime", r.created.UTC().Format(sevenDigits)})
	}
	if strings.Contains(expand, "changedtime") {
		o = append(o, member{"changedTime", v.at.UTC().Format(sevenDigits)})
	}
	if strings.Contains(expand, "provisioningstate") {
		o = append(o, member{"provisioningState", r.state})
	}
	if len(v.tags) > 0 {
		o = append(o, member{"tags", v.tags})
	}
	return o
}
