package config

import (
	"net/netip"
	"strings"
	"time"
)

// Witness tells whether this machine itself is cut off: while none of its targets answers, failures on the data path say
// nothing about a member. One target that answers is enough.
type Witness struct {
	// Targets depend on no member: "tcp://host:port", "icmp://address" or an http or https URL. Empty = no witness.
	Targets []string `yaml:"targets"`
	// Timeout bounds one question. After loading it is not 0 if there are targets.
	Timeout time.Duration `yaml:"timeout"`
}

// SplitWitness returns how a target of a witness is asked, and where in the form of Check.Targets: "host:port" for KindTCP,
// an address for KindICMP, a URL for KindHTTP. ok is false for what is no target, which Validate refuses.
func SplitWitness(target string) (kind Kind, where string, ok bool) {
	scheme, rest, _ := strings.Cut(target, "://")
	switch scheme {
	case "tcp":
		return KindTCP, rest, validAddress(rest, 1, false)
	case "icmp":
		a, err := netip.ParseAddr(rest)
		return KindICMP, rest, err == nil && pingable(a)
	case "http", "https":
		return KindHTTP, target, validURL(target, true, "http", "https")
	default:
		return "", "", false
	}
}

// pingable reports whether an echo request can be sent to the address.
func pingable(a netip.Addr) bool {
	return a.Zone() == "" && !a.Is4In6() && !a.IsUnspecified() && !a.IsMulticast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}
