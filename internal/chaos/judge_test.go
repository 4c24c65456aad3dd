package main_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/appliance"
	chaos "hopguard/internal/chaos"
	"hopguard/internal/decide"
)

// table is a route table with one route of a member, and one of somebody else.
const table = `{"etag":"W/1","tags":{"nva_ha_udr":"emea"},"properties":{"provisioningState":"Succeeded","ofTomorrow":7,"routes":[
{"name":"branch","etag":"W/1","properties":{"addressPrefix":"172.16.0.0/24","nextHopIpAddress":"10.1.0.4","hint":"keep"}},
{"name":"firewall","etag":"W/1","properties":{"addressPrefix":"0.0.0.0/0","nextHopIpAddress":"10.9.9.9"}}]}}`

func TestTableCountsWhatIsWrongLostAndOther(t *testing.T) {
	group := chaos.Group{Members: []string{"10.1.0.4", "10.2.0.4"}, Want: "10.2.0.4"}
	moved := strings.NewReplacer("10.1.0.4", "10.2.0.4", "W/1", "W/2")
	for _, test := range []struct {
		name               string
		now                string
		wrong, lost, other int
	}{
		{"moved", moved.Replace(table), 0, 0, 0},
		{"not-moved", table, 1, 0, 0},
		{"moved-to-somebody", strings.Replace(table, "10.1.0.4", "10.3.0.4", 1), 1, 0, 0},
		{"route-gone", strings.Replace(moved.Replace(table), `{"name":"branch"`, `{"name":"other"`, 1), 0, 1, 1},
		{"member-of-a-route-gone", strings.Replace(moved.Replace(table), `,"hint":"keep"`, "", 1), 0, 0, 1},
		{"firewall-moved", strings.Replace(moved.Replace(table), "10.9.9.9", "10.2.0.4", 1), 0, 0, 1},
		{"field-of-tomorrow-gone", strings.Replace(moved.Replace(table), `"ofTomorrow":7,`, "", 1), 0, 0, 1},
		{"tag-gone", strings.Replace(moved.Replace(table), `"nva_ha_udr":"emea"`, "", 1), 0, 0, 1},
		{"failed", strings.Replace(moved.Replace(table), "Succeeded", "Failed", 1), 0, 0, 1},
		{"no-table", "gone", 0, 0, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			var d chaos.Damage
			d.Table("rt", []byte(table), []byte(test.now), group)
			if got, want := [3]int{d.Wrong, d.Lost, d.Other}, [3]int{test.wrong, test.lost, test.other}; got != want {
				t.Errorf("wrong, lost, other = %v, want %v: %v", got, want, d.Details)
			}
			if d.Any() != (test.wrong+test.lost+test.other > 0) {
				t.Errorf("Any() = %t", d.Any())
			}
		})
	}
}

func TestForeignTableMayNotBeWritten(t *testing.T) {
	var d chaos.Damage
	d.Foreign("rt", []byte(table), []byte(table))
	if d.Any() {
		t.Errorf("damage %+v of a table that is as it was", d)
	}
	d.Foreign("rt", []byte(table), []byte(strings.ReplaceAll(table, "W/1", "W/2")))
	if d.Other != 1 {
		t.Errorf("damage %+v of a table that was written, want one", d)
	}
}

// history is a record whose active members were, one after the other.
func history(members ...appliance.MemberName) decide.Record {
	var r decide.Record
	for i, m := range members {
		at := time.Date(2026, 1, 1, 0, i, 0, 0, time.UTC)
		r.Epoch = uint64(i + 1)
		r.History = append(r.History, decide.Transition{Epoch: r.Epoch, From: r.Active, To: m, At: at})
		r.Active = m
	}
	return r
}

func TestHistoryMustGoOnByOne(t *testing.T) {
	changed := func(r decide.Record, change func(*decide.Record)) decide.Record {
		change(&r)
		return r
	}
	before := history("a", "b")
	for _, test := range []struct {
		name  string
		now   decide.Record
		moves []string
		want  bool // that something is wrong
	}{
		{"one-move", history("a", "b", "a"), []string{"a"}, false},
		{"two-moves", history("a", "b", "a", "b"), []string{"a", "b"}, false},
		{"no-move", before, nil, false},
		{"move-missing", before, []string{"a"}, true},
		{"one-too-many", history("a", "b", "a", "b"), []string{"a"}, true},
		{"to-another", history("a", "b", "c"), []string{"a"}, true},
		{"past-rewritten", changed(history("a", "b", "a"), func(r *decide.Record) { r.History[0].To, r.History[1].From = "c", "c" }), []string{"a"}, true},
		{"past-made-again", changed(history("a", "b", "a"), func(r *decide.Record) { r.History[1].At = r.History[1].At.Add(1) }), []string{"a"}, true},
		{"epoch-twice", changed(history("a", "b", "a"), func(r *decide.Record) { r.History[2].Epoch = 2 }), []string{"a"}, true},
		{"epoch-skipped", changed(history("a", "b", "a"), func(r *decide.Record) { r.Epoch, r.History[2].Epoch = 4, 4 }), []string{"a"}, true},
		{"active-is-not-the-last", changed(history("a", "b", "a"), func(r *decide.Record) { r.Active = "b" }), []string{"a"}, true},
		{"from-is-not-the-one-before", changed(history("a", "b", "a"), func(r *decide.Record) { r.History[2].From = "a" }), []string{"a"}, true},
		{"no-history", changed(history("a", "b", "a"), func(r *decide.Record) { r.History = nil }), []string{"a"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var d chaos.Damage
			d.History(before, test.now, test.moves...)
			if got := d.Record > 0; got != test.want {
				t.Errorf("contradictions %v, want some: %t", d.Details, test.want)
			}
		})
	}
}

func TestDamageAddsUp(t *testing.T) {
	a := chaos.Damage{Wrong: 1, Lost: 2, Other: 3, Record: 4, Claims: 5, Late: 6, Back: 7, Details: []string{"x"}}
	sum := a
	sum.Add(a)
	want := chaos.Damage{Wrong: 2, Lost: 4, Other: 6, Record: 8, Claims: 10, Late: 12, Back: 14, Details: []string{"x", "x"}}
	if diff := cmp.Diff(want, sum); diff != "" {
		t.Errorf("Add() (-want +got):\n%s", diff)
	}
	for _, d := range []chaos.Damage{{Wrong: 1}, {Lost: 1}, {Other: 1}, {Record: 1}, {Claims: 1}, {Late: 1}, {Back: 1}} {
		if !d.Any() {
			t.Errorf("%+v is no damage", d)
		}
	}
}

func TestStoryKnowsWhatWasSo(t *testing.T) {
	at := func(s int) time.Time { return time.Date(2026, 1, 1, 0, 0, s, 0, time.UTC) }
	var s chaos.Story
	s.Add(at(0), map[string]int{"a": 30})
	s.Add(at(10), map[string]int{"a": 10, "b": 20})
	s.Add(at(20), map[string]int{"b": 30})
	s.Add(at(30), map[string]int{"a": 30})
	for _, test := range []struct {
		hop      string
		from, to int
		want     bool
	}{
		{"a", 5, 6, true}, {"a", 12, 15, false}, {"a", 9, 15, true}, {"a", 25, 29, false}, {"a", 40, 50, true},
		{"b", 5, 15, false}, {"b", 15, 20, true}, {"b", 22, 23, true}, {"b", 29, 40, true}, {"b", 31, 40, false},
	} {
		if got := s.Was(test.hop, at(test.from), at(test.to)); got != test.want {
			t.Errorf("Was(%s, %d s, %d s) = %t, want %t", test.hop, test.from, test.to, got, test.want)
		}
	}
	if !s.Is(map[string]int{"a": 30}) || s.Is(map[string]int{"b": 30}) {
		t.Error("Is() does not know the newest scene")
	}
	if got := s.Total(); got != 30 {
		t.Errorf("Total() = %d, want 30", got)
	}
}
