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

// Where members are is read from Azure, and remembered for the day when Azure does
// not say.
func TestMembersPlaces(t *testing.T) {
	gone := errors.New("404 ResourceNotFound: networkInterfaces/vmx-a")
	bubble(t, "dead-member-whose-interface-cannot-be-read", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		w.placeErrs["vmx-a"] = gone
		r := w.tick(t, controller.Request{})
		expect(t, r, controller.Degraded, decide.ReasonActiveDown)
		if got := w.hops("spoke-1") + ", " + w.hops("spoke-2"); got != b1+" 10.9.0.1, "+b1 {
			t.Errorf("routes = %s, want them moved: the address of vmx-a is remembered", got)
		}
		want := []string{"find members: 404 ResourceNotFound: networkInterfaces/vmx-a; the recorded addresses are used"}
		if diff := cmp.Diff(want, r.Warnings); diff != "" {
			t.Errorf("warnings differ (-want +got):\n%s", diff)
		}
	})
	bubble(t, "whole-region-gone", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		w.placeErrs["vmx-a"], w.placeErrs["vmx-b"] = gone, errors.New("timeout")
		r := w.tick(t, controller.Request{})
		expect(t, r, controller.Degraded, decide.ReasonActiveDown)
		if got := w.hops("spoke-2"); got != b1 {
			t.Errorf("spoke-2 at %s, want %s", got, b1)
		}
	})
	bubble(t, "redeployed-active-member-takes-its-routes-along", func(t *testing.T) {
		w := settled(t)
		w.place("vmx-a", "10.1.0.9")
		w.down("vmx-a") // while it is deployed anew
		w.tick(t, controller.Request{})
		w.down()
		w.tick(t, controller.Request{}) // it is up again: its place is read
		r := w.tick(t, switchTo("vmx-a", false))
		expect(t, r, controller.Agreed, decide.ReasonOrdered)
		if got := w.hops("spoke-1") + ", " + w.hops("spoke-2"); got != "10.1.0.9 10.9.0.1, 10.1.0.9" {
			t.Errorf("routes = %s, want them at the new address of vmx-a", got)
		}
	})
	bubble(t, "address-changed-under-an-active-member-that-stayed-up", func(t *testing.T) {
		w := settled(t)
		w.place("vmx-a", "10.1.0.9")
		wait(11 * time.Minute) // until its place is read again
		r := w.tick(t, controller.Request{})
		expect(t, r, controller.Agreed, decide.ReasonActiveUp)
		if got := w.hops("spoke-2"); got != "10.1.0.9" {
			t.Errorf("spoke-2 at %s, want 10.1.0.9", got)
		}
	})
	bubble(t, "dead-member-that-has-lost-an-interface", func(t *testing.T) {
		w := newWorld()
		both := func(m appliance.MemberName, wan string) {
			p := w.places[m]
			p.Hops = append(p.Hops, appliance.Hop{Role: "wan", Addr: netip.MustParseAddr(wan)})
			w.places[m] = p
		}
		both("vmx-a", "10.1.1.4")
		both("vmx-b", "10.2.1.4")
		w.put("spoke-2", "emea", a1, "10.1.1.4")
		expect(t, w.tick(t, controller.Request{}), controller.Agreed, decide.ReasonAdopted)
		w.place("vmx-a", a1)
		w.down("vmx-a")
		expect(t, w.tick(t, controller.Request{}), controller.Degraded, decide.ReasonActiveDown)
		if got := w.hops("spoke-2"); got != b1+" 10.2.1.4" {
			t.Errorf("spoke-2 at %s, want both of its routes at vmx-b", got)
		}
	})
	bubble(t, "target-redeployed-just-before-the-failover", func(t *testing.T) {
		w := settled(t)
		w.place("vmx-b", "10.2.0.9")
		w.down("vmx-a")
		r := w.tick(t, controller.Request{})
		expect(t, r, controller.Degraded, decide.ReasonActiveDown)
		if got := w.hops("spoke-2"); got != "10.2.0.9" {
			t.Errorf("spoke-2 at %s, want the address of vmx-b now", got)
		}
	})
	bubble(t, "member-that-was-never-found", func(t *testing.T) {
		w := newWorld()
		w.placeErrs["vmx-b"] = errors.New("404 ResourceNotFound: virtualMachines/vmx-b")
		r := w.tick(t, controller.Request{})
		if r.State() != controller.Failed {
			t.Errorf("State() = %s, want failed: nobody could take over", r.State())
		}
		wantError(t, r, "no next-hop address of member vmx-b is known: 404 ResourceNotFound: virtualMachines/vmx-b")
		if got := only(w.calls(), "swap", "put"); len(got) > 0 {
			t.Errorf("calls = %q, want nothing stored or written", got)
		}
	})
	bubble(t, "member-without-an-address", func(t *testing.T) {
		w := newWorld()
		w.places["vmx-b"] = appliance.Place{Member: "vmx-b"}
		r := w.tick(t, controller.Request{})
		if got, want := r.Err(), "no next-hop address of member vmx-b is known"; got == nil || got.Error() != want {
			t.Errorf("Err() = %v, want %s", got, want)
		}
	})
	bubble(t, "asked-once-in-a-tick", func(t *testing.T) {
		w := newWorld()
		w.down("vmx-a")
		w.tick(t, controller.Request{})
		if diff := cmp.Diff([]string{"places vmx-a,vmx-b"}, only(w.calls(), "places")); diff != "" {
			t.Errorf("calls differ (-want +got):\n%s", diff)
		}
	})
}

// After a write the effective routes of the chosen interfaces are watched until
// they agree; what is not seen is said.
func TestVerify(t *testing.T) {
	const nic = appliance.ResourceID(network + "/networkInterfaces/work")
	to := func(hop string) ([]route.EffectiveRoute, error) {
		return []route.EffectiveRoute{{Prefix: "10.20.0.0/16", HopType: "VirtualAppliance", Active: true, Hops: []netip.Addr{netip.MustParseAddr(hop)}}}, nil
	}
	verified := func(t *testing.T, w *world) *controller.Report {
		t.Helper()
		c := w.controller()
		c.Verify = controller.Verify{NICs: []appliance.ResourceID{nic}, Timeout: 30 * time.Second}
		return w.tickBy(t, c, term(t), controller.Request{})
	}
	bubble(t, "agrees-some-time-after-the-write", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		looks := 0
		w.effective = func(appliance.ResourceID) ([]route.EffectiveRoute, error) {
			if looks++; looks < 4 {
				return to(a1)
			}
			return to(b1)
		}
		r := verified(t, w)
		if len(r.Effective) != 1 || r.Effective[0].NIC != nic || r.Effective[0].At.Sub(r.Applied) != 3*time.Second || r.Effective[0].Note != "" {
			t.Errorf("Effective = %+v, want it agreed 3s after %v", r.Effective, r.Applied)
		}
		last := w.events[len(w.events)-1]
		if last.Progress.Stage != route.StageEffective || last.Progress.Table != nic || !last.At.Equal(r.Effective[0].At) {
			t.Errorf("last event = %+v, want effective", last)
		}
	})
	bubble(t, "never-agrees", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		w.effective = func(appliance.ResourceID) ([]route.EffectiveRoute, error) { return to(a1) }
		r := verified(t, w)
		want := []controller.Effective{{NIC: nic, Note: "10.20.0.0/16 still goes to 10.1.0.4 (vmx-a)"}}
		if diff := cmp.Diff(want, r.Effective); diff != "" || r.Ended.Sub(r.Applied) != 30*time.Second {
			t.Errorf("after %v: Effective differs (-want +got):\n%s", r.Ended.Sub(r.Applied), diff)
		}
		expect(t, r, controller.Degraded, decide.ReasonActiveDown)
	})
	bubble(t, "cannot-be-asked", func(t *testing.T) {
		w := settled(t)
		w.down("vmx-a")
		w.effective = func(appliance.ResourceID) ([]route.EffectiveRoute, error) {
			return nil, errors.New("403 AuthorizationFailed")
		}
		want := []controller.Effective{{NIC: nic, Note: "403 AuthorizationFailed"}}
		if diff := cmp.Diff(want, verified(t, w).Effective); diff != "" {
			t.Errorf("Effective differs (-want +got):\n%s", diff)
		}
	})
	bubble(t, "D2-not-in-a-quiet-tick", func(t *testing.T) {
		w := settled(t)
		if r := verified(t, w); r.Effective != nil {
			t.Errorf("Effective = %+v, want none", r.Effective)
		}
		if got := only(w.calls(), "effective"); len(got) > 0 {
			t.Errorf("calls = %q, want none", got)
		}
	})
}
