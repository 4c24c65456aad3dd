package merakisim

import "net/netip"

// What Example holds.
const (
	ExampleOrganization = "549236"
	ExampleKey          = "simulated0123456789abcdef0123456789abcdef"
	ExamplePrimary      = "Q2XX-AAAA-0001"
	ExampleSecondary    = "Q2XX-AAAA-0002"
	ExamplePrimaryNet   = "N_1001"
	ExampleSecondaryNet = "N_1002"
)

// Example is an organization with two vMX as hubs in two regions and three branches
// that have tunnels to both, and a key that sees it.
func Example() World {
	cloud := []Subnet{{Prefix: netip.MustParsePrefix("10.20.0.0/16"), Name: "workloads"}}
	hub := func(id, name, serial, mac, public string) Network {
		return Network{
			ID: id, Name: name, Mode: "hub", Subnets: cloud,
			Device:  Device{Serial: serial, Name: name, MAC: mac, Tags: []string{"vmx"}},
			Uplinks: []Uplink{{Interface: "wan1", Public: netip.MustParseAddr(public)}},
		}
	}
	branch := func(id, name, serial, mac, prefix string, hubs ...string) Network {
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
	return World{
		Organizations: []Organization{{ID: ExampleOrganization, Networks: []Network{
			hub(ExamplePrimaryNet, "vmx-primary", ExamplePrimary, "00:11:22:00:00:01", "192.0.2.11"),
			hub(ExampleSecondaryNet, "vmx-secondary", ExampleSecondary, "00:11:22:00:00:02", "192.0.2.12"),
			branch("N_2001", "oslo", "Q2YY-BBBB-0001", "00:11:22:00:01:01", "10.101.0.0/24", ExamplePrimaryNet, ExampleSecondaryNet),
			branch("N_2002", "porto", "Q2YY-BBBB-0002", "00:11:22:00:01:02", "10.102.0.0/24", ExamplePrimaryNet, ExampleSecondaryNet),
			branch("N_2003", "riga", "Q2YY-BBBB-0003", "00:11:22:00:01:03", "10.103.0.0/24", ExampleSecondaryNet, ExamplePrimaryNet),
		}}},
		Keys: []Key{{Text: ExampleKey, Organizations: []string{ExampleOrganization}}},
	}
}
