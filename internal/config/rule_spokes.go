package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A scan reads every network of every subscription, and a half of a peering takes Azure 11 s: more often helps nobody.
const (
	leastScan = 10 * time.Second
	mostScan  = time.Hour
)

// spokes finds what is wrong in the selection of networks. Those of a subscription that is not among the given ones would
// never be seen; none given means all.
func (r *rules) spokes(at string, g Group, subscriptions []string) {
	s := g.Spokes
	needs := []string{at + ".tag", at + ".tag.name", at + ".within"}
	if !s.Selects() {
		without := "none, because nothing is selected: set " + at + ".tag.name or " + at + ".within"
		if s.Tag.Value != "" {
			r.add(at+".tag.value", s.Tag.Value, without, needs...)
		}
		if len(s.Exclude) > 0 {
			r.add(at+".exclude", "[…]", without, needs...)
		}
		if s.Interval != 0 {
			r.add(at+".interval", short(s.Interval), without, needs...)
		}
		return
	}
	if s.Tag.Name != "" || s.Tag.Value != "" {
		r.tag(at+".tag", s.Tag, g.Name)
	}
	scopes := make(map[string]string)
	for i, scope := range s.Within {
		path := fmt.Sprintf("%s.within[%d]", at, i)
		subscription, _, ok := scope.Split()
		switch {
		case !ok:
			r.add(path, string(scope), "the id of a subscription or of a resource group: "+scopeForm)
		case len(subscriptions) > 0 && !slices.ContainsFunc(subscriptions, func(s string) bool { return strings.EqualFold(s, subscription) }):
			r.add(path, string(scope), "a place in one of azure.subscriptions: networks elsewhere are not read", "azure.subscriptions")
		default:
			r.unique(path, string(scope), strings.ToLower(string(scope)), scopes)
		}
	}
	excluded := make(map[string]string)
	for i, id := range s.Exclude {
		r.id(fmt.Sprintf("%s.exclude[%d]", at, i), id, typeNetwork, "a virtual network", excluded)
	}
	r.between(at+".interval", s.Interval, leastScan, mostScan)
}
