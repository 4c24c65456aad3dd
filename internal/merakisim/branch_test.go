package merakisim_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"hopguard/internal/merakisim"
)

// A branch that is added is in the list of VPN statuses at once, with tunnels to the hubs;
// one that is removed is not.
func TestBranchesComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, merakisim.Options{})
		statuses := func() string {
			t.Helper()
			r := c.get(vpnPath)
			if r.status != http.StatusOK || r.err != nil {
				t.Fatalf("%d %s %v", r.status, r.body, r.err)
			}
			return r.body
		}
		if err := c.sim.SetBranch("turin", netip.MustParsePrefix("10.104.0.0/24")); err != nil {
			t.Fatal(err)
		}
		if text := statuses(); !strings.Contains(text, `"networkName":"turin"`) || !strings.Contains(text, `{"subnet":"10.104.0.0/24","name":"office"}`) {
			t.Errorf("statuses = %s", text)
		}
		if err := c.sim.SetBranch("turin"); err != nil {
			t.Fatal(err)
		}
		if text := statuses(); !strings.Contains(text, `"networkName":"turin"`) || strings.Contains(text, "10.104.0.0/24") {
			t.Errorf("without subnets: %s", text)
		}
		if err := c.sim.RemoveBranch("turin"); err != nil {
			t.Fatal(err)
		}
		if text := statuses(); strings.Contains(text, "turin") {
			t.Errorf("removed: %s", text)
		}
		if err := c.sim.SetBranch(""); err == nil {
			t.Error("a branch without a name was made")
		}
	})
}
