package azure

import (
	"encoding/json"
	"fmt"
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
	var head struct {
		Tags map[string]string `json:"tags"`
	}
	if err := json.Unmarshal(item, &head); err != nil {
		return fmt.Errorf("decode route table: %w", err)
	}
	t := &listedTable{packed: packed{sum: sum}}
	if len(r.values(head.Tags)) > 0 {
		var err error
		if t.packed, err = r.pack.add(item, sum); err != nil {
			return err
		}
		t.table, t.err = route.Parse(item)
		t.table.Raw = nil
		t.tags, t.table.Tags = head.Tags, head.Tags
		shareWords(&t.table)
	}
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
	t.Routes = slices.Clip(slices.Clone(t.Routes))
}
