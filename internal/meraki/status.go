package meraki

import (
	"context"
	"net/netip"
	"strings"
	"time"
)

// Reachability is the cloud's word about a device or a peer, in lower case. Words
// that are not listed here are passed on as they are; "" means that the cloud gave
// none.
type Reachability string

// The words. Those of devices are in the specification of device availabilities;
// "unreachable" is known from users only.
const (
	Online   Reachability = "online"
	Alerting Reachability = "alerting" // seen by the cloud, with a complaint
	Offline  Reachability = "offline"  // not seen by the cloud, and no more than that
	Dormant  Reachability = "dormant"  // not seen for a week or longer

	Reachable   Reachability = "reachable"
	Unreachable Reachability = "unreachable"
)

// Status is how the cloud sees one appliance and its VPN. Fields that the answer
// does not have are zero.
type Status struct {
	Serial      Serial
	NetworkID   NetworkID
	NetworkName string
	// Reachability is that of the device.
	Reachability Reachability
	// Mode is the role of the network in the VPN: "hub" or "spoke".
	Mode    string
	Uplinks []Uplink
	Subnets []Subnet
	// Peers are those of the VPN between appliances first, then the others.
	Peers []Peer
	// Seen is the local time, in UTC, before the question was sent. How old the
	// cloud's own view is, the API does not say. Two statuses with the same Seen are
	// one observation.
	Seen time.Time
}

// Uplink is a way of an appliance to the Internet.
type Uplink struct {
	Interface string
	Public    netip.Addr
}

// Subnet is a network that an appliance offers to the VPN.
type Subnet struct {
	Prefix netip.Prefix
	Name   string
}

// Peer is the other end of a tunnel.
type Peer struct {
	// Network is empty for peers of third parties.
	Network      NetworkID
	Name         string
	Public       netip.Addr // of peers of third parties only
	Reachability Reachability
	// Priority is 1 for the hub that a spoke prefers; 0 means that none was given.
	Priority   int
	ThirdParty bool
}

// Availability is how the cloud sees one device. The cloud renews it every five
// minutes (specification of device availabilities).
type Availability struct {
	Serial       Serial
	Name         string
	NetworkID    NetworkID
	Product      string
	Reachability Reachability
	// Seen is as in Status.
	Seen time.Time
}

// VPNStatuses returns the statuses of the networks that are named, or of the whole
// organization if none is. A network without an appliance, or unknown to the API, is
// missing from the result.
//
// One call serves everybody who asks within a second, for all networks of the
// organization that somebody asked for in the last ten minutes (operation
// getOrganizationApplianceVpnStatuses). It is safe for concurrent use.
func (c *Client) VPNStatuses(ctx context.Context, id OrganizationID, networks ...NetworkID) ([]Status, error) {
	o := c.organization(id)
	ids := make([]string, len(networks))
	for i, n := range networks {
		ids[i] = capitals(string(n))
	}
	rows, seen, err := o.vpn.ask(ctx, c, o, ids)
	if err != nil {
		return nil, err
	}
	out := make([]Status, len(rows))
	for i, row := range rows {
		out[i] = readStatus(row, seen)
	}
	return out, nil
}

// VPNStatus is VPNStatuses for one network; an UnlistedError says that the answer
// does not have it.
func (c *Client) VPNStatus(ctx context.Context, id OrganizationID, network NetworkID) (Status, error) {
	all, err := c.VPNStatuses(ctx, id, network)
	if err != nil {
		return Status{}, err
	}
	if len(all) == 0 {
		return Status{}, &UnlistedError{Organization: id, What: "network", ID: string(network)}
	}
	return all[0], nil
}

// Availabilities returns the availabilities of the devices that are named, or of the
// whole organization if none is. Calls are shared as those of VPNStatuses are
// (operation getOrganizationDevicesAvailabilities).
func (c *Client) Availabilities(ctx context.Context, id OrganizationID, serials ...Serial) ([]Availability, error) {
	o := c.organization(id)
	ids := make([]string, len(serials))
	for i, s := range serials {
		ids[i] = capitals(string(s))
	}
	rows, seen, err := o.availabilities.ask(ctx, c, o, ids)
	if err != nil {
		return nil, err
	}
	out := make([]Availability, len(rows))
	for i, row := range rows {
		out[i] = readAvailability(row, seen)
	}
	return out, nil
}

// Availability is Availabilities for one device; an UnlistedError says that the
// answer does not have it.
func (c *Client) Availability(ctx context.Context, id OrganizationID, serial Serial) (Availability, error) {
	all, err := c.Availabilities(ctx, id, serial)
	if err != nil {
		return Availability{}, err
	}
	if len(all) == 0 {
		return Availability{}, &UnlistedError{Organization: id, What: "device", ID: string(serial)}
	}
	return all[0], nil
}

func readStatus(o object, seen time.Time) Status {
	s := Status{
		Serial:       Serial(o.text("deviceSerial")),
		NetworkID:    NetworkID(o.text("networkId")),
		NetworkName:  o.text("networkName"),
		Reachability: o.word("deviceStatus"),
		Mode:         strings.ToLower(o.text("vpnMode")),
		Seen:         seen,
	}
	for _, u := range o.list("uplinks") {
		s.Uplinks = append(s.Uplinks, Uplink{Interface: u.text("interface"), Public: u.addr("publicIp")})
	}
	for _, n := range o.list("exportedSubnets") {
		prefix, _ := netip.ParsePrefix(n.text("subnet")) // what is none is the zero prefix
		s.Subnets = append(s.Subnets, Subnet{Prefix: prefix, Name: n.text("name")})
	}
	for _, p := range o.list("merakiVpnPeers") {
		priority, _ := p.count("priority")
		s.Peers = append(s.Peers, Peer{
			Network: NetworkID(p.text("networkId")), Name: p.text("networkName"), Reachability: p.word("reachability"), Priority: priority,
		})
	}
	for _, p := range o.list("thirdPartyVpnPeers") {
		s.Peers = append(s.Peers, Peer{
			Name: p.text("name"), Public: p.addr("publicIp"), Reachability: p.word("reachability"), ThirdParty: true,
		})
	}
	return s
}

func readAvailability(o object, seen time.Time) Availability {
	return Availability{
		Serial:       Serial(o.text("serial")),
		Name:         o.text("name"),
		NetworkID:    NetworkID(o.object("network").text("id")),
		Product:      o.text("productType"),
		Reachability: o.word("status"),
		Seen:         seen,
	}
}

// word returns a member that is one of the cloud's words.
func (o object) word(name string) Reachability {
	return Reachability(strings.ToLower(printable(o.text(name), 40)))
}

// addr returns a member that is an address, or the zero address.
func (o object) addr(name string) netip.Addr {
	a, _ := netip.ParseAddr(o.text(name))
	return a
}
