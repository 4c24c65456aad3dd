package decide_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

// One order per row, given an hour after the record began.
func TestStepObeysOrders(t *testing.T) {
	const (
		hour  = time.Hour
		force = true
	)
	order := func(kind decide.OrderKind, to appliance.MemberName, forced ...bool) decide.Order {
		return decide.Order{Kind: kind, To: to, Force: len(forced) > 0, By: "ops", Note: "window 7"}
	}
	freeze := func(d time.Duration) decide.Order {
		return decide.Order{Kind: decide.OrderFreeze, For: d, By: "ops", Note: "window 7"}
	}
	refused := func(active appliance.MemberName, why string) decide.Decision {
		return decide.Decision{Reason: decide.ReasonOrderRefused, Active: active, Refused: why}
	}
	tests := []struct {
		name   string
		record decide.Record
		health string
		order  decide.Order
		want   decide.Decision
		mode   decide.Mode // afterwards
		forced bool        // afterwards
	}{
		{"switch-moves", running("a", decide.Auto), "uu", order(decide.OrderSwitch, "b"), decide.Decision{Reason: decide.ReasonOrdered, Active: "b", From: "a", Write: true}, decide.Auto, false},
		{"switch-needs-no-budget", moved("a", hour-4, hour-3, hour-2, hour-1), "uu", order(decide.OrderSwitch, "b"), decide.Decision{Reason: decide.ReasonOrdered, Active: "b", From: "a", Write: true}, decide.Auto, false},
		{"switch-to-the-active-one-changes-nothing", running("a", decide.Auto), "uu", order(decide.OrderSwitch, "a"), decide.Decision{Reason: decide.ReasonOrderNothing, Active: "a", Write: true}, decide.Auto, false},
		{"P4-switch-to-a-member-that-is-down-is-refused", running("a", decide.Auto), "ud", order(decide.OrderSwitch, "b"), refused("a", `"b" is down, not up; --force moves traffic there all the same`), decide.Auto, false},
		{"P4-switch-to-an-unknown-member-is-refused", running("a", decide.Auto), "u?", order(decide.OrderSwitch, "b"), refused("a", `"b" is unknown, not up; --force moves traffic there all the same`), decide.Auto, false},
		{"switch-to-the-active-one-that-is-down-is-refused", running("a", decide.Auto), "du", order(decide.OrderSwitch, "a"), refused("a", `"a" is down, not up; --force moves traffic there all the same`), decide.Auto, false},
		{"P4-switch-forced-to-a-member-that-is-down", running("a", decide.Auto), "ud", order(decide.OrderSwitch, "b", force), decide.Decision{Reason: decide.ReasonOrdered, Active: "b", From: "a", Write: true}, decide.Auto, true},
		{"switch-forced-to-a-member-that-is-up-is-not-forced", running("a", decide.Auto), "uu", order(decide.OrderSwitch, "b", force), decide.Decision{Reason: decide.ReasonOrdered, Active: "b", From: "a", Write: true}, decide.Auto, false},
		{"switch-forced-to-the-active-one-that-is-down-keeps-it", running("a", decide.Auto), "du", order(decide.OrderSwitch, "a", force), decide.Decision{Reason: decide.ReasonOrdered, Active: "a", Write: true}, decide.Auto, true},
		{"switch-forced-twice-changes-nothing", forced("a", decide.Auto), "du", order(decide.OrderSwitch, "a", force), decide.Decision{Reason: decide.ReasonOrderNothing, Active: "a", Write: true}, decide.Auto, true},
		{"switch-away-from-a-forced-member", forced("a", decide.Auto), "du", order(decide.OrderSwitch, "b"), decide.Decision{Reason: decide.ReasonOrdered, Active: "b", From: "a", Write: true}, decide.Auto, false},
		{"switch-to-nobody-we-know", running("a", decide.Auto), "uu", order(decide.OrderSwitch, "c", force), refused("a", `"c" is not a member of group "emea"`), decide.Auto, false},
		{"switch-without-a-name", running("a", decide.Auto), "uu", order(decide.OrderSwitch, ""), refused("a", `"" is not a member of group "emea"`), decide.Auto, false},
		{"switch-while-frozen-is-refused", frozen("a", at(2*hour)), "uu", order(decide.OrderSwitch, "b", force), refused("a", "the group is frozen: thaw it first"), decide.Frozen, false},
		{"switch-away-while-pinned-is-refused", running("a", decide.Pinned), "uu", order(decide.OrderSwitch, "b", force), refused("a", `the group is pinned to "a": thaw it first`), decide.Pinned, false},
		{"switch-to-the-pinned-one-changes-nothing", running("a", decide.Pinned), "uu", order(decide.OrderSwitch, "a"), decide.Decision{Reason: decide.ReasonOrderNothing, Active: "a", Write: true}, decide.Pinned, false},
		{"switch-to-a-member-that-replaces-one-that-left", running("gone", decide.Auto), "uu", order(decide.OrderSwitch, "b"), decide.Decision{Reason: decide.ReasonOrdered, Active: "b", From: "gone", Write: true}, decide.Auto, false},

		{"pin-without-a-name-keeps-the-active-one", running("b", decide.Auto), "uu", order(decide.OrderPin, ""), decide.Decision{Reason: decide.ReasonOrderPin, Active: "b", Write: true}, decide.Pinned, false},
		{"pin-to-the-other-one-moves", running("a", decide.Auto), "uu", order(decide.OrderPin, "b"), decide.Decision{Reason: decide.ReasonOrdered, Active: "b", From: "a", Write: true}, decide.Pinned, false},
		{"P4-pin-to-a-member-that-is-down-is-refused", running("a", decide.Auto), "ud", order(decide.OrderPin, "b"), refused("a", `"b" is down, not up; --force moves traffic there all the same`), decide.Auto, false},
		{"P4-pin-of-the-active-one-that-is-down-writes-nothing", running("a", decide.Auto), "du", order(decide.OrderPin, "a"), decide.Decision{Reason: decide.ReasonOrderPin, Active: "a"}, decide.Pinned, false},
		{"pin-forced-to-a-member-that-is-down", running("a", decide.Auto), "ud", order(decide.OrderPin, "b", force), decide.Decision{Reason: decide.ReasonOrdered, Active: "b", From: "a", Write: true}, decide.Pinned, true},
		{"pin-of-a-pinned-group-to-the-other-one", running("a", decide.Pinned), "uu", order(decide.OrderPin, "b"), decide.Decision{Reason: decide.ReasonOrdered, Active: "b", From: "a", Write: true}, decide.Pinned, false},
		{"pin-twice-changes-nothing", running("a", decide.Pinned), "uu", order(decide.OrderPin, "a"), decide.Decision{Reason: decide.ReasonOrderNothing, Active: "a", Write: true}, decide.Pinned, false},
		{"pin-while-frozen-is-refused", frozen("a", at(2*hour)), "uu", order(decide.OrderPin, "a"), refused("a", "the group is frozen: thaw it first"), decide.Frozen, false},

		{"freeze-stops-writes-at-once", running("a", decide.Auto), "du", freeze(hour), decide.Decision{Reason: decide.ReasonOrderFreeze, Active: "a"}, decide.Frozen, false},
		{"freeze-for-no-time-is-refused", running("a", decide.Auto), "uu", freeze(0), refused("a", "a freeze needs a duration above zero"), decide.Auto, false},
		{"freeze-for-less-than-no-time-is-refused", running("a", decide.Pinned), "uu", freeze(-1), refused("a", "a freeze needs a duration above zero"), decide.Pinned, false},
		{"freeze-again-extends-it", frozen("a", at(hour+1)), "uu", freeze(hour), decide.Decision{Reason: decide.ReasonOrderFreeze, Active: "a"}, decide.Frozen, false},

		{"thaw-ends-a-freeze", frozen("a", at(2*hour)), "uu", order(decide.OrderThaw, ""), decide.Decision{Reason: decide.ReasonOrderThaw, Active: "a", Write: true}, decide.Auto, false},
		{"thaw-ends-a-pin", running("a", decide.Pinned), "uu", order(decide.OrderThaw, ""), decide.Decision{Reason: decide.ReasonOrderThaw, Active: "a", Write: true}, decide.Auto, false},
		{"thaw-of-an-automatic-group-changes-nothing", running("a", decide.Auto), "uu", order(decide.OrderThaw, ""), decide.Decision{Reason: decide.ReasonOrderNothing, Active: "a", Write: true}, decide.Auto, false},
		{"P4-thaw-with-the-active-one-down-writes-nothing-yet", running("a", decide.Pinned), "du", order(decide.OrderThaw, ""), decide.Decision{Reason: decide.ReasonOrderThaw, Active: "a"}, decide.Auto, false},
		{"P5-thaw-of-an-automatic-group-with-the-active-one-unknown", running("a", decide.Auto), "?u", order(decide.OrderThaw, ""), decide.Decision{Reason: decide.ReasonOrderNothing, Active: "a"}, decide.Auto, false},
		{"thaw-after-the-freeze-expired-changes-nothing", frozen("a", at(hour)), "uu", order(decide.OrderThaw, ""), decide.Decision{Reason: decide.ReasonOrderNothing, Active: "a", Write: true}, decide.Auto, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := tt.order
			after, got := decide.Step(manual(), tt.record, decide.Input{Now: at(hour), Health: health(tt.health, epoch), Order: &o})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Step() decision differs (-want +got):\n%s", diff)
			}
			if after.Mode != tt.mode || after.Forced != tt.forced || after.Active != tt.want.Active {
				t.Errorf("record = active %s, mode %s, forced %v, want %s, %s, %v", after.Active, after.Mode, after.Forced, tt.want.Active, tt.mode, tt.forced)
			}
			if tt.mode != decide.Frozen && !after.FrozenUntil.IsZero() {
				t.Errorf("FrozenUntil = %v in mode %s, want none", after.FrozenUntil, after.Mode)
			}
			checkNote(t, tt.record, after, got)
			checkOrderedTransition(t, tt.record, after, got)
		})
	}
}

// checkNote: an order that was obeyed leaves its note, the others leave none.
func checkNote(t *testing.T, before, after decide.Record, d decide.Decision) {
	t.Helper()
	want := "window 7"
	if d.Reason == decide.ReasonOrderRefused || d.Reason == decide.ReasonOrderNothing {
		want = before.Note
	}
	if after.Note != want {
		t.Errorf("Note = %q, want %q", after.Note, want)
	}
}

func checkOrderedTransition(t *testing.T, before, after decide.Record, d decide.Decision) {
	t.Helper()
	if !d.Moved() {
		if after.Epoch != before.Epoch {
			t.Errorf("Epoch = %d without a move, want %d", after.Epoch, before.Epoch)
		}
		return
	}
	want := decide.Transition{Epoch: before.Epoch + 1, From: before.Active, To: d.Active, Reason: decide.ReasonOrdered, At: at(time.Hour), By: "ops"}
	if last, _ := after.Last(); last != want {
		t.Errorf("Last() = %+v, want %+v", last, want)
	}
}

func TestFreezeEndsWhenItWasOrderedTo(t *testing.T) {
	for _, before := range []decide.Record{running("a", decide.Auto), frozen("a", at(90*time.Minute))} {
		r, _ := decide.Step(manual(), before, decide.Input{
			Now: at(time.Hour), Health: health("uu", epoch), Order: &decide.Order{Kind: decide.OrderFreeze, For: time.Hour},
		})
		if want := at(2 * time.Hour); !r.FrozenUntil.Equal(want) {
			t.Errorf("FrozenUntil = %v, want %v", r.FrozenUntil, want)
		}
		r, d := decide.Step(manual(), r, decide.Input{Now: at(2 * time.Hour), Health: health("uu", epoch)})
		if r.Mode != decide.Auto || !r.FrozenUntil.IsZero() || d.Reason != decide.ReasonActiveUp {
			t.Errorf("after the freeze: mode %s until %v, %+v, want auto and active-up", r.Mode, r.FrozenUntil, d)
		}
	}
}

// An order on the very first tick meets a record that has just been adopted.
func TestOrderOnAnEmptyRecord(t *testing.T) {
	r, d := decide.Step(manual(), decide.Record{}, decide.Input{
		Now: at(0), Health: health("uu", epoch), Shares: []decide.Share{{Member: "a", Routes: 2}},
		Order: &decide.Order{Kind: decide.OrderSwitch, To: "b", By: "ops"},
	})
	want := decide.Decision{Reason: decide.ReasonOrdered, Active: "b", From: "a", Write: true}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("Step() differs (-want +got):\n%s", diff)
	}
	if r.Epoch != 2 || len(r.History) != 2 || r.History[0].To != "a" {
		t.Errorf("record = %+v, want a adopted and then b ordered", r)
	}
}

func TestUnknownOrderPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Step() returned, want a panic that names the order")
		}
	}()
	decide.Step(manual(), running("a", decide.Auto), decide.Input{Health: health("uu", epoch), Order: &decide.Order{Kind: "explode"}})
}
