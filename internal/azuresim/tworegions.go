package azuresim

// TwoRegionsOptions vary the reference world. Zero fields take the value in parentheses.
type TwoRegionsOptions struct {
	Spokes         int    // workload networks (3), alternating between the two regions
	Tables         int    // tagged route tables (one per spoke)
	RoutesPerTable int    // routes to branch prefixes through vmx-a (5)
	Subscriptions  int    // subscriptions over which spokes are spread (1)
	IPv6           bool   // dual-stack networks and appliances, and one IPv6 route per table
	Tag, TagValue  string // the tables' tag (nva_ha_udr) and its value (emea)
	ClientSecret   Secret // of the principal "hopguard" ("secret")
}

// TwoRegions is the reference world: see the documentation of its parts. (Filled in next.)
func TwoRegions(o TwoRegionsOptions) World { return World{} }
