package route_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"hopguard/internal/route"
)

// members returns the members of a JSON object with their texts, without spaces
// between tokens and with characters unescaped: what a reader of JSON sees.
func members(raw []byte) (map[string]string, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for name, value := range m {
		text, err := canonical(value)
		if err != nil {
			return nil, err
		}
		out[name] = text
	}
	return out, nil
}

// canonical prints a JSON value in one way only; numbers keep their digits.
func canonical(raw []byte) (string, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return "", err
	}
	b, err := json.Marshal(v)
	return string(b), err
}

// dig returns the value of a member, or of an element of a list.
func dig(t interface{ Fatalf(string, ...any) }, raw []byte, path ...any) json.RawMessage {
	for _, step := range path {
		var err error
		switch step := step.(type) {
		case string:
			var m map[string]json.RawMessage
			err = json.Unmarshal(raw, &m)
			raw = m[step]
		case int:
			raw = list(t, raw)[step]
		}
		if err != nil {
			t.Fatalf("dig %v: %v", path, err)
		}
	}
	return raw
}

func list(t interface{ Fatalf(string, ...any) }, raw []byte) []json.RawMessage {
	var l []json.RawMessage
	if err := json.Unmarshal(raw, &l); err != nil {
		t.Fatalf("decode list %s: %v", raw, err)
	}
	return l
}

// anyJSON draws a JSON value as text, with numbers that no float64 holds and
// characters that need an escape.
func anyJSON(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		kinds := 5
		if depth > 0 {
			kinds = 7
		}
		switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
		case 0:
			return rapid.SampledFrom([]string{"true", "false", "null"}).Draw(t, "word")
		case 1:
			return rapid.SampledFrom([]string{"9007199254740993", "18446744073709551617", "-0.10", "1e400", "0.30000000000000000001", "1E-7"}).Draw(t, "number")
		case 2:
			return rapid.SampledFrom([]string{`"<a href='x'>&"`, `"\u2028\u00e4"`, `"\ud83d\ude00"`, `"W/\"7f\""`, `""`}).Draw(t, "string")
		case 3:
			b, err := json.Marshal(rapid.String().Draw(t, "text"))
			if err != nil {
				panic(err)
			}
			return string(b)
		case 4:
			return fmt.Sprint(rapid.Int64().Draw(t, "int"))
		case 5:
			return "[" + strings.Join(rapid.SliceOfN(anyJSON(depth-1), 0, 3).Draw(t, "list"), " , ") + "]"
		default:
			return "{" + strings.Join(unknown(t, depth-1), ",\n") + "}"
		}
	})
}

// unknown draws members that no version of Azure has had yet.
func unknown(t *rapid.T, depth int) []string {
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{`"new"`, `"future<&>"`, `"x y"`, `"\u00e4"`, `"managedBy"`, `"zones"`}), 0, 3, rapid.ID).Draw(t, "names")
	var out []string
	for _, n := range names {
		out = append(out, n+" : "+anyJSON(depth).Draw(t, "value"))
	}
	return out
}

// object puts known and unknown members into one object, in any order.
func object(t *rapid.T, depth int, known ...string) string {
	return "{" + strings.Join(rapid.Permutation(append(unknown(t, depth), known...)).Draw(t, "order"), ", ") + "}"
}

// anyRaw draws the JSON of a table whose routes point at a, b or nobody, with
// unknown members at every level.
func anyRaw(t *rapid.T) string {
	var routes []string
	for i := range rapid.IntRange(1, 4).Draw(t, "routes") {
		hop := rapid.SampledFrom([]string{"10.1.0.4", "10.1.1.4", "10.2.0.4", "fd01::4", "FD01:0::4", "10.9.0.4"}).Draw(t, "hop")
		props := object(t, 1, fmt.Sprintf(`"addressPrefix":"10.%d.0.0/16"`, i), `"nextHopType":"VirtualAppliance"`, `"nextHopIpAddress":"`+hop+`"`)
		routes = append(routes, object(t, 1, fmt.Sprintf(`"name":"r%d"`, i), `"properties":`+props))
	}
	props := object(t, 2, `"provisioningState":"Succeeded"`, `"disableBgpRoutePropagation":true`, `"routes":[`+strings.Join(routes, ",")+`]`)
	return object(t, 2, `"id":"`+string(rtID("spoke"))+`"`, `"etag":"W/\"1\""`, `"tags":{"nva_ha_udr":"emea"}`, `"properties":`+props)
}

// TestP2PatchKeepsEverythingElse: of any table, with members at every level that
// this program has never heard of, only the wanted next hops differ afterwards (D13).
func TestP2PatchKeepsEverythingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := []byte(anyRaw(t))
		given := slices.Clone(raw)
		table, err := route.Parse(raw)
		if err != nil {
			t.Fatalf("Parse(%s) = %v", raw, err)
		}
		plan := emea().Diff(table)
		patched, err := route.Patch(raw, plan.Changes)
		if err != nil {
			t.Fatalf("Patch(%s) = %v", raw, err)
		}
		if !bytes.Equal(raw, given) {
			t.Fatalf("Patch() changed what it was given to %s", raw)
		}
		same := func(what string, except string, path ...any) {
			want, err := members(dig(t, raw, path...))
			if err != nil {
				t.Fatal(err)
			}
			got, err := members(dig(t, patched, path...))
			if err != nil {
				t.Fatal(err)
			}
			delete(want, except)
			delete(got, except)
			if d := diff(want, got); d != "" {
				t.Fatalf("members of %s differ (-want +got):\n%s", what, d)
			}
		}
		same("the table", "properties")
		same("its properties", "routes", "properties")
		wanted := map[string]string{}
		for _, c := range plan.Changes {
			wanted[c.Route] = c.To.String()
		}
		for i, r := range table.Routes {
			same("route "+r.Name, "properties", "properties", "routes", i)
			if _, changed := wanted[r.Name]; !changed {
				same("the properties of route "+r.Name, "", "properties", "routes", i, "properties")
				continue
			}
			same("the properties of route "+r.Name, "nextHopIpAddress", "properties", "routes", i, "properties")
			if got := string(dig(t, patched, "properties", "routes", i, "properties", "nextHopIpAddress")); got != `"`+wanted[r.Name]+`"` {
				t.Fatalf("next hop of %s = %s, want %q", r.Name, got, wanted[r.Name])
			}
		}
		if got := len(list(t, dig(t, patched, "properties", "routes"))); got != len(table.Routes) {
			t.Fatalf("the patched table has %d routes, want %d", got, len(table.Routes))
		}
	})
}

// TestP2DiffOfThePatchedTableIsEmpty: one write is enough, and the next tick finds
// nothing to do.
func TestP2DiffOfThePatchedTableIsEmpty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table, err := route.Parse([]byte(anyRaw(t)))
		if err != nil {
			t.Fatal(err)
		}
		patched, err := route.Patch(table.Raw, emea().Diff(table).Changes)
		if err != nil {
			t.Fatal(err)
		}
		after, err := route.Parse(patched)
		if err != nil {
			t.Fatalf("Parse(Patch()) = %v", err)
		}
		if p := emea().Diff(after); len(p.Changes) > 0 || len(p.Managed) != len(emea().Diff(table).Managed) {
			t.Fatalf("Diff() of the patched table = %+v, want the same routes and no change", p)
		}
	})
}

// Patch without changes is the table itself.
func TestPatchWithoutChanges(t *testing.T) {
	raw := `{"id":"t","properties":{"routes":[{"name":"r","properties":{"nextHopIpAddress":"10.1.0.4"}}]}}`
	got, err := route.Patch([]byte(raw), nil)
	if err != nil || string(got) != raw {
		t.Errorf("Patch() = %s, %v, want %s", got, err, raw)
	}
}

func TestPatchRefusesWhatDoesNotFit(t *testing.T) {
	props := func(s string) string {
		return `{"id":"t","properties":{"routes":[{"name":"other"},{"name":"r","properties":{` + s + `}}]}}`
	}
	move := []route.Change{{Route: "r", From: addr("10.1.0.4"), To: addr("10.2.0.4")}}
	tests := []struct {
		name, raw string
		changes   []route.Change
		want      string // "…" at the end where the rest is encoding/json's
	}{
		{"no-json", "<html>", move, "patch route table: …"},
		{"no-properties", `{"id":"t"}`, move, "patch route table: properties: …"},
		{"no-routes", `{"properties":{}}`, move, "patch route table: routes: …"},
		{"properties-null", `{"properties":null}`, move, "patch route table: routes: …"},
		{"null", `null`, move, "patch route table: properties: …"},
		{"a-route-that-is-no-object", `{"properties":{"routes":[7]}}`, move, "patch route table: routes[0]: …"},
		{"route-is-gone", `{"properties":{"routes":[{"name":"other"}]}}`, move, "patch route table: 1 of 1 changed routes are not in the table"},
		{
			"one-of-two-routes-is-gone", props(`"nextHopIpAddress":"10.1.0.4"`), append(move, route.Change{Route: "gone", From: addr("10.1.0.4"), To: addr("10.2.0.4")}),
			"patch route table: 1 of 2 changed routes are not in the table",
		},
		{"hop-has-changed-meanwhile", props(`"nextHopIpAddress":"10.9.0.4"`), move, `patch route table: routes[1] (r): next hop is "10.9.0.4", not 10.1.0.4`},
		{"hop-is-no-address", props(`"nextHopIpAddress":"x"`), move, `patch route table: routes[1] (r): next hop is "x", not 10.1.0.4`},
		{"hop-is-no-text", props(`"nextHopIpAddress":7`), move, "patch route table: routes[1] (r): …"},
		{"hop-is-gone", props(`"nextHopType":"None"`), move, "patch route table: routes[1] (r): …"},
		{"route-without-properties", `{"properties":{"routes":[{"name":"r"}]}}`, move, "patch route table: routes[0] (r): …"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := route.Patch([]byte(tt.raw), tt.changes)
			if err == nil {
				t.Fatalf("Patch() = %s, nil, want an error", got)
			}
			text, open := strings.CutSuffix(tt.want, "…")
			if got != nil || err.Error() != text && (!open || !strings.HasPrefix(err.Error(), text)) {
				t.Errorf("Patch() = %s, %q, want nothing and %q", got, err, tt.want)
			}
		})
	}
}

// Azure answers names in the casing that somebody wrote them in.
func TestPatchFindsRoutesWithoutCase(t *testing.T) {
	raw := `{"properties":{"routes":[{"name":"To-Branch","properties":{"nextHopIpAddress":"FD01:0:0::4"}}]}}`
	got, err := route.Patch([]byte(raw), []route.Change{{Route: "to-branch", From: addr("fd01::4"), To: addr("fd02::4")}})
	want := `{"properties":{"routes":[{"name":"To-Branch","properties":{"nextHopIpAddress":"fd02::4"}}]}}`
	if err != nil || string(got) != want {
		t.Errorf("Patch() = %s, %v, want %s", got, err, want)
	}
}

// FuzzParsePatch: no input makes Parse or Patch panic, and what Parse takes comes
// back from a patch of every managed route with the same routes at other hops.
func FuzzParsePatch(f *testing.F) {
	f.Add([]byte(`{"id":"t","tags":{"nva_ha_udr":"emea"},"properties":{"routes":[{"name":"r","properties":{"addressPrefix":"10.0.0.0/8","nextHopType":"VirtualAppliance","nextHopIpAddress":"10.1.0.4"}}]}}`))
	f.Add([]byte(`{"id":"t","properties":{"routes":[{"name":"r","properties":{"addressPrefix":"::/0","nextHopType":"VirtualAppliance","nextHopIpAddress":"fd01::4","x":1e999}}],"y":[null]},"properties":null}`))
	f.Add([]byte(`{"ID":"t","Properties":{"routes":[{"NAME":"r"}]}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		table, err := route.Parse(raw)
		changes := []route.Change{{Route: "r", From: addr("10.1.0.4"), To: addr("10.2.0.4")}}
		if err != nil {
			_, _ = route.Patch(raw, changes) // whatever it says, it must not panic
			return
		}
		table.Tags = map[string]string{"nva_ha_udr": "emea"}
		changes = emea().Diff(table).Changes
		patched, err := route.Patch(raw, changes)
		if err != nil {
			return // members that Parse finds in another casing, or twice, are not patched
		}
		after, err := route.Parse(patched)
		if err != nil {
			t.Fatalf("Parse(Patch(%q)) = %v", raw, err)
		}
		to := map[string]int{}
		for i, c := range changes {
			to[strings.ToLower(c.Route)] = i + 1
		}
		for i := range table.Routes {
			if c := to[strings.ToLower(table.Routes[i].Name)]; c > 0 {
				table.Routes[i].Hop = changes[c-1].To
			}
		}
		if !reflect.DeepEqual(table.Routes, after.Routes) {
			t.Fatalf("routes after the patch of %q = %+v, want %+v", raw, after.Routes, table.Routes)
		}
	})
}
