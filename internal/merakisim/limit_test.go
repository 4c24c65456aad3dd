package merakisim_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hopguard/internal/merakisim"
)

// burst asks until it is refused, at most n times, and returns how often it was let
// through and what refused it.
func burst(n int, ask func() response) (int, response) {
	for i := range n {
		if r := ask(); r.status == 429 {
			return i, r
		}
	}
	return n, response{}
}

func TestAnOrganizationHasTenASecondAndTenMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, merakisim.Options{Profile: instant()})
		ask := func() response { return c.get(vpnPath) }
		n, refused := burst(100, ask)
		if n != 10 || refused.header.Get("Retry-After") != "1" || refused.body != `{"errors":["API rate limit exceeded for organization"]}` {
			t.Errorf("at once: %d passed, then %q %s, want 10, then 1 and the documented text", n, refused.header.Get("Retry-After"), refused.body)
		}
		time.Sleep(time.Second)
		if n, _ := burst(100, ask); n != 10 {
			t.Errorf("a second later: %d passed, want 10", n)
		}
		time.Sleep(100 * time.Millisecond)
		if n, _ := burst(100, ask); n != 1 {
			t.Errorf("a tenth later: %d passed, want 1", n)
		}
	})
}

func TestOthersTakeFromTheSameLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, merakisim.Options{Profile: instant()})
		if err := c.sim.SetOthers(merakisim.ExampleOrganization, 9.75); err != nil {
			t.Fatal(err)
		}
		ask := func() response { return c.get(vpnPath) }
		burst(100, ask)
		time.Sleep(2 * time.Second)
		if n, refused := burst(100, ask); n != 0 || refused.header.Get("Retry-After") != "2" {
			t.Errorf("two seconds later: %d passed, then retry after %q, want 0 and 2", n, refused.header.Get("Retry-After"))
		}
		time.Sleep(2 * time.Second)
		if n, _ := burst(100, ask); n != 1 {
			t.Errorf("four seconds later: %d passed, want 1", n)
		}
	})
}

func TestADeviceHasOneLiveToolInFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, merakisim.Options{Profile: instant()})
		ask := func() response { return c.post(pingDevicePath, `{"count":1}`) }
		if n, refused := burst(100, ask); n != 5 || refused.header.Get("Retry-After") != "5" {
			t.Errorf("at once: %d passed, then retry after %q, want 5 and 5", n, refused.header.Get("Retry-After"))
		}
		if got := c.post("/devices/"+merakisim.ExampleSecondary+"/liveTools/pingDevice", ""); got.status != 201 {
			t.Errorf("another device = %d, want 201", got.status)
		}
		time.Sleep(5 * time.Second)
		if n, _ := burst(100, ask); n != 1 {
			t.Errorf("five seconds later: %d passed, want 1", n)
		}
	})
}

func TestAnAddressHasAHundredASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := merakisim.World{Keys: []merakisim.Key{{Text: merakisim.ExampleKey}}}
		for i := range 20 {
			id := fmt.Sprint(i)
			w.Organizations = append(w.Organizations, merakisim.Organization{ID: id})
			w.Keys[0].Organizations = append(w.Keys[0].Organizations, id)
		}
		sim, err := merakisim.New(w, merakisim.Options{Profile: instant()})
		if err != nil {
			t.Fatal(err)
		}
		c := client{t: t, sim: sim, key: merakisim.ExampleKey, base: "https://api.meraki.com/api/v1"}
		i := 0
		n, refused := burst(200, func() response {
			i++
			return c.get(fmt.Sprintf("/organizations/%d/appliance/vpn/statuses", i%20))
		})
		if n != 100 || refused.header.Get("Retry-After") != "" || !strings.Contains(refused.body, "nginx") {
			t.Errorf("%d passed, then %q %s, want 100, then a page without Retry-After", n, refused.header.Get("Retry-After"), refused.body)
		}
	})
}
