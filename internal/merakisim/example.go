package merakisim

import (
	"fmt"
	"net/netip"
	"slices"
)

// What Example holds.
const (
	ExampleOrganization = "549236"
	ExampleKey          = "simulated0123456789abcdef0123456789abcdef"
	ExamplePrimary      = "Q2XX-AAAA-0001"
	ExampleSecondary    = "Q2XX-AAAA-0002"
	ExamplePrimaryNet   = "N_1001"
	ExampleSecondaryNet = "N_1002"
)

// Example is ExampleFor the two vMX of the simulated Azure's reference world.
func Example() World { return ExampleFor("vmx-a", "vmx-b") }

// ExampleFor is an organization with vMX of these names as hubs, each in a network of
// its own, three branches that have tunnels to all of them, and a key that sees it.
// The first hub has the serial ExamplePrimary, the second ExampleSecondary.
func ExampleFor(names ...string) World {
	cloud := []Subnet{{Prefix: netip.MustParsePrefix("10.20.0.0/16"), Name: "workloads"}}
	var networks []Network
	var hubs []string
	for i, name := range names {
		id := fmt.Sprintf("N_%d", 1001+i)
		hubs = append(hubs, id)
		networks = append(networks, Network{
			ID: id, Name: name, Mode: "hub", Subnets: cloud,
			Device:  Device{Serial: fmt.Sprintf("Q2XX-AAAA-%04d", i+1), Name: name, MAC: fmt.Sprintf("00:11:22:00:00:%02x", (i+1)%256), Tags: []string{"vmx"}},
			Uplinks: []Uplink{{Interface: "wan1", Public: netip.AddrFrom4([4]byte{192, 0, 2, byte(11 + i)})}},
		})
	}
	backwards := slices.Clone(hubs)
	slices.Reverse(backwards)
	branch := func(id, name, serial, mac, prefix string, hubs []string) Network {
		return Network{
			ID: id, Name: name, Mode: "spoke", Hubs: hubs,
			Subnets: []Subnet{{Prefix: netip.MustParsePrefix(prefix), Name: "office"}},
			Device:  Device{Serial: serial, Name: name, MAC: mac},
			Uplinks: []Uplink{{Interface: "wan1", Public: netip.MustParseAddr("203.0.113.9")}},
			ThirdParty: []ThirdParty{
				{Name: "supplier", Public: netip.MustParseAddr("198.51.100.77")},
			},
		}
	}
	networks = append(networks,
		branch("N_2001", "oslo", "Q2YY-BBBB-0001", "00:11:22:00:01:01", "10.101.0.0/24", hubs),
		branch("N_2002", "porto", "Q2YY-BBBB-0002", "00:11:22:00:01:02", "10.102.0.0/24", hubs),
		branch("N_2003", "riga", "Q2YY-BBBB-0003", "00:11:22:00:01:03", "10.103.0.0/24", backwards))
	return World{
		Organizations: []Organization{{ID: ExampleOrganization, Networks: networks}},
		Keys:          []Key{{Text: ExampleKey, Organizations: []string{ExampleOrganization}}},
	}
}
