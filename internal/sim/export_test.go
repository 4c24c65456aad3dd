package sim

import "encoding/json"

// CompareTables compares two documents that are tables with the tag t=v, of which
// routes go from one address to another.
func CompareTables(before, after, from, to string) (moved, managed int, other []string, err error) {
	read := func(text string) (snapshot, error) {
		var s snapshot
		err := json.Unmarshal([]byte(text), &s)
		return s, err
	}
	a, err := read(before)
	if err != nil {
		return 0, 0, nil, err
	}
	b, err := read(after)
	if err != nil {
		return 0, 0, nil, err
	}
	c := compare(a, b, "t", "v", from, to)
	return c.moved(), c.Managed, c.Other, nil
}
