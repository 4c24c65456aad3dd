package controller_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/controller"
	"hopguard/internal/decide"
	"hopguard/internal/route"
)

// A freeze needs nothing of Azure and asks no member, so it is obeyed at once while
// both are away, and leaves the verdicts as they were. A switch does, so it is not.
func TestFreezeWhileAzureIsAway(t *testing.T) {
	bubble(t, "away", func(t *testing.T) {
		w := settled(t)
		w.tablesErr, w.tables = errors.New("503 ServiceUnavailable"), nil
		r := w.tick(t, controller.Request{Order: &decide.Order{Kind: decide.OrderSwitch, To: "vmx-b"}})
		if r.Err() == nil || w.record().Active != "vmx-a" {
			t.Errorf("switch without tables: %v, active %s, want an error and vmx-a", r.Err(), w.record().Active)
		}
		w.down("vmx-a", "vmx-b")
		before := w.record().Health
		w.log = nil
		r = w.tick(t, controller.Request{Order: &decide.Order{Kind: decide.OrderFreeze, For: time.Hour}})
		if r.Err() != nil || w.record().Mode != decide.Frozen {
			t.Errorf("freeze without tables: %v, mode %s, want no error and a frozen record", r.Err(), w.record().Mode)
		}
		if took := r.Ended.Sub(r.Started); took != 0 || len(only(w.calls(), "probe", "tables", "places")) > 0 {
			t.Errorf("freeze took %s and called %v, want nothing but the record", took, w.calls())
		}
		if diff := cmp.Diff(before, w.record().Health); diff != "" {
			t.Errorf("the freeze changed what is known of the members (-before +after):\n%s", diff)
		}
	})
}

// A mapping that was changed counts at once, and not when the record is old.
func TestChangedMappingAsksAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		mapping []appliance.HopSource
		asks    bool
	}{
		"none":  {nil, false},
		"same":  {[]appliance.HopSource{{Role: "lan", Subnet: "lan"}}, false},
		"other": {[]appliance.HopSource{{Role: "inside", Subnet: "lan"}}, true},
		"more":  {[]appliance.HopSource{{Role: "lan", Subnet: "lan"}, {Role: "wan", Subnet: "wan"}}, true},
	} {
		bubble(t, name, func(t *testing.T) {
			w := settled(t)
			c := w.controller()
			c.Group.Members[1].Hops = tt.mapping
			w.log = nil
			w.tickBy(t, c, term(t), controller.Request{})
			if got := len(only(w.calls(), "places vmx-b")) > 0; got != tt.asks {
				t.Errorf("asked for the place of vmx-b: %v, want %v", got, tt.asks)
			}
		})
	}
}

// A member that is not up may be made anew with another address, at which it must be
// asked to be found up: its place is read each minute, and not in every tick.
func TestPlaceOfAMemberThatIsDownIsReadEachMinute(t *testing.T) {
	bubble(t, "down", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-b")
		w.tick(t, controller.Request{})
		w.log = nil
		asked := 0
		for range 60 {
			time.Sleep(10 * time.Second)
			w.tick(t, controller.Request{})
			asked += len(only(w.calls(), "places vmx-b"))
			if len(only(w.calls(), "places vmx-a", "places vmx-a vmx-b")) > 1 {
				t.Fatalf("the place of a member that is up was read too: %v", w.calls())
			}
			w.log = nil
		}
		if asked < 8 || asked > 10 {
			t.Errorf("the place was read %d times in ten minutes, want once a minute", asked)
		}
	})
}

// Interfaces are watched side by side: one that never agrees hides no other.
func TestVerifyWatchesSideBySide(t *testing.T) {
	bubble(t, "one-never", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		w.effective = func(nic appliance.ResourceID) ([]route.EffectiveRoute, error) {
			if nic == "never" {
				return nil, errors.New("503 ServiceUnavailable")
			}
			return []route.EffectiveRoute{{Active: true, Prefix: "10.20.0.0/16", Hops: addrs(b1)}}, nil
		}
		c := w.controller()
		c.Verify = controller.Verify{NICs: []appliance.ResourceID{"never", "soon"}, Timeout: 10 * time.Second}
		r := w.tickBy(t, c, term(t), controller.Request{})
		if len(r.Effective) != 2 || !r.Effective[0].At.IsZero() || r.Effective[1].At.IsZero() {
			t.Errorf("effective = %+v, want the second one only", r.Effective)
		}
	})
	bubble(t, "nothing-was-written", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		for id := range w.tables {
			w.refuse[id] = errors.New("403 AuthorizationFailed")
		}
		c := w.controller()
		c.Verify = controller.Verify{NICs: []appliance.ResourceID{"nic"}, Timeout: 10 * time.Second}
		if w.tickBy(t, c, term(t), controller.Request{}); len(only(w.calls(), "effective")) > 0 {
			t.Error("effective routes were waited for although nothing was written")
		}
	})
}

func addrs(list ...string) []netip.Addr {
	var out []netip.Addr
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}
