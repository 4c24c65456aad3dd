package spoke

import (
	"fmt"
	"strings"
	"time"

	"hopguard/internal/branch"
	"hopguard/internal/peering"
)

// Text is what a person sees of a report: one line that sums it up, and one for each
// thing that is lacking.
func Text(r *Report) string {
	var b strings.Builder
	c := r.Counts()
	fmt.Fprintf(&b, "%s  spokes %s  %s, %d of %s", r.Group, r.State(), count(c.Networks, "network"), c.Agreed, count(c.Peerings, "peering"))
	if c.Subnets > 0 {
		fmt.Fprintf(&b, ", %d of %s routed", c.Routed, count(c.Subnets, "subnet"))
	}
	b.WriteString("\n")
	if r.Held != "" {
		fmt.Fprintf(&b, "  held: %s\n", r.Held)
	}
	if n := len(r.Made); n > 0 {
		done := 0
		for _, o := range r.Made {
			if o.Done() || o.Gone != "" {
				done++
			}
		}
		fmt.Fprintf(&b, "  wrote %d of %s\n", done, count(n, "peering"))
	}
	if n := len(r.Routed); n > 0 {
		done := 0
		for _, o := range r.Routed {
			if o.Done() || o.Gone != "" {
				done++
			}
		}
		fmt.Fprintf(&b, "  wrote %d of %s\n", done, tablesAndSubnets(n))
	}
	if r.Wrote() {
		fmt.Fprintf(&b, "  %s in %s\n", count(c.Writes, "write"), r.Ended.Sub(r.Started).Round(10*time.Millisecond))
	}
	if c.Unwanted > 0 {
		fmt.Fprintf(&b, "  %s of hopguard's that nothing selects any more: hopguard spokes apply --remove\n", count(c.Unwanted, "peering"))
	}
	b.WriteString(destinationsText(r))
	for _, l := range r.Lacks() {
		b.WriteString("  " + l.String() + "\n")
	}
	for _, err := range r.Errors {
		fmt.Fprintf(&b, "  error: %s\n", oneLine(err.Error()))
	}
	return b.String()
}

// String is the lack in one line.
func (l Lack) String() string {
	at := ""
	switch {
	case l.Resource != "":
		at = kindOf(l.Resource) + ": "
	case l.With != "":
		at = l.Network.Name() + " with " + l.With.Name() + ": "
	case l.Network != "":
		at = l.Network.Name() + ": "
	}
	return fmt.Sprintf("%s%s: %s", at, l.Code, l.Text)
}

func tablesAndSubnets(n int) string {
	if n == 1 {
		return "1 table or subnet"
	}
	return fmt.Sprintf("%d tables and subnets", n)
}

// PlanText is what a person sees of a plan: in the form of peering.PlanText, with the
// networks that need something, and a line that counts it all.
func PlanText(r *Report) string {
	shown := r.Peerings
	shown.Networks = nil
	for _, n := range r.Peerings.Networks {
		pairs := n.Pairs
		n.Pairs = nil
		for _, p := range pairs {
			if len(p.Steps) > 0 || p.Problem != nil {
				n.Pairs = append(n.Pairs, p)
			}
		}
		if len(n.Pairs) > 0 || n.Skipped != "" {
			shown.Networks = append(shown.Networks, n)
		}
	}
	var b strings.Builder
	b.WriteString(peering.PlanText(shown))
	b.WriteString(branch.PlanText(r.Branches))
	for _, err := range r.Errors {
		fmt.Fprintf(&b, "error: %s\n", oneLine(err.Error()))
	}
	if r.Held != "" {
		fmt.Fprintf(&b, "held: %s\n", r.Held)
	}
	c := r.Counts()
	fmt.Fprintf(&b, "\nPlan: %s, %s, ", count(c.Networks, "network"), count(c.Peerings, "peering"))
	if c.Subnets > 0 {
		fmt.Fprintf(&b, "%s, ", count(c.Subnets, "subnet"))
	}
	fmt.Fprintf(&b, "%s\n", count(c.Planned, "write"))
	return b.String()
}

// oneLine makes one line of an error that may be many joined.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}
