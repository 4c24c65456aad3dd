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

// page writes one page of a list, and a link to the next when there is one.
func (s *Sim) page(rq *request, items []item) *reply {
	after, rep := rq.skipToken()
	if rep != nil {
		return rep
	}
	first, _ := slices.BinarySearchFunc(items, after, func(i item, key string) int { return strings.Compare(i.key, key) })
	for after != "" && first < len(items) && items[first].key <= after {
		first++
	}
	return s.writePage(rq, items[first:])
}

// pageOf is page for resources in the order of their keys; only those of the page are shown, and nil is none.
func (s *Sim) pageOf(rq *request, all []*resource, show func(r *resource) []byte) *reply {
	after, rep := rq.skipToken()
	if rep != nil {
		return rep
	}
	first, found := slices.BinarySearchFunc(all, after, func(r *resource, key string) int { return strings.Compare(r.key, key) })
	if found {
		first++
	}
	var items []item
	for _, r := range all[first:] {
		if body := show(r); body != nil {
			items = append(items, item{r.key, body})
		}
		if len(items) > s.opts.PageSize {
			break
		}
	}
	return s.writePage(rq, items)
}

// skipToken is the key of the last item of the page before; "" when the first is asked for.
func (rq *request) skipToken() (string, *reply) {
	token := rq.query.Get("$skiptoken")
	key, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", rq.gateway(http.StatusBadRequest, "InvalidSkipToken", "The skip token '"+token+"' is not valid.")
	}
	return string(key), nil
}

// writePage writes the first items, and a link to the next page when there are more. The link is built from what the client asked.
func (s *Sim) writePage(rq *request, items []item) *reply {
	size := s.opts.PageSize
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
	return s.pageOf(rq, s.all(t.kind, t.sub), func(r *resource) []byte {
		if t.group != "" && !strings.EqualFold(t.group, r.group) {
			return nil
		}
		v := r.at(at)
		if v == nil {
			return nil
		}
		body := recase(r, v.body, t.group)
		if r.table != nil {
			body = tableView(rq.apiVersion, body)
		}
		return body
	})
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
