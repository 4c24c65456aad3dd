package azure_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hopguard/internal/appliance"
	"hopguard/internal/azure"
)

// ipConfig is one address of an interface in a test.
type ipConfig struct {
	name, addr, subnet string
	primary            bool
}

// interfaces makes interfaces as ARM answers them: name, then its addresses.
func interfaces(t interface{ Fatalf(string, ...any) }, names []string, configs map[string][]ipConfig) []azure.WireNIC {
	var out []azure.WireNIC
	for _, name := range names {
		var list []string
		for _, c := range configs[name] {
			list = append(list, fmt.Sprintf(`{"name":%q,"properties":{"privateIPAddress":%q,"primary":%v,"subnet":{"id":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/%s"}}}`, c.name, c.addr, c.primary, c.subnet))
		}
		var nic azure.WireNIC
		text := fmt.Sprintf(`{"id":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkInterfaces/%s","properties":{"ipConfigurations":[%s]}}`, name, strings.Join(list, ","))
		if err := json.Unmarshal([]byte(text), &nic); err != nil {
			t.Fatalf("decode %s: %v", text, err)
		}
		out = append(out, nic)
	}
	return out
}

func TestPlace(t *testing.T) {
	tests := []struct {
		name    string
		hops    []appliance.HopSource
		nics    []string
		configs map[string][]ipConfig
		want    string // the hops
		err     string
	}{
		{
			name: "one-interface", nics: []string{"n"},
			configs: map[string][]ipConfig{"n": {{"ip", "10.0.0.4", "snet-vmx", true}}},
			want:    "nic=10.0.0.4",
		},
		{
			name: "one-interface-two-families", nics: []string{"n"},
			configs: map[string][]ipConfig{"n": {{"ip4", "10.0.0.4", "snet-vmx", true}, {"ip6", "fd00::4", "snet-vmx", false}}},
			want:    "nic=10.0.0.4 nic/ipv6=fd00::4",
		},
		{
			name: "secondary-addresses-carry-their-name", nics: []string{"n"},
			configs: map[string][]ipConfig{"n": {{"Second", "10.0.0.5", "a", false}, {"ip", "10.0.0.4", "a", true}, {"Third", "10.0.0.6", "a", false}}},
			want:    "nic=10.0.0.4 nic.second=10.0.0.5 nic.third=10.0.0.6",
		},
		{
			name: "without-a-primary-the-first-name-is-main", nics: []string{"n"},
			configs: map[string][]ipConfig{"n": {{"b", "10.0.0.5", "a", false}, {"a", "10.0.0.4", "a", false}}},
			want:    "nic=10.0.0.4 nic.b=10.0.0.5",
		},
		{
			name: "two-interfaces-by-the-names-of-their-subnets", nics: []string{"n1", "n2"},
			configs: map[string][]ipConfig{"n1": {{"ip", "10.0.1.4", "Untrust", true}}, "n2": {{"ip", "10.0.0.4", "trust", true}}},
			want:    "trust=10.0.0.4 untrust=10.0.1.4",
		},
		{
			name: "an-interface-without-an-address-is-left-out", nics: []string{"n1", "n2"},
			configs: map[string][]ipConfig{"n1": {{"ip", "", "untrust", true}}, "n2": {{"ip", "10.0.0.4", "trust", true}}},
			want:    "trust=10.0.0.4",
		},
		{
			name: "no-address-at-all", nics: []string{"n"},
			configs: map[string][]ipConfig{"n": {{"ip", "", "untrust", true}}},
			err:     "no network interface has a private address",
		},
		{
			name: "two-interfaces-in-one-subnet-need-a-mapping", nics: []string{"n1", "n2"},
			configs: map[string][]ipConfig{"n1": {{"ip", "10.0.0.4", "trust", true}}, "n2": {{"ip", "10.0.0.5", "trust", true}}},
			err:     `interfaces n1 and n2 are both in a subnet called "trust": members[vmx-a].hops must map them to roles`,
		},
		{
			name: "malformed-address", nics: []string{"n"},
			configs: map[string][]ipConfig{"n": {{"ip", "10.0.0.400", "trust", true}}},
			err:     `networkInterfaces/n: privateIPAddress: "10.0.0.400": want an IP address`,
		},
		{
			name: "mapped-by-the-name-of-a-subnet", nics: []string{"n1", "n2"}, hops: []appliance.HopSource{{Role: "lan", Subnet: "TRUST"}},
			configs: map[string][]ipConfig{"n1": {{"ip", "10.0.1.4", "untrust", true}}, "n2": {{"ip", "10.0.0.4", "trust", true}, {"ip6", "fd00::4", "trust", false}, {"second", "10.0.0.5", "trust", false}}},
			want:    "lan=10.0.0.4 lan/ipv6=fd00::4",
		},
		{
			name: "mapped-by-the-id-of-a-subnet", nics: []string{"n1", "n2"},
			hops:    []appliance.HopSource{{Role: "lan", Subnet: "/subscriptions/S/resourcegroups/G/providers/Microsoft.Network/virtualNetworks/V/subnets/TRUST"}},
			configs: map[string][]ipConfig{"n1": {{"ip", "10.0.1.4", "untrust", true}}, "n2": {{"ip", "10.0.0.4", "trust", true}}},
			want:    "lan=10.0.0.4",
		},
		{
			name: "mapped-by-interface", nics: []string{"n1", "n10"}, hops: []appliance.HopSource{{Role: "lan", NIC: "n1"}, {Role: "wan", NIC: "n10"}},
			configs: map[string][]ipConfig{"n1": {{"ip", "10.0.0.4", "trust", true}}, "n10": {{"ip", "10.0.0.5", "trust", true}}},
			want:    "lan=10.0.0.4 wan=10.0.0.5",
		},
		{
			name: "mapped-by-address", nics: []string{"n"}, hops: []appliance.HopSource{{Role: "lan", Addr: netip.MustParseAddr("10.0.0.5")}},
			configs: map[string][]ipConfig{"n": {{"ip", "10.0.0.4", "trust", true}, {"two", "10.0.0.5", "trust", false}}},
			want:    "lan=10.0.0.5",
		},
		{
			name: "mapped-to-nothing", nics: []string{"n"}, hops: []appliance.HopSource{{Role: "lan", Subnet: "trus"}},
			configs: map[string][]ipConfig{"n": {{"ip", "10.0.0.4", "trust", true}}},
			err:     `members[vmx-a].hops: role "lan": no interface is "trus"`,
		},
		{
			name: "mapped-to-an-address-of-nobody", nics: []string{"n"}, hops: []appliance.HopSource{{Role: "lan", Addr: netip.MustParseAddr("10.0.0.5")}},
			configs: map[string][]ipConfig{"n": {{"ip", "10.0.0.4", "trust", true}}},
			err:     `members[vmx-a].hops: role "lan": no interface has the address 10.0.0.5`,
		},
		{
			name: "mapped-by-a-subnet-of-two-interfaces", nics: []string{"n1", "n2"}, hops: []appliance.HopSource{{Role: "lan", Subnet: "trust"}},
			configs: map[string][]ipConfig{"n1": {{"ip", "10.0.0.4", "trust", true}}, "n2": {{"ip", "10.0.0.5", "trust", true}}},
			err:     `members[vmx-a].hops: role "lan" is both 10.0.0.4 and 10.0.0.5: name the interface or the address`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := azure.Place(appliance.Member{Name: "vmx-a", Hops: tt.hops}, interfaces(t, tt.nics, tt.configs))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("Place() = %v, want an error with %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatalf("Place() = %v", err)
			}
			var hops []string
			for _, h := range got.Hops {
				hops = append(hops, h.String())
			}
			if diff := cmp.Diff(tt.want, strings.Join(hops, " ")); diff != "" {
				t.Errorf("hops (-want +got):\n%s", diff)
			}
		})
	}
}

// D4: a peer pairs interfaces by the order of Azure's lists.
func TestD4TheOrderOfInterfacesHasNoEffect(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		nics, configs := drawInterfaces(rt)
		m := appliance.Member{Name: "vmx-a"}
		if rapid.Bool().Draw(rt, "mapped") {
			m.Hops = append(m.Hops, appliance.HopSource{Role: "lan", Subnet: "subnet-0"})
			if rapid.Bool().Draw(rt, "also a NIC") {
				m.Hops = append(m.Hops, appliance.HopSource{Role: "wan", NIC: nics[len(nics)-1]})
			}
		}
		want, wantErr := azure.Place(m, interfaces(rt, nics, configs))
		shuffled := map[string][]ipConfig{}
		for _, n := range nics {
			shuffled[n] = rapid.Permutation(configs[n]).Draw(rt, "configs")
		}
		got, err := azure.Place(m, interfaces(rt, rapid.Permutation(nics).Draw(rt, "nics"), shuffled))
		if !reflect.DeepEqual(got, want) || (err == nil) != (wantErr == nil) {
			rt.Fatalf("shuffled: %v, %v; want %v, %v", got, err, want, wantErr)
		}
	})
}

func drawInterfaces(rt *rapid.T) ([]string, map[string][]ipConfig) {
	var nics []string
	configs := map[string][]ipConfig{}
	n := 0
	for i := range rapid.IntRange(1, 4).Draw(rt, "interfaces") {
		name := fmt.Sprint("nic", i)
		nics = append(nics, name)
		subnet := fmt.Sprint("subnet-", rapid.IntRange(0, 2).Draw(rt, "subnet"))
		primary := rapid.IntRange(-1, 2).Draw(rt, "primary")
		for j := range rapid.IntRange(1, 4).Draw(rt, "addresses") {
			n++
			addr := fmt.Sprintf("10.0.0.%d", n)
			if rapid.Bool().Draw(rt, "v6") {
				addr = fmt.Sprintf("fd00::%x", n)
			}
			configs[name] = append(configs[name], ipConfig{fmt.Sprint("ip", j), addr, subnet, j == primary})
		}
	}
	return nics, configs
}
