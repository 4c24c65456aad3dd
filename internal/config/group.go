package config

import (
	"net/netip"
	"time"
)

// Group is one active/passive set of appliances that share routes: the unit of decision, locking and status.
type Group struct {
	// Name is unique: lower-case letters, digits and dashes, at most 63.
	Name string `yaml:"name"`
	// Preferred is the name of the member that carries traffic when all are well. After loading it is never empty.
	Preferred string `yaml:"preferred"`
	// Members are the appliances; exactly two.
	Members []Member `yaml:"members"`
	// Routes selects the route tables, and what may change in them.
	Routes Routes `yaml:"routes"`
	// Spokes selects the workload networks that are peered with those of the members.
	Spokes Spokes `yaml:"spokes"`
	// Branches are the destinations behind the members, to which new route tables lead.
	Branches Branches `yaml:"branches"`
	// Checks tell whether a member is well. After loading there is at least one.
	Checks []Check `yaml:"checks"`
	// Vote says how many failed checks make a member down.
	Vote Vote `yaml:"vote"`
	// Quorum is the number of failed checks that make a member down; only with VoteQuorum, else 0.
	Quorum int `yaml:"quorum"`
	// Witness tells whether this machine itself is cut off.
	Witness Witness `yaml:"witness"`
	// Policy says when traffic moves.
	Policy Policy `yaml:"policy"`
	// Reconcile is how often the routes are compared with the record when nothing happens.
	Reconcile time.Duration `yaml:"reconcile"`
	// Verify names the network interfaces whose effective routes prove a switch.
	Verify Verify `yaml:"verify"`
}

// Member is one appliance: an Azure virtual machine with network interfaces.
type Member struct {
	// Name is unique in the group, letter case aside.
	Name string `yaml:"name"`
	// VM is the machine.
	VM ResourceID `yaml:"vm"`
	// Hops map the next-hop addresses of the member to roles. Empty = paired by the subnets of the interfaces.
	Hops []Hop `yaml:"hops"`
}

// Hop gives one next-hop address of a member a role: a route to the address of one member moves to the address with the
// same role of the other. Exactly one of Subnet, NIC and Address is set.
type Hop struct {
	// Role is a word that both members use.
	Role string `yaml:"role"`
	// Subnet is the subnet, by name or id, whose interface of this member has the role.
	Subnet Ref `yaml:"subnet"`
	// NIC is the network interface, by name or id, that has the role.
	NIC Ref `yaml:"nic"`
	// Address is the address itself.
	Address netip.Addr `yaml:"address"`
}

// Routes selects the route tables of a group, and what may change in them.
type Routes struct {
	// Tag marks the route tables of the group.
	Tag Tag `yaml:"tag"`
	// Names are the only routes that may change. Empty = every route that points at a member.
	Names []string `yaml:"names"`
	// Prefixes are the only destinations that may change, with all inside them. Empty = every one.
	Prefixes []netip.Prefix `yaml:"prefixes"`
	// Critical are the tables to write first, in this order.
	Critical []Ref `yaml:"critical"`
}

// Tag is a resource tag: a resource without the name and the value is not the group's, and a table is never written.
type Tag struct {
	// Name of the tag; Azure ignores its letter case.
	Name string `yaml:"name"`
	// Value of the tag; letter case counts. After loading it is never empty where there is a name.
	Value string `yaml:"value"`
}

// Policy says when traffic moves.
type Policy struct {
	// Failback says whether traffic returns to the preferred member by itself.
	Failback Failback `yaml:"failback"`
	// FailbackDelay is how long the preferred member must have been up before traffic returns to it.
	FailbackDelay time.Duration `yaml:"failbackDelay"`
	// Windows are the only times at which traffic returns by itself. Empty = at any time.
	Windows []Window `yaml:"failbackWindows"`
	// HoldDown is how long after a transition no other one starts; it grows with each one in Per.
	HoldDown time.Duration `yaml:"holdDown"`
	// MaxTransitions is the greatest number of automatic transitions in Per.
	MaxTransitions int `yaml:"maxTransitions"`
	// Per is the time over which MaxTransitions counts.
	Per time.Duration `yaml:"per"`
	// UnknownAlert is how long the active member may be unknown before somebody is told.
	UnknownAlert time.Duration `yaml:"unknownAlert"`
	// StoreOutage says what happens while the record cannot be stored.
	StoreOutage StoreOutage `yaml:"storeOutage"`
}

// Verify names the network interfaces whose effective routes prove a switch.
type Verify struct {
	// NICs are workload interfaces. Empty = effective routes are not read.
	NICs []ResourceID `yaml:"nics"`
	// Timeout bounds the wait for the effective routes to follow.
	Timeout time.Duration `yaml:"timeout"`
}
