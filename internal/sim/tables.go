package sim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// snapshot is every route table as the simulated Azure has it, by its id.
type snapshot map[string]map[string]any

func (c *Cloud) snapshot() (snapshot, error) {
	s := snapshot{}
	for _, id := range c.RouteTables() {
		raw, err := c.RouteTable(id)
		if err != nil {
			return nil, err
		}
		var table map[string]any
		if err := json.Unmarshal(raw, &table); err != nil {
			return nil, fmt.Errorf("read %s: %w", id, err)
		}
		s[id] = table
	}
	return s, nil
}

// comparison is what became of the tables between two snapshots.
type comparison struct {
	// Tables counts those that were compared.
	Tables int `json:"tables"`
	// Managed counts the routes of tagged tables that named the failed member.
	Managed int `json:"managed"`
	// Moved counts those of them that name the other member now, by table.
	Moved map[string]int `json:"moved"`
	// Other are the members that changed beside: there should be none.
	Other []string `json:"other"`
}

// moved counts over all tables.
func (c comparison) moved() int {
	n := 0
	for _, m := range c.Moved {
		n += m
	}
	return n
}

// compare looks at every member of every table. Etags must follow a change, so
// they are left out.
func compare(before, after snapshot, tag, value, from, to string) comparison {
	c := comparison{Tables: len(before), Moved: map[string]int{}, Other: []string{}}
	for _, id := range slices.Sorted(maps.Keys(before)) {
		managed := tagged(before[id], tag, value)
		walk(id, before[id], after[id], func(path string, a, b any) {
			hop := strings.HasSuffix(path, ".properties.nextHopIpAddress")
			switch {
			case strings.HasSuffix(path, ".etag"):
			case managed && hop && a == from:
				c.Managed++
				if b == to {
					c.Moved[id]++
				} else if b != a {
					c.Other = append(c.Other, fmt.Sprintf("%s: %v became %v", path, a, b))
				}
			case a != b:
				c.Other = append(c.Other, fmt.Sprintf("%s: %v became %v", path, a, b))
			}
		})
	}
	for _, id := range slices.Sorted(maps.Keys(after)) {
		if before[id] == nil {
			c.Other = append(c.Other, id+" is new")
		}
	}
	return c
}

func tagged(table map[string]any, tag, value string) bool {
	tags, ok := table["tags"].(map[string]any)
	return ok && tags[tag] == value
}

// missing stands for a member that is not there.
const missing = "nothing"

// walk visits every leaf of two documents side by side. A list is compared by
// position, a member that only one of them has with missing.
func walk(path string, a, b any, visit func(path string, a, b any)) {
	switch a := a.(type) {
	case map[string]any:
		other, ok := b.(map[string]any)
		if !ok {
			visit(path, "an object", kind(b))
			return
		}
		for _, key := range slices.Sorted(maps.Keys(a)) {
			walk(path+"."+key, a[key], orMissing(other, key), visit)
		}
		for _, key := range slices.Sorted(maps.Keys(other)) {
			if _, ok := a[key]; !ok {
				visit(path+"."+key, missing, kind(other[key]))
			}
		}
	case []any:
		other, ok := b.([]any)
		if !ok || len(other) != len(a) {
			visit(path, kind(a), kind(b))
			return
		}
		for i := range a {
			walk(fmt.Sprintf("%s[%d]", path, i), a[i], other[i], visit)
		}
	default:
		visit(path, a, kind(b))
	}
}

func orMissing(m map[string]any, key string) any {
	if v, ok := m[key]; ok {
		return v
	}
	return missing
}

// kind makes a value comparable: a leaf is itself, the rest a word.
func kind(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return "an object"
	case []any:
		return fmt.Sprintf("a list of %d", len(v))
	default:
		return v
	}
}
