package route

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"time"

	"hopguard/internal/appliance"
)

// Plan is the exact list of changes that make Azure equal to the record.
type Plan struct {
	Group  appliance.GroupName  `json:"group"`
	Active appliance.MemberName `json:"active"`
	// Tables has every managed table, also those that need no change.
	Tables []TablePlan `json:"tables"`
}

// TablePlan is what one table needs. One table is one conditional write.
type TablePlan struct {
	Table   appliance.ResourceID `json:"table"`
	Changes []Change             `json:"changes,omitempty"`
	// Managed are the routes that point at a member now.
	Managed []Managed `json:"managed"`
	Problem *Problem  `json:"problem,omitempty"`
	// ETag, State and Raw are the table's when the plan was made.
	ETag  string          `json:"etag"`
	State string          `json:"-"`
	Raw   json.RawMessage `json:"-"`
}

// Change moves one route.
type Change struct {
	Route      string               `json:"route"`
	Prefix     string               `json:"prefix"`
	From       netip.Addr           `json:"from"`
	To         netip.Addr           `json:"to"`
	FromMember appliance.MemberName `json:"fromMember"`
	ToMember   appliance.MemberName `json:"toMember"`
}

// Managed is a route that points at a member.
type Managed struct {
	Route  string               `json:"route"`
	Prefix string               `json:"prefix"`
	Member appliance.MemberName `json:"member"`
}

// Problem says what is wrong with a table.
type Problem struct {
	// Refused: the table must not be written, so its routes stay where they are.
	Refused bool   `json:"refused"`
	Text    string `json:"text"`
}

// Writes returns the tables that need a write, in order.
func (p Plan) Writes() []TablePlan {
	var out []TablePlan
	for _, t := range p.Tables {
		if len(t.Changes) > 0 || t.Rewrite() {
			out = append(out, t)
		}
	}
	return out
}

// Rewrite reports whether the table must be written even if no route changes: its
// last write was accepted and failed afterwards. Such a table shows the routes
// that it was to have, and the fabric uses those from before.
func (t TablePlan) Rewrite() bool {
	failed := t.State == "Failed" || t.State == "Canceled"
	return failed && len(t.Managed) > 0 && (t.Problem == nil || !t.Problem.Refused)
}

// Routes counts the changes.
func (p Plan) Routes() int {
	n := 0
	for _, t := range p.Tables {
		n += len(t.Changes)
	}
	return n
}

// Managed counts the routes that point at each member.
func (p Plan) Managed() map[appliance.MemberName]int {
	n := map[appliance.MemberName]int{}
	for _, t := range p.Tables {
		for _, m := range t.Managed {
			n[m.Member]++
		}
	}
	return n
}

// Budget is how fast a subscription takes writes.
type Budget struct {
	// Burst writes are taken at once, then PerSecond.
	Burst     int
	PerSecond float64
	// Write is how long one write takes until Azure says Succeeded.
	Write time.Duration
	// Parallel is how many writes are under way at once; 0 means no limit.
	Parallel int
}

// Predict returns how long the plan's writes take under the budget, from the
// first write to the last Succeeded. Subscriptions do not wait for each other.
func (p Plan) Predict(b Budget) time.Duration {
	perSubscription := map[string]int{}
	for _, t := range p.Writes() {
		perSubscription[strings.ToLower(t.Table.Subscription())]++
	}
	var longest time.Duration
	for _, n := range perSubscription {
		d := b.Write
		if over := n - b.Burst; over > 0 && b.PerSecond > 0 {
			d += time.Duration(float64(over) / b.PerSecond * float64(time.Second))
		}
		if b.Parallel > 0 {
			waves := (n + b.Parallel - 1) / b.Parallel
			d = max(d, time.Duration(waves)*b.Write)
		}
		longest = max(longest, d)
	}
	return longest
}

// Agreed reports whether nothing needs a write and nothing is wrong.
func (p Plan) Agreed() bool {
	return !slices.ContainsFunc(p.Tables, func(t TablePlan) bool { return len(t.Changes) > 0 || t.Problem != nil })
}
