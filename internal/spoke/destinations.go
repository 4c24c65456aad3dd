package spoke

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"hopguard/internal/branch"
)

// UnwantedRoute is a destination that nobody wants any more and to which hopguard's own
// tables still lead.
type UnwantedRoute struct {
	Prefix netip.Prefix `json:"prefix"`
	// Tables counts the tables that have it.
	Tables int `json:"tables"`
	// Since is when it was first seen in the newest of them, and Until is how long it
	// stays at least.
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
}

// UnwantedRoutes lists the routes that are held until somebody asks for their removal,
// by prefix.
func (r *Report) UnwantedRoutes() []UnwantedRoute {
	found := map[netip.Prefix]UnwantedRoute{}
	for _, t := range r.Branches.Tables {
		for _, u := range t.Unwanted {
			one := found[u.Prefix]
			one.Prefix, one.Tables = u.Prefix, one.Tables+1
			if t.Since.After(one.Since) {
				one.Since, one.Until = t.Since, t.Until
			}
			found[u.Prefix] = one
		}
	}
	var out []UnwantedRoute
	for _, u := range found {
		out = append(out, u)
	}
	slices.SortFunc(out, func(a, b UnwantedRoute) int { return a.Prefix.Compare(b.Prefix) })
	return out
}

// String is the route in one line.
func (u UnwantedRoute) String() string {
	return fmt.Sprintf("%s: nobody wants it since %s; it stays until %s at least, and then until hopguard spokes apply --remove",
		u.Prefix, u.Since.UTC().Format(time.RFC3339), u.Until.UTC().Format(time.RFC3339))
}

// mostSources is how many sources of destinations a person is shown.
const mostSources = 20

// destinationsText says who wants which destinations, and which are held.
func destinationsText(r *Report) string {
	var b strings.Builder
	by := map[string][]branch.Prefix{}
	var order []string
	for _, p := range r.Branches.Prefixes {
		if by[p.Source] == nil {
			order = append(order, p.Source)
		}
		by[p.Source] = append(by[p.Source], p)
	}
	for i, source := range order {
		if i == mostSources {
			fmt.Fprintf(&b, "  routes to those of %s more: --json lists them\n", count(len(order)-mostSources, "source"))
			break
		}
		var texts []string
		for _, p := range by[source] {
			texts = append(texts, p.Prefix.String())
		}
		fmt.Fprintf(&b, "  routes of %s: %s\n", source, strings.Join(texts, ", "))
	}
	for _, u := range r.UnwantedRoutes() {
		b.WriteString("  held: " + u.String() + "\n")
	}
	return b.String()
}
