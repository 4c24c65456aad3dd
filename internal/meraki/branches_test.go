package meraki_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hopguard/internal/meraki"
	"hopguard/internal/merakisim"
)

func TestExports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, merakisim.Options{Profile: instant()})
		got, err := w.Exports(t.Context(), organization)
		if err != nil || len(got) != 5 || len(w.sim.Calls()) != 1 {
			t.Fatalf("Exports() = %+v, %v with %d requests, want five networks with one", got, err, len(w.sim.Calls()))
		}
		want := meraki.Export{Network: "N_2001", Name: "oslo", Serial: "Q2YY-BBBB-0001", Prefixes: []netip.Prefix{netip.MustParsePrefix("10.101.0.0/24")}}
		if diff := cmp.Diff(want, got[2], cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
			t.Errorf("the third (-want +got):\n%s", diff)
		}
		// Who asks within a second has the same answer; later it is a new one.
		for range 3 {
			if _, err := w.Exports(t.Context(), organization); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(w.sim.Calls()); n != 1 {
			t.Errorf("%d requests within a second, want 1", n)
		}
		time.Sleep(time.Minute)
		if _, err := w.Exports(t.Context(), organization); err != nil || len(w.sim.Calls()) != 2 {
			t.Errorf("%v, %d requests, want 2", err, len(w.sim.Calls()))
		}
		w.inject(merakisim.Fault{Kind: merakisim.Fault503})
		time.Sleep(time.Minute)
		if got, err := w.Exports(t.Context(), organization); !errors.Is(err, meraki.ErrUnavailable) || got != nil {
			t.Errorf("Exports() of an API in trouble = %v, %v", got, err)
		}
		if _, err := w.Exports(t.Context(), ""); err == nil {
			t.Error("an organization without an id was asked for")
		}
	})
}

// What cannot be understood is said, and is no empty list.
func TestExportsThatAreNotUnderstood(t *testing.T) {
	for body, want := range map[string]meraki.Export{
		`[{"networkId":"N_1","networkName":"a\nb","exportedSubnets":[]}]`:                                  {Network: "N_1", Name: "a b"},
		`[{"networkId":1,"exportedSubnets":[{"subnet":"10.0.0.1/24"}],"new":{}}]`:                          {Network: "1", Prefixes: prefixes("10.0.0.0/24")},
		`[{"networkId":"N_1","exportedSubnets":[{"subnet":"::ffff:10.0.0.0/120"},{"subnet":"fd00::/8"}]}]`: {Network: "N_1", Prefixes: prefixes("10.0.0.0/24", "fd00::/8")},
		`[{"networkId":"N_1"}]`:                                   {Network: "N_1", Unread: "it has no list exportedSubnets"},
		`[{"networkId":"N_1","exportedSubnets":null}]`:            {Network: "N_1", Unread: "it has no list exportedSubnets"},
		`[{"exportedSubnets":[]}]`:                                {Unread: "it has no networkId"},
		`[{"networkId":"N_1","exportedSubnets":["10.0.0.0/24"]}]`: {Network: "N_1", Unread: `exportedSubnets[0].subnet: "": want a prefix like 10.0.0.0/24`},
		`[{"networkId":"N_1","exportedSubnets":[{"subnet":"10.0.0.0"},{"subnet":"10.2.0.0/16"}]}]`:                     {Network: "N_1", Unread: `exportedSubnets[0].subnet: "10.0.0.0": want a prefix like 10.0.0.0/24`, Prefixes: prefixes("10.2.0.0/16")},
		`[{"networkId":"N_1","exportedSubnets":[{"subnet":"10.2.0.0/16"},{"subnet":"any"},{"subnet":"10.3.0.0/16"}]}]`: {Network: "N_1", Unread: `exportedSubnets[1].subnet: "any": want a prefix like 10.0.0.0/24`, Prefixes: prefixes("10.2.0.0/16", "10.3.0.0/16")},
	} {
		got, err := meraki.DecodeExports(body)
		if diff := cmp.Diff([]meraki.Export{want}, got, cmpopts.EquateComparable(netip.Prefix{})); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", body, err, diff)
		}
	}
}

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range list {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

// A long list is read page by page from what is left over: a check that asks in the
// middle of it gets its answer as fast as alone.
func TestExportsLetChecksGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world := merakisim.Example()
		for i := range 1200 {
			world.Organizations[0].Networks = append(world.Organizations[0].Networks, merakisim.Network{
				ID: fmt.Sprintf("N_3%04d", i), Mode: "spoke", Device: merakisim.Device{Serial: fmt.Sprintf("Q3-%04d", i)},
				Subnets: []merakisim.Subnet{{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 128, byte(i >> 8), byte(i)}), 32)}},
			})
		}
		sim, err := merakisim.New(world, merakisim.Options{Profile: merakisim.Profile{Latency: 300 * time.Millisecond}})
		if err != nil {
			t.Fatal(err)
		}
		c := newClient(t, sim.Transport(), meraki.Options{})
		done := make(chan int)
		go func() { // the test waits for it
			got, err := c.Exports(t.Context(), organization)
			if err != nil {
				t.Error(err)
			}
			done <- len(got)
		}()
		for range 2 {
			time.Sleep(50 * time.Millisecond)
			began := time.Now()
			if _, err := c.VPNStatus(t.Context(), organization, primaryNet); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > 300*time.Millisecond {
				t.Errorf("a check took %v beside the list, want 300ms as alone", took)
			}
			time.Sleep(time.Second)
		}
		if n := <-done; n != 1205 {
			t.Errorf("%d networks, want 1205", n)
		}
		lists := slices.DeleteFunc(sim.Calls(), func(c merakisim.Call) bool { return len(c.Query["networkIds[]"]) > 0 })
		if len(lists) != 5 {
			t.Errorf("%d requests for the list, want 5 pages", len(lists))
		}
	})
}

// What a check has just taken has to come back first; a caller without that much time is
// told at once.
func TestExportsWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, merakisim.Options{Profile: instant()})
		if _, err := w.VPNStatus(t.Context(), organization, primaryNet); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 199*time.Millisecond)
		defer cancel()
		if _, err := w.Exports(ctx, organization); !errors.Is(err, meraki.ErrThrottled) || time.Since(began) > 0 {
			t.Errorf("Exports() = %v after %v, want at once that there is no room", err, time.Since(began))
		}
		if _, err := w.Exports(t.Context(), organization); err != nil || time.Since(began) != 200*time.Millisecond {
			t.Errorf("Exports() = %v after %v, want it when the budget is full, after 200ms", err, time.Since(began))
		}
	})
}
