package netlab

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
)

// Kind is what a route does with a packet.
type Kind int

// The kinds of routes.
const (
	Unicast     Kind = iota // sends it on
	Blackhole               // drops it
	Unreachable             // drops it and tells the sender
	Throw                   // ends the look-up in this table; the next rule goes on
)

// String returns the kind as `ip route` has it.
func (k Kind) String() string {
	switch k {
	case Unicast:
		return "unicast"
	case Blackhole:
		return "blackhole"
	case Unreachable:
		return "unreachable"
	case Throw:
		return "throw"
	default:
		panic(fmt.Sprintf("netlab: kind %d", int(k)))
	}
}

// Route is one route of a host. Table, Prefix and Metric say which it is, the rest what
// it does.
type Route struct {
	Table  int // 0 is the main table
	Prefix netip.Prefix
	Kind   Kind
	// Via is the next hop, Dev the device; a unicast route has one of them or both. Via with
	// Dev is on-link: no other route to Via is needed. Dev alone sends to its other end.
	Via    netip.Addr
	Dev    string
	Source netip.Addr // the address of packets that the host itself sends by it; may be invalid
	Metric int        // 0 is the kernel's usual one
}

// String returns the route much as `ip route` prints it.
func (r Route) String() string {
	var b strings.Builder
	if r.Kind != Unicast {
		b.WriteString(r.Kind.String() + " ")
	}
	b.WriteString(r.Prefix.String())
	if r.Via.IsValid() {
		b.WriteString(" via " + r.Via.String())
	}
	if r.Dev != "" {
		b.WriteString(" dev " + r.Dev)
	}
	if r.Source.IsValid() {
		b.WriteString(" src " + r.Source.String())
	}
	if r.Metric != 0 {
		fmt.Fprintf(&b, " metric %d", r.Metric)
	}
	if r.Table != 0 {
		fmt.Fprintf(&b, " table %d", r.Table)
	}
	return b.String()
}

// compare orders routes for people: by table, prefix and metric.
func (r Route) compare(other Route) int {
	return cmp.Or(cmp.Compare(r.Table, other.Table), r.Prefix.Compare(other.Prefix), cmp.Compare(r.Metric, other.Metric))
}

// Rule says which packets look a route up in a table. A lower priority is asked first.
type Rule struct {
	Priority int // above 0
	In       string
	From     netip.Prefix // if it is invalid, the rule is for IPv4 and for IPv6
	Table    int
}

// String returns the rule much as `ip rule` prints it.
func (r Rule) String() string {
	from := "all"
	if r.From.IsValid() {
		from = r.From.String()
	}
	in := ""
	if r.In != "" {
		in = " iif " + r.In
	}
	return fmt.Sprintf("%d: from %s%s lookup %d", r.Priority, from, in, r.Table)
}
