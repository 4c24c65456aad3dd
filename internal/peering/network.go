// Package peering holds virtual networks and their peerings as data and compares
// them with what they should be: Parse, Want.Plan, Want.Pair, Create, Patch, and the
// text form of a Plan.
//
// A peering has two halves, one in each network, and works when both are Connected,
// in sync and with the right flags. A plan makes the missing half, repairs what was
// half-made, disconnected or out of sync, with the fewest writes that Azure's rules
// allow, and reports what it must not touch.
//
// Everything here is pure: no clock, context, log or I/O. It guarantees that no plan
// deletes a half that does not carry the group's mark (Name), changes a flag of one,
// or changes the gateway flags of any half; and that the order of the input has no
// effect. It does not know whether the caller may write: Azure says that.
// controller, azure, journal and api import it.
package peering

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"hopguard/internal/appliance"
)

// Network is a virtual network as Azure answered it. Its JSON is not kept: a network
// is never written, because a PUT of one drops what its body leaves out.
type Network struct {
	ID appliance.ResourceID
	// State is the provisioning state; "" if it is not known.
	State    string
	Tags     map[string]string
	Location string
	Prefixes []netip.Prefix
	Subnets  []Subnet
	// Halves are the network's own halves of its peerings.
	Halves []Half
}

// Subnet is a subnet of a network.
type Subnet struct {
	ID appliance.ResourceID
	// Table is the route table that it uses; "" if none.
	Table appliance.ResourceID
}

// State is how far a peering has come, as one half tells it.
type State string

// The states of a half.
const (
	// Initiated: the other half was not there yet.
	Initiated State = "Initiated"
	// Connected: both halves are there.
	Connected State = "Connected"
	// Disconnected: the other half is gone. Only deleting this one helps.
	Disconnected State = "Disconnected"
)

// Sync says which half has not taken over the other network's newest address space.
type Sync string

// The sync levels, seen from the half that has them.
const (
	FullyInSync             Sync = "FullyInSync"
	LocalNotInSync          Sync = "LocalNotInSync"
	RemoteNotInSync         Sync = "RemoteNotInSync"
	LocalAndRemoteNotInSync Sync = "LocalAndRemoteNotInSync"
)

// Half is one half of a peering: the view of Network towards Remote.
type Half struct {
	Network, Remote appliance.ResourceID
	Name            string
	// ETag is the complete value, such as W/"…"; "" if there was none.
	ETag  string
	State State
	Sync  Sync
	// Provisioning is the provisioning state.
	Provisioning string
	// Access is allowVirtualNetworkAccess, Forwarded allowForwardedTraffic.
	Access, Forwarded bool
	// Gateway reports that allowGatewayTransit or useRemoteGateways is set, which
	// hopguard never does.
	Gateway bool
	// Subnets reports that only some subnets are peered, not the whole networks.
	Subnets bool
	// Taken is the remote network's address space that this half works with.
	Taken []netip.Prefix
	// Raw is the complete answer; Patch works on it, so that what it does not name,
	// such as the gateway flags, stays as it is.
	Raw json.RawMessage
}

// ID returns the resource id of the half.
func (h Half) ID() appliance.ResourceID { return HalfID(h.Network, h.Name) }

// HalfID returns the resource id of a half.
func HalfID(network appliance.ResourceID, name string) appliance.ResourceID {
	return network + "/virtualNetworkPeerings/" + appliance.ResourceID(name)
}

// Busy reports whether an operation runs on a resource in that provisioning state.
func Busy(provisioning string) bool {
	return provisioning == "Updating" || provisioning == "Creating" || provisioning == "Deleting"
}

// Busy reports whether an operation runs on the half.
func (h Half) Busy() bool { return Busy(h.Provisioning) }

// Failed reports whether the last write of the half was accepted and failed.
func (h Half) Failed() bool { return h.Provisioning == "Failed" || h.Provisioning == "Canceled" }

// Towards returns the network's half towards remote. Azure allows one; of several,
// the first by name is taken.
func (n Network) Towards(remote appliance.ResourceID) (Half, bool) {
	var found []Half
	for _, h := range n.Halves {
		if h.Remote.Equal(remote) {
			found = append(found, h)
		}
	}
	if len(found) == 0 {
		return Half{}, false
	}
	return slices.MinFunc(found, byName), true
}

// MalformedError says which member of a network is not as Azure documents it.
type MalformedError struct {
	Network appliance.ResourceID
	// Path is the member, such as properties.addressSpace.addressPrefixes[0].
	Path, Value, Want string
}

// Error names the network, the place, the value and what was expected.
func (e *MalformedError) Error() string {
	return fmt.Sprintf("virtual network %s: %s: %q: want %s", e.Network, e.Path, e.Value, e.Want)
}

type wireSpace struct {
	AddressPrefixes []string `json:"addressPrefixes"`
}

type wireNetwork struct {
	ID         string            `json:"id"`
	Location   string            `json:"location"`
	Tags       map[string]string `json:"tags"`
	Properties struct {
		ProvisioningState string    `json:"provisioningState"`
		AddressSpace      wireSpace `json:"addressSpace"`
		Subnets           []struct {
			ID         string `json:"id"`
			Properties struct {
				RouteTable struct {
					ID string `json:"id"`
				} `json:"routeTable"`
			} `json:"properties"`
		} `json:"subnets"`
		Peerings []json.RawMessage `json:"virtualNetworkPeerings"`
	} `json:"properties"`
}

type wireHalf struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	ETag       string `json:"etag"`
	Properties struct {
		ProvisioningState    string `json:"provisioningState"`
		PeeringState         State  `json:"peeringState"`
		PeeringSyncLevel     Sync   `json:"peeringSyncLevel"`
		RemoteVirtualNetwork struct {
			ID string `json:"id"`
		} `json:"remoteVirtualNetwork"`
		AllowVirtualNetworkAccess bool `json:"allowVirtualNetworkAccess"`
		AllowForwardedTraffic     bool `json:"allowForwardedTraffic"`
		AllowGatewayTransit       bool `json:"allowGatewayTransit"`
		UseRemoteGateways         bool `json:"useRemoteGateways"`
		// PeerCompleteVnets is true where it is absent.
		PeerCompleteVnets  *bool     `json:"peerCompleteVnets"`
		RemoteAddressSpace wireSpace `json:"remoteAddressSpace"`
	} `json:"properties"`
}

// Parse reads a virtual network with its peerings. On a *MalformedError the returned
// network has its ID and tags, so that it can be reported.
func Parse(raw []byte) (Network, error) {
	var w wireNetwork
	if err := json.Unmarshal(raw, &w); err != nil {
		return Network{}, fmt.Errorf("decode virtual network: %w", err)
	}
	if w.ID == "" {
		return Network{}, fmt.Errorf("decode virtual network: no id in %.80q", raw)
	}
	n := Network{ID: appliance.ResourceID(w.ID), State: w.Properties.ProvisioningState, Tags: w.Tags, Location: w.Location}
	for _, s := range w.Properties.Subnets {
		n.Subnets = append(n.Subnets, Subnet{ID: appliance.ResourceID(s.ID), Table: appliance.ResourceID(s.Properties.RouteTable.ID)})
	}
	var err error
	if n.Prefixes, err = prefixes(n.ID, "properties.addressSpace", w.Properties.AddressSpace); err != nil {
		return n, err
	}
	for _, p := range w.Properties.Peerings {
		h, err := ParseHalf(n.ID, p)
		if err != nil {
			return n, err
		}
		n.Halves = append(n.Halves, h)
	}
	return n, nil
}

// ParseHalf reads one half of the network's peerings.
func ParseHalf(network appliance.ResourceID, raw []byte) (Half, error) {
	var w wireHalf
	if err := json.Unmarshal(raw, &w); err != nil {
		return Half{}, fmt.Errorf("decode peering of %s: %w", network, err)
	}
	if w.Name == "" {
		return Half{}, &MalformedError{Network: network, Path: "virtualNetworkPeerings.name", Want: "a name"}
	}
	p := w.Properties
	h := Half{
		Network: network, Remote: appliance.ResourceID(p.RemoteVirtualNetwork.ID), Name: w.Name, ETag: w.ETag,
		State: p.PeeringState, Sync: p.PeeringSyncLevel, Provisioning: p.ProvisioningState,
		Access: p.AllowVirtualNetworkAccess, Forwarded: p.AllowForwardedTraffic,
		Gateway: p.AllowGatewayTransit || p.UseRemoteGateways,
		Subnets: p.PeerCompleteVnets != nil && !*p.PeerCompleteVnets, Raw: raw,
	}
	var err error
	h.Taken, err = prefixes(network, "virtualNetworkPeerings["+w.Name+"].properties.remoteAddressSpace", p.RemoteAddressSpace)
	return h, err
}

func prefixes(network appliance.ResourceID, path string, space wireSpace) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for i, s := range space.AddressPrefixes {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, &MalformedError{Network: network, Path: fmt.Sprintf("%s.addressPrefixes[%d]", path, i), Value: s, Want: "a CIDR"}
		}
		out = append(out, p.Masked())
	}
	return out, nil
}
