package spoke

import (
	"fmt"
	"strings"

	"hopguard/internal/appliance"
	"hopguard/internal/branch"
)

// routed returns what became of the writes of tables and subnets.
func (r *Report) routed() map[string]branch.Outcome {
	out := map[string]branch.Outcome{}
	for _, o := range r.Routed {
		out[o.Resource.Key()] = o
	}
	return out
}

// unrouted lists what tables and subnets lack.
func (r *Report) unrouted() []Lack {
	var out []Lack
	for _, f := range r.Branches.Refused {
		out = append(out, Lack{Code: f.Code, Text: oneLine(f.String())})
	}
	made := r.routed()
	for _, t := range r.Branches.Tables {
		o, tried := made[t.Table.Key()]
		l := Lack{Resource: t.Table}
		switch {
		case tried && o.Err != nil:
			l.Code, l.Text = CodeFailed, oneLine(o.Err.Error())
		case t.Problem != nil:
			l.Code, l.Text = t.Problem.Code, t.Problem.Text
		case tried || !t.Write():
			continue
		case t.Create:
			l.Code, l.Text, l.Pending = CodePending, "to be made with "+count(len(t.Add), "route"), true
		default:
			l.Code, l.Text, l.Pending = CodePending, fmt.Sprintf("%s to be added, %d to be removed", count(len(t.Add), "route"), len(t.Remove)), true
		}
		out = append(out, l)
	}
	for _, s := range r.Branches.Subnets {
		o, tried := made[s.Subnet.Key()]
		l := Lack{Network: s.Network(), Resource: s.Subnet}
		switch {
		case tried && o.Err != nil:
			l.Code, l.Text = CodeFailed, oneLine(o.Err.Error())
		case s.Problem != nil:
			l.Code, l.Text = s.Problem.Code, s.Problem.Text
		case tried || !s.Associate:
			continue
		default:
			l.Code, l.Text, l.Pending = CodePending, "to be given table "+s.Table.Name(), true
		}
		out = append(out, l)
	}
	return out
}

// countRoutes counts subnets, and the writes of tables and subnets. A subnet that keeps
// a table of its own is not counted.
func (r *Report) countRoutes(c *Counts) {
	made := r.routed()
	for _, o := range r.Routed {
		c.Writes += o.Writes
	}
	for _, s := range r.Branches.Subnets {
		o, tried := made[s.Subnet.Key()]
		if s.Has != "" || o.Gone != "" {
			continue
		}
		c.Subnets++
		if s.Problem == nil && (!s.Associate || tried && o.Done()) {
			c.Routed++
		}
	}
}

// kindOf names a table or a subnet.
func kindOf(id appliance.ResourceID) string {
	if strings.Contains(id.Key(), "/subnets/") {
		return "subnet " + id.Name() + " of " + id.Parent().Name()
	}
	return "route table " + id.Name()
}
