package config

// ResourceID is the full Azure Resource Manager id of a resource. Compare two with Equal, never with ==: Azure itself
// returns ids in changing letter case.
type ResourceID string

// Ref is a resource given by its name or by its full id.
type Ref string
