package config

import (
	"strings"
	"time"
)

// Spokes selects the workload networks that hopguard peers with the network of every member. A network is selected by its tag
// or by where it is; one of the two is enough. Without Tag and Within there are no spokes, and nothing is peered.
type Spokes struct {
	// Tag marks the networks of the group. After loading its value is not empty if its name is not.
	Tag Tag `yaml:"tag"`
	// Within are the subscriptions and resource groups all of whose networks are selected.
	Within []Scope `yaml:"within"`
	// Exclude are networks that are never selected.
	Exclude []ResourceID `yaml:"exclude"`
	// Interval is how often the networks are read. After loading it is not 0 if there are spokes.
	Interval time.Duration `yaml:"interval"`
	// RouteTable says which subnets of the networks get a route table.
	RouteTable RouteTable `yaml:"routeTable"`
}

// Scope is the id of a subscription, /subscriptions/GUID, or of a resource group in one.
type Scope string

// scopeForm is how a Scope is written.
const scopeForm = "/subscriptions/GUID or /subscriptions/GUID/resourceGroups/NAME"

// Split returns the subscription and the resource group, which is empty for a whole subscription. ok is false for what is no
// Scope, which Validate refuses.
func (s Scope) Split() (subscription, resourceGroup string, ok bool) {
	parts := strings.Split(string(s), "/")
	if len(parts) != 3 && len(parts) != 5 || parts[0] != "" || !strings.EqualFold(parts[1], "subscriptions") || !guidPattern.MatchString(parts[2]) {
		return "", "", false
	}
	if len(parts) == 3 {
		return parts[2], "", true
	}
	if !strings.EqualFold(parts[3], "resourceGroups") || !resourceGroupPattern.MatchString(parts[4]) {
		return "", "", false
	}
	return parts[2], parts[4], true
}

// Selects reports whether there are spokes at all.
func (s Spokes) Selects() bool { return s.Tag.Name != "" || len(s.Within) > 0 }

// usualScan is how often networks are read: one list per subscription a minute is nothing beside what Azure allows, and a new
// network needs half a minute for its peerings anyhow.
const usualScan = time.Minute

// complete returns the section with what follows from the group's name filled in.
func (s Spokes) complete(group string) Spokes {
	if s.Tag.Name != "" && s.Tag.Value == "" {
		s.Tag.Value = group
	}
	if s.Selects() && s.Interval == 0 {
		s.Interval = usualScan
	}
	return s
}

// implied is the section without what complete fills in again.
func (s Spokes) implied(group string) Spokes {
	if s.Tag.Value == group {
		s.Tag.Value = ""
	}
	if s.Interval == usualScan {
		s.Interval = 0
	}
	return s
}
