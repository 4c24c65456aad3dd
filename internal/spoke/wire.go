package spoke

import (
	"slices"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/branch"
	"hopguard/internal/peering"
)

// wireVersion changes when a member of JSON changes its meaning or goes away. New
// members do not change it.
const wireVersion = 1

// JSON is the stable form of a report for programs. Times are RFC 3339 in UTC,
// durations are texts like "1m30s". Lists are never null.
type JSON struct {
	// Version is 1.
	Version int                 `json:"version"`
	Group   appliance.GroupName `json:"group"`
	State   State               `json:"state"`
	DryRun  bool                `json:"dryRun"`
	Held    string              `json:"held,omitzero"`
	Started time.Time           `json:"started,omitzero"`
	Ended   time.Time           `json:"ended,omitzero"`
	Took    string              `json:"took"`
	Counts
	Lacks  []Lack   `json:"lacks"`
	Errors []string `json:"errors"`
	// Prefixes are the destinations of routes, and UnwantedRoutes those that nobody
	// wants any more.
	Prefixes       []branch.Prefix `json:"prefixes,omitempty"`
	UnwantedRoutes []UnwantedRoute `json:"unwantedRoutes,omitempty"`
	// Plan and Outcomes are in Wire, and not in Summary.
	Plan     *peering.Plan `json:"plan,omitempty"`
	Outcomes []JSONOutcome `json:"outcomes,omitempty"`
	// Branches and Routed are in Wire too.
	Branches *branch.Plan `json:"branches,omitempty"`
	Routed   []JSONRouted `json:"routed,omitempty"`
}

// JSONRouted is what became of one table or subnet.
type JSONRouted struct {
	Resource appliance.ResourceID `json:"resource"`
	Writes   int                  `json:"writes"`
	Started  time.Time            `json:"started,omitzero"`
	ReadBack time.Time            `json:"readBack,omitzero"`
	Gone     string               `json:"gone,omitzero"`
	Error    string               `json:"error,omitzero"`
}

// JSONOutcome is what became of one pair.
type JSONOutcome struct {
	Spoke appliance.ResourceID `json:"spoke"`
	Hub   appliance.ResourceID `json:"hub"`
	// Made are the steps that Azure has accepted; Writes counts the refused ones too.
	Made     []peering.Step `json:"made"`
	Writes   int            `json:"writes"`
	Started  time.Time      `json:"started,omitzero"`
	ReadBack time.Time      `json:"readBack,omitzero"`
	// Gone says why there is nothing left to do.
	Gone string `json:"gone,omitzero"`
	// Error says why the pair is not known to be as wanted.
	Error string `json:"error,omitzero"`
}

// Summary is the report without the plan and the outcomes, which can be long.
func Summary(r *Report) JSON {
	j := JSON{
		Version: wireVersion, Group: r.Group, State: r.State(), DryRun: r.DryRun, Held: r.Held,
		Started: r.Started.UTC(), Ended: r.Ended.UTC(), Took: r.Ended.Sub(r.Started).String(),
		Counts: r.Counts(), Lacks: r.Lacks(), Errors: []string{},
		Prefixes: r.Branches.Prefixes, UnwantedRoutes: r.UnwantedRoutes(),
	}
	if j.Lacks == nil {
		j.Lacks = []Lack{}
	}
	for _, err := range r.Errors {
		j.Errors = append(j.Errors, err.Error())
	}
	return j
}

// Wire is the whole report.
func Wire(r *Report) JSON {
	j := Summary(r)
	j.Plan = new(r.Peerings)
	for _, o := range r.Made {
		w := JSONOutcome{
			Spoke: o.Spoke, Hub: o.Hub, Made: slices.Clone(o.Made), Writes: o.Writes,
			Started: o.Started.UTC(), ReadBack: o.ReadBack.UTC(), Gone: o.Gone,
		}
		if w.Made == nil {
			w.Made = []peering.Step{}
		}
		if o.Err != nil {
			w.Error = o.Err.Error()
		}
		j.Outcomes = append(j.Outcomes, w)
	}
	if len(r.Branches.Tables)+len(r.Branches.Subnets) > 0 {
		j.Branches = new(r.Branches)
	}
	for _, o := range r.Routed {
		w := JSONRouted{Resource: o.Resource, Writes: o.Writes, Started: o.Started.UTC(), ReadBack: o.ReadBack.UTC(), Gone: o.Gone}
		if o.Err != nil {
			w.Error = o.Err.Error()
		}
		j.Routed = append(j.Routed, w)
	}
	return j
}
