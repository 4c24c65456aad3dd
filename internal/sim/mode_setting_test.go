package sim_test

import (
	"net/netip"
	"time"

	"hopguard/internal/config"
	"hopguard/internal/merakisim"
)

// newAddress is where a member that was made anew is.
func newAddress() netip.Addr { return netip.MustParseAddr("10.2.0.9") }

// modeSetting is a way to watch the members.
type modeSetting struct {
	name   string
	change func(*config.Config)
}

// modeSettings are shown side by side; the first is the one that must be right.
func modeSettings() []modeSetting {
	return []modeSetting{
		{"through", through},
		{"at", at},
		{"vm-status", vmStatus},
	}
}

// through asks an address behind each member, by that member's way alone, and has a
// witness: the recommendation.
func through(c *config.Config) {
	k := config.DefaultCheck(config.KindTCP)
	k.Name, k.Targets = "through", map[string]string{a: "172.31.1.10:443", b: "172.31.2.10:443"}
	c.Groups[0].Checks = []config.Check{everySecond(k)}
	c.Groups[0].Witness = config.Witness{Targets: []string{"tcp://10.10.0.4:80"}, Timeout: time.Second}
}

// at asks the members themselves.
func at(c *config.Config) {
	k := config.DefaultCheck(config.KindTCP)
	k.Port = 443
	c.Groups[0].Checks = []config.Check{everySecond(k)}
}

// vmStatus is what the old function did: a timer of 30 s, the power state, three tries
// two seconds apart.
func vmStatus(c *config.Config) {
	k := config.DefaultCheck(config.KindVMStatus)
	k.Interval, k.ConfirmInterval, k.Fall = 30*time.Second, 2*time.Second, 3
	c.Groups[0].Checks = []config.Check{k}
}

func everySecond(k config.Check) config.Check {
	k.Interval, k.Timeout, k.ConfirmInterval, k.Fall, k.Rise = time.Second, 500*time.Millisecond, 500*time.Millisecond, 3, 2
	return k
}

// withMeraki adds a check of the member itself and one of the Meraki cloud: two of
// three must say down.
func withMeraki(c *config.Config) {
	g := &c.Groups[0]
	itself := config.DefaultCheck(config.KindTCP)
	itself.Name, itself.Port = "itself", 443
	device := config.DefaultCheck(config.KindMeraki)
	device.Targets = map[string]string{a: merakisim.ExamplePrimary, b: merakisim.ExampleSecondary}
	g.Checks = append(g.Checks, everySecond(itself), device)
	g.Vote, g.Quorum = config.VoteQuorum, 2
}
