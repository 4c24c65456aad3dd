package azure

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unique"

	"hopguard/internal/appliance"
	"hopguard/internal/route"
)

// tableReader reads the list of one subscription, and takes over what is as it was.
type tableReader struct {
	// known is the list before; nil if there is none.
	known *listedTables
	tags  []string
	all   []*listedTable
	pack  packer // of what is new
	// routes and sameTags are those of the table before: most tables of a group have the same.
	routes   []route.Route
	sameTags map[string]string
}

// restart begins a page, after the items that stay.
func (r *tableReader) restart(keep int) { r.all = r.all[:keep] }

// read takes an item.
func (r *tableReader) read(item []byte) error {
	sum := digestOf(item)
	if t := r.before(sum); t != nil {
		r.all = append(r.all, t)
		return nil
	}
	t := &listedTable{}
	t.table, t.err = route.Parse(item)
	t.tags = t.table.Tags
	if t.err != nil { // a table that is not ours may be as it likes
		var head struct {
			Tags map[string]string `json:"tags"`
		}
		if err := json.Unmarshal(item, &head); err != nil {
			return fmt.Errorf("decode route table: %w", err)
		}
		t.tags = head.Tags
	}
	if len(r.values(t.tags)) == 0 {
		r.all = append(r.all, &listedTable{packed: packed{sum: sum}})
		return nil
	}
	var err error
	if t.packed, err = r.pack.add(item, sum); err != nil {
		return err
	}
	t.table.Raw = nil
	t.tags = r.sharedTags(t.tags)
	t.table.Tags = t.tags
	shareWords(&t.table)
	t.table.Routes = r.sharedRoutes(t.table.Routes)
	r.all = append(r.all, t)
	return nil
}

// before returns the table that the list before has shown with the same text; nil if
// there is none.
func (r *tableReader) before(sum digest) *listedTable {
	if r.known == nil {
		return nil
	}
	if i := len(r.all); i < len(r.known.all) && r.known.all[i].sum == sum {
		return r.known.all[i]
	}
	return r.known.byDigest()[sum]
}

// values are those of the tags that select tables.
func (r *tableReader) values(tags map[string]string) []string {
	var values []string
	for name, value := range tags {
		wanted := slices.ContainsFunc(r.tags, func(tag string) bool { return strings.EqualFold(tag, name) })
		if wanted && !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	return values
}

// close returns the list, which is the one before if nothing has changed.
func (r *tableReader) close() (*listedTables, error) {
	if err := r.pack.close(); err != nil {
		return nil, err
	}
	if r.known != nil && slices.Equal(r.known.all, r.all) {
		return r.known, nil
	}
	l := &listedTables{all: slices.Clip(r.all), byValue: map[string][]*listedTable{}}
	l.byDigest = sync.OnceValue(func() map[digest]*listedTable {
		m := make(map[digest]*listedTable, len(l.all))
		for _, t := range l.all {
			m[t.sum] = t
		}
		return m
	})
	for _, t := range l.all {
		for _, value := range r.values(t.tags) {
			l.byValue[value] = append(l.byValue[value], t)
		}
	}
	return l, nil
}

// raw returns the text of a table as a list has shown it with that etag, or nil if none
// is kept.
func (l *tableLists) raw(id appliance.ResourceID, etag string) (json.RawMessage, error) {
	t := l.of(id.Subscription())
	t.mu.Lock()
	list := t.list
	t.mu.Unlock()
	if list == nil {
		return nil, nil
	}
	for _, t := range list.all {
		if t.in != nil && t.table.ETag == etag && t.table.ID.Equal(id) {
			return t.text()
		}
	}
	return nil, nil
}

// shareWords makes one text of those that thousands of tables have in common.
func shareWords(t *route.Table) {
	share := func(s *string) { *s = unique.Make(*s).Value() }
	share(&t.State)
	for i := range t.Routes {
		share(&t.Routes[i].Name)
		share(&t.Routes[i].Prefix)
		share(&t.Routes[i].HopType)
	}
}

// sharedTags and sharedRoutes return what the table before has if it is the same.
func (r *tableReader) sharedTags(tags map[string]string) map[string]string {
	if !maps.Equal(tags, r.sameTags) {
		r.sameTags = tags
	}
	return r.sameTags
}

func (r *tableReader) sharedRoutes(routes []route.Route) []route.Route {
	if !slices.Equal(routes, r.routes) {
		r.routes = slices.Clone(routes)
	}
	return r.routes
}
