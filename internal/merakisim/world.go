package merakisim

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
)

// Secret is a key that nothing prints.
type Secret string

// String hides the key.
func (Secret) String() string { return "<secret>" }

// GoString hides the key from %#v.
func (Secret) GoString() string { return "<secret>" }

// Format hides the key from every verb.
func (Secret) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "<secret>") }

// LogValue hides the key from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue("<secret>") }

// MarshalText hides the key from text forms.
func (Secret) MarshalText() ([]byte, error) { return []byte("<secret>"), nil }

// fingerprint stands for a key in what is kept: fmt asks no method of a field that
// is not exported, and would print a Secret there.
type fingerprint [sha256.Size]byte

func (s Secret) fingerprint() fingerprint { return sha256.Sum256([]byte(s)) }

// State is what a device really does; the cloud notices later.
type State string

// The states are the words of the API.
const (
	Online   State = "online"
	Alerting State = "alerting" // works, and complains of something
	Offline  State = "offline"  // does not talk to the cloud
	Dormant  State = "dormant"  // has not talked to it for a week
)

// answers reports whether a device in this state answers the cloud.
func (s State) answers() bool { return s == Online || s == Alerting }

func (s State) known() bool { return s.answers() || s == Offline || s == Dormant }

// World is what the Dashboard knows.
type World struct {
	Organizations []Organization
	Keys          []Key
}

// Key is an API key and what it may do.
type Key struct {
	Text Secret
	// Organizations that the key sees; others are hidden from it.
	Organizations []string
	// ReadOnly keys may not use live tools.
	ReadOnly bool
}

// Organization holds networks.
type Organization struct {
	ID       string
	Networks []Network
}

// Network is a network with one appliance, as that of a vMX is.
type Network struct {
	ID, Name string
	// Mode is "hub" or "spoke".
	Mode    string
	Device  Device
	Uplinks []Uplink
	Subnets []Subnet
	// Hubs are the networks that a spoke has tunnels to, in its order of preference.
	Hubs       []string
	ThirdParty []ThirdParty
}

// Device is an appliance.
type Device struct {
	Serial, Name, MAC string
	Tags              []string
	// State at the beginning; empty is Online.
	State State
}

// Uplink is a way to the Internet.
type Uplink struct {
	Interface string
	Public    netip.Addr
}

// Subnet is a network that is offered to the VPN.
type Subnet struct {
	Prefix netip.Prefix
	Name   string
}

// ThirdParty is a peer that is no appliance of Meraki.
type ThirdParty struct {
	Name   string
	Public netip.Addr
}

// organization, network and device are what the simulator keeps of them.
type organization struct {
	id       string
	networks []*network // ordered by id
	others   float64    // requests per second that other applications send
}

type network struct {
	Network
	org    *organization
	device *device
}

type device struct {
	Device
	network *network
	state   history
}

type principal struct {
	organizations []string
	readOnly      bool
}

// seed fills the simulator, and joins all that is wrong with the world.
func (s *Sim) seed(w World) error {
	var problems []error
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	for _, o := range w.Organizations {
		if o.ID == "" || s.organizations[o.ID] != nil {
			wrong("organization %q: want an id of its own", o.ID)
			continue
		}
		org := &organization{id: o.ID}
		s.organizations[o.ID] = org
		for _, n := range o.Networks {
			problems = append(problems, s.seedNetwork(org, n)...)
		}
		slices.SortFunc(org.networks, func(a, b *network) int { return strings.Compare(a.ID, b.ID) })
	}
	for _, o := range w.Organizations {
		for _, n := range o.Networks {
			for _, hub := range n.Hubs {
				if h := s.networks[hub]; h == nil || h.Mode != "hub" || h.ID == n.ID {
					wrong("network %q: hub %q: want another network with mode hub", n.ID, hub)
				}
			}
		}
	}
	for i, k := range w.Keys {
		if k.Text == "" || s.keys[k.Text.fingerprint()] != nil {
			wrong("key %d: want a text of its own", i)
		}
		for _, o := range k.Organizations {
			if s.organizations[o] == nil {
				wrong("key %d: organization %q does not exist", i, o)
			}
		}
		s.keys[k.Text.fingerprint()] = &principal{organizations: k.Organizations, readOnly: k.ReadOnly}
	}
	return errors.Join(problems...)
}

func (s *Sim) seedNetwork(org *organization, n Network) []error {
	if n.Device.State == "" {
		n.Device.State = Online
	}
	var problems []error
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if n.ID == "" || s.networks[n.ID] != nil {
		wrong("network %q: want an id of its own", n.ID)
	}
	if n.Mode != "hub" && n.Mode != "spoke" {
		wrong("network %q: mode %q: want hub or spoke", n.ID, n.Mode)
	}
	if n.Device.Serial == "" || s.devices[n.Device.Serial] != nil {
		wrong("network %q: device %q: want a serial of its own", n.ID, n.Device.Serial)
	}
	if !n.Device.State.known() {
		wrong("network %q: device %q: state %q: want online, alerting, offline or dormant", n.ID, n.Device.Serial, n.Device.State)
	}
	if len(problems) > 0 {
		return problems
	}
	net := &network{Network: n, org: org}
	net.device = &device{Device: n.Device, network: net, state: history{first: string(n.Device.State)}}
	s.networks[n.ID], s.devices[n.Device.Serial] = net, net.device
	org.networks = append(org.networks, net)
	return nil
}
