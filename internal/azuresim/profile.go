package azuresim

import (
	"fmt"
	"time"
)

// Profile is how fast the simulated cloud is. Zero fields stay zero: a Profile that sets one field takes nothing from the defaults,
// except that a Profile equal to its zero value means ProfileDefault.
type Profile struct {
	// RequestLatency passes before any request is looked at.
	RequestLatency time.Duration `yaml:"requestLatency"`
	// WriteTime is from a route table PUT to Succeeded; also for subnets and virtual networks.
	WriteTime time.Duration `yaml:"writeTime"`
	// WriteTimePerRoute is added to WriteTime for each route of the table.
	WriteTimePerRoute time.Duration `yaml:"writeTimePerRoute"`
	// FabricDelay is from Succeeded to the routes being in effect.
	FabricDelay time.Duration `yaml:"fabricDelay"`
	// VMActionTime is the length of start, powerOff, restart and deallocate.
	VMActionTime time.Duration `yaml:"vmActionTime"`
	// BootTime is from PowerState/running to a guest that forwards and answers.
	BootTime time.Duration `yaml:"bootTime"`
	// PeeringTime is the length of a peering write.
	PeeringTime time.Duration `yaml:"peeringTime"`
	// NICEffectiveTime is the length of an effectiveRouteTable operation.
	NICEffectiveTime time.Duration `yaml:"nicEffectiveTime"`
	// ListLag is how far lists of one provider are behind.
	ListLag time.Duration `yaml:"listLag"`
	// IndexLag is how far /resources and Resource Graph are behind.
	IndexLag time.Duration `yaml:"indexLag"`
	// RoleDelay is from a role assignment to the rights it grants.
	RoleDelay time.Duration `yaml:"roleDelay"`
	// DirectoryLag is from a new identity to its being known to role assignments.
	DirectoryLag time.Duration `yaml:"directoryLag"`
	// RetryAfter is sent with Network writes and their unfinished polls, in whole seconds.
	RetryAfter time.Duration `yaml:"retryAfter"`
	// ComputeRetryAfter is sent with Compute actions, in whole seconds.
	ComputeRetryAfter time.Duration `yaml:"computeRetryAfter"`
	// ComputePollRetryAfter is sent with the first unfinished poll of a Compute action, in whole seconds.
	ComputePollRetryAfter time.Duration `yaml:"computePollRetryAfter"`
}

// ProfileNamed returns the profile that people call default, fast or legacy. The error repeats the name.
func ProfileNamed(name string) (Profile, error) {
	switch name {
	case "default":
		return ProfileDefault(), nil
	case "fast":
		return ProfileFast(), nil
	case "legacy":
		return ProfileLegacy(), nil
	default:
		return Profile{}, fmt.Errorf("%q: want default, fast or legacy", name)
	}
}

// ProfileDefault is the cloud of 2026 with tables that have subnets: 2 s writes, Retry-After 2, routes in effect 3 s later. For how
// long a role takes to be in effect Microsoft names ten minutes at most; 30 s is taken.
func ProfileDefault() Profile {
	return Profile{
		RequestLatency: 20 * time.Millisecond, WriteTime: 2 * time.Second, FabricDelay: 3 * time.Second,
		VMActionTime: 8 * time.Second, BootTime: 5 * time.Second, PeeringTime: 11 * time.Second, NICEffectiveTime: 3 * time.Second,
		ListLag: time.Second, IndexLag: 30 * time.Second, RoleDelay: 30 * time.Second, DirectoryLag: 15 * time.Second,
		RetryAfter: 2 * time.Second, ComputeRetryAfter: 10 * time.Second, ComputePollRetryAfter: 30 * time.Second,
	}
}

// ProfileFast is the best that was ever recorded: tables without subnets, Succeeded after 1 s, in effect almost at once, no lag.
func ProfileFast() Profile {
	return Profile{
		RequestLatency: time.Millisecond, WriteTime: time.Second, FabricDelay: 500 * time.Millisecond,
		VMActionTime: time.Second, BootTime: 0, PeeringTime: time.Second, NICEffectiveTime: time.Second,
		RoleDelay: time.Second, DirectoryLag: time.Second,
		RetryAfter: 2 * time.Second, ComputeRetryAfter: 10 * time.Second, ComputePollRetryAfter: 30 * time.Second,
	}
}

// ProfileLegacy is the old control plane: 50 s to Succeeded for tables of 50 to 200 routes, traffic later still, Retry-After 10,
// power actions of 40 s, an index that is ten minutes behind. How much later traffic follows is [U]; 30 s is taken.
func ProfileLegacy() Profile {
	return Profile{
		RequestLatency: 100 * time.Millisecond, WriteTime: 50 * time.Second, FabricDelay: 30 * time.Second,
		VMActionTime: 40 * time.Second, BootTime: 60 * time.Second, PeeringTime: 21 * time.Second, NICEffectiveTime: 15 * time.Second,
		ListLag: 5 * time.Second, IndexLag: 10 * time.Minute, RoleDelay: 5 * time.Minute, DirectoryLag: time.Minute,
		RetryAfter: 10 * time.Second, ComputeRetryAfter: 10 * time.Second, ComputePollRetryAfter: 30 * time.Second,
	}
}
