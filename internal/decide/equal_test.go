package decide_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

// full is a record in which no member is zero.
func full() decide.Record {
	return decide.Record{
		Group: "emea", Epoch: 7, Active: "a", Mode: decide.Frozen, FrozenUntil: at(time.Hour), Resume: decide.Pinned, Forced: true, Note: "n",
		Health: decide.Health{
			Members:  []decide.MemberHealth{{Member: "a", Verdict: appliance.Up, Since: at(1)}},
			Counters: []decide.Counter{{Member: "a", Check: "tcp", Settled: appliance.Up, Passes: 1, Fails: 1, Last: appliance.Pass, At: at(4)}},
			Suspect:  true,
		},
		Places: []decide.Addresses{{
			Member: "a", Hops: []appliance.Hop{hop("lan", "10.1.0.4")}, Subnets: []appliance.ResourceID{"s"}, Seen: at(2),
			Former: []appliance.Hop{hop("lan", "10.1.0.9")},
		}},
		History: []decide.Transition{{Epoch: 7, From: "b", To: "a", Reason: decide.ReasonOrdered, At: at(3), By: "ops", Alone: true}},
	}
}

// Two records are equal exactly if they are stored as the same JSON: otherwise a
// tick would store what has not changed, or not store what has. Each member of a
// record is changed by itself, and each list emptied; a member added later is
// found by itself, and fails here until full sets it.
func TestEqualMeansStoredAlike(t *testing.T) {
	changes := 0
	var walk func(path string, v reflect.Value, root *decide.Record)
	walk = func(path string, v reflect.Value, changed *decide.Record) {
		if v.IsZero() {
			t.Errorf("full() leaves %s zero: nothing would be tested of it", path)
			return
		}
		check := func() {
			t.Helper()
			changes++
			stored := encode(t, full()) == encode(t, *changed)
			if got := full().Equal(*changed); got != stored {
				t.Errorf("Equal() with another %s = %v, stored alike = %v", path, got, stored)
			}
			if got := changed.Equal(full()); got != stored {
				t.Errorf("Equal() with another %s in the receiver = %v, stored alike = %v", path, got, stored)
			}
		}
		old := reflect.New(v.Type()).Elem()
		old.Set(v)
		switch x := v.Interface().(type) {
		case time.Time:
			v.Set(reflect.ValueOf(x.Add(1)))
			check()
		case netip.Addr:
			v.Set(reflect.ValueOf(x.Next()))
			check()
		default:
			switch v.Kind() {
			case reflect.String:
				v.SetString(v.String() + "x")
				check()
			case reflect.Uint64:
				v.SetUint(v.Uint() + 1)
				check()
			case reflect.Bool:
				v.SetBool(!v.Bool())
				check()
			case reflect.Int:
				v.SetInt((v.Int() + 1) % 3)
				check()
			case reflect.Struct:
				for i := range v.NumField() {
					walk(path+"."+v.Type().Field(i).Name, v.Field(i), changed)
				}
			case reflect.Slice:
				walk(path+"[0]", v.Index(0), changed)
				v.Set(reflect.Zero(v.Type()))
				check()
			default:
				t.Fatalf("%s is a %s: teach this test to change it", path, v.Kind())
			}
		}
		v.Set(old)
	}
	r := full()
	walk("Record", reflect.ValueOf(&r).Elem(), &r)
	if !r.Equal(full()) {
		t.Fatalf("the walk did not undo its changes: %s", encode(t, r))
	}
	if changes < 35 {
		t.Errorf("the walk changed %d members, want all of them", changes)
	}
}

// anyRecord draws records of any shape; times are in UTC, as Step writes them.
func anyRecord() *rapid.Generator[decide.Record] {
	when := rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "never") {
			return time.Time{}
		}
		return epoch.Add(time.Duration(rapid.Int64Range(0, 1<<60).Draw(t, "time")))
	})
	name := rapid.Custom(func(t *rapid.T) appliance.MemberName { return appliance.MemberName(rapid.String().Draw(t, "name")) })
	verdict := rapid.SampledFrom([]appliance.Verdict{appliance.Undecided, appliance.Up, appliance.Down})
	hops := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) appliance.Hop {
		a, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "addr"))
		return appliance.Hop{Role: rapid.String().Draw(t, "role"), Addr: a}
	}), 0, 3)
	return rapid.Custom(func(t *rapid.T) decide.Record {
		return decide.Record{
			Group: appliance.GroupName(rapid.String().Draw(t, "group")), Epoch: rapid.Uint64().Draw(t, "epoch"), Active: name.Draw(t, "active"),
			Mode:        rapid.SampledFrom([]decide.Mode{"", decide.Auto, decide.Pinned, decide.Frozen}).Draw(t, "mode"),
			FrozenUntil: when.Draw(t, "until"), Resume: rapid.SampledFrom([]decide.Mode{"", decide.Pinned}).Draw(t, "resume"),
			Forced: rapid.Bool().Draw(t, "forced"), Note: rapid.String().Draw(t, "note"),
			Health: decide.Health{
				Members: rapid.SliceOf(rapid.Custom(func(t *rapid.T) decide.MemberHealth {
					return decide.MemberHealth{Member: name.Draw(t, "m"), Verdict: verdict.Draw(t, "v"), Since: when.Draw(t, "s")}
				})).Draw(t, "members"),
				Counters: rapid.SliceOf(rapid.Custom(func(t *rapid.T) decide.Counter {
					return decide.Counter{Member: name.Draw(t, "m"), Check: rapid.String().Draw(t, "c"), Settled: verdict.Draw(t, "v"), Passes: 3, Fails: 1, Last: appliance.Fail}
				})).Draw(t, "counters"),
			},
			Places: rapid.SliceOf(rapid.Custom(func(t *rapid.T) decide.Addresses {
				return decide.Addresses{Member: name.Draw(t, "m"), Hops: hops.Draw(t, "h"), Former: hops.Draw(t, "f"), Seen: when.Draw(t, "t")}
			})).Draw(t, "places"),
			History: rapid.SliceOf(rapid.Custom(func(t *rapid.T) decide.Transition {
				return decide.Transition{
					Epoch: rapid.Uint64().Draw(t, "e"), From: name.Draw(t, "f"), To: name.Draw(t, "t"),
					Reason: rapid.SampledFrom(decide.Reasons()).Draw(t, "r"), At: when.Draw(t, "a"), By: rapid.String().Draw(t, "b"), Alone: rapid.Bool().Draw(t, "o"),
				}
			})).Draw(t, "history"),
		}
	})
}

func encode(t interface{ Fatalf(string, ...any) }, r decide.Record) string {
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatalf("Marshal(%+v) = %v", r, err)
	}
	return string(b)
}

func decode(s string) (decide.Record, error) {
	var r decide.Record
	if err := json.Unmarshal([]byte(s), &r); err != nil {
		return r, fmt.Errorf("decode %s: %w", s, err)
	}
	return r, nil
}

func TestRecordSurvivesStorage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRecord().Draw(t, "record")
		stored := encode(t, r)
		back, err := decode(stored)
		if err != nil {
			t.Fatal(err)
		}
		if !back.Equal(r) || encode(t, back) != stored {
			t.Fatalf("record came back as\n%s\nwant\n%s", encode(t, back), stored)
		}
	})
}
