package azuresim

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"
)

// item is one entry of a list, in the order of its key.
type item struct {
	key  string
	body []byte
}

// page writes one page of a list, and a link to the next when there is one. The link is built from what the client asked.
func (s *Sim) page(rq *request, items []item) *reply {
	first := 0
	if token := rq.query.Get("$skiptoken"); token != "" {
		key, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			return rq.gateway(http.StatusBadRequest, "InvalidSkipToken", "The skip token '"+token+"' is not valid.")
		}
		first, _ = slices.BinarySearchFunc(items, string(key), func(i item, key string) int { return strings.Compare(i.key, key) })
		for first < len(items) && items[first].key <= string(key) {
			first++
		}
	}
	size := s.opts.PageSize
	items = items[first:]
	more := len(items) > size
	if more {
		items = items[:size]
	}
	n := 1024 // room for a link
	for i := range items {
		n += len(items[i].body) + 1
	}
	b := bytes.NewBuffer(make([]byte, 0, n))
	b.WriteString(`{"value":[`)
	for i := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(items[i].body)
	}
	b.WriteByte(']')
	if more {
		q := rq.http.URL.Query()
		q.Set("$skiptoken", base64.RawURLEncoding.EncodeToString([]byte(items[len(items)-1].key)))
		b.WriteString(`,"nextLink":`)
		b.Write(appendText(nil, rq.base()+rq.http.URL.EscapedPath()+"?"+q.Encode()))
	}
	b.WriteByte('}')
	rep := rq.ok(http.StatusOK, b.Bytes())
	rep.list = true
	return rep
}

// asOf is the time whose state a list with that lag shows.
func (rq *request) asOf(lag time.Duration) time.Time { return rq.now.Add(-lag - rq.extraLag) }

// listResources answers a list at a group or a subscription; it may be behind, also by a resource made or deleted just now.
func (s *Sim) listResources(rq *request, _ *resource) *reply {
	t, at := rq.target, rq.asOf(s.profile.ListLag)
	all := s.all(t.kind, t.sub)
	items := make([]item, 0, len(all))
	for _, r := range all {
		if t.group != "" && !strings.EqualFold(t.group, r.group) {
			continue
		}
		v := r.at(at)
		if v == nil {
			continue
		}
		body := recase(r, v.body, t.group)
		if r.table != nil {
			body = tableView(rq.apiVersion, body)
		}
		items = append(items, item{r.key, body})
	}
	return s.page(rq, items)
}

// listChildren answers the list of a network's subnets or peerings.
func (s *Sim) listChildren(rq *request, parent *resource) *reply {
	if parent == nil {
		return s.notFound(rq)
	}
	at := rq.asOf(s.profile.ListLag)
	var items []item
	for _, r := range s.all(rq.target.kind, rq.target.sub) {
		if r.parent != parent {
			continue
		}
		if v := r.at(at); v != nil {
			items = append(items, item{r.key, recase(r, v.body, rq.target.group)})
		}
	}
	return s.page(rq, items)
}
