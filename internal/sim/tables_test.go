package sim_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/sim"
)

// The demo's word that nothing else has changed is worth what this finds.
func TestCompareTables(t *testing.T) {
	const table = `{"rt": {"etag": "1", "tags": {"t": "v"}, "properties": {"flag": true, "routes": [
		{"name": "r1", "etag": "1", "properties": {"addressPrefix": "10.0.0.0/8", "nextHopIpAddress": "a"}},
		{"name": "r2", "etag": "1", "properties": {"addressPrefix": "11.0.0.0/8", "nextHopIpAddress": "x"}}]}}}`
	tests := []struct {
		name, after    string
		moved, managed int
		other          []string
	}{
		{"nothing", table, 0, 1, []string{}},
		{"moved", `{"rt": {"etag": "2", "tags": {"t": "v"}, "properties": {"flag": true, "routes": [
			{"name": "r1", "etag": "2", "properties": {"addressPrefix": "10.0.0.0/8", "nextHopIpAddress": "b"}},
			{"name": "r2", "etag": "2", "properties": {"addressPrefix": "11.0.0.0/8", "nextHopIpAddress": "x"}}]}}}`, 1, 1, []string{}},
		{"somewhere-else", `{"rt": {"etag": "2", "tags": {"t": "v"}, "properties": {"flag": true, "routes": [
			{"name": "r1", "etag": "2", "properties": {"addressPrefix": "10.0.0.0/8", "nextHopIpAddress": "c"}},
			{"name": "r2", "etag": "2", "properties": {"addressPrefix": "11.0.0.0/8", "nextHopIpAddress": "b"}}]}}}`, 0, 1, []string{
			"rt.properties.routes[0].properties.nextHopIpAddress: a became c", "rt.properties.routes[1].properties.nextHopIpAddress: x became b",
		}},
		{"members-lost-and-won", `{"rt": {"etag": "2", "tags": {}, "properties": {"flag": "yes", "new": {"x": 1}, "routes": [
			{"name": "r1", "etag": "2", "properties": {"addressPrefix": "10.0.0.0/8", "nextHopIpAddress": "b", "hasBgpOverride": true}},
			{"name": "r2", "etag": "2", "properties": {"nextHopIpAddress": "x"}}]}}}`, 1, 1, []string{
			"rt.properties.flag: true became yes",
			"rt.properties.routes[0].properties.hasBgpOverride: nothing became true",
			"rt.properties.routes[1].properties.addressPrefix: 11.0.0.0/8 became nothing",
			"rt.properties.new: nothing became an object",
			"rt.tags.t: v became nothing",
		}},
		{"a-route-less", `{"rt": {"etag": "2", "tags": {"t": "v"}, "properties": {"flag": true, "routes": []}}}`, 0, 0, []string{
			"rt.properties.routes: a list of 2 became a list of 0",
		}},
		{"another-table", `{"other": {"tags": {}}}`, 0, 0, []string{
			"rt.properties: an object became nothing", "rt.tags: an object became nothing", "other is new",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			moved, managed, other, err := sim.CompareTables(table, tt.after, "a", "b")
			if err != nil {
				t.Fatal(err)
			}
			if moved != tt.moved || managed != tt.managed {
				t.Errorf("moved, managed = %d, %d, want %d, %d", moved, managed, tt.moved, tt.managed)
			}
			if diff := cmp.Diff(tt.other, other); diff != "" {
				t.Errorf("other changes (-want +got):\n%s", diff)
			}
		})
	}
}

// A table of another group that is written is not the demo's success.
func TestCompareTablesOfOthers(t *testing.T) {
	const before = `{"rt": {"tags": {"t": "w"}, "properties": {"routes": [{"properties": {"nextHopIpAddress": "a"}}]}}}`
	const after = `{"rt": {"tags": {"t": "w"}, "properties": {"routes": [{"properties": {"nextHopIpAddress": "b"}}]}}}`
	moved, managed, other, err := sim.CompareTables(before, after, "a", "b")
	if err != nil || moved != 0 || managed != 0 || len(other) != 1 {
		t.Errorf("moved, managed, other = %d, %d, %v, %v, want one other change", moved, managed, other, err)
	}
}
