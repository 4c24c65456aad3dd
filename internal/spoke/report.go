// Package spoke says what one scan of a group's workload networks found and did: one
// Report, its state, what is lacking and why, and its forms for people and programs.
//
// It guarantees that log, metrics, API, terminal and exit code tell the same, because
// all of them read the same report, and that nothing is called done that was not read
// back. It is pure: no clock, context, log or I/O. It decides and writes nothing. app,
// api, metrics and cli import it.
package spoke

import (
	"errors"
	"fmt"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/branch"
	"hopguard/internal/peering"
)

// State sums a report up in one word.
type State string

// The states, from good to bad. The words are those of a tick.
const (
	// Agreed: everything that is wanted is there.
	Agreed State = "agreed"
	// Degraded: something is lacking, because it is yet to be made or because hopguard
	// must not make it; Lacks says which.
	Degraded State = "degraded"
	// Failed: something that was to be done was not.
	Failed State = "failed"
)

// Report is the one account of a scan.
type Report struct {
	Group  appliance.GroupName
	DryRun bool
	// Started and Ended are when the scan began and ended.
	Started, Ended time.Time
	// Held says why nothing was written although the scan was no dry run.
	Held string
	// Peerings is the plan that was made of what was read, and Made what became of its
	// writes; a scan may make only a part of them, the next one goes on.
	Peerings peering.Plan
	Made     []peering.Outcome
	// Branches is the plan for route tables and subnets, and Routed what became of its
	// writes. Only networks whose peerings work are routed.
	Branches branch.Plan
	Routed   []branch.Outcome
	// Errors are why something could not be read.
	Errors []error
}

// Lack is one thing that is not as it should be.
type Lack struct {
	// Network is the workload's; empty if it is not about one.
	Network appliance.ResourceID `json:"network,omitempty"`
	// With is the network of a member, if it is about a peering.
	With appliance.ResourceID `json:"with,omitempty"`
	// Resource is the route table or the subnet, if it is about one.
	Resource appliance.ResourceID `json:"resource,omitempty"`
	// Code is CodePending, CodeFailed or one of the codes of packages peering and branch.
	Code peering.Code `json:"code"`
	// Text says what is wrong, for a person.
	Text string `json:"text"`
	// Pending reports that hopguard sees to it by itself; otherwise a person must.
	Pending bool `json:"pending"`
}

// The codes of a Lack beside those of package peering.
const (
	// CodePending: it is planned, and not made yet.
	CodePending peering.Code = "pending"
	// CodeFailed: it was tried in this scan, and is not known to be as wanted.
	CodeFailed peering.Code = "failed"
)

// pairKey names a pair of networks.
type pairKey struct{ spoke, hub string }

// Lacks lists what is lacking, in the order of the plan.
func (r *Report) Lacks() []Lack {
	made := map[pairKey]peering.Outcome{}
	for _, o := range r.Made {
		made[pairKey{o.Spoke.Key(), o.Hub.Key()}] = o
	}
	var out []Lack
	if p := r.Peerings.Problem; p != nil {
		out = append(out, Lack{Code: p.Code, Text: p.Text})
	}
	for _, n := range r.Peerings.Networks {
		for _, p := range n.Pairs {
			o, tried := made[pairKey{p.Spoke.Key(), p.Hub.Key()}]
			if l, ok := lackOf(p, o, tried); ok {
				out = append(out, l)
			}
		}
	}
	return append(out, r.unrouted()...)
}

// lackOf says what a pair lacks, after its writes if they were tried.
func lackOf(p peering.PairPlan, o peering.Outcome, tried bool) (Lack, bool) {
	l := Lack{Network: p.Spoke, With: p.Hub}
	switch {
	case tried && o.Err != nil && o.Problem != nil:
		l.Code, l.Text = o.Problem.Code, oneLine(o.Err.Error())
	case tried && o.Err != nil:
		l.Code, l.Text = CodeFailed, oneLine(o.Err.Error())
	case tried:
		return l, false
	case p.Problem != nil && p.Problem.Code == peering.CodeUnwanted:
		return l, false
	case p.Problem != nil:
		l.Code, l.Text, l.Pending = p.Problem.Code, p.Problem.Text, p.Problem.Code == peering.CodeBusy
	case len(p.Steps) > 0:
		l.Code, l.Text, l.Pending = CodePending, fmt.Sprintf("%s: %s", count(len(p.Steps), "write"), p.Steps[0].Why), true
	default:
		return l, false
	}
	return l, true
}

// Ready reports whether all peerings of a network are as wanted after the scan.
func (r *Report) Ready(network appliance.ResourceID) bool {
	for _, l := range r.Lacks() {
		if l.Network.Equal(network) && l.With != "" {
			return false
		}
	}
	return true
}

// Failures joins what failed: reads, and writes that were not read back; nil if
// nothing did.
func (r *Report) Failures() error {
	errs := append([]error(nil), r.Errors...)
	for _, o := range r.Made {
		if o.Err != nil && o.Problem == nil {
			errs = append(errs, fmt.Errorf("peering of %s with %s: %w", o.Spoke.Name(), o.Hub.Name(), o.Err))
		}
	}
	for _, o := range r.Routed {
		if o.Err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", kindOf(o.Resource), o.Err))
		}
	}
	return errors.Join(errs...)
}

// State sums the report up.
func (r *Report) State() State {
	switch {
	case r.Failures() != nil:
		return Failed
	case len(r.Lacks()) > 0:
		return Degraded
	default:
		return Agreed
	}
}

// Planned sums the report of a dry run up as a plan: that something is yet to be
// made is no fault of a plan.
func (r *Report) Planned() State {
	state := r.State()
	if state != Degraded {
		return state
	}
	for _, l := range r.Lacks() {
		if !l.Pending {
			return Degraded
		}
	}
	return Agreed
}

// Counts are the sizes of a report.
type Counts struct {
	// Networks are selected, those of members not counted.
	Networks int `json:"networks"`
	// Peerings are wanted, and Agreed of them are as wanted.
	Peerings int `json:"peerings"`
	Agreed   int `json:"agreed"`
	// Unwanted peerings were made by hopguard, and nothing selects them any more.
	Unwanted int `json:"unwanted"`
	// Subnets are to have a route table, and Routed of them have one of the group's.
	Subnets int `json:"subnets"`
	Routed  int `json:"routed"`
	// Planned are the writes that the plan had, and Writes those that were made, also
	// the refused ones.
	Planned int `json:"planned"`
	Writes  int `json:"writes"`
}

// Counts counts.
func (r *Report) Counts() Counts {
	c := Counts{Planned: r.Peerings.Steps() + r.Branches.Steps()}
	r.countRoutes(&c)
	made := map[pairKey]peering.Outcome{}
	for _, o := range r.Made {
		made[pairKey{o.Spoke.Key(), o.Hub.Key()}] = o
		c.Writes += o.Writes
	}
	for _, n := range r.Peerings.Networks {
		if n.Wanted && n.Skipped == "" {
			c.Networks++
		}
		for _, p := range n.Pairs {
			o, tried := made[pairKey{p.Spoke.Key(), p.Hub.Key()}]
			_, lacks := lackOf(p, o, tried)
			switch {
			case p.Wanted && o.Gone != "":
			case p.Wanted:
				c.Peerings++
				if !lacks {
					c.Agreed++
				}
			case !tried || lacks:
				c.Unwanted++
			}
		}
	}
	return c
}

// Wrote reports whether the scan has changed something, or tried to.
func (r *Report) Wrote() bool { return r.Counts().Writes > 0 }

// count prints a number and its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
