package config

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// MerakiBranches says which networks of a Meraki organization are branches: the subnets that they offer to the VPN are
// destinations.
type MerakiBranches struct {
	// Organization is the id of the organization. "" = that of the section meraki.
	Organization string `yaml:"organization"`
	// Networks are names of networks, with * and ? in them, or ids; letter case does not count. Empty = nothing is asked. The
	// networks of the group's own members are never branches.
	Networks []string `yaml:"networks"`
	// Exclude are networks, as in Networks, and prefixes, which have a slash, that no route may lead to.
	Exclude []string `yaml:"exclude"`
	// Within are the prefixes that a subnet must lie in. After loading it is not empty if Networks is not.
	Within []netip.Prefix `yaml:"within"`
}

// Asks reports whether the Meraki cloud is asked for branches.
func (b MerakiBranches) Asks() bool { return len(b.Networks) > 0 }

// Excluded returns Exclude as networks and prefixes. What Validate refuses is left out.
func (b MerakiBranches) Excluded() (networks []string, prefixes []netip.Prefix) {
	for _, e := range b.Exclude {
		if !strings.Contains(e, "/") {
			networks = append(networks, e)
		} else if p, err := netip.ParsePrefix(e); err == nil {
			prefixes = append(prefixes, p.Masked())
		}
	}
	return networks, prefixes
}

// usualWithin is what is private: RFC 1918, RFC 6598 and RFC 4193. So nobody can draw the traffic to the Internet, or to
// somebody's public addresses, into the VPN by mistake.
func usualWithin() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
		netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("fc00::/7"),
	}
}

// networkPattern is the name of a Meraki network, or its id; schema.json says the same.
var networkPattern = regexp.MustCompile(`^\S(.{0,126}\S)?$`)

// complete returns the section with what follows from the rest filled in.
func (b MerakiBranches) complete() MerakiBranches {
	if b.Asks() && len(b.Within) == 0 {
		b.Within = usualWithin()
	}
	return b
}

// implied is the section without what complete fills in again.
func (b MerakiBranches) implied() MerakiBranches {
	if b.Asks() && slices.Equal(b.Within, usualWithin()) {
		b.Within = nil
	}
	return b
}
