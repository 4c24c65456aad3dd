package decide_test

import (
	"encoding/json"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

func hop(role, addr string) appliance.Hop {
	return appliance.Hop{Role: role, Addr: netip.MustParseAddr(addr)}
}

func diff(want, got any) string {
	return cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}))
}

func TestP3ARecordOverrulesAnOlderOrder(t *testing.T) {
	at := func(minute int, addr string) []decide.Addresses {
		return []decide.Addresses{{Member: "b", Hops: []appliance.Hop{hop("lan", addr)}, Seen: time.Date(2026, 11, 1, 12, minute, 0, 0, time.UTC)}}
	}
	old := decide.Record{Epoch: 2, Active: "b", Mode: decide.Auto, Places: at(1, "10.2.0.4")}
	tests := []struct {
		name   string
		change func(*decide.Record)
		want   bool
	}{
		{"the-same", func(*decide.Record) {}, false},
		{"another-transition", func(r *decide.Record) { r.Epoch, r.Active = 3, "a" }, true},
		{"to-and-fro", func(r *decide.Record) { r.Epoch = 4 }, true},
		{"an-older-one", func(r *decide.Record) { r.Epoch, r.Active = 1, "a" }, false},
		{"lost", func(r *decide.Record) { *r = decide.Record{} }, false},
		{"begun-anew-elsewhere", func(r *decide.Record) { r.Active = "a" }, true},
		{"frozen", func(r *decide.Record) { r.Mode = decide.Frozen }, true},
		{"pinned", func(r *decide.Record) { r.Mode = decide.Pinned }, false},
		{"health-only", func(r *decide.Record) { r.Note = "maintenance" }, false},
		{"moved-since", func(r *decide.Record) { r.Places = at(2, "10.2.0.9") }, true},
		{"moved-before", func(r *decide.Record) { r.Places = at(0, "10.2.0.9") }, false},
		{"seen-again-in-place", func(r *decide.Record) { r.Places = at(2, "10.2.0.4") }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now := old
			tt.change(&now)
			if got := now.Overrules(old); got != tt.want {
				t.Errorf("Overrules() = %t, want %t", got, tt.want)
			}
		})
	}
	frozen := old
	frozen.Mode = decide.Frozen
	if frozen.Overrules(frozen) {
		t.Error("a frozen record overrules itself")
	}
}

// What Azure says of the members, one look after the other, and what is
// remembered of member a after the last. Member b is always at lan=10.2.0.4.
func TestRemember(t *testing.T) {
	place := func(m appliance.MemberName, hops ...appliance.Hop) appliance.Place {
		return appliance.Place{Member: m, Hops: hops, Subnets: []appliance.ResourceID{"subnet-" + appliance.ResourceID(m)}}
	}
	look := func(places ...appliance.Place) []appliance.Place {
		return append(places, place("b", hop("lan", "10.2.0.4")))
	}
	lan4, lan9, lan7 := hop("lan", "10.1.0.4"), hop("lan", "10.1.0.9"), hop("lan", "10.1.0.7")
	tests := []struct {
		name  string
		looks [][]appliance.Place
		want  decide.Addresses
	}{
		{"first-look", [][]appliance.Place{look(place("a", lan4))}, decide.Addresses{Hops: []appliance.Hop{lan4}, Seen: at(0)}},
		{"seen-again", [][]appliance.Place{look(place("a", lan4)), look(place("a", lan4))}, decide.Addresses{Hops: []appliance.Hop{lan4}, Seen: at(time.Second)}},
		{"a-dead-member-that-is-not-found-keeps-its-address", [][]appliance.Place{look(place("a", lan4)), look()}, decide.Addresses{Hops: []appliance.Hop{lan4}, Seen: at(0)}},
		{"a-place-without-addresses-says-nothing", [][]appliance.Place{look(place("a", lan4)), look(place("a"))}, decide.Addresses{Hops: []appliance.Hop{lan4}, Seen: at(0)}},
		{"never-found", [][]appliance.Place{look()}, decide.Addresses{}},
		{
			"redeployed-with-another-address",
			[][]appliance.Place{look(place("a", lan4)), look(place("a", lan9))},
			decide.Addresses{Hops: []appliance.Hop{lan9}, Former: []appliance.Hop{lan4}, Seen: at(time.Second)},
		},
		{
			"former-addresses-outlive-a-look-that-finds-nothing",
			[][]appliance.Place{look(place("a", lan4)), look(place("a", lan9)), look()},
			decide.Addresses{Hops: []appliance.Hop{lan9}, Former: []appliance.Hop{lan4}, Seen: at(time.Second)},
		},
		{
			"redeployed-twice",
			[][]appliance.Place{look(place("a", lan4)), look(place("a", lan9)), look(place("a", lan7))},
			decide.Addresses{Hops: []appliance.Hop{lan7}, Former: []appliance.Hop{lan4, lan9}, Seen: at(2 * time.Second)},
		},
		{
			"back-at-a-former-address",
			[][]appliance.Place{look(place("a", lan4)), look(place("a", lan9)), look(place("a", lan4))},
			decide.Addresses{Hops: []appliance.Hop{lan4}, Former: []appliance.Hop{lan9}, Seen: at(2 * time.Second)},
		},
		{
			"an-address-that-another-member-has-now-is-not-a-former-one",
			[][]appliance.Place{look(place("a", lan4)), {place("a", lan9), place("b", lan4)}},
			decide.Addresses{Hops: []appliance.Hop{lan9}, Seen: at(time.Second)},
		},
		{
			"the-same-address-in-another-role",
			[][]appliance.Place{look(place("a", lan4)), look(place("a", hop("nic", "10.1.0.4")))},
			decide.Addresses{Hops: []appliance.Hop{hop("nic", "10.1.0.4")}, Seen: at(time.Second)},
		},
		{
			"an-address-listed-twice-is-remembered-once",
			[][]appliance.Place{look(place("a", lan4, lan4)), look(place("a", lan9))},
			decide.Addresses{Hops: []appliance.Hop{lan9}, Former: []appliance.Hop{lan4}, Seen: at(time.Second)},
		},
		{
			"one-of-two-addresses-changed",
			[][]appliance.Place{look(place("a", lan4, hop("wan", "10.1.1.4"))), look(place("a", lan9, hop("wan", "10.1.1.4")))},
			decide.Addresses{Hops: []appliance.Hop{lan9, hop("wan", "10.1.1.4")}, Former: []appliance.Hop{lan4}, Seen: at(time.Second)},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r decide.Record
			for i, places := range tt.looks {
				r = r.Remember(pair(), places, at(time.Duration(i)*time.Second))
			}
			tt.want.Member = "a"
			if len(tt.want.Hops) > 0 {
				tt.want.Subnets = []appliance.ResourceID{"subnet-a"}
			}
			if d := diff(tt.want, r.AddressesOf("a")); d != "" {
				t.Errorf("AddressesOf(a) differs (-want +got):\n%s", d)
			}
			if len(r.Places) != 2 || r.Places[0].Member != "a" || r.Places[1].Member != "b" {
				t.Errorf("Places = %v, want a and b, in the order of the group", r.Places)
			}
		})
	}
}

func TestRememberIsBounded(t *testing.T) {
	var r decide.Record
	var all []appliance.Hop
	for i := range 20 {
		h := appliance.Hop{Role: "lan", Addr: netip.AddrFrom4([4]byte{10, 1, 0, byte(i)})}
		all = append(all, h)
		r = r.Remember(pair(), []appliance.Place{{Member: "a", Hops: []appliance.Hop{h}}}, at(0))
	}
	if d := diff(all[11:19], r.AddressesOf("a").Former); d != "" {
		t.Errorf("Former differs from the newest eight (-want +got):\n%s", d)
	}
}

func TestAddressesOfAMemberThatIsNotRecorded(t *testing.T) {
	if d := diff(decide.Addresses{Member: "c"}, running("a", decide.Auto).AddressesOf("c")); d != "" {
		t.Errorf("AddressesOf(c) differs (-want +got):\n%s", d)
	}
}

func TestHistoryIsBoundedAndKeepsTheNewest(t *testing.T) {
	r := running("a", decide.Auto)
	if _, ok := (decide.Record{}).Last(); ok {
		t.Error("Last() of an empty record = true, want false")
	}
	for i := range 100 {
		to := []appliance.MemberName{"b", "a"}[i%2]
		r, _ = decide.Step(manual(), r, decide.Input{Now: at(time.Duration(i)), Health: health("uu", epoch), Order: &decide.Order{Kind: decide.OrderSwitch, To: to}})
	}
	if n := len(r.History); n != 32 {
		t.Errorf("history has %d transitions, want 32", n)
	}
	for i, tr := range r.History {
		if want := r.Epoch - uint64(len(r.History)-1-i); tr.Epoch != want {
			t.Errorf("History[%d].Epoch = %d, want %d: the newest, in their order", i, tr.Epoch, want)
		}
	}
}

// Automatic transitions are kept for the budget, but not for ever either.
func TestHistoryOfAutomaticTransitionsIsBounded(t *testing.T) {
	r := running("a", decide.Auto)
	for i := range 100 {
		verdicts := map[appliance.MemberName]string{"a": "du", "b": "ud"}[r.Active]
		r, _ = decide.Step(manual(), r, decide.Input{Now: at(time.Duration(i) * 24 * time.Hour), Health: health(verdicts, epoch)})
	}
	if n := len(r.History); n != 32 || r.Epoch != 101 || r.History[0].Epoch != 70 {
		t.Errorf("history has %d transitions from epoch %d, epoch is %d, want the newest 32 of 101", n, r.History[0].Epoch, r.Epoch)
	}
}

// A record may be shared: a step writes nothing into the memory behind it.
func TestStepWritesNothingBehindTheHistory(t *testing.T) {
	r := running("a", decide.Auto)
	behind := append(make([]decide.Transition, 0, 2), r.History[0], decide.Transition{})
	r.History = behind[:1]
	decide.Step(manual(), r, decide.Input{Now: at(time.Hour), Health: health("du", epoch)})
	if behind[1] != (decide.Transition{}) {
		t.Errorf("Step() wrote %+v behind the history that it was given", behind[1])
	}
}

// The file under testdata was written by the first release. It must decode for
// ever, to exactly this.
func TestOldRecordStillDecodes(t *testing.T) {
	b, err := os.ReadFile("testdata/record/v1.json")
	if err != nil {
		t.Fatal(err)
	}
	var got decide.Record
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatalf("Unmarshal() = %v", err)
	}
	want := decide.Record{
		Group: "emea", Epoch: 3, Active: "vmx-a", Mode: decide.Frozen, FrozenUntil: at(2 * time.Hour), Forced: true, Note: "window 7",
		Health: decide.Health{
			Members:  []decide.MemberHealth{{Member: "vmx-a", Verdict: appliance.Down, Since: at(time.Hour)}, {Member: "vmx-b", Since: epoch}},
			Counters: []decide.Counter{{Member: "vmx-a", Check: "vm-status", Settled: appliance.Down}, {Member: "vmx-b", Check: "vm-status", Settled: appliance.Up}},
		},
		Places: []decide.Addresses{
			{Member: "vmx-a", Hops: []appliance.Hop{hop("lan", "10.1.0.9")}, Former: []appliance.Hop{hop("lan", "10.1.0.4")}, Seen: epoch, Subnets: []appliance.ResourceID{"/subscriptions/5a1f/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/hub-a/subnets/lan"}},
			{Member: "vmx-b", Hops: []appliance.Hop{hop("lan", "fd00::4")}},
		},
		History: []decide.Transition{
			{Epoch: 1, To: "vmx-a", Reason: decide.ReasonAdopted, At: epoch},
			{Epoch: 2, From: "vmx-a", To: "vmx-b", Reason: decide.ReasonActiveDown, At: at(time.Hour)},
			{Epoch: 3, From: "vmx-b", To: "vmx-a", Reason: decide.ReasonOrdered, At: at(90 * time.Minute), By: "ops"},
		},
	}
	if d := diff(want, got); d != "" {
		t.Errorf("old record differs (-want +got):\n%s", d)
	}
}
