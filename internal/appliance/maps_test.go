package appliance_test

import (
	"net/netip"
	"testing"

	"hopguard/internal/appliance"
)

func TestMaps(t *testing.T) {
	hop := func(role, addr string) appliance.Hop {
		return appliance.Hop{Role: role, Addr: netip.MustParseAddr(addr)}
	}
	lan := appliance.HopSource{Role: "lan", Subnet: "inside"}
	fixed := appliance.HopSource{Role: "wan", Addr: netip.MustParseAddr("10.1.1.4")}
	tests := []struct {
		name string
		maps []appliance.HopSource
		hops []appliance.Hop
		want bool
	}{
		{"no-mapping-takes-any", nil, []appliance.Hop{hop("nic", "10.1.0.4")}, true},
		{"the-same-roles", []appliance.HopSource{lan, fixed}, []appliance.Hop{hop("lan", "10.1.0.4"), hop("wan", "10.1.1.4")}, true},
		{"both-families-of-a-role", []appliance.HopSource{lan}, []appliance.Hop{hop("lan", "10.1.0.4"), hop("lan/ipv6", "fd00::4")}, true},
		{"only-the-other-family", []appliance.HopSource{lan}, []appliance.Hop{hop("lan/ipv6", "fd00::4")}, true},
		{"a-role-is-missing", []appliance.HopSource{lan, fixed}, []appliance.Hop{hop("lan", "10.1.0.4")}, false},
		{"a-role-too-many", []appliance.HopSource{lan}, []appliance.Hop{hop("lan", "10.1.0.4"), hop("wan", "10.1.1.4")}, false},
		{"another-address-than-the-one-named", []appliance.HopSource{fixed}, []appliance.Hop{hop("wan", "10.1.1.5")}, false},
		{"nothing-known", []appliance.HopSource{lan}, nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := (appliance.Member{Hops: tt.maps}).Maps(tt.hops); got != tt.want {
				t.Errorf("Maps(%v) = %v, want %v", tt.hops, got, tt.want)
			}
		})
	}
}
