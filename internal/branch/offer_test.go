package branch_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hopguard/internal/branch"
)

func subnetsOf(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range list {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

// offers are what an organization of two hubs and three branches offers.
func offers() []branch.Offer {
	return []branch.Offer{
		{ID: "N_1", Name: "vmx-a", Own: true, Prefixes: subnetsOf("10.20.0.0/16")},
		{ID: "N_2", Name: "DC (old)", Prefixes: subnetsOf("10.40.0.0/16")},
		{ID: "N_3", Name: "Branch Oslo", Prefixes: subnetsOf("10.101.0.0/24", "10.101.1.0/24")},
		{ID: "N_4", Name: "Branch Porto", Prefixes: subnetsOf("10.102.0.0/24", "10.101.0.0/24", "fd00:2::/64")},
		{ID: "N_5", Prefixes: subnetsOf("192.168.5.0/24")},
	}
}

// shown is a choice as text.
func shown(c branch.Choice) string {
	var b strings.Builder
	for _, p := range c.Prefixes {
		b.WriteString("+ " + p.Prefix.String() + " (" + p.Source + ")\n")
	}
	for _, r := range c.Refused {
		b.WriteString("! " + string(r.Code) + " " + r.String() + "\n")
	}
	if c.Doubtful {
		b.WriteString("? doubtful\n")
	}
	return b.String()
}

func TestChoose(t *testing.T) {
	private := subnetsOf("10.0.0.0/8", "192.168.0.0/16", "fc00::/7")
	oslo := "+ 10.101.0.0/24 (network Branch Oslo)\n+ 10.101.1.0/24 (network Branch Oslo)\n"
	for name, tt := range map[string]struct {
		change func(*branch.Filter)
		offers func([]branch.Offer) []branch.Offer
		want   string
	}{
		"all": {nil, nil, `+ 10.40.0.0/16 (network DC (old))
+ 10.101.0.0/24 (network Branch Oslo, network Branch Porto)
+ 10.101.1.0/24 (network Branch Oslo)
+ 10.102.0.0/24 (network Branch Porto)
+ 192.168.5.0/24 (network N_5)
+ fd00:2::/64 (network Branch Porto)
`},
		"by-name-and-id":        {func(f *branch.Filter) { f.Networks = []string{"branch osl?", "n_5"} }, nil, oslo + "+ 192.168.5.0/24 (network N_5)\n"},
		"brackets-mean-nothing": {func(f *branch.Filter) { f.Networks = []string{"DC (*)", "[a-z]*"} }, nil, "+ 10.40.0.0/16 (network DC (old))\n"},
		"a-member-by-name":      {func(f *branch.Filter) { f.Networks = []string{"vmx-a", "Branch Oslo"} }, nil, oslo},
		"a-name-that-nobody-has": {func(f *branch.Filter) { f.Networks = []string{"Branch Oslo", "turin"} }, nil,
			oslo + "! branches-unknown network turin: there is no network of that name or id\n? doubtful\n"},
		"excluded": {func(f *branch.Filter) {
			f.ExcludeNetworks, f.Exclude = []string{"dc*", "N_5"}, subnetsOf("10.102.0.0/16", "10.101.1.128/25", "fc00::/7")
		}, nil, "+ 10.101.0.0/24 (network Branch Oslo, network Branch Porto)\n! outside 10.101.1.0/24 of network Branch Oslo: a part of it, 10.101.1.128/25, is excluded\n"},
		"outside": {func(f *branch.Filter) {
			f.Networks, f.Within = []string{"Branch Oslo", "N_5"}, subnetsOf("10.101.1.0/24")
		}, nil,
			"+ 10.101.1.0/24 (network Branch Oslo)\n! outside 10.101.0.0/24 of network Branch Oslo: it does not lie in any of 10.101.1.0/24\n" +
				"! outside 192.168.5.0/24 of network N_5: it does not lie in any of 10.101.1.0/24\n"},
		"everything": {func(f *branch.Filter) { f.Networks = []string{"N_6"} }, func(o []branch.Offer) []branch.Offer {
			return append(o, branch.Offer{ID: "N_6", Prefixes: subnetsOf("0.0.0.0/0", "::/0", "10.6.0.0/16", "10.0.0.0/7")})
		}, "+ 10.6.0.0/16 (network N_6)\n! outside 0.0.0.0/0 of network N_6: it does not lie in any of 10.0.0.0/8, 192.168.0.0/16, fc00::/7\n" +
			"! outside 10.0.0.0/7 of network N_6: it does not lie in any of 10.0.0.0/8, 192.168.0.0/16, fc00::/7\n" +
			"! outside ::/0 of network N_6: it does not lie in any of 10.0.0.0/8, 192.168.0.0/16, fc00::/7\n"},
		"overlaps": {func(f *branch.Filter) {
			f.Networks = []string{"Branch Oslo", "DC*"}
			f.Spaces = []branch.Space{{Network: "/x/vnet-a", Prefix: netip.MustParsePrefix("10.40.7.0/24")}, {Network: "/x/vnet-b", Prefix: netip.MustParsePrefix("10.101.0.0/23")}}
		}, nil, "! overlap 10.40.0.0/16 of network DC (old): it overlaps 10.40.7.0/24 of virtual network vnet-a: a route would draw local traffic\n" +
			"! overlap 10.101.0.0/24 of network Branch Oslo: it overlaps 10.101.0.0/23 of virtual network vnet-b: a route would draw local traffic\n" +
			"! overlap 10.101.1.0/24 of network Branch Oslo: it overlaps 10.101.0.0/23 of virtual network vnet-b: a route would draw local traffic\n"},
		"wanted-already": {func(f *branch.Filter) {
			f.Networks = []string{"Branch *"}
			f.Wanted = []branch.Prefix{{Prefix: netip.MustParsePrefix("10.101.0.0/24")}, {Prefix: netip.MustParsePrefix("10.102.0.0/16")}}
		}, nil, "+ 10.101.1.0/24 (network Branch Oslo)\n+ fd00:2::/64 (network Branch Porto)\n"},
		"without-ipv6": {func(f *branch.Filter) { f.Networks, f.NoV6 = []string{"Branch Porto"}, true }, nil,
			"+ 10.101.0.0/24 (network Branch Porto)\n+ 10.102.0.0/24 (network Branch Porto)\n"},
		"without-ipv4": {func(f *branch.Filter) { f.Networks, f.NoV4 = []string{"Branch Porto"}, true }, nil, "+ fd00:2::/64 (network Branch Porto)\n"},
		"blind":        {func(f *branch.Filter) { f.Blind = "not seen" }, nil, "! branches-unknown all networks: not seen\n? doubtful\n"},
		"not-understood": {func(f *branch.Filter) { f.Networks = []string{"*oslo"} }, func(o []branch.Offer) []branch.Offer {
			o[2].Unread = "no list"
			return o
		}, oslo + "! branches-unknown network Branch Oslo: no list\n? doubtful\n"},
		"nothing": {nil, func([]branch.Offer) []branch.Offer { return nil },
			"! branches-unknown all networks: none of them offers a subnet: taken for a mistake, because that would be the end of all branches\n? doubtful\n"},
		"only-members": {nil, func(o []branch.Offer) []branch.Offer { return o[:1] },
			"! branches-unknown all networks: none of them offers a subnet: taken for a mistake, because that would be the end of all branches\n? doubtful\n"},
	} {
		t.Run(name, func(t *testing.T) {
			f := branch.Filter{Networks: []string{"*"}, Within: private}
			if tt.change != nil {
				tt.change(&f)
			}
			o := offers()
			if tt.offers != nil {
				o = tt.offers(o)
			}
			if diff := cmp.Diff(tt.want, shown(f.Choose(o))); diff != "" {
				t.Errorf("Choose() (-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever is offered: what is chosen lies within, overlaps nothing local and nothing
// excluded, comes once, and does not depend on the order.
func TestChosenPrefixesAreHarmless(t *testing.T) {
	prefix := rapid.Custom(func(t *rapid.T) netip.Prefix {
		a := netip.AddrFrom4([4]byte{rapid.SampledFrom([]byte{8, 10, 172}).Draw(t, "a"), rapid.ByteRange(0, 3).Draw(t, "b"), rapid.ByteRange(0, 3).Draw(t, "c"), 0})
		return netip.PrefixFrom(a, rapid.SampledFrom([]int{0, 8, 15, 16, 23, 24}).Draw(t, "bits")).Masked()
	})
	rapid.Check(t, func(t *rapid.T) {
		var list []branch.Offer
		for i, ps := range rapid.SliceOfN(rapid.SliceOfN(prefix, 0, 4), 1, 5).Draw(t, "offers") {
			list = append(list, branch.Offer{ID: string(rune('a' + i)), Own: i == 0, Prefixes: ps})
		}
		f := branch.Filter{Networks: []string{"*"}, Within: subnetsOf("10.0.0.0/8", "172.0.0.0/15"), Exclude: rapid.SliceOfN(prefix, 0, 1).Draw(t, "exclude")}
		for _, p := range rapid.SliceOfN(prefix, 0, 2).Draw(t, "spaces") {
			f.Spaces = append(f.Spaces, branch.Space{Network: "/v", Prefix: p})
		}
		c := f.Choose(list)
		seen := map[netip.Prefix]bool{}
		for _, p := range c.Prefixes {
			for _, x := range append(f.Exclude, netip.MustParsePrefix("8.0.0.0/8")) {
				if p.Prefix.Overlaps(x) {
					t.Fatalf("%s overlaps %s", p.Prefix, x)
				}
			}
			for _, s := range f.Spaces {
				if p.Prefix.Overlaps(s.Prefix) {
					t.Fatalf("%s overlaps %s", p.Prefix, s.Prefix)
				}
			}
			if seen[p.Prefix] || p.Source == "network a" {
				t.Fatalf("%s of %s comes twice, or is a member's", p.Prefix, p.Source)
			}
			seen[p.Prefix] = true
		}
		if got := shown(f.Choose(rapid.Permutation(list).Draw(t, "again"))); got != shown(c) {
			t.Fatalf("in another order:\n%s\nwas\n%s", got, shown(c))
		}
	})
}
