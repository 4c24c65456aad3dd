package config

import (
	"net/netip"
	"regexp"
	"time"
)

// RouteTable says which subnets of the selected networks are given a route table of hopguard's own, with a route to each of
// the group's branches. A subnet that has a table keeps it.
type RouteTable struct {
	// Subnets are names of subnets, with * and ? in them; letter case does not count. Empty = no tables.
	Subnets []string `yaml:"subnets"`
	// ResourceGroup is where the tables are made. "" = the one of the network.
	ResourceGroup string `yaml:"resourceGroup"`
	// Name is the name of a table; {group}, {region} and {network} stand for names. After loading it is not empty if there
	// are subnets.
	Name string `yaml:"name"`
}

// Branches are the destinations behind the members.
type Branches struct {
	// Prefixes are destinations.
	Prefixes []netip.Prefix `yaml:"prefixes"`
	// Meraki are more of them, of which the Meraki cloud knows.
	Meraki MerakiBranches `yaml:"meraki"`
	// Role is the role of the members' addresses that routes to branches go to. "" = they have only one.
	Role string `yaml:"role"`
	// RemoveAfter is how long a route must have been unwanted before it can be removed. After loading it is not 0 if there
	// are tables.
	RemoveAfter time.Duration `yaml:"removeAfter"`
}

const (
	// usualTable makes one table for all networks of a resource group and region: each table is one write of a failover.
	usualTable       = "rt-hopguard-{group}-{region}"
	usualRemoveAfter = 24 * time.Hour
	maxTable         = 80 // Azure's limit, in characters
)

// Patterns of names with something in them that stands for names; schema.json says the same.
var (
	globPattern  = regexp.MustCompile(`^[A-Za-z0-9_.*?-]{1,80}$`)
	tablePattern = regexp.MustCompile(`^([A-Za-z0-9_]|\{(group|region|network)\})(([A-Za-z0-9_.-]|\{(group|region|network)\})*([A-Za-z0-9_]|\{(group|region|network)\}))?$`)
)

// complete returns the sections with what follows from the rest filled in.
func (t RouteTable) complete(b Branches) (RouteTable, Branches) {
	if len(t.Subnets) > 0 && t.Name == "" {
		t.Name = usualTable
	}
	if len(t.Subnets) > 0 && b.RemoveAfter == 0 {
		b.RemoveAfter = usualRemoveAfter
	}
	b.Meraki = b.Meraki.complete()
	return t, b
}

// implied is the sections without what complete fills in again.
func (t RouteTable) implied(b Branches) (RouteTable, Branches) {
	if t.Name == usualTable {
		t.Name = ""
	}
	if b.RemoveAfter == usualRemoveAfter {
		b.RemoveAfter = 0
	}
	b.Meraki = b.Meraki.implied()
	return t, b
}
